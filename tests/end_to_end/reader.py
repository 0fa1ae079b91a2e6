"""Somebody who reads the page in a browser, and the server that shows it."""

import json
import os
import re
import sys
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import ConsoleMessage, Page, Request, expect

from tests.services.child import Child
from tests.services.ports import free_port, wait_until_listening

TILEWATCH = str(Path(sys.executable).with_name("tilewatch"))
DRAWN_MS = 30_000
"""Chromium draws WebGL in software here, beside whatever else the machine does."""


@dataclass
class Server:
    """A running `tilewatch serve`, which can go and come back at the same address."""

    store: str
    folder: Path
    port: int = field(default_factory=free_port)
    child: Child | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environment = os.environ | {"TILEWATCH_STORAGE": self.store, "TILEWATCH_PRODUCTS": str(self.folder)}
        command = [TILEWATCH, "serve", "--port", str(self.port)]
        self.child = Child.start(command, self.folder, name="serve", env=environment)
        wait_until_listening(self.port, timeout_s=60, check=self.child.check)

    def stop(self) -> None:
        if self.child:
            self.child.kill()

    def json(self, path: str) -> Any:
        with urlopen(f"{self.url}/{path}") as answer:
            return json.load(answer)

    def periods(self, product: str) -> list[str]:
        periods: list[str] = self.json(f"products/{product}")["periods"]
        return periods


@dataclass
class Reader:
    """Somebody with the page open, and what their browser noticed."""

    page: Page
    server: Server
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    """Addresses of other hosts that were asked for."""

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._asked)

    def open(self, link: str = "") -> None:
        self.page.goto(f"{self.server.url}/{link}")
        self.wait_for_drawing()

    def wait_for_drawing(self) -> None:
        expect(self.page).to_have_url(re.compile("period="), timeout=DRAWN_MS)
        expect(self.page.locator("#map")).to_have_attribute("aria-busy", "false", timeout=DRAWN_MS)

    def wait_for_link(self, period: str) -> None:
        expect(self.page).to_have_url(re.compile(f"period={period}&"), timeout=DRAWN_MS)

    def wait_for_period(self, period: str) -> None:
        self.wait_for_link(period)
        self.wait_for_drawing()

    def seen_part_of_map(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of the map beside the panel."""
        box = self.page.locator("#map").bounding_box()
        assert box
        covered = self.page.evaluate(
            "parseFloat(document.documentElement.style.getPropertyValue('--covered'))"
        )
        return box["x"] + covered, box["y"], box["width"] - covered, box["height"]

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

    def set_opacity(self, percent: int) -> None:
        self.page.locator("#opacity").fill(str(percent))
        self.page.wait_for_timeout(300)  # a frame or two

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.server.url, "data:", "blob:")):
            self.strangers.append(request.url)


def differing_share(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """The share of pixels that differ by more than the noise of a screenshot."""
    assert one.shape == other.shape
    return float((np.abs(one.astype(int) - other.astype(int)).max(axis=-1) > 8).mean())
