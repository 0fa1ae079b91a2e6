"""A SYNTHETIC tile of Collection 2, from the archive to tile, point and statistics.

Its numbers are those of `tests.ingest.synthetic_tiles`: 2.5 nW of five nights, but for cell (100, 200) with
40 nW of seven and cell (100, 201) with 30 nW of none, which is filled from history.
"""

import shutil
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from morecantile import tms as matrix_sets
from shapely.geometry import box, mapping

from tests.black_marble.conftest import ingest, run
from tests.ingest.archives.cmr.playing import Laads
from tests.ingest.synthetic_tiles import NAME, write_tile
from tests.real_scenes.conftest import serving

CELL = 1 / 240
WEST, NORTH = 30 + 200 * CELL, 20 - 100 * CELL
"""The corner of cell (100, 200)."""
BANDS = "radiance,num_observations,quality"


@pytest.fixture(scope="module")
def laads(archives, tmp_path_factory):
    played = Laads(*archives)
    played.publish(NAME, write_tile(tmp_path_factory.mktemp("tile")))
    return played


@pytest.fixture(scope="module")
def store(laads, tmp_path_factory):
    folder = tmp_path_factory.mktemp("black-marble")
    where = ("--bbox", "30.5,19.5,31,19.7", "--datetime", "2024-01", "--bands", BANDS)
    result = ingest(laads, folder, *where)
    assert (result["landed"], result["failures"]) == (1, {})
    assert (result["newest_revision"], result["newest_landed"]) == (
        "2024-03-06T12:34:56Z",
        "2024-01-01T00:00:00Z",
    )
    assert (result["over_limit"], "newest_cloudy" in result) == (0, False)
    again = ingest(laads, folder, *where)
    assert (again["landed"], again["landed_already"], again["fetched_bytes"]) == (0, 1, 0)
    return (folder / "store").as_uri()


@pytest.fixture
async def client(store):
    async with serving(store) as opened:
        yield opened


async def series(client, geometry, product="nightlights"):
    answer = await client.post(f"/products/{product}/statistics", json=mapping(geometry))
    assert answer.status_code == 200, answer.text
    (entry,) = answer.json()["properties"]["series"]
    return entry


@pytest.mark.parametrize(
    ("lon", "lat", "value", "n_obs"),
    [
        (WEST + 0.5 * CELL, NORTH - 0.5 * CELL, 40.0, 7),
        # near its corners: half a cell less in either direction would be another cell
        (WEST + 0.05 * CELL, NORTH - 0.05 * CELL, 40.0, 7),
        (WEST + 0.95 * CELL, NORTH - 0.95 * CELL, 40.0, 7),
        (WEST - 0.05 * CELL, NORTH - 0.5 * CELL, 2.5, 5),
        (WEST + 0.5 * CELL, NORTH + 0.05 * CELL, 2.5, 5),
        # the last cell in the south-east, which would lie in the north if rows were turned
        (40 - 0.5 * CELL, 10 + 0.5 * CELL, 12.5, 5),
    ],
)
async def test_a_point_has_the_value_of_its_cell_and_how_often_it_was_seen(client, lon, lat, value, n_obs):
    answer = (await client.get(f"/products/nightlights/point/{lon},{lat}")).json()
    assert (answer["value"], answer["n_obs"], answer["state"]) == (value, n_obs, "ok")
    assert (answer["unit"], answer["period"]) == ("nW cm-2 sr-1", "2024-01")


async def test_a_cell_without_an_observation_has_no_value(client):
    lon, lat = WEST + 1.5 * CELL, NORTH - 0.5 * CELL
    answer = (await client.get(f"/products/nightlights/point/{lon},{lat}")).json()
    assert (answer["value"], answer["state"]) == (None, "masked")
    assert answer["reason"] == "Masked: not observed in this time, but filled from history."
    assert "n_obs" not in answer


async def test_a_missing_cell_is_not_dark(client):
    answer = (await client.get(f"/products/nightlights/point/35,{20 - 0.5 * CELL}")).json()
    assert (answer["value"], answer["state"]) == (None, "nodata")


async def test_statistics_count_observed_cells_and_say_how_often_they_were(client):
    """Four cells in a row: 2.5 (5 nights), 40 (7), one of none, 2.5 (5); all have one area.

    The box ends a little within them, so that it has no part of others by rounding.
    """
    edge = CELL * 1e-4
    entry = await series(
        client, box(WEST - CELL + edge, NORTH - CELL + edge, WEST + 3 * CELL - edge, NORTH - edge)
    )
    assert entry["count"] == pytest.approx(3, rel=1e-3)
    assert entry["sum"] == pytest.approx(45.0, rel=1e-3)
    assert entry["mean"] == pytest.approx(15.0, rel=1e-3)
    assert entry["valid_fraction"] == pytest.approx(0.75, rel=1e-3)
    counts = entry["n_obs"]
    assert (counts["min"], counts["max"]) == (5.0, 7.0)
    assert counts["mean"] == pytest.approx(17 / 3, rel=1e-3)


async def test_a_series_past_the_end_of_the_satellite_says_so(client):
    answer = await client.post(
        "/products/nightlights/statistics?datetime=2026-09/2026-12", json=mapping(box(30.5, 19, 30.6, 19.1))
    )
    series = {entry["period"]: entry for entry in answer.json()["properties"]["series"]}
    assert list(series) == ["2026-09", "2026-10", "2026-11", "2026-12"]
    assert ["note" in entry for entry in series.values()] == [False, False, True, True]
    assert series["2026-11"]["note"].endswith(
        "black-marble-monthly-noaa20 goes on from NOAA-20. The two are not one series."
    )
    assert (series["2026-11"]["status"], series["2026-11"]["mean"]) == ("empty", None)


async def test_statistics_of_a_place_without_observations_are_empty(client):
    entry = await series(client, box(WEST + CELL, NORTH - CELL, WEST + 2 * CELL, NORTH))
    assert (entry["status"], entry["mean"], entry["count"]) == ("empty", None, None)
    assert "n_obs" not in entry


async def test_a_tile_has_the_value_where_the_cell_is(client):
    zoom = 11
    matrices = matrix_sets.get("WebMercatorQuad")
    tile = matrices.tile(WEST + 0.5 * CELL, NORTH - 0.5 * CELL, zoom)
    answer = await client.get(f"/tiles/nightlights/{zoom}/{tile.x}/{tile.y}.npy")
    values, codes = np.load(BytesIO(answer.content))
    bounds = matrices.bounds(tile)
    _, columns = np.nonzero(values == 40)
    lons = bounds.left + (columns + 0.5) / 256 * (bounds.right - bounds.left)
    assert lons.min() >= WEST
    assert lons.max() <= WEST + CELL
    unseen = codes == -2
    assert set(np.nonzero(unseen)[1]) == set(range(columns.max() + 1, columns.max() + 1 + len(set(columns))))
    assert set(values[codes == 255]) == {np.float32(2.5), np.float32(40)}


def test_a_damaged_file_is_made_again_from_the_archive(store, laads, tmp_path):
    shutil.copytree(unquote(urlsplit(store).path), tmp_path / "store")
    (damaged,) = Path(tmp_path / "store").glob("collections/*/scenes/*/*/radiance.tif")
    before = damaged.read_bytes()
    damaged.write_bytes(before[:-1000] + bytes(1000))
    result = run(laads, tmp_path, "verify", "black-marble-monthly", "--repair")
    assert (result["damaged"], len(result["mended"])) == ({}, 1)
    assert damaged.read_bytes() == before
