"""Published indices by their names, on a collection: all that an address below it can give."""

import io
from collections.abc import AsyncIterator

import httpx
import numpy as np
import pytest
import pytest_asyncio

from app.settings import Settings
from tests.app.conftest import serving
from tests.app.landed import lonlat

pytestmark = pytest.mark.asyncio(loop_scope="module")

COLLECTION = "/collections/sentinel-2-l2a"
WEST = lonlat(64.5, 128.5)
"""A pixel with blue 0.2, red 0.1 and nir 0.3: EVI is 2.5 * 0.2 / (0.3 + 0.6 - 1.5 + 1) = 1.25."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(two_months: str) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(Settings(storage=two_months, render_threads=1)) as client:
        yield client


async def test_point_tile_and_statistics_have_the_value(client: httpx.AsyncClient):
    point = (await client.get(f"{COLLECTION}/point/{WEST[0]},{WEST[1]}?index=EVI")).json()
    assert point["value"] == pytest.approx(1.25, rel=1e-5)
    answer = await client.get(f"{COLLECTION}/WebMercatorQuad/tilejson.json?index=EVI&datetime=2024-06")
    document = answer.json()
    assert document["name"] == "Sentinel-2 Level-2A: Enhanced Vegetation Index (EVI)"
    tile = document["tiles"][0].format(z=14, x=8430, y=5463).replace(".png", ".npy")
    values = np.load(io.BytesIO((await client.get(tile)).content))[0]
    found = values[np.isfinite(values)]
    assert set(found.round(5).tolist()) <= {1.25, 0.0}
    corners = [lonlat(20, 100), lonlat(60, 100), lonlat(60, 160), lonlat(20, 160), lonlat(20, 100)]
    polygon = {"type": "Polygon", "coordinates": [corners]}
    answer = await client.post(f"{COLLECTION}/statistics?index=EVI&datetime=2024-06", json=polygon)
    (entry,) = answer.json()["properties"]["series"]
    assert entry["mean"] == pytest.approx(1.25, rel=1e-5)


async def test_the_legend_has_formula_reference_and_range(client: httpx.AsyncClient):
    legend = (await client.get(f"{COLLECTION}/legend.json?index=EVI")).json()
    assert legend["rescale"] == [-0.029, 0.61]
    assert legend["index"]["formula"] == "g * (N - R) / (N + C1 * R - C2 * B + L)"
    assert legend["index"]["reference"] == "https://doi.org/10.1016/S0034-4257(96)00112-5"
    assert legend["index"]["expected"] == {"low": -0.029, "high": 0.61, "basis": "spectra"}
    picture = await client.get(f"{COLLECTION}/legend.svg?index=EVI")
    assert "EVI = g * (N - R)" in picture.text


async def test_indices_of_a_collection_are_listed_with_reasons_for_those_it_cannot_have(
    client: httpx.AsyncClient,
):
    """The small world has blue, green, red and nir alone."""
    document = (await client.get("/indices?collection=sentinel-2-l2a")).json()
    found = {each["name"]: each for each in document["indices"]}
    assert found["NDVI"]["expression"] == "(nir - red) / (nir + red)"
    reasons = {each["name"]: each["reason"] for each in document["refused"]}
    assert "needs S2 (Short-wave Infrared (SWIR) 2)" in reasons["NBR"]
    assert len(found) + len(reasons) == 280
    assert (await client.get("/indices?collection=nowhere")).status_code == 404
    answer = await client.get(f"{COLLECTION}/point/5.2,51.3?index=NBR")
    assert (answer.status_code, "needs S2" in answer.json()["detail"]) == (400, True)


async def test_bands_and_expressions_have_the_same_addresses(client: httpx.AsyncClient):
    place = f"{COLLECTION}/point/{WEST[0]},{WEST[1]}"
    assert (await client.get(f"{place}?bands=nir")).json()["value"] == pytest.approx(0.3)
    assert (await client.get(f"{place}?expression=nir/red")).json()["value"] == pytest.approx(3.0)
    assert (await client.get(f"{COLLECTION}/legend.json?bands=red")).json()["rescale"] == [0.0, 0.4]
