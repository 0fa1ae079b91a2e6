"""Somebody who reads the page in a browser, and the server that shows it."""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Request, ViewportSize, expect

from tests.services.child import Child
from tests.services.ports import free_port, wait_until_listening

TILEWATCH = str(Path(sys.executable).with_name("tilewatch"))
DESKTOP: ViewportSize = {"width": 1280, "height": 720}
"""Of a small laptop, laid out as every screen wider than a phone; half of a test's time is drawing pixels."""
COARSE = 0.5
"""Pixels of a screen for each of CSS: laid out as on any other, drawn at a quarter of the cost."""
PHONE: ViewportSize = {"width": 390, "height": 844}

TIMEOUT_MS = 120_000
"""For every expectation, action and navigation: WebGL is drawn in software, on a machine that may be busy."""

STALL = "GPU stall due to ReadPixels"
"""What Chromium says of itself where it puts pages together without a GPU, and reads the map for that."""

USUAL_OPACITY_PERCENT = 90

START_S = 180
"""For a server, which imports all of its libraries first."""


@dataclass
class Server:
    """A running `tilewatch serve`, which can go and come back at the same address."""

    store: str
    folder: Path
    port: int = field(default_factory=free_port)
    child: Child | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    """More of the environment."""
    program: Sequence[str] = (TILEWATCH, "serve")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environment = os.environ | {
            "TILEWATCH_STORAGE": self.store,
            "TILEWATCH_PRODUCTS": str(self.folder),
            "TILEWATCH_KEYLESS_WRITES": "true",
        }
        environment |= self.settings
        command = [*self.program, "--port", str(self.port)]
        self.child = Child.start(command, self.folder, name="serve", env=environment)
        wait_until_listening(self.port, timeout_s=START_S, check=self.child.check)

    def stop(self) -> None:
        if self.child:
            self.child.kill()

    def json(self, path: str) -> Any:
        with urlopen(f"{self.url}/{path}") as answer:
            return json.load(answer)

    def post(self, path: str, document: object = None, key: str | None = None) -> None:
        """Send a document as a program does, with a key where there are keys."""
        body = b"" if document is None else json.dumps(document).encode()
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        with urlopen(HttpRequest(f"{self.url}/{path}", data=body, headers=headers, method="POST")) as answer:
            assert answer.status in {201, 202}

    def series(self, product: str, corners: list[list[float]], periods: str = "") -> list[dict[str, Any]]:
        """The statistics of a polygon as the interface gives them; of all periods where none are named."""
        known = self.periods(product)
        polygon = {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}
        document = {"type": "Feature", "properties": {}, "geometry": polygon}
        asked = HttpRequest(
            f"{self.url}/products/{product}/statistics?datetime={periods or f'{known[0]}/{known[-1]}'}",
            data=json.dumps(document).encode(),
            headers={"Content-Type": "application/geo+json"},
        )
        with urlopen(asked) as answer:
            series: list[dict[str, Any]] = json.load(answer)["properties"]["series"]
        return series

    def periods(self, product: str) -> list[str]:
        periods: list[str] = self.json(f"products/{product}")["periods"]
        return periods


