"""What is newly lit and what has dimmed between two dates, over cells that were seen at both.

Ten by ten cells of 10 by 10 m near Mol, in columns of ten: radiance (nW cm-2 sr-1) of January 2023 and 2024.

    column      0    1    2    3    4    5    6    7    8    9
    2023        0    0    0.7  3    3    0    3    0.5  unseen  3
    2024        0    2    2    0    0.8  0.5  3    0.6  3    unseen

Valid at both: columns 0 to 7. The archive stores values below 0.5 as 0: from there on newly lit: 1, 5;
dimmed: 3. Above 1 newly lit: 1, 2; dimmed: 3, 4.
"""

import csv
from collections.abc import AsyncIterator, Sequence
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

THEN = [0, 0, 0.7, 3, 3, 0, 3, 0.5, 0, 3]
NOW = [0, 2, 2, 0, 0.8, 0.5, 3, 0.6, 3, 0]
SEEN_THEN = [7, 7, 7, 7, 7, 7, 7, 7, 0, 7]
SEEN_NOW = [7, 7, 7, 7, 7, 7, 7, 7, 7, 0]
COLUMN_KM2 = 10 * 1e-4


def rows(values: Sequence[float], dtype: Any) -> np.ndarray:
    return np.repeat(np.array([values], dtype), 10, axis=0)


@pytest.fixture
async def client(settings: Settings, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with await open_storage(settings.storage) as storage:
        for month, lights, seen in (("2023-01", THEN, SEEN_THEN), ("2024-01", NOW, SEEN_NOW)):
            bands = {
                "radiance": Raster(rows(lights, np.float32), nodata=-999),
                "num_observations": Raster(rows(seen, np.uint8), nodata=255),
            }
            await land(
                storage, tmp_path, month, bands, cadence=Cadence.MONTH, collection_id="black-marble-monthly"
            )
    async with serving(settings, create_app(settings)) as found:
        yield found


async def test_lights_are_compared_at_each_threshold_where_both_dates_were_seen(
    client: httpx.AsyncClient,
) -> None:
    ring = [lonlat(column, row) for column, row in ((0, 0), (10, 0), (10, 10), (0, 10), (0, 0))]
    area = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}

    async def entry(query: str) -> dict[str, Any]:
        answer = await client.post(f"/products/nightlights-change/statistics?{query}", json=area)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["properties"]["series"][-1])

    def columns(found: dict[str, Any]) -> dict[float, tuple[int, ...]]:
        names = ("newly_lit_km2", "dimmed_km2", "lit_before_km2", "lit_after_km2")
        return {
            c["above"]: tuple(round(c[name] / COLUMN_KM2) for name in names) for c in found["lit_changes"]
        }

    own = await entry("datetime=2024-01")
    # Lit at both dates: 2, 4, 6, 7; above 1: 6.
    assert columns(own) == {0.5: (2, 1, 5, 6), 1.0: (2, 2, 3, 3)}
    assert own["valid_area_km2"] == pytest.approx(8 * COLUMN_KM2, rel=2e-3)
    assert [round(c["newly_lit_share"], 3) for c in own["lit_changes"]] == [0.25, 0.25]
    assert [round(c["dimmed_share"], 3) for c in own["lit_changes"]] == [0.125, 0.25]
    assert [c.get("meaning") for c in own["lit_changes"]] == [
        "above 0: the archive stores values below 0.5 as 0",
        None,
    ]
    # In hectares it is the same.
    counted = {each["name"]: round(each["area_ha"] / COLUMN_KM2 / 100) for each in own["counted"]}
    assert counted == {"Newly lit": 2, "Gone dark": 1}
    assert "lit" not in own

    asked = await entry("datetime=2024-01&lit_above=0,0.75,5")
    assert columns(asked) == {0: (2, 1, 5, 6), 0.75: (2, 1, 3, 4), 5: (0, 0, 0, 0)}
    assert asked["inputs"] != own["inputs"]

    series = await entry("datetime=2023-01/2024-01")
    assert series["lit_changes"] == own["lit_changes"]

    product = Registry.load().get("nightlights-change")
    (row,) = csv.DictReader(StringIO(series_csv(product, [own | {"kept": False}])))
    assert row["newly_lit_km2 (above 1)"] == str(own["lit_changes"][1]["newly_lit_km2"])
    assert row["dimmed_km2 (above 0.5)"] == str(own["lit_changes"][0]["dimmed_km2"])
    assert (row["lit_above"], row["lit_area_km2"]) == ("", "")


async def test_a_threshold_that_cannot_be_computed_is_refused(client: httpx.AsyncClient) -> None:
    ring = [lonlat(column, row) for column, row in ((0, 0), (10, 0), (10, 10), (0, 10), (0, 0))]
    answer = await client.post(
        "/products/nightlights-change/statistics?lit_above=1e40",
        json={"type": "Polygon", "coordinates": [ring]},
    )
    assert answer.status_code == 400
