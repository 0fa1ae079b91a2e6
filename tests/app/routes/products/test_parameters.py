"""Parameters of products: a request sets a bound of the mask, and every answer says which one counted.

A hundred synthetic cells of 10 by 10 m near Mol, of 1e15 to 4e15 molecules: 40 a fifth clouded, 30 two
fifths, 20 three fifths, 10 nine tenths; the sun stands at a zenith angle of 60 degrees.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import morecantile
import numpy as np
import pytest

from app.main import create_app
from app.products.parameters import RESERVED
from app.settings import Settings
from mosaics.period import Cadence
from mosaics.storage import open_storage
from tests.app.conftest import serving
from tests.app.landed import lonlat
from tests.app.statistics.landed import Raster, land

SHARES = [40, 30, 20, 10]
SPOT = morecantile.tms.get("WebMercatorQuad").tile(*lonlat(5, 5), 17)
TILE = f"/products/no2/tiles/WebMercatorQuad/17/{SPOT.x}/{SPOT.y}.png"


def plane(values: list[float]) -> np.ndarray[Any, Any]:
    return np.repeat(np.array(values, np.float32), SHARES).reshape(10, 10)


@pytest.fixture
async def client(settings: Settings, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    bands = {
        "no2": Raster(plane([1e15, 2e15, 3e15, 4e15]), nodata=-1e30),
        "quality": Raster(np.zeros((10, 10), np.uint8), nodata=255),
        "cloud_fraction": Raster(plane([0.2, 0.4, 0.6, 0.9]), nodata=-1),
        "solar_zenith_angle": Raster(plane([60, 60, 60, 60]), nodata=-1),
    }
    async with await open_storage(settings.storage) as storage:
        await land(storage, tmp_path, "2024-06-15T18", bands, collection_id="tempo-no2", cadence=Cadence.HOUR)
    async with serving(settings, create_app(settings)) as found:
        yield found


async def test_a_bound_of_the_mask_is_the_request_s_and_told(client: httpx.AsyncClient) -> None:
    ring = [lonlat(column, row) for column, row in ((0, 0), (10, 0), (10, 10), (0, 10), (0, 0))]
    area = {"type": "Polygon", "coordinates": [ring]}

    async def entry(query: str) -> dict[str, Any]:
        answer = await client.post(f"/products/no2/statistics{query}", json=area)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["properties"]["series"][0])

    # By hand: of 40, 30, 20 and 10 cells those up to the bound, which is part of it: 0.4 is kept by 0.4.
    asked = {
        "": (0.7, 0.5),
        "?cloud_max=0.3": (0.4, 0.3),
        "?cloud_max=0.4": (0.7, 0.4),
        "?cloud_max=1": (1, 1),
    }
    found = {query: await entry(query) for query in asked}
    shares = {
        query: (round(each["valid_fraction"], 3), each["parameters"]["cloud_max"])
        for query, each in found.items()
    }
    assert shares == asked
    assert found["?cloud_max=1"]["mean"] == pytest.approx(2e15, rel=1e-3)  # (40 + 60 + 60 + 40) / 100
    assert len({each["inputs"] for each in found.values()}) == 4
    assert found["?cloud_max=1"]["parameters"] == {"cloud_max": 1, "zenith_max": 80}
    assert (await entry("?cloud_max=0.5"))["inputs"] == found[""]["inputs"]
    assert (await entry("?zenith_max=59.9"))["status"] == "empty"


async def test_tiles_points_and_maps_take_it_over(client: httpx.AsyncClient) -> None:
    usual, clear = await client.get(TILE), await client.get(f"{TILE}?cloud_max=0.3")
    assert (usual.status_code, clear.status_code) == (200, 200)
    assert usual.headers["etag"] != clear.headers["etag"]
    assert usual.content != clear.content
    assert clear.headers["x-tilewatch-parameters"] == "cloud_max=0.3, zenith_max=80"
    lon, lat = lonlat(5, 5)  # of the second kind, two fifths clouded
    point = (await client.get(f"/products/no2/point/{lon},{lat}?cloud_max=0.3")).json()
    assert (point["state"], point["reason"]) == ("masked", "Masked: cloud_fraction above 0.3.")
    layer = (await client.get("/products/no2/WebMercatorQuad/tilejson.json?cloud_max=0.3")).json()
    assert "cloud_max=0.3" in layer["tiles"][0]
    assert layer["parameters"] == {"cloud_max": 0.3, "zenith_max": 80}
    assert layer["legend"]["note"].startswith("Largest cloud fraction: 0.3.")
    capabilities = await client.get("/products/no2/WMTSCapabilities.xml?cloud_max=0.3")
    assert "cloud_max=0.3" in capabilities.text
    stated = (await client.get("/products/no2")).json()["parameters"]["cloud_max"]
    assert stated == {"title": "Largest cloud fraction", "range": [0, 1], "unit": "1", "default": 0.5}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("cloud_max=1.01", "give a number from 0 to 1"),
        ("cloud_max=nan", "give a number from 0 to 1"),
        ("cloud_max=", "give a number from 0 to 1"),
        ("zenith_max=-1", "give a number from 0 to 90 degrees"),
        ("cloud_max=0.1&cloud_max=0.2", "'cloud_max' is given more than once"),
        ("cloudmax=0.1", "cloud_max"),
    ],
)
@pytest.mark.parametrize("address", [TILE, "/products/no2/point/5.2,51.2", "/products/no2/legend.json"])
async def test_what_is_not_valid_is_refused_everywhere_alike(
    client: httpx.AsyncClient, address: str, query: str, said: str
) -> None:
    answer = await client.get(f"{address}?{query}")
    assert (answer.status_code, said in answer.json()["detail"]) == (400, True), answer.text


def test_no_parameter_of_a_product_can_hide_one_of_an_address(settings: Settings) -> None:
    paths = create_app(settings).openapi()["paths"]
    names = {
        parameter["name"]
        for path, operations in paths.items()
        if "{product}" in path
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
    }
    assert names
    assert names - RESERVED == set()