@dataclass
class Reader:
    """Somebody with the page open, and what their browser noticed."""

    page: Page
    server: Server
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Every address that was asked for."""

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", self._failed)
        self.page.on("request", self._asked)

    def leave(self) -> None:
        """Leave the tab as the next reader wants it, with nothing that goes on in it."""
        self.page.unroute_all(behavior="ignoreErrors")
        self.page.mouse.up()
        self.page.goto("about:blank")
        self.page.remove_listener("console", self._heard)
        self.page.remove_listener("pageerror", self._failed)
        self.page.remove_listener("request", self._asked)

    @property
    def strangers(self) -> list[str]:
        """Addresses of other hosts that were asked for."""
        return [url for url in self.asked if not url.startswith((self.server.url, "data:", "blob:"))]

    def open(self, link: str = "") -> None:
        """Load the page at a link, as from a bookmark."""
        if self.page.url.startswith(self.server.url):
            self.page.goto("about:blank")  # another part after the # alone would load nothing
        self.page.goto(f"{self.server.url}/{link}")
        self.wait_for_drawing()

    def go_to(self, link: str) -> None:
        """Take another link into the address of the page that is open, which follows it."""
        self.page.evaluate(
            "link => new Promise(followed => {"
            "addEventListener('popstate', followed, {once: true}); location.hash = link})",
            link,
        )

    def choose(self, product: str) -> None:
        """Choose a layer: its latest period, all of it in view, in its usual opacity, no place chosen."""
        self.page.keyboard.press("Escape")
        expect(self.page.locator("#value")).to_be_hidden()
        latest = self.server.periods(product)[-1]
        self.page.locator("#product").select_option(product)
        expect(self.page).to_have_url(re.compile(f"product={product}&"))
        if self.page.locator("#period").input_value() != latest:
            self.page.locator("#period").select_option(latest)
        self.wait_for_link(latest)
        self.set_opacity(USUAL_OPACITY_PERCENT)
        self.page.get_by_role("button", name="Zoom to layer").click()
        self.wait_for_frame()
        self.wait_for_drawing()

    def wait_for_drawing(self) -> None:
        expect(self.page).to_have_url(re.compile("period="))
        expect(self.page.locator("#map")).to_have_attribute("aria-busy", "false")

    def wait_for_frame(self) -> None:
        """Until what was just asked of the map is painted: the frame under way, and the one after it."""
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def wait_for_link(self, period: str) -> None:
        expect(self.page).to_have_url(re.compile(f"period={period}&"))

    def wait_for_period(self, period: str) -> None:
        self.wait_for_link(period)
        # After the back button the page follows the address, rather than the other way round.
        expect(self.page.locator("#period")).to_have_value(period)
        self.wait_for_drawing()

    def seen_part_of_map(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of the map beside the panel and above the chart."""
        box = self.page.locator("#map").bounding_box()
        assert box
        covered, lifted = self.page.evaluate(
            "['--covered', '--lifted'].map(name => "
            "parseFloat(document.documentElement.style.getPropertyValue(name)))"
        )
        return box["x"] + covered, box["y"], box["width"] - covered, box["height"] - lifted

    def picture(self) -> NDArray[np.uint8]:
        """The middle of the map, (height, width, 3); free of panel, card and controls."""
        left, top, width, height = self.seen_part_of_map()
        shot = self.page.screenshot(
            clip={
                "x": left + 0.3 * width,
                "y": top + 0.3 * height,
                "width": 0.4 * width,
                "height": 0.4 * height,
            }
        )
        return np.asarray(Image.open(BytesIO(shot)).convert("RGB"))

    def click_middle(self) -> None:
        left, top, width, height = self.seen_part_of_map()
        self.page.mouse.click(left + width / 2, top + height / 2)

    @property
    def chart(self) -> Locator:
        return self.page.locator("#chart")

    def open_area(self, product: str, corners: list[list[float]], period: str = "") -> None:
        """Open a link to an area, and wait until it is charted."""
        area = ";".join(f"{longitude},{latitude}" for longitude, latitude in corners)
        self.open(f"#product={product}{period and f'&period={period}'}&area={quote(area)}")
        self.wait_for_chart()

    def go_to_area(self, product: str, corners: list[list[float]], period: str = "") -> None:
        """Chart an area in the page that is open, by its link; the map stays where it is."""
        area = ";".join(f"{longitude},{latitude}" for longitude, latitude in corners)
        self.go_to(f"#product={product}{period and f'&period={period}'}&area={area}")
        self.wait_for_chart()

    def wait_for_chart(self) -> None:
        expect(self.chart).to_be_visible()
        expect(self.chart).to_have_attribute("aria-busy", "false")
        self.wait_for_frame()  # the map makes room for it

    def corners(self) -> list[list[float]]:
        """Of the area in the link."""
        text = self.page.evaluate("new URLSearchParams(location.hash.slice(1)).get('area')")
        return [[float(degrees) for degrees in pair.split(",")] for pair in text.split(";")]

    def place_of(self, longitude: float, latitude: float) -> tuple[float, float]:
        """Where on the screen a place of the map is."""
        view = re.search(r"view=([\d.]+)/([-\d.]+)/([-\d.]+)", self.page.url)
        assert view
        zoom, *centre = (float(part) for part in view.groups())
        left, top, width, height = self.seen_part_of_map()

        def mercator(degrees: float) -> float:
            return float(np.degrees(np.arcsinh(np.tan(np.radians(degrees)))))

        pixels = 512 * 2**zoom / 360
        x = left + width / 2 + (longitude - centre[1]) * pixels
        return x, top + height / 2 - (mercator(latitude) - mercator(centre[0])) * pixels

    def on_map(self, *shares: tuple[float, float]) -> list[tuple[float, float]]:
        """Places of the screen, as shares of the width and height of the map that is seen."""
        left, top, width, height = self.seen_part_of_map()
        return [(left + x * width, top + y * height) for x, y in shares]

    def numbers(self) -> list[list[str]]:
        """The rows of the table of the chart."""
        self.page.get_by_role("button", name="Show table").click()
        rows = self.chart.locator("tbody tr")
        expect(rows.first).to_be_visible()
        found: list[list[str]] = rows.evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))"
        )
        self.page.get_by_role("button", name="Show chart").click()
        return found

    def set_opacity(self, percent: int) -> None:
        self.page.locator("#opacity").fill(str(percent))
        self.wait_for_frame()

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and STALL not in message.text:
            self.complaints.append(message.text)

    def _failed(self, error: Error) -> None:
        self.complaints.append(str(error))

    def _asked(self, request: Request) -> None:
        self.asked.append(request.url)


def differing_share(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """The share of pixels that differ by more than the noise of a screenshot."""
    assert one.shape == other.shape
    return float((np.abs(one.astype(int) - other.astype(int)).max(axis=-1) > 8).mean())
