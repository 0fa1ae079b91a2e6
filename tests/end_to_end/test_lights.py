"""The earlier system's use, seen by its reader: an area is registered, and its months of night lights appear.

The archive is played, and its tiles are SYNTHETIC; server, leader, queue, landing, series, browser are real.
"""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from app.keys import Scope, new_key
from tests.end_to_end.played import look_again, served
from tests.end_to_end.reader import Reader
from tests.ingest.archives.cmr.playing import TOKEN, Laads
from tests.ingest.archives.server import ArchiveServer
from tests.ingest.synthetic_tiles import RADIANCE, usual_layers, write_tile

SOURCE, LAYER = "black-marble-monthly-noaa20", "nightlights-noaa20"
JULY = "VJ146A3.A2026182.h21v07.002.2026252010203.h5"
SEPTEMBER = "VJ146A3.A2026244.h21v07.002.2026313010203.h5"
KEY, ENTRY = new_key("page", Scope.WRITE)

DISTRICT = {
    "type": "Feature",
    "geometry": {"type": "Polygon", "coordinates": [[[31, 15], [32, 15], [32, 16], [31, 16], [31, 15]]]},
    "properties": {
        "name": "Delta",
        "kind": "district",
        "products": [LAYER],
        "feed": {"from": "2026-07"},
    },
}


def tile(folder: Path, name: str, radiance: float) -> Path:
    """A tile of one radiance, in nW cm-2 sr-1."""
    layers = usual_layers()
    layers[RADIANCE][:] = radiance
    return write_tile(folder, name, layers)


def test_months_of_a_registered_area_appear_by_themselves_in_chart_and_map(
    tab: Page, database_url: str, tmp_path: Path
) -> None:
    with ArchiveServer() as archive, ArchiveServer() as files:
        laads = Laads(archive, files, SOURCE)
        laads.publish(JULY, tile(tmp_path, JULY, 2.5))
        addresses = {"api": f"{archive.url}/search"}
        settings = {
            "TILEWATCH_ARCHIVE_TOKENS": f"{archive.url}={TOKEN}",
            "TILEWATCH_API_KEYS": ENTRY.text,
        }
        with served(tab, tmp_path, database_url, SOURCE, addresses, settings) as reader:
            reader.server.post("areas", DISTRICT, KEY)
            reader.page.goto(f"{reader.server.url}/#product={LAYER}")
            watch_months_appear(reader, laads, tmp_path)


def watch_months_appear(reader: Reader, laads: Laads, folder: Path) -> None:
    """Look at the page while one month lands, and then another."""
    page, server = reader.page, reader.server
    expect(page.locator("#layer")).to_be_visible()
    look_again(page)
    expect(page.locator("#period")).to_have_value("2026-07")
    expect(page.locator("#synthetic")).to_be_hidden()
    expect(page.locator("#freshness")).to_contain_text("July 2026")

    (feed,) = server.json("feeds")["feeds"]
    laads.publish(SEPTEMBER, tile(folder, SEPTEMBER, 7.5))
    server.post(f"feeds/{feed['id']}/poll", key=KEY)
    expect(page.locator("#period")).to_have_value("2026-09")
    expect(page.locator("#freshness")).to_contain_text("September 2026")

    page.locator("#months-open").click()
    greyed = page.locator("#month-grid").get_by_role("button", disabled=True)
    known = [page.locator(f"#month-grid [data-month='2026-{month:02d}']") for month in (7, 8, 9)]
    assert [month.is_enabled() for month in known] == [True, False, True]
    expect(greyed).to_have_count(10)
    expect(known[1]).to_have_accessible_name("August 2026, no data")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(known[2]).to_be_focused()  # the next month that has data
    page.keyboard.press("Escape")

    page.get_by_text("Saved areas on the map").click()
    told = page.locator("#districts-note")
    expect(told).to_have_text("1 of 1 areas have a value. September 2026.")
    page.get_by_role("button", name="Zoom to layer").click()
    reader.wait_for_frame()
    reader.wait_for_drawing()
    page.mouse.click(*reader.place_of(31.5, 15.5))
    expect(page.locator("#districts-told")).to_contain_text("Delta: 7.500 nW cm⁻² sr⁻¹")
    page.locator("#districts-told").get_by_role("button", name="Chart").click()
    reader.wait_for_chart()
    assert re.search("area=1&areas=mean$", page.url)
    rows = [row[:2] for row in reader.numbers()]
    assert [rows[0], rows[-1]] == [["July 2026", "2.500"], ["September 2026", "7.500"]]
    assert [name for name, _ in rows] == ["July 2026", "August 2026", "September 2026"]
    expect(reader.chart.locator(".lit")).to_have_count(2)
