"""A server with the demo landed, and readers in one Chromium, for all tests of the page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.end_to_end.reader import COARSE, DESKTOP, TIMEOUT_MS, Reader, Server
from tests.services.postgres import PostgresServer

PAGE = Path(__file__).parents[2] / "app" / "web" / "dist" / "index.html"

CLASSES = """
title = "Vegetation classes"
description = "Four steps of greenness."
collection = "sentinel-2-l2a"
expression = "(nir - red) / (nir + red)"
unit = "1"
[[classes]]
name = "Water or built-up"
color = "#3b6fb6"
to = 0.1
[[classes]]
name = "Sparse"
color = "#d9c58b"
from = 0.1
to = 0.4
[[classes]]
name = "Dense"
color = "#2f7d3b"
from = 0.4
"""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Gives the first test of this folder time to land the demo and to start servers on a busy machine."""
    item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="package")
def store(demo_folder: Path) -> str:
    """The address of a storage with the demo in it."""
    if not PAGE.is_file():
        pytest.fail("the page is not built: run scripts/setup test", pytrace=False)
    return demo_folder.as_uri()


@pytest.fixture(scope="package")
def server(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without a database, for all tests that leave it running."""
    folder = tmp_path_factory.mktemp("serve")
    (folder / "ndvi-classes.toml").write_text(CLASSES)
    running = Server(store, folder)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="package")
def browser(postgres: PostgresServer, browser_type_launch_args: dict[str, Any]) -> Iterator[Browser]:
    """Chromium, closed after this folder: its driver runs an event loop that no later test could share.

    PostgreSQL has to be there before it, since its schema is made in an event loop of its own.
    """
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(**browser_type_launch_args)
        yield launched
        launched.close()


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """A window of its own, of the desktop's size unless the options say otherwise."""
    usual: dict[str, Any] = {"viewport": DESKTOP, "device_scale_factor": COARSE}
    context = browser.new_context(**(usual | options))
    context.set_default_timeout(TIMEOUT_MS)
    context.set_default_navigation_timeout(TIMEOUT_MS)
    return context


@pytest.fixture(scope="package")
def desktop(browser: Browser) -> Iterator[BrowserContext]:
    """A wide screen, whose cache holds the page's files after the first visit.

    Its readers asked for less motion, so the map is where they go at once; the phones' readers did not.
    """
    context = new_context(browser, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture(scope="package")
def tab(desktop: BrowserContext) -> Page:
    """The tab that one reader after another takes: a new one costs as much as a visit."""
    return desktop.new_page()


@pytest.fixture
def reader(browser: Browser, tab: Page, server: Server, request: pytest.FixtureRequest) -> Iterator[Reader]:
    """A reader who has not opened the page yet; with `indirect` parameters in a browser of those."""
    options: dict[str, Any] | None = getattr(request, "param", None)
    context = None if options is None else new_context(browser, **options)
    someone = Reader(context.new_page() if context else tab, server)
    someone.page.bring_to_front()  # a tab in the background draws a frame now and then
    yield someone
    someone.leave()
    if context:
        context.close()
    assert not someone.strangers


@pytest.fixture(scope="module")
def open_page(desktop: BrowserContext, server: Server) -> Iterator[Reader]:
    """The page in a tab of its own, open as long as the tests of a file last."""
    someone = Reader(desktop.new_page(), server)
    someone.open("#product=ndvi")
    yield someone
    someone.page.close()
    assert not someone.strangers


@pytest.fixture
def visited(open_page: Reader) -> Reader:
    """A reader who goes on where the last one was, for what does not depend on how the page was opened."""
    open_page.page.bring_to_front()
    open_page.page.keyboard.press("Escape")
    if open_page.chart.is_visible():
        open_page.page.get_by_role("button", name="Close chart").click()
    open_page.complaints.clear()
    return open_page
