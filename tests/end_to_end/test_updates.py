"""Regions on the page, and layers that get their first data while it is open."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.reader import Reader, Server, differing_share

VALLEY = {"name": "valley", "bbox": [-99.05, 40.46, -98.93, 40.53]}
PLAIN = {"name": "plain", "bbox": [-99.4, 40.1, -98.6, 40.4]}

RUN = """
    insert into region_runs (region, night, cause, asked, pre_start, pre_end, pre_basis, post_start, post_end,
        status, scenes_landed, landed_bytes, error, started_at, finished_at)
    select $1, current_date - $2::int, 'rotation',
        '{"source": "earth-search-sentinel-2-l2a", "product": "dnbr", "bands": ["nir08", "swir22"]}',
        '2024-06-01', '2024-06-30', 'just-before', '2024-07-01', '2024-07-30', $3, 4, 1000000, $4,
        begun, begun + interval '9 minutes'
    from (select now() - make_interval(days => $2::int, hours => 1) as begun) moment
"""


async def note_runs(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(RUN, "valley", 3, "done", None)
    await connection.execute(RUN, "plain", 40, "done", None)
    await connection.execute(RUN, "plain", 2, "failed", "the archive does not answer")
    await connection.close()


@pytest.fixture
def watcher(tab: Page, store: str, database_url: str, tmp_path: Path) -> Iterator[Reader]:
    """A reader of a server with two regions, of which only the database's rows tell refreshes."""
    with ThreadPoolExecutor(1) as pool:  # the browser's driver runs an event loop in this thread
        pool.submit(asyncio.run, note_runs(database_url)).result()
    regions = tmp_path / "regions.json"
    regions.write_text(json.dumps([VALLEY, PLAIN]))
    # Without jobs no rotation begins: nothing is asked of an archive.
    settings = {
        "TILEWATCH_DATABASE_URL": database_url,
        "TILEWATCH_REGIONS": str(regions),
        "TILEWATCH_JOBS": "false",
    }
    server = Server(store, tmp_path, settings=settings)
    server.start()
    reader = Reader(tab, server)
    yield reader
    reader.leave()
    server.stop()


def test_a_region_is_opened_from_the_map_with_its_windows(watcher: Reader) -> None:
    page = watcher.page
    watcher.open("#product=ndvi&view=10.3/40.4/-99.0")
    expect(page.locator("#regions-note")).to_have_text("2 (1 late or failed)")
    page.mouse.click(*watcher.place_of(-98.99, 40.5))
    details = page.get_by_role("group", name="Region valley")
    expect(details).to_contain_text("3 days old")
    expect(details).to_contain_text(
        "1 Jun 2024 \N{EN DASH} 30 Jun 2024 (just before, because there is no data from a year earlier)"
    )
    expect(details).to_contain_text("Last refresh succeeded")
    expect(details).to_contain_text("every 7 nights")

    details.get_by_role("button", name="Hectares by class").click()
    watcher.wait_for_link("2024-07-01/2024-07-30")
    assert "pre=2024-06-01/2024-06-30" in page.url
    expect(page.locator("#product")).to_have_value("dnbr")
    watcher.wait_for_chart()
    expect(watcher.chart.locator("#chart-subtitle")).to_have_text("valley")
    expect(page.locator(".change-windows")).to_have_text(
        "Before: June 2024. After: 1 Jul 2024 \N{EN DASH} 30 Jul 2024."
    )
    page.get_by_role("button", name="Remove valley").click()

    plain = page.get_by_role("button", name="plain")
    plain.focus()
    page.keyboard.press("Enter")
    told = page.get_by_role("group", name="Region plain")
    expect(told).to_contain_text("Last refresh failed")
    expect(told).to_contain_text("the archive does not answer")
    expect(plain).to_contain_text("40 days old")
    watcher.wait_for_frame()
    watcher.wait_for_drawing()
    outlined = watcher.picture()
    page.get_by_label("Show outlines on the map, coloured by age").uncheck()
    watcher.wait_for_frame()
    assert differing_share(outlined, watcher.picture()) > 0.3
    assert not watcher.strangers
    assert watcher.complaints == []


def test_a_layer_that_gets_its_first_data_is_there_without_a_reload(
    tab: Page, demo_folder: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    demo, landed = demo_folder / "collections", store / "collections"
    shutil.copytree(demo / "tempo-no2", landed / "tempo-no2")
    server = Server(store.as_uri(), tmp_path)
    server.start()
    reader = Reader(tab, server)
    page = reader.page
    reader.open()
    without = page.locator("#product optgroup").last
    expect(without).to_have_attribute("label", "No data yet")
    assert "nightlights" in without.locator("option").evaluate_all("all => all.map(one => one.value)")
    assert page.locator("#product optgroup").first.locator("option").all_inner_texts() == [
        "Nitrogen dioxide (tropospheric column)",
        "Nitrogen dioxide, column level",
    ]

    shutil.copytree(
        demo_folder / "collections" / "black-marble-monthly", store / "collections" / "black-marble-monthly"
    )
    notice = page.get_by_role("alert")
    polls = page.evaluate("setInterval(() => document.dispatchEvent(new Event('visibilitychange')), 250)")
    expect(notice).to_contain_text("New data is available: “Night lights, monthly”")
    page.evaluate("timer => clearInterval(timer)", polls)
    notice.get_by_role("button", name="Show", exact=True).click()
    reader.wait_for_period("2024-12")
    expect(page.locator("#product")).to_have_value("nightlights")
    assert reader.complaints == []
    reader.leave()
    server.stop()
