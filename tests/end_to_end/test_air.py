"""The earlier system's use, seen by its reader: an hour of air ends in tiles, values, exposures.

The archive is played, and its scans are SYNTHETIC: numbers that tell the cell they stand in, doubled in the
second scan. Server, leader, queue, landing, series and browser are real.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.keys import Scope, new_key
from tests.end_to_end.played import look_again, served
from tests.end_to_end.reader import Reader
from tests.ingest.archives.harmony.playing import TOKEN, Harmony
from tests.ingest.archives.server import ArchiveServer
from tests.ingest.synthetic_scans import CLOUD, COLUMN, FLAG, PART, SUN, UNCERTAINTY, usual_layers, write_scan

DAY = f"{datetime.now(UTC) - timedelta(days=2):%Y%m%d}"
FIRST, SECOND = (f"TEMPO_HCHO_L3_V04_{DAY}T{hour}0435Z_S006.nc" for hour in (16, 17))
HOURS = [f"{DAY[:4]}-{DAY[4:6]}-{DAY[6:]}T{hour}" for hour in (16, 17)]
BOX = [-77.5, 38.5, -73.5, 41.0]
AREA = [[-77.5, 38.5], [-73.5, 38.5], [-73.5, 41.0], [-77.5, 41.0]]
WAY = "-76.5,39.5;-75.5,40.2;-74.006,40.7128"
KEY, ENTRY = new_key("page", Scope.WRITE)
BANDS = {"hcho": COLUMN, "quality": FLAG, "cloud_fraction": CLOUD, "solar_zenith_angle": SUN}
"""Those that the layer reads."""
VARIABLES = ",".join(name.replace("/", "%2F") for name in BANDS.values())
NEW_YORK = (-74.006, 40.7128)


def scan(folder: Path, name: str, factor: float) -> bytes:
    """A scan of the usual numbers, times a factor."""
    row, column, rows, columns = PART
    layers = usual_layers(rows, columns, row, column)
    del layers[UNCERTAINTY]
    molecules = layers[COLUMN]
    molecules[molecules > 0] *= factor
    return write_scan(folder / name, layers=layers).read_bytes()


def test_an_hour_of_air_ends_in_tiles_values_and_exposures(
    tab: Page, database_url: str, tmp_path: Path
) -> None:
    with ArchiveServer() as archive, ArchiveServer() as store:
        harmony = Harmony(archive, store, ("C3685897141-LARC_CLOUD", "TEMPO_HCHO_L3", "V04"), VARIABLES)
        harmony.publish(FIRST, scan(tmp_path, FIRST, 1), granule_id="G1-LARC_CLOUD")
        addresses = {"api": f"{archive.url}/search", "harmony": archive.url}
        settings = {
            "TILEWATCH_ARCHIVE_TOKENS": f"{archive.url}={TOKEN}",
            "TILEWATCH_API_KEYS": ENTRY.text,
        }
        with served(tab, tmp_path, database_url, "tempo-hcho", addresses, settings) as reader:
            job = {"source": "tempo-hcho", "aoi": BOX, "toi": HOURS[0], "bands": [*BANDS], "clip": True}
            reader.server.post("ingest", job, KEY)
            reader.page.goto(f"{reader.server.url}/#product=hcho&route={WAY}")
            look_again(reader.page)
            reader.wait_for_period(HOURS[0])
            save_route(reader)
            harmony.publish(SECOND, scan(tmp_path, SECOND, 2), granule_id="G2-LARC_CLOUD")
            order_feed(reader)
            expect(reader.page.locator("#period")).to_have_value(HOURS[1])
            look_at_values(reader)
            look_at_route(reader)


def save_route(reader: Reader) -> None:
    """Save the route of the link, while there is one hour."""
    page = reader.page
    expect(page.locator("#route-summary")).to_contain_text("100% of the length has a value")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_label("Name of the route").fill("Commute")
    page.get_by_role("button", name="Save route").click()
    expect(page.locator("#route-hint")).to_contain_text("needs a key")
    page.get_by_label("Key for routes").fill(KEY)
    page.get_by_role("button", name="Save route").click()
    expect(page.locator("#route-hint")).to_have_text("“Commute” has been saved.")


def order_feed(reader: Reader) -> None:
    """Save an area that is kept fresh, and wait for news."""
    page = reader.page
    reader.go_to_area("hcho", AREA, HOURS[0])
    expect(page.locator("#route-card")).to_be_hidden()  # one card has room
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_label("Name", exact=True).fill("New York")
    page.get_by_label("Keep it fresh").check()
    page.get_by_role("button", name="Save area").click()
    expect(page.locator("#area-hint")).to_contain_text("New data for it will be brought as it is published.")


def look_at_values(reader: Reader) -> None:
    """Look at what the second hour brought: freshness, series of the area, calendar, tile, value."""
    page = reader.page
    expect(page.locator("#freshness")).to_contain_text("17:00 UTC")
    expect(page.locator("#synthetic")).to_be_hidden()
    reader.wait_for_chart()
    hours, means = zip(*(row[:2] for row in reader.numbers()), strict=True)
    assert [hour[-9:] for hour in hours] == ["16:00 UTC", "17:00 UTC"]
    first, second = (float(mean.split()[0]) for mean in means)
    assert abs(second / first - 2) < 0.02  # of three digits each
    page.locator("#hours-open").click()
    expect(page.locator("#hours-told")).to_contain_text(re.compile("^2 hours have data, .* night"))
    assert page.locator("#hour-grid button:enabled").count() == 2
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Close chart").click()
    page.get_by_role("button", name="Zoom to layer").click()
    reader.wait_for_frame()
    reader.wait_for_drawing()
    page.mouse.click(*reader.place_of(*NEW_YORK))
    # Row 1335 and column 4699 of the whole grid: 2 x 13,354,699e12.
    expect(page.locator("#value strong")).to_have_text("2.67 \N{MULTIPLICATION SIGN} 10¹⁹")
    page.keyboard.press("Escape")


def look_at_route(reader: Reader) -> None:
    """Look at the exposure of the route, which was saved before the second hour came."""
    page = reader.page
    page.get_by_role("button", name="Saved routes").click()
    page.get_by_role("button", name="Commute").click()
    page.locator("#route-card").get_by_role("button", name="Over time").click()
    expect(page.locator("#route-summary")).to_have_text("2 of 2 times have a mean over the route.")
    expect(page.locator("#route-past .dot")).to_have_count(2)
    exposure = reader.server.json("routes/1/exposure?product=hcho")
    means = [entry["mean"] for entry in exposure["series"]]
    assert [entry["period"] for entry in exposure["series"]] == HOURS
    assert means[1] / means[0] == pytest.approx(2)
