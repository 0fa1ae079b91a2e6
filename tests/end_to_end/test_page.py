"""The page in Chromium, against a running server with the demo landed: what a reader sees and can do."""

import json
import re
from io import BytesIO
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Route, expect

from tests.end_to_end.reader import PHONE, Reader, differing_share


def test_it_opens_on_a_layer_without_a_complaint_in_the_console(reader: Reader) -> None:
    reader.open()
    expect(reader.page.locator("#notice")).to_be_hidden()
    expect(reader.page.locator("#synthetic")).to_be_visible()
    expect(reader.page.locator(".maplibregl-ctrl-attrib-inner")).to_contain_text("Natural Earth")
    attribution = reader.server.json("products")["products"]
    chosen = reader.page.locator("#product").input_value()
    expected = next(product["attribution"] for product in attribution if product["id"] == chosen)
    expect(reader.page.locator(".maplibregl-ctrl-attrib-inner")).to_contain_text(expected)
    assert reader.complaints == []


@pytest.mark.parametrize("product", ["ndvi", "true-color", "nightlights", "no2"])
def test_each_layer_of_the_demo_changes_the_pixels_of_the_empty_map(visited: Reader, product: str) -> None:
    visited.choose(product)
    visited.set_opacity(90)
    drawn = visited.picture()
    visited.set_opacity(0)
    empty = visited.picture()
    assert differing_share(drawn, empty) > 0.5
    assert len(np.unique(empty.reshape(-1, 3), axis=0)) < 100  # ground and graticule alone
    assert visited.complaints == []


def test_another_period_is_another_picture_and_the_back_button_returns(visited: Reader) -> None:
    periods = visited.server.periods("ndvi")
    visited.choose("ndvi")
    latest = visited.picture()
    visited.page.get_by_role("button", name="Previous period").click()
    visited.wait_for_link(periods[-2])
    visited.page.locator("#period").select_option(periods[-7])
    visited.wait_for_period(periods[-7])
    assert differing_share(latest, visited.picture()) > 0.3
    visited.page.go_back()
    visited.wait_for_period(periods[-2])
    expect(visited.page.locator("#period")).to_have_value(periods[-2])
    assert visited.complaints == []


def test_the_old_period_stays_until_the_new_one_is_drawn(visited: Reader) -> None:
    periods = visited.server.periods("ndvi")
    visited.choose("ndvi")
    visited.page.locator("#period").select_option(periods[5])
    visited.wait_for_period(periods[5])
    before = visited.picture()
    visited.set_opacity(0)
    empty = visited.picture()
    visited.set_opacity(90)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    visited.page.route("**/*.png?*", hold)
    visited.page.get_by_role("button", name="Next period").click()
    visited.wait_for_link(periods[6])
    while not held:
        visited.page.wait_for_timeout(20)
    visited.wait_for_frame()
    waiting = visited.picture()
    assert differing_share(before, waiting) < 0.01
    assert differing_share(empty, waiting) > 0.5
    for route in held:
        route.continue_()
    visited.page.unroute("**/*.png?*")
    visited.wait_for_drawing()
    assert differing_share(before, visited.picture()) > 0.05


def test_a_click_shows_the_number_the_interface_gives(visited: Reader) -> None:
    visited.choose("nightlights")
    visited.click_middle()
    card = visited.page.locator("#value")
    expect(card.locator(".value-number")).to_be_visible()
    at = re.search(r"at=([-\d.]+)/([-\d.]+)", visited.page.evaluate("location.hash"))
    assert at
    latitude, longitude = at.groups()
    period = visited.page.locator("#period").input_value()
    answer = visited.server.json(f"products/nightlights/point/{longitude},{latitude}?datetime={period}")
    assert answer["state"] == "ok"
    decimals = 3 if answer["value"] < 10 else 2
    expect(card.locator("strong")).to_have_text(f"{answer['value']:.{decimals}f}")
    expect(card.locator(".value-unit")).to_have_text("nW cm⁻² sr⁻¹")
    expect(card).to_contain_text(answer["scenes"][0])
    expect(card).to_contain_text("Synthetic")
    expect(visited.page.locator("#announcer")).to_contain_text(f"{answer['value']:.{decimals}f}")


