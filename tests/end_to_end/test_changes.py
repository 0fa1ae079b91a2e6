"""What changed, on the page: two windows, a swipe between them, and hectares of each class."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.end_to_end.reader import PHONE, Reader, differing_share

BURN = [[-98.98, 40.46], [-98.93, 40.46], [-98.93, 40.5], [-98.98, 40.5]]
"""Around the fire of the demo, between its last two months."""


def tile_queries(addresses: list[str], product: str) -> list[dict[str, str]]:
    """What was asked of a product's tiles."""
    asked = [urlsplit(address) for address in addresses]
    return [
        {name: texts[0] for name, texts in parse_qs(address.query).items()}
        for address in asked
        if f"/{product}/tiles/" in address.path
    ]


def test_windows_chosen_are_those_of_the_tiles_the_link_and_the_value(reader: Reader) -> None:
    page, summary = reader.page, reader.page.locator("#windows-summary")
    reader.open("#product=dnbr")
    expect(summary).to_have_text(
        "Before: June 2024 (the latest period before; there is nothing for the same time one year before). "
        "After: July 2024."
    )
    expect(page.locator("#period-label")).to_have_text("After")
    assert reader.server.json("regions")["configured"] is False
    expect(page.locator("#regions")).to_be_hidden()
    absent = reader.server.json("products/dnbr/legend.json")["absent"]
    assert len(absent) == 2
    assert page.locator(".class-row.absent").all_inner_texts() == [entry["label"] for entry in absent]

    before = len(reader.asked)
    page.get_by_label("Before", exact=True).select_option("2024-04")
    expect(summary).to_have_text("Before: April 2024. After: July 2024.")
    page.get_by_role("button", name="Previous period").click()
    reader.wait_for_period("2024-06")
    expect(page).to_have_url(re.compile("period=2024-06&pre=2024-04&"))
    asked = tile_queries(reader.asked[before:], "dnbr")
    assert {(query["datetime"], query["pre"]) for query in asked} == {
        ("2024-07", "2024-04"),
        ("2024-06", "2024-04"),
    }
    reader.click_middle()
    expect(page.locator(".value-windows")).to_have_text(
        re.compile("Before\\s*April 2024\\s*After\\s*June 2024")
    )

    page.reload()
    reader.wait_for_drawing()
    expect(page.get_by_label("Before", exact=True)).to_have_value("2024-04")
    assert reader.complaints == []


def test_windows_that_cannot_be_compared_are_told_in_a_sentence(visited: Reader) -> None:
    page, notice = visited.page, visited.page.get_by_role("alert")
    visited.choose("dnbr")
    visited.page.locator("#period").select_option("2024-06")
    visited.wait_for_period("2024-06")
    drawn = visited.picture()
    page.get_by_label("Before", exact=True).select_option("2024-06")
    expect(notice).to_contain_text(
        "The windows pre (2024-06) and post (2024-06) overlap; pre ends before post begins."
    )
    visited.wait_for_frame()
    assert differing_share(drawn, visited.picture()) > 0.5  # what stood before must not pass for the answer
    notice.get_by_role("button", name="Choose automatically").click()
    visited.wait_for_period("2024-06")
    expect(notice).to_be_hidden()
    assert differing_share(drawn, visited.picture()) < 0.01

    page.goto("about:blank")
    page.goto(f"{visited.server.url}/#product=ndvi-anomaly")
    expect(notice).to_contain_text("compares 2024-07 with the same time of at least 3 of 5 earlier years")


def stand_at(reader: Reader, percent: int) -> None:
    expect(reader.page.locator("#divider")).to_have_attribute("aria-valuenow", str(percent))
    reader.wait_for_frame()


