"""Saving areas from the page: with a database and keys, and where there is no database."""

import csv
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.keys import Scope, new_key
from tests.end_to_end.reader import Reader, Server

FIELD = [[-99.069, 40.494], [-99.066, 40.494], [-99.066, 40.497], [-99.069, 40.497]]

KEY, ENTRY = new_key("page", Scope.WRITE)


@pytest.fixture
def keeper(tab: Page, store: str, database_url: str, tmp_path: Path) -> Iterator[Reader]:
    """A reader of a server with a database, whose writers need a key."""
    settings = {"TILEWATCH_DATABASE_URL": database_url, "TILEWATCH_API_KEYS": ENTRY.text}
    settings["TILEWATCH_ORDER_AREA_KM2"] = "0.0001"  # every feed is refused, before an archive is asked
    server = Server(store, tmp_path, settings=settings)
    server.start()
    reader = Reader(tab, server)
    yield reader
    reader.leave()
    server.stop()


def save(reader: Reader, name: str, key: str = "") -> None:
    reader.page.get_by_role("button", name="Save", exact=True).click()
    reader.page.get_by_label("Name", exact=True).fill(name)
    reader.page.get_by_label("Type (optional)").fill("field")
    if key:
        reader.page.get_by_label("API key").fill(key)
    reader.page.get_by_role("button", name="Save area").click()


def test_an_area_and_a_route_are_saved_with_a_key_and_found_again(keeper: Reader) -> None:
    page, hint = keeper.page, keeper.page.locator("#area-hint")
    keeper.open_area("ndvi", FIELD)
    numbers = keeper.numbers()
    save(keeper, "North field")
    expect(hint).to_contain_text("needs a key")
    page.get_by_label("API key").fill("a wrong one")
    page.get_by_role("button", name="Save area").click()
    expect(hint).to_contain_text("not valid for this service")
    page.get_by_label("API key").fill(KEY)
    page.get_by_label("Keep it fresh").check()
    page.get_by_role("button", name="Save area").click()
    expect(hint).to_contain_text("km2")
    expect(hint).to_have_attribute("data-tone", "error")
    page.get_by_label("Keep it fresh").uncheck()
    page.get_by_role("button", name="Save area").click()
    expect(hint).to_have_text("“North field” has been saved.")
    kept = keeper.server.json("areas")["features"]
    assert [(area["properties"]["name"], area["properties"]["kind"]) for area in kept] == [
        ("North field", "field")
    ]
    assert kept[0]["properties"]["products"] == ["ndvi"]
    assert sorted(kept[0]["geometry"]["coordinates"][0][0][:4]) == sorted(FIELD)
    assert page.evaluate("localStorage.length") == 0  # the key ends with the tab
    keeper.wait_for_chart()
    expect(keeper.chart).to_contain_text(re.compile("North field · (.*from saved data|calculated just now)"))
    assert keeper.numbers() == numbers

    page.get_by_text("Saved areas on the map").click()
    told = page.locator("#districts-note")
    expect(told).to_have_text(re.compile("^1 of 1 areas have a value. "))
    assert page.locator("#districts-legend .tick").count() == 3
    expect(page.locator("#districts-legend")).to_contain_text("Synthetic")
    page.locator("#districts-change").select_option("change")
    expect(told).to_contain_text("nothing has landed for 'ndvi' one year before", ignore_case=True)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV of all areas").click()
    rows = list(csv.DictReader(StringIO(Path(download.value.path()).read_text(), newline="")))
    assert {row["name"] for row in rows} == {"North field"}
    assert [row["period"] for row in rows] == keeper.server.periods("ndvi")

    page.locator("#districts-change").select_option("")
    page.locator("#districts-value").select_option("median")
    page.locator("#districts-kind").fill("field")
    page.locator("#districts-kind").blur()
    expect(page).to_have_url(re.compile("&areas=median&areas-kind=field$"))

    page.reload()
    keeper.wait_for_drawing()
    keeper.wait_for_chart()
    expect(told).to_have_text(re.compile("^1 of 1 areas have a value. "))
    chosen = ("districts-value", "median"), ("districts-change", ""), ("districts-kind", "field")
    for name, value in chosen:
        expect(page.locator(f"#{name}")).to_have_value(value)
    expect(page.locator(".area-row-name")).to_have_text("North field")
    page.get_by_role("button", name="Remove North field").click()
    expect(keeper.chart).to_be_hidden()
    page.get_by_role("button", name="Saved", exact=True).click()
    page.get_by_label("Search saved areas").fill("south")
    expect(page.locator("#area-found")).to_have_text("No saved areas match “south”.")
    page.get_by_label("Search saved areas").fill("NORTH")
    page.get_by_role("button", name="North field").click()
    keeper.wait_for_chart()
    assert keeper.numbers() == numbers
    save_a_route(keeper)


def save_a_route(keeper: Reader) -> None:
    """Save a route, with the key that the tab has by now, and look at its exposure over time."""
    page, hours = keeper.page, keeper.server.periods("no2")
    keeper.complaints.clear()  # about the refusals before
    keeper.go_to(f"#product=no2&period={hours[-1]}&route=-99.9,40.2;-99.2,40.6;-98.9,40.45")
    expect(keeper.chart).to_be_hidden()  # one card has room
    expect(page.locator("#route-card")).to_have_attribute("aria-busy", "false")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_label("Name of the route").fill("Road")
    page.get_by_role("button", name="Save route").click()
    expect(page.locator("#route-hint")).to_have_text("“Road” has been saved.")
    (road,) = keeper.server.json("routes")["features"]
    assert (road["properties"]["name"], road["properties"]["products"]) == ("Road", ["no2"])
    expect(page).to_have_url(re.compile("&route=1(&|$)"))
    page.locator("#route-card").get_by_role("button", name="Over time").click()
    expect(page.locator("#route-summary")).to_have_text("13 of 13 times have a mean over the route.")
    expect(page.locator("#route-past .dot")).to_have_count(13)
    page.locator("#route-past-reach").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    keeper.wait_for_period(hours[0])
    with page.expect_download() as download:
        page.locator("#route-csv").click()
    rows = list(csv.DictReader(StringIO(Path(download.value.path()).read_text(), newline="")))
    series = keeper.server.json("routes/1/exposure?product=no2")["series"]
    assert [(row["period"], float(row["mean"])) for row in rows] == [(e["period"], e["mean"]) for e in series]
    assert keeper.complaints == []


def test_without_a_database_areas_are_charted_but_not_saved(reader: Reader) -> None:
    reader.open_area("ndvi", FIELD)
    save(reader, "North field")
    hint = reader.page.locator("#area-hint")
    expect(hint).to_contain_text("Areas and routes need PostgreSQL")
    expect(hint).to_have_attribute("data-tone", "error")
    expect(reader.chart.locator(".dot").first).to_be_visible()
    reader.page.get_by_role("button", name="Remove Drawn area").click()
    reader.page.get_by_role("button", name="Saved", exact=True).click()
    expect(hint).to_contain_text("Areas and routes need PostgreSQL")
