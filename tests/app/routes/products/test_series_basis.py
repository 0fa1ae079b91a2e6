"""Series of products that compare dates: one basis for all entries, and what has none says so.

A square near Mol has one radiance a month, in nW cm-2 sr-1: 1, 2 and 4 from January to March 2023, 5 and 9 in
January and February 2024.
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
from mosaics.period import Cadence
from mosaics.storage import open_storage
from tests.app.conftest import serving
from tests.app.landed import lonlat
from tests.app.statistics.landed import Raster, land

YEAR = {"2023-01": 1, "2023-02": 2, "2023-03": 4}
LATER = {"2024-01": 5, "2024-02": 9}
ADDRESS = "/products/nightlights-change/statistics"


def area() -> dict[str, Any]:
    ring = [lonlat(column, row) for column, row in ((8, 8), (16, 8), (16, 16), (8, 16), (8, 8))]
    return {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}


async def lights(address: str, folder: Path, months: dict[str, int]) -> None:
    async with await open_storage(address) as storage:
        for month, radiance in months.items():
            bands = {
                "radiance": Raster(np.full((32, 32), radiance, np.float32), nodata=-999),
                "num_observations": Raster(np.full((32, 32), 7, np.uint8), nodata=255),
            }
            await land(
                storage, folder, month, bands, cadence=Cadence.MONTH, collection_id="black-marble-monthly"
            )


@pytest.fixture
async def client(settings: Settings, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    await lights(settings.storage, tmp_path, YEAR)
    async with serving(settings, create_app(settings)) as found:
        yield found


async def series(client: httpx.AsyncClient, query: str) -> dict[str, dict[str, Any]]:
    answer = await client.post(f"{ADDRESS}?{query}", json=area())
    assert answer.status_code == 200, answer.text
    return {entry["period"]: entry for entry in answer.json()["properties"]["series"]}


async def test_all_entries_of_a_series_are_compared_with_the_same(
    client: httpx.AsyncClient, settings: Settings, tmp_path: Path
) -> None:
    monthly = await series(client, "datetime=2023-01/2023-03")
    assert {period: entry["mean"] for period, entry in monthly.items()} == {
        "2023-01": None,
        "2023-02": 1,
        "2023-03": 2,
    }

    await lights(settings.storage, tmp_path, LATER)
    async with serving(settings, create_app(settings)) as later:
        yearly = await series(later, "datetime=2023-01/2024-02")
        means = {period: entry["mean"] for period, entry in yearly.items() if entry["status"] != "empty"}
        assert means == {"2024-01": 4, "2024-02": 7}
        assert yearly["2023-03"]["reason"].startswith("'nightlights-change' compares 2023-03 with the same")
        # One time by itself is what its map shows, and says what it was compared with.
        one = (await series(later, "datetime=2023-03"))["2023-03"]
        assert (one["mean"], one["windows"]["pre"]["period"]) == (2, "2023-02")
        # A window that is given is one basis too.
        given = await series(later, "datetime=2024-01/2024-02&pre=2023-03")
        assert [entry["mean"] for entry in given.values()] == [1, 5]

    rows_without_values_are_blank(yearly)


def rows_without_values_are_blank(entries: dict[str, dict[str, Any]]) -> None:
    product = Registry.load().get("nightlights-change")
    told = ({"kept": False} | entry for entry in entries.values())
    rows = {row["period"]: row for row in csv.DictReader(StringIO(series_csv(product, told)))}
    empty = rows["2023-03"]
    blank = [name for name in empty if name not in {"period", "status", "kept", "unit", "area_km2", "inputs"}]
    assert {name: empty[name] for name in blank if empty[name]} == {
        "synthetic": "false",
        "reason": entries["2023-03"]["reason"],
    }
    assert empty["Newly lit (ha)"] == empty["valid_fraction"] == ""
    assert (rows["2024-01"]["pre"], rows["2024-01"]["Newly lit (ha)"]) == ("2023-01", "0.0")
