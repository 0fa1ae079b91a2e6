"""Areas and their charts on the page: drawn, loaded and compared, against the numbers of the interface."""

import csv
import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FloatRect, expect

from tests.end_to_end.reader import PHONE, Reader

FIELD = [[-99.069, 40.494], [-99.066, 40.494], [-99.066, 40.497], [-99.069, 40.497]]
"""8.47 ha (PROJ, on the ellipsoid). In one month of the demo clouds hide all of it."""

TOWN = [[-99.03, 40.49], [-98.98, 40.49], [-98.98, 40.52], [-99.03, 40.52]]
"""14.12 km² (PROJ, on the ellipsoid)."""


NONE = "\N{EN DASH}"


def written(value: float | None) -> str:
    """A number below ten as the page writes it."""
    return NONE if value is None else f"{value:.3f}".replace("-", "\N{MINUS SIGN}")


def box_of(reader: Reader, selector: str) -> FloatRect:
    box = reader.page.locator(selector).bounding_box()
    assert box
    return box


def test_a_drawn_polygon_is_charted_with_the_numbers_of_the_interface(visited: Reader) -> None:
    visited.choose("ndvi")
    visited.page.get_by_role("button", name="Draw", exact=True).click()
    first, second, third = visited.on_map((0.4, 0.3), (0.6, 0.3), (0.6, 0.5))
    for place in (first, second):
        visited.page.mouse.click(*place)
    visited.page.mouse.dblclick(*third)
    visited.wait_for_chart()
    assert len(visited.corners()) == 3
    expect(visited.page.locator("#value")).to_be_hidden()  # no corner was taken for a question

    series = visited.server.series("ndvi", visited.corners())
    shown = visited.numbers()
    assert [row[1] for row in shown] == [written(entry["mean"]) for entry in series]
    assert [row[2] for row in shown] == [written(entry["median"]) for entry in series]
    assert len(visited.chart.locator(".dot").all()) == sum(entry["mean"] is not None for entry in series)
    assert len(visited.chart.locator("rect.valid").all()) == len(series)
    expect(visited.chart).to_contain_text("Synthetic")
    expect(visited.chart.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile("12 periods, 1[012] with")
    )

    with visited.page.expect_download() as download:
        visited.page.get_by_role("button", name="CSV").click()
    text = Path(download.value.path()).read_bytes().decode()
    assert text.count("\r\n") == len(series) + 1
    for row, entry in zip(csv.DictReader(StringIO(text, newline="")), series, strict=True):
        assert (row["period"], row["product"], row["unit"]) == (entry["period"], "ndvi", "1")
        assert row["start"] == f"{entry['period']}-01T00:00:00Z"
        assert float(row["valid_fraction"]) == pytest.approx(entry["valid_fraction"], abs=1e-4)
        assert (
            row["mean"] == ""
            if entry["mean"] is None
            else float(row["mean"]) == pytest.approx(entry["mean"], abs=1e-3)
        )
        assert row["scenes"].split() == entry["scenes"]
    assert visited.complaints == []


def test_a_gap_is_a_gap_and_says_why(visited: Reader) -> None:
    series = visited.server.series("ndvi", FIELD)
    gaps = [number for number, entry in enumerate(series) if entry["status"] == "empty"]
    assert len(gaps) == 1, "the demo hides this field in one month"
    visited.go_to_area("ndvi", FIELD)
    expect(visited.page.locator(".area-row-size")).to_have_text("8.47 ha")
    assert visited.chart.locator("path.band").count() == 2  # before and after
    assert visited.chart.locator(".dot").count() == len(series) - 1
    heights = [float(bar.get_attribute("height") or 0) for bar in visited.chart.locator("rect.valid").all()]
    tallest = max(heights)
    assert [height / tallest for height in heights] == pytest.approx(
        [entry["valid_fraction"] for entry in series], abs=0.01
    )
    reach = visited.page.locator("#plot-reach")
    reach.focus()
    visited.page.keyboard.press("Home")
    for _ in range(gaps[0]):
        visited.page.keyboard.press("ArrowRight")
    tip = visited.page.locator("#plot-tip")
    expect(tip).to_contain_text("No value")
    expect(tip).to_contain_text(series[gaps[0]]["reason"])
    expect(reach).to_have_attribute("aria-valuetext", re.compile("no value"))


