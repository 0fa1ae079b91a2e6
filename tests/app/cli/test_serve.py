"""The command, as a process of its own on a real port."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import rasterio

from tests.app.landed import lonlat

START_S = 60
TILE = "/tiles/ndvi/14/8430/5463.png"


@contextmanager
def server(folder: Path, *options: str) -> Iterator[str]:
    """The address of a running server."""
    log = folder / "server.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TILEWATCH_")}
    checkout = Path(__file__).parents[3]
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", "0", *options],
            cwd=folder,
            env=environment | {"PYTHONPATH": str(checkout)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _address(process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    assert "Application shutdown complete" in log.read_text()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"running on (http://[\d.]+:\d+)", log.read_text()):
            return found[1]
        time.sleep(0.1)
    pytest.fail(f"the server did not start: {log.read_text()}")


def test_the_command_serves_a_folder_and_ends_when_told(tmp_path: Path, two_months: str) -> None:
    folder = two_months.removeprefix("file://")
    with server(tmp_path, "--storage", folder) as address, httpx.Client(base_url=address) as client:
        first = client.get(TILE)
        head = client.head(TILE)
        unchanged = client.get(TILE, headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, first.headers["content-type"]) == (200, "image/png")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(first.content))
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert "server" not in first.headers


def test_gdal_draws_the_map_that_wmts_describes(tmp_path: Path, two_months: str) -> None:
    with server(tmp_path, "--storage", two_months) as address:
        layer = f"WMTS:{address}/products/ndvi/WMTSCapabilities.xml,layer=ndvi,tilematrixset=WorldCRS84Quad"
        with rasterio.Env(GDAL_ENABLE_WMS_CACHE="NO"), rasterio.open(layer) as drawn:
            places = [lonlat(64, 128), lonlat(192, 128), lonlat(64, 16)]
            west, east, cloud = (pixel.tolist() for pixel in drawn.sample(places))
            pixel_deg = drawn.res[0]
    # NDVI 0.5 is half way between the colormap's stops 0.4 (#bfdd8e) and 0.6 (#6db04b); 0 is one (#b88a5d).
    assert west == pytest.approx([150, 199, 109, 255], abs=2)
    assert east == pytest.approx([0xB8, 0x8A, 0x5D, 255], abs=2)
    assert cloud[3] == 0
    assert pixel_deg == pytest.approx(0.703125 / 2**13)


def test_links_follow_the_headers_of_a_trusted_proxy(tmp_path: Path, two_months: str) -> None:
    with server(tmp_path, "--storage", two_months) as address:
        forwarded = {"X-Forwarded-Proto": "https", "Host": "maps.example"}
        document = httpx.get(
            f"{address}/products/ndvi/WebMercatorQuad/tilejson.json", headers=forwarded
        ).json()
    assert document["tiles"][0].startswith("https://maps.example/products/ndvi/tiles/WebMercatorQuad/")
