"""The lit area of night lights, at the product's thresholds and at those of a request.

A hundred cells of 10 by 10 m near Mol: 40 of radiance 0, 30 of 0.5, 20 of 1, 10 of 3 nW cm-2 sr-1.
"""

import csv
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from app.http.series_csv import series_csv
from app.main import create_app
from app.products.registry import Registry
from app.settings import Settings
from mosaics.storage import open_storage
from tests.app.conftest import serving
from tests.app.landed import lonlat
from tests.app.statistics.landed import Raster, land

CELL_KM2 = 1e-4
RADIANCE = np.repeat(np.array([0, 0.5, 1, 3], np.float32), [40, 30, 20, 10]).reshape(10, 10)


@pytest.fixture(scope="module")
def area() -> dict[str, Any]:
    ring = [lonlat(column, row) for column, row in ((0, 0), (10, 0), (10, 10), (0, 10), (0, 0))]
    return {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}


@pytest.fixture
async def client(settings: Settings, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    bands = {
        "radiance": Raster(RADIANCE, nodata=-999),
        "num_observations": Raster(np.full((10, 10), 7, np.uint8), nodata=255),
    }
    async with await open_storage(settings.storage) as storage:
        await land(storage, tmp_path, "2024-01", bands, collection_id="black-marble-monthly")
    async with serving(settings, create_app(settings)) as found:
        yield found


async def test_lit_areas_are_those_above_each_threshold(
    client: httpx.AsyncClient, area: dict[str, Any]
) -> None:
    async def entry(query: str) -> dict[str, Any]:
        answer = await client.post(f"/products/nightlights/statistics{query}", json=area)
        assert answer.status_code == 200, answer.text
        (found,) = answer.json()["properties"]["series"]
        return dict(found)

    # 60 of 100 cells are above 0, which 0.5 means, 10 above 1. Cells at Mol are 0.9997 to 1.0005 of 100 m2.
    own = await entry("")
    assert [(lit["above"], round(lit["share"], 4)) for lit in own["lit"]] == [(0.5, 0.6), (1, 0.1)]
    assert [lit["area_km2"] for lit in own["lit"]] == pytest.approx([60 * CELL_KM2, 10 * CELL_KM2], rel=1e-3)
    assert (own["lit_area_km2"], own["lit_share"]) == (own["lit"][0]["area_km2"], own["lit"][0]["share"])
    asked = await entry("?lit_above=-1,0,0.3,0.6,2.5,3")
    shares = {lit["above"]: round(lit["share"], 4) for lit in asked["lit"]}
    assert shares == {-1: 0.6, 0: 0.6, 0.3: 0.6, 0.6: 0.3, 2.5: 0.1, 3: 0}
    assert asked["inputs"] != own["inputs"]

    said = {lit["above"]: lit.get("meaning") for lit in (*own["lit"], *asked["lit"])}
    stored = "above 0: the archive stores values below 0.5 as 0"
    assert said == {-1: stored, 0: stored, 0.3: stored, 0.5: stored, **dict.fromkeys((0.6, 1, 2.5, 3))}

    product = Registry.load().get("nightlights")
    (row,) = csv.DictReader(StringIO(series_csv(product, [own | {"kept": False}])))
    assert (row["lit_above"], row["lit_area_km2"]) == ("0.5", str(own["lit_area_km2"]))
    assert row["lit_area_km2 (above 1)"] == str(own["lit"][1]["area_km2"])
    assert row["lit_meaning"] == f"above 0.5 means {stored}"
    assert "lit_meaning" not in series_csv(product.lit_at([1, 3]), []).splitlines()[0]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nightlights/statistics?lit_above=", "lit_above has 1 to 10 thresholds, not 0"),
        ("nightlights/statistics?lit_above=1,2,3,4,5,6,7,8,9,10,11", "1 to 10 thresholds, not 11"),
        ("nightlights/statistics?lit_above=bright", "lit_above must be numbers"),
        ("nightlights/statistics?lit_above=nan", "lit_above must be numbers"),
        ("ndvi/statistics?lit_above=1", "product 'ndvi' has no lit area"),
    ],
)
async def test_thresholds_that_are_not_valid_are_refused(
    client: httpx.AsyncClient, area: dict[str, Any], address: str, said: str
) -> None:
    answer = await client.post(f"/products/{address}", json=area)
    assert (answer.status_code, said in answer.json()["detail"]) == (400, True), answer.text
