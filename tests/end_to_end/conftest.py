"""A server with the demo landed, and readers in one Chromium, for all tests of the page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.end_to_end.reader import DESKTOP, Reader, Server
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
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(**browser_type_launch_args)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def desktop(browser: Browser) -> Iterator[BrowserContext]:
    """A wide screen, whose cache holds the page's files after the first visit."""
    context = browser.new_context(viewport=DESKTOP)
    yield context
    context.close()


@pytest.fixture
def reader(
    browser: Browser, desktop: BrowserContext, server: Server, request: pytest.FixtureRequest
) -> Iterator[Reader]:
    """A reader in a fresh tab; with `indirect` parameters in a browser of those."""
    options: dict[str, Any] | None = getattr(request, "param", None)
    context = desktop if options is None else browser.new_context(**({"viewport": DESKTOP} | options))
    someone = Reader(context.new_page(), server)
    yield someone
    someone.page.close()
    if context is not desktop:
        context.close()
    assert not someone.strangers