def test_a_swipe_shows_before_on_the_left_and_after_on_the_right(visited: Reader) -> None:
    page, divider = visited.page, visited.page.locator("#divider")
    visited.choose("dnbr")
    page.get_by_role("button", name="Swipe to compare").click()
    expect(divider).to_have_attribute(
        "aria-label", "Divider: Before: June 2024 on the left, After: July 2024 on the right"
    )
    expect(page).to_have_url(re.compile("swipe=pre"))
    expect(page.locator("#legend")).to_be_hidden()  # it is not that of these pictures
    expect(page.locator("#swipe-row")).to_have_attribute("data-state", "drawn")
    asked = tile_queries(visited.asked, "true-color")
    assert {query["datetime"] for query in asked} == {"2024-06", "2024-07"}

    divider.focus()
    page.keyboard.press("Home")
    stand_at(visited, 0)
    after = visited.picture()
    page.keyboard.press("End")
    stand_at(visited, 100)
    before = visited.picture()
    assert differing_share(before, after) > 0.2
    for _ in range(5):
        page.keyboard.press("PageDown")
    page.keyboard.press("ArrowRight")
    stand_at(visited, 52)

    left, _, width, _ = visited.seen_part_of_map()
    box = divider.bounding_box()
    assert box
    assert box["x"] + box["width"] / 2 == pytest.approx(left + 0.52 * width, abs=1)
    page.mouse.move(box["x"] + box["width"] / 2, 200)
    page.mouse.down()
    page.mouse.move(left + 0.6 * width, 260, steps=3)
    page.mouse.up()
    stand_at(visited, 60)
    # The picture is of the middle 40 % of the map, so the line stands at three quarters of it.
    both = visited.picture()
    columns = both.shape[1]
    west, east = slice(0, int(0.65 * columns)), slice(int(0.85 * columns), columns)
    assert differing_share(both[:, west], before[:, west]) < 0.01
    assert differing_share(both[:, east], after[:, east]) < 0.01

    page.get_by_role("button", name="Swipe to compare").click()
    expect(divider).to_be_hidden()
    expect(page.locator("#legend")).to_be_visible()
    assert visited.complaints == []


@pytest.mark.parametrize("reader", [{"viewport": PHONE, "has_touch": True, "is_mobile": True}], indirect=True)
def test_a_finger_moves_the_line_between_two_periods_of_one_layer(reader: Reader) -> None:
    reader.open("#product=ndvi&period=2024-07&swipe=2024-01")
    page, divider = reader.page, reader.page.locator("#divider")
    expect(divider).to_have_attribute(
        "aria-label", "Divider: January 2024 on the left, July 2024 on the right"
    )
    expect(page.locator("#legend")).to_be_visible()
    canvas = page.locator("#map").bounding_box()
    assert canvas
    finger = page.context.new_cdp_session(page)
    y = canvas["height"] / 2

    def touch(kind: str, x: float) -> None:
        points: list[dict[str, Any]] = [] if kind == "touchEnd" else [{"x": x, "y": y}]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", PHONE["width"] / 2)
    touch("touchMove", 0.4 * PHONE["width"])
    touch("touchMove", 0.2 * PHONE["width"])
    touch("touchEnd", 0)
    stand_at(reader, 20)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    labels = [page.locator(each).bounding_box() for each in ("#swipe-left", "#swipe-right")]
    assert labels[0]
    assert labels[1]
    assert labels[0]["x"] + labels[0]["width"] <= labels[1]["x"]
    assert reader.complaints == []


def hectares(value: float) -> str:
    """As the page writes them: about four digits."""
    decimals = int(np.digitize(value, [10, 100, 1000]))
    return f"{value:,.{3 - decimals}f}" if value else "0"


def test_hectares_of_each_class_are_those_of_the_interface(visited: Reader) -> None:
    (entry,) = visited.server.series("dnbr", BURN, "2024-07&pre=2024-05")
    assert [row["name"] for row in entry["classes"]][-1] == "High severity"
    assert entry["classes"][-1]["area_ha"] > 100
    area = ";".join(f"{longitude},{latitude}" for longitude, latitude in BURN)
    visited.go_to(f"#product=dnbr&period=2024-07&pre=2024-05&area={area}")
    visited.wait_for_chart()
    change = visited.page.locator("#chart-change")
    expect(change.locator(".change-windows")).to_have_text("Before: May 2024. After: July 2024.")
    rows = change.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))"
    )
    shown = {name.strip(): size for name, size, _ in rows}
    wanted = {row["name"]: hectares(row["area_ha"]) for row in entry["classes"]}
    masked = next(row for row in entry["absent"] if row["name"] == "masked")
    wanted |= {"Masked": hectares(masked["area_ha"]), "With a value": hectares(100 * entry["valid_area_km2"])}
    assert {name: shown[name] for name in wanted} == wanted
    sizes = change.locator(".change-bar > *").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().width)"
    )
    parts = [row["area_ha"] for row in entry["classes"] if row["area_ha"]] + [masked["area_ha"]]
    assert np.array(sizes) / sum(sizes) == pytest.approx(np.array(parts) / sum(parts), abs=0.005)

    visited.page.get_by_label("Before", exact=True).select_option("2024-06")
    expect(change.locator(".change-windows")).to_have_text("Before: June 2024. After: July 2024.")
    visited.page.get_by_role("button", name="Over time").click()
    visited.wait_for_chart()
    expect(visited.chart.get_by_role("img").first).to_have_attribute("aria-label", re.compile("11 periods"))
    assert visited.complaints == []