def test_a_column_is_written_with_its_power_of_ten(visited: Reader) -> None:
    visited.choose("no2")
    visited.click_middle()
    strong = visited.page.locator("#value strong")
    expect(strong).to_have_text(re.compile("^[0-9][.][0-9]{2} \N{MULTIPLICATION SIGN} 10[¹²³⁴⁵⁶⁷⁸⁹⁰]+$"))
    expect(visited.page.locator(".value-unit")).to_have_text("molecules cm⁻²")


def test_where_there_is_no_value_the_card_says_why(reader: Reader) -> None:
    west, south, east, north = reader.server.json("products/ndvi")["bbox"]
    masked = None
    for period in reader.server.periods("ndvi"):
        for share in np.linspace(0.1, 0.9, 9):
            longitude, latitude = west + share * (east - west), south + share * (north - south)
            answer = reader.server.json(
                f"products/ndvi/point/{longitude:.5f},{latitude:.5f}?datetime={period}"
            )
            if answer["state"] == "masked":
                masked = (period, longitude, latitude, answer["reason"])
                break
        if masked:
            break
    assert masked, "the demo has a cloud somewhere"
    period, longitude, latitude, reason = masked
    reader.open(f"#product=ndvi&period={period}&at={latitude:.5f}/{longitude:.5f}")
    card = reader.page.locator("#value")
    expect(card).to_have_attribute("data-state", "masked")
    expect(card).to_contain_text("Masked")
    expect(card).to_contain_text(reason.removeprefix("Masked: "), ignore_case=True)

    reader.open(f"#product=ndvi&at={south - 1:.5f}/{west - 1:.5f}")
    expect(card).to_have_attribute("data-state", "outside")
    expect(card).to_contain_text("Outside")


def test_a_chosen_place_follows_the_period(visited: Reader) -> None:
    periods = visited.server.periods("nightlights")
    visited.choose("nightlights")
    visited.click_middle()
    strong = visited.page.locator("#value strong")
    late = strong.inner_text()
    visited.page.locator("#period").select_option(periods[0])
    visited.wait_for_period(periods[0])
    expect(strong).not_to_have_text(late)
    visited.page.keyboard.press("Escape")
    expect(visited.page.locator("#value")).to_be_hidden()


def hex_colors(css: str) -> list[str]:
    """The rgb() colours of a computed style, as legend.json writes them."""
    found = re.findall(r"rgb\((\d+), (\d+), (\d+)\)", css)
    return ["#" + "".join(f"{int(part):02x}" for part in color) for color in found]


def test_the_ramp_of_the_legend_is_that_of_legend_json(visited: Reader) -> None:
    legend = visited.server.json("products/nightlights/legend.json")
    visited.choose("nightlights")
    css = visited.page.locator(".ramp").evaluate("bar => getComputedStyle(bar).backgroundImage")
    assert hex_colors(css) == [color.lower() for color in legend["colors"]]
    ticks = visited.page.locator(".tick").all_inner_texts()
    assert [float(ticks[0]), float(ticks[-1])] == legend["rescale"]
    expect(visited.page.locator("#legend")).to_contain_text("nW cm⁻² sr⁻¹")


@pytest.mark.parametrize("product", ["ndvi-classes", "true-color"])
def test_the_swatches_of_the_legend_are_the_entries_of_legend_json(visited: Reader, product: str) -> None:
    legend = visited.server.json(f"products/{product}/legend.json")
    visited.choose(product)
    rows = visited.page.locator(".class-row")
    expect(rows).to_have_count(len(legend["entries"]))
    assert rows.locator(".class-name").all_inner_texts() == [entry["label"] for entry in legend["entries"]]
    colors = [
        hex_colors(css)[0]
        for css in rows.locator(".swatch").evaluate_all(
            "all => all.map(one => getComputedStyle(one).backgroundColor)"
        )
    ]
    assert colors == [entry["color"].lower() for entry in legend["entries"]]


