"""The earlier system's use, seen by its reader: an area is registered, and its months of night lights appear.

The archive is played, and its tiles are SYNTHETIC; server, leader, queue, landing, series, browser are real.
"""

import json
import os
import re
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page, expect

from app.keys import Scope, new_key
from mosaics.descriptions.sources import SHIPPED
from tests.conftest import CHECKOUT
from tests.end_to_end.reader import Reader, Server
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


def post(server: Server, path: str, document: object = None) -> None:
    """Send a document as a program with a key does."""
    body = b"" if document is None else json.dumps(document).encode()
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/geo+json"}
    with urlopen(Request(f"{server.url}/{path}", data=body, headers=headers, method="POST")) as answer:
        assert answer.status in {201, 202}


def look_again(page: Page) -> None:
    """Let the page ask for news every three seconds, not each half minute."""
    page.evaluate("setInterval(() => document.dispatchEvent(new Event('visibilitychange')), 3000)")


def test_months_of_a_registered_area_appear_by_themselves_in_chart_and_map(
    tab: Page, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ArchiveServer() as archive, ArchiveServer() as files:
        laads = Laads(archive, files, SOURCE)
        laads.publish(JULY, tile(tmp_path, JULY, 2.5))
        (tmp_path / "sources").mkdir()
        shipped = (SHIPPED / f"{SOURCE}.toml").read_text()
        (tmp_path / "sources" / f"{SOURCE}.toml").write_text(f'api = "{archive.url}/search"\n{shipped}')
        settings = {
            "PYTHONPATH": os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")]),
            "TILEWATCH_DATABASE_URL": database_url,
            "TILEWATCH_SOURCES": str(tmp_path / "sources"),
            "TILEWATCH_DOWNLOADS": str(tmp_path / "downloads"),
            "TILEWATCH_ARCHIVE_TOKENS": f"{archive.url}={TOKEN}",
            "TILEWATCH_API_KEYS": ENTRY.text,
            "TILEWATCH_JOBS_EVERY_S": "1",
            "TILEWATCH_VERIFY_MB_PER_S": "0",
        }
        program = (sys.executable, "-m", "tests.end_to_end.serve_played")
        store = (tmp_path / "store").as_uri()
        server = Server(store, tmp_path, settings=settings, program=program)
        server.start()
        reader = Reader(tab, server)
        try:
            post(server, "areas", DISTRICT)
            reader.page.goto(f"{server.url}/#product={LAYER}")
            watch_months_appear(reader, laads, tmp_path)
        finally:
            reader.leave()
            server.stop()


def watch_months_appear(reader: Reader, laads: Laads, folder: Path) -> None:
    """Look at the page while one month lands, and then another."""
    page, server = reader.page, reader.server
    expect(page.locator("#layer")).to_be_visible()
    look_again(page)
    expect(page.locator("#period")).to_have_value("2026-07", timeout=120_000)
    expect(page.locator("#synthetic")).to_be_hidden()
    expect(page.locator("#freshness")).to_contain_text("July 2026")

    (feed,) = server.json("feeds")["feeds"]
    laads.publish(SEPTEMBER, tile(folder, SEPTEMBER, 7.5))
    post(server, f"feeds/{feed['id']}/poll")
    expect(page.locator("#period")).to_have_value("2026-09", timeout=120_000)
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
    expect(told).to_have_text("1 of 1 areas have a value. September 2026.", timeout=120_000)
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