def test_the_chart_and_the_map_stand_on_one_period(visited: Reader) -> None:
    periods = visited.server.periods("ndvi")
    visited.go_to_area("ndvi", TOWN, periods[3])
    expect(visited.page.locator(".area-row-size")).to_have_text("14.1 km²")
    box, standing = box_of(visited, "#plot"), box_of(visited, ".standing")
    assert standing["x"] > box["x"] + 0.2 * box["width"]
    middle = box["y"] + box["height"] / 2
    visited.page.mouse.move(box["x"] + 0.95 * box["width"], middle)
    expect(visited.page.locator("#plot-tip")).to_be_visible()
    expect(visited.page).to_have_url(re.compile(f"period={periods[3]}&"))  # hovering only shows
    visited.page.mouse.click(box["x"] + 0.95 * box["width"], middle)
    visited.wait_for_period(periods[-1])
    expect(visited.page.locator("#period")).to_have_value(periods[-1])
    assert box_of(visited, ".standing")["x"] > standing["x"]
    visited.page.go_back()
    visited.wait_for_period(periods[3])
    assert box_of(visited, ".standing")["x"] == pytest.approx(standing["x"], abs=1)
    visited.page.locator("#plot-reach").focus()
    visited.page.keyboard.press("Home")
    visited.page.keyboard.press("Enter")
    visited.wait_for_period(periods[0])


def test_a_polygon_is_drawn_and_left_by_keyboard_alone(visited: Reader) -> None:
    visited.choose("ndvi")
    keyboard = visited.page.keyboard
    visited.page.locator("#area-draw").focus()
    keyboard.press("Enter")
    finish = visited.page.get_by_role("button", name="Finish shape")
    expect(finish).to_be_disabled()
    for key in ("Space", "ArrowRight", "Space", "Space", "Backspace", "ArrowDown", "Space"):
        keyboard.press(key)
        visited.wait_for_frame()
    expect(finish).to_be_enabled()
    keyboard.press("Enter")
    visited.wait_for_chart()
    (_, south), (_, _), (east, north) = sorted(visited.corners())
    assert len(visited.corners()) == 3
    assert (south, north) != (east, east)
    expect(visited.page.locator("#value")).to_be_hidden()
    visited.page.get_by_role("button", name="Close chart").click()
    expect(visited.chart).to_be_hidden()

    visited.page.locator("#area-draw").focus()
    keyboard.press("Enter")
    keyboard.press("Space")
    keyboard.press("Escape")
    expect(visited.page.locator("#area-draw")).to_be_visible()
    expect(visited.page).not_to_have_url(re.compile("area="))


def test_a_dragged_corner_is_another_area_with_other_numbers(reader: Reader) -> None:
    reader.open_area("ndvi", TOWN)
    before, numbers = reader.corners(), reader.numbers()
    standing, (x, y) = reader.page.url, reader.place_of(*TOWN[2])
    reader.page.mouse.move(x, y)
    expect(reader.page.locator("canvas.maplibregl-canvas")).to_have_css("cursor", "move")
    reader.page.mouse.down()
    reader.page.mouse.move(x - 60, y + 60, steps=3)
    reader.page.mouse.up()
    expect(reader.page).not_to_have_url(standing)
    reader.wait_for_chart()
    after = reader.corners()
    assert after[:2] == before[:2]
    assert after[2][0] < before[2][0]
    assert after[2][1] < before[2][1]
    assert reader.numbers() != numbers
    size = reader.page.locator(".area-row-size")
    dragged = size.inner_text()
    reader.page.mouse.move(x - 60, y + 160)
    expect(reader.page.locator("canvas.maplibregl-canvas")).not_to_have_css("cursor", "move")
    reader.page.mouse.move(x - 60, y + 60)
    expect(reader.page.locator("canvas.maplibregl-canvas")).to_have_css("cursor", "move")
    reader.page.wait_for_timeout(500)  # sooner it would pass for the double click that closes a shape
    reader.page.mouse.dblclick(x - 60, y + 60)
    expect(size).not_to_have_text(dragged)
    reader.wait_for_chart()
    assert len(reader.corners()) == 3


