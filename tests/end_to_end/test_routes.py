"""Routes: drawn, loaded or linked, and what a layer has along them; SYNTHETIC NO2 of the demo."""

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.end_to_end.reader import Reader

WAY = [[-99.9, 40.2], [-99.2, 40.6], [-98.9, 40.45], [-98.2, 41.2]]
"""Through a cloud, whose pixels are left out, and a plume."""
HOUR = "2024-06-15T20"
LINK = f"#product=no2&period={HOUR}&route=" + ";".join(f"{lon},{lat}" for lon, lat in WAY)


@pytest.fixture
def profile(visited: Reader) -> Any:
    """The pieces as the interface gives them."""
    document = {"type": "LineString", "coordinates": WAY}
    asked = Request(
        f"{visited.server.url}/products/no2/profile?datetime={HOUR}",
        data=json.dumps(document).encode(),
        headers={"Content-Type": "application/geo+json"},
    )
    with urlopen(asked) as answer:
        return json.load(answer)


def opened(reader: Reader) -> Reader:
    """Open the route by its link, in the page that is open."""
    if reader.page.locator("#route-card").is_visible():
        reader.page.get_by_role("button", name="Close route").click()
    reader.choose("no2")
    reader.go_to(LINK)
    expect(reader.page.locator("#route-card")).to_have_attribute("aria-busy", "false")
    reader.wait_for_period(HOUR)
    expect(reader.page.locator("#route-subtitle")).to_contain_text("15 Jun 2024, 20:00 UTC")
    reader.wait_for_frame()
    return reader


def test_a_profile_is_read_by_keyboard_and_pointer(visited: Reader, profile: Any) -> None:
    page, segments = opened(visited).page, profile["segments"]
    missing = next(n for n, each in enumerate(segments) if each["state"] == "masked")
    reach, marker = page.locator("#route-reach"), page.locator(".route-marker")
    expect(reach).to_have_attribute("aria-valuemax", str(len(segments) - 1))
    expect(page.locator("#route-summary")).to_contain_text(
        f"{profile['valid_share'] * 100:.0f}% of the length"
    )
    expect(page.locator("#route-synthetic")).to_be_visible()
    # The line breaks where pixels are left out, and nowhere else.
    states = "".join("x" if each["value"] is None else "." for each in segments)
    runs = [run for run in states.split("x") if run]
    assert page.locator("#route-card .profile .line:not(.casing)").count() == len(runs) > 1
    expect(marker).to_have_count(0)
    reach.focus()
    page.keyboard.press("End")
    expect(reach).to_have_attribute("aria-valuenow", str(len(segments) - 1))
    lon, lat = segments[-1]["lon"], segments[-1]["lat"]
    box = marker.bounding_box()
    assert box
    x, y = visited.place_of(lon, lat)
    assert (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) == pytest.approx((x, y), abs=3)
    page.keyboard.press("Home")
    for _ in range(missing):
        page.keyboard.press("ArrowRight")
    assert "no value, left out by the quality rules" in str(reach.get_attribute("aria-valuetext"))
    reach.blur()
    expect(marker).to_have_count(0)

    # The pointer on the map stands on the same piece in the chart.
    at = len(segments) // 4
    page.mouse.move(*visited.place_of(segments[at]["lon"], segments[at]["lat"]))
    expect(marker).to_have_count(1)
    assert abs(int(str(reach.get_attribute("aria-valuenow"))) - at) <= 1
    page.mouse.move(*visited.on_map((0.02, 0.02))[0])
    expect(marker).to_have_count(0)

    with page.expect_download() as download:
        page.locator("#route-csv").click()
    rows = list(csv.DictReader(StringIO(Path(download.value.path()).read_text(), newline="")))
    assert [row["value"] == "" for row in rows] == [each["value"] is None for each in segments]
    found = np.array([float(row["value"]) for row in rows if row["value"]])
    assert found == pytest.approx([each["value"] for each in segments if each["value"] is not None])
    assert visited.complaints == []


def test_a_straight_line_says_so_and_a_drawn_one_is_in_the_link(visited: Reader) -> None:
    page = opened(visited).page
    page.get_by_role("button", name="Close route").click()
    expect(page.locator("#route-card")).to_be_hidden()
    page.get_by_role("button", name="Load a route").click()
    page.locator("#route-text").fill("neither")
    page.get_by_role("button", name="Show route").click()
    expect(page.locator("#route-hint")).to_contain_text("neither GeoJSON nor an encoded polyline")
    page.locator("#route-text").fill("_devF~qh~Q_ibE_ibE")  # 40.5 N, 99.5 W to 41.5 N, 98.5 W
    page.get_by_role("button", name="Show route").click()
    expect(page.locator("#route-subtitle")).to_contain_text("a straight line between two points")
    assert "route=-99.5,40.5;-98.5,41.5" in page.url
    page.get_by_role("button", name="Remove Loaded route").click()

    # A file of lines that is dropped on the page is a route, as one of polygons is an area.
    line = json.dumps({"type": "Feature", "properties": {"name": "Dropped"}, "geometry": {
        "type": "LineString", "coordinates": WAY}})  # fmt: skip
    page.evaluate(
        """text => {
            const files = new DataTransfer();
            files.items.add(new File([text], "way.geojson"));
            window.dispatchEvent(new DragEvent("drop", { dataTransfer: files, cancelable: true }));
        }""",
        line,
    )
    expect(page.locator("#route-subtitle")).to_contain_text("Dropped")
    page.get_by_role("button", name="Remove Dropped").click()

    visited.page.get_by_role("button", name="Zoom to layer").click()
    visited.wait_for_frame()
    visited.wait_for_drawing()
    page.get_by_role("button", name="Draw a route").click()
    places = visited.on_map((0.4, 0.4), (0.5, 0.6), (0.6, 0.4))
    for place in places:
        page.mouse.click(*place)
    page.mouse.click(*places[-1])  # once more on the last one
    expect(page.locator("#route-card")).to_be_visible()
    expect(page.locator("#route-card")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#route-subtitle")).to_contain_text("Drawn route")
    expect(page.locator("#value")).to_be_hidden()  # the clicks were points, and asked for no value
    link = page.evaluate("new URLSearchParams(location.hash.slice(1)).get('route')")
    assert len(link.split(";")) == 3
    page.get_by_role("button", name="Close route").click()
    assert visited.complaints == []