def test_a_class_is_named_with_the_value(visited: Reader) -> None:
    visited.choose("ndvi-classes")
    visited.click_middle()
    expect(visited.page.locator(".value-class")).to_have_text(re.compile("Water or built-up|Sparse|Dense"))
    assert visited.page.locator(".class-range").all_inner_texts() == ["< 0.1", "0.1 \N{EN DASH} 0.4", "≥ 0.4"]


def test_a_server_that_is_gone_is_said_once_and_can_be_tried_again(visited: Reader) -> None:
    server = visited.server
    visited.choose("ndvi")
    notice = visited.page.get_by_role("alert")
    server.stop()
    try:
        visited.page.get_by_role("button", name="Previous period").click()
        expect(notice).to_contain_text("The server is not responding")
    finally:
        server.start()  # other readers want it
    notice.get_by_role("button", name="Try again").click()
    visited.wait_for_period(server.periods("ndvi")[-2])
    expect(notice).to_be_hidden()


def test_a_page_opened_while_the_interface_is_unwell_says_so_and_recovers(reader: Reader) -> None:
    detail = "storage does not answer; try again in 5 seconds"
    problem = json.dumps(
        {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": detail}
    )
    reader.page.route(
        "**/products",
        lambda route: route.fulfill(status=503, body=problem, content_type="application/problem+json"),
    )
    reader.page.goto(reader.server.url)
    notice = reader.page.get_by_role("alert")
    expect(notice).to_contain_text("Storage does not answer; try again in 5 seconds.")
    expect(reader.page.locator("#layer")).to_be_hidden()
    reader.page.unroute("**/products")
    notice.get_by_role("button", name="Try again").click()
    reader.wait_for_drawing()
    expect(notice).to_be_hidden()


def test_failing_tiles_are_one_notice_and_a_retry_draws_them(reader: Reader) -> None:
    reader.page.route(
        "**/*.png?*",
        lambda route: route.fulfill(status=503, body="{}", content_type="application/problem+json"),
    )
    reader.page.goto(f"{reader.server.url}/#product=ndvi")
    notice = reader.page.get_by_role("alert")
    expect(notice).to_contain_text("Some tiles could not be drawn")
    reader.wait_for_drawing()
    blank = reader.picture()
    reader.page.unroute("**/*.png?*")
    notice.get_by_role("button", name="Try again").click()
    reader.wait_for_drawing()
    reader.wait_for_frame()
    expect(notice).to_be_hidden()
    assert differing_share(blank, reader.picture()) > 0.5


def test_a_layer_without_scenes_and_an_unknown_one_are_named(reader: Reader) -> None:
    reader.open("#product=naip-color&period=2020")
    expect(reader.page.get_by_role("alert")).to_contain_text("This layer has no data yet.")
    reader.open("#product=ndvx")
    expect(reader.page.get_by_role("alert")).to_contain_text("There is no layer called “ndvx”.")


def test_everything_is_reached_and_worked_by_keyboard(reader: Reader) -> None:
    periods = reader.server.periods("ndvi")
    reader.open(f"#product=ndvi&period={periods[-1]}")
    keyboard = reader.page.keyboard
    visited: list[str] = []
    while "BODY" not in visited:
        keyboard.press("Tab")
        visited.append(
            reader.page.evaluate("(at => at.id || at.className || at.tagName)(document.activeElement)")
        )
        outline = reader.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none" or visited[-1] in {"BODY", "maplibregl-canvas"}, visited[-1]
    for wanted in [
        "skip",
        "product",
        "period",
        "earlier",
        "months-open",
        "play",
        "timeline",
        "opacity",
        "zoom-to-layer",
        "SUMMARY",
    ]:
        assert wanted in visited

    reader.page.locator("#timeline").focus()
    keyboard.press("ArrowLeft")
    reader.wait_for_period(periods[-2])
    expect(reader.page.locator("#timeline")).to_have_attribute("aria-valuetext", re.compile(r"\w+ \d{4}"))

    reader.page.locator("#skip").focus()
    keyboard.press("Enter")
    expect(reader.page.locator(".crosshair")).to_be_visible()
    keyboard.press("Enter")
    expect(reader.page.locator("#value")).to_be_visible()
    expect(reader.page.locator("#announcer")).not_to_be_empty()
    keyboard.press("Escape")
    expect(reader.page.locator("#value")).to_be_hidden()


def test_playing_steps_on_by_itself_until_paused(visited: Reader) -> None:
    periods = visited.server.periods("nightlights")
    visited.choose("nightlights")
    visited.page.locator("#period").select_option(periods[0])
    visited.wait_for_period(periods[0])
    visited.page.get_by_role("button", name="Play through periods").click()
    expect(visited.page).to_have_url(re.compile(f"period=({'|'.join(periods[2:])})&"))
    visited.page.get_by_role("button", name="Pause").click()
    standing = visited.page.locator("#period").input_value()
    visited.page.wait_for_timeout(1500)  # longer than a period stands still
    assert visited.page.locator("#period").input_value() == standing
    assert visited.complaints == []


@pytest.mark.parametrize(
    "reader",
    [{"viewport": PHONE, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}],
    indirect=True,
)
def test_a_phone_shows_map_and_sheet_side_by_side(reader: Reader) -> None:
    reader.open("#product=ndvi")
    page = reader.page
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    sheet, canvas = page.locator("#panel").bounding_box(), page.locator("#map").bounding_box()
    assert sheet
    assert canvas
    assert sheet["y"] > PHONE["height"] * 0.4
    assert canvas["height"] > PHONE["height"] * 0.4
    drawn = reader.picture()
    reader.set_opacity(0)
    assert differing_share(drawn, reader.picture()) > 0.5
    reader.set_opacity(90)
    for target in page.locator(
        "button:visible:not(#skip), select:visible, input[type=range]:visible, .about > summary:visible"
    ).all():
        box = target.bounding_box()
        assert box
        assert box["height"] >= 44, target.evaluate("one => one.outerHTML.slice(0, 80)")
    page.get_by_role("button", name="Less").click()
    folded = page.locator("#panel").bounding_box()
    assert folded
    assert folded["height"] < sheet["height"]
    page.touchscreen.tap(PHONE["width"] / 2, canvas["height"] / 2)
    card = page.locator("#value")
    expect(card).to_be_visible()
    box = card.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    assert reader.complaints == []


@pytest.mark.parametrize("reader", [{"color_scheme": "dark"}], indirect=True)
def test_the_dark_scheme_darkens_panel_and_ground(reader: Reader) -> None:
    reader.open("#product=ndvi")
    reader.set_opacity(0)
    assert reader.picture().mean() < 60
    panel = reader.page.locator("#panel").evaluate("one => getComputedStyle(one).backgroundColor")
    assert max(int(part) for part in re.findall(r"\d+", panel)[:3]) < 60


def test_the_address_in_the_panel_serves_the_tile_the_map_shows(visited: Reader) -> None:
    visited.choose("ndvi")
    visited.page.get_by_text("About this layer").click()
    field_ = visited.page.get_by_label("XYZ tile URL for QGIS and MapLibre")
    west, south, east, north = visited.server.json("products/ndvi")["bbox"]
    x = int(((west + east) / 2 + 180) / 360 * 2**10)
    latitude = np.radians((south + north) / 2)
    y = int((1 - np.arcsinh(np.tan(latitude)) / np.pi) / 2 * 2**10)
    address = field_.input_value().replace("{z}", "10").replace("{x}", str(x)).replace("{y}", str(y))
    with urlopen(address) as tile:
        assert tile.status == 200
        assert Image.open(BytesIO(tile.read())).size == (256, 256)