def geojson(*features: dict[str, Any]) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features})


def feature(kind: str, coordinates: Any, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": kind, "coordinates": coordinates},
    }


DEGREES = feature("Polygon", [[[0, 40], [10, 40], [10, 50], [0, 50], [0, 40]]], name="Ten degrees")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("PK\x03\x04 zipped", "is not a GeoJSON file. Export shapefiles and GeoPackages"),
        (geojson(feature("Point", [5, 51])), "has no polygons. It contains Point"),
        (geojson(), "has no polygons. It is empty"),
        (
            geojson(feature("Polygon", [[[650000, 5672000], [650100, 5672000], [650000, 5672100]]])),
            "not in degrees",
        ),
        (
            geojson(feature("Polygon", [[[5, 51], [5, 52]]], name="Line")),
            "“Line” has a ring with fewer than three",
        ),
        (
            geojson(feature("Polygon", [[[5, 51], [5, "x"], [6, 52]]])),
            "a corner that is not a pair of numbers",
        ),
    ],
)
def test_a_file_without_a_polygon_is_refused_with_the_reason(
    visited: Reader, tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "sent.geojson"
    file.write_text(content)
    visited.page.locator("#area-file").set_input_files(file)
    expect(visited.page.locator("#area-hint")).to_contain_text(said)
    expect(visited.chart).to_be_hidden()


def test_a_file_of_several_polygons_asks_which(visited: Reader, tmp_path: Path) -> None:
    visited.choose("ndvi")
    ring = [*FIELD, FIELD[0]]
    file = tmp_path / "farm.geojson"
    file.write_text(
        geojson(
            DEGREES, feature("MultiPolygon", [[ring]], name="North <b>field</b>"), feature("Point", [5, 51])
        )
    )
    visited.page.locator("#area-file").set_input_files(file)
    expect(visited.page.locator("#area-found")).to_contain_text("Ten degrees875,098 km²")  # PROJ: 875,097.7
    visited.page.get_by_role("button", name="North <b>field</b>").click()
    visited.wait_for_chart()
    expect(visited.chart).to_contain_text("North <b>field</b>")
    assert [row[1] for row in visited.numbers()] == [
        written(e["mean"]) for e in visited.server.series("ndvi", FIELD)
    ]


def test_two_areas_and_two_layers_are_compared(visited: Reader) -> None:
    visited.choose("ndvi")
    visited.go_to_area("ndvi", TOWN)
    visited.page.locator(".area-row-name").click()
    compare = visited.page.get_by_label("Compare with")
    compare.select_option("product:nightlights")
    visited.wait_for_chart()
    expect(visited.chart.locator(".axis-title.of-1")).to_have_text("Night lights, monthly, nW cm⁻² sr⁻¹")
    periods = visited.server.periods("ndvi")
    lights = visited.server.series("nightlights", TOWN, f"{periods[0]}/{periods[-1]}")
    second = [row[6] for row in visited.numbers()]
    assert second == [f"{entry['mean']:.2f}" if entry["mean"] else NONE for entry in lights]

    compare.select_option("area")
    expect(visited.page.locator("#area-hint")).to_contain_text("an area to compare with")
    visited.page.get_by_role("button", name="Draw", exact=True).click()
    for place in visited.on_map((0.7, 0.2), (0.8, 0.2), (0.8, 0.3)):
        visited.page.mouse.click(*place)
    visited.page.get_by_role("button", name="Finish shape").click()
    expect(visited.page.locator(".area-row")).to_have_count(2)
    visited.wait_for_chart()
    expect(visited.chart.locator(".key-row:has(.key-line)")).to_have_text(["Drawn area", "Second area"])
    expect(visited.chart.locator(".of-1 .dot").first).to_be_visible()
    expect(visited.chart).to_contain_text("Drawn area and Second area")
    compare.select_option("")
    expect(visited.page.locator(".area-row")).to_have_count(1)
    visited.wait_for_chart()
    assert len(visited.numbers()[0]) == 6
    assert visited.complaints == []


def test_the_lit_area_stands_beside_the_mean_above_each_threshold(visited: Reader) -> None:
    visited.go_to_area("nightlights", TOWN)
    series = visited.server.series("nightlights", TOWN)
    thresholds = visited.server.json("products/nightlights")["lit_above"]
    assert thresholds == [0.5, 1.0]
    expect(visited.chart.locator(".lit")).to_have_count(2)
    expect(visited.chart.locator(".axis-title.of-1")).to_have_text("Lit area, km²")
    expect(visited.chart.locator(".key-row.of-1").last).to_have_text("Lit above 1 nW cm⁻² sr⁻¹")
    shown = [row[5:7] for row in visited.numbers()]
    for row, entry in zip(shown, series, strict=True):
        areas = [each["area_km2"] for each in entry["lit"]] if entry["status"] != "empty" else [None] * 2
        assert [None if text == NONE else float(text) for text in row] == pytest.approx(areas, abs=0.005)


def test_classes_are_stacked_in_the_colours_of_the_legend(visited: Reader) -> None:
    visited.go_to_area("ndvi-classes", TOWN)
    series = visited.server.series("ndvi-classes", TOWN)
    legend = visited.server.json("products/ndvi-classes/legend.json")["entries"]
    bars = visited.chart.locator("rect.class-bar").all()
    assert [bar.get_attribute("fill") for bar in bars] == [e["color"].lower() for _ in series for e in legend]
    heights = [float(bar.get_attribute("height") or 0) for bar in bars]
    areas = [each["area_ha"] for entry in series for each in entry["classes"]]
    per_ha = max(heights) / max(areas)
    assert heights == pytest.approx([area * per_ha for area in areas], abs=0.3)
    expect(visited.chart.locator(".axis-title")).to_have_text("km²")
    visited.page.locator("#product").select_option("true-color")
    expect(visited.page.locator("#chart-notice")).to_contain_text("is an image and has no values to chart")


def test_an_outline_that_crosses_itself_is_said_by_the_server(visited: Reader) -> None:
    bow = [TOWN[0], TOWN[2], TOWN[1], TOWN[3]]
    visited.go_to("#product=ndvi&area=" + ";".join(f"{x},{y}" for x, y in bow))
    notice = visited.page.locator("#chart-notice")
    expect(notice).to_contain_text("is not valid: Self-intersection")
    expect(notice.get_by_role("button", name="Try again")).to_be_visible()


@pytest.mark.parametrize(
    "reader",
    [
        {
            "viewport": PHONE,
            "has_touch": True,
            "is_mobile": True,
            "device_scale_factor": 1,
            "color_scheme": "dark",
        }
    ],
    indirect=True,
)
def test_a_phone_draws_with_a_finger_and_reads_the_chart_in_the_sheet(reader: Reader) -> None:
    reader.open("#product=ndvi")
    page = reader.page
    page.locator("#area-draw").tap()
    places = reader.on_map((0.3, 0.3), (0.6, 0.3), (0.6, 0.6))
    for place in (*places, places[0]):
        page.touchscreen.tap(*place)
        page.wait_for_timeout(350)  # two quick taps would be a double tap
    reader.wait_for_chart()
    assert len(reader.corners()) == 3
    sheet = box_of(reader, "#panel")
    expect(page.locator("#plot")).to_be_in_viewport()
    assert box_of(reader, "#chart")["width"] <= sheet["width"]
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    for target in page.locator("#chart button:visible, #chart select:visible, #area button:visible").all():
        box = target.bounding_box()
        assert box
        assert box["height"] >= 44, target.evaluate("one => one.outerHTML.slice(0, 80)")
    plot = box_of(reader, "#plot")
    page.touchscreen.tap(plot["x"] + plot["width"] / 3, plot["y"] + 60)
    tip = box_of(reader, "#plot-tip")
    assert tip["x"] >= 0
    assert tip["x"] + tip["width"] <= PHONE["width"]
    assert reader.complaints == []
