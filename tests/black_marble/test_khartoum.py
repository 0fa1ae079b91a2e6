"""Real tiles of Collection 1 around Khartoum, from the played archive to the product's own answers.

The numbers of boxes were worked out by others from the files alone (h5py and numpy); those of points are read
here from the files by h5py.
"""

from collections.abc import Callable
from io import BytesIO

import h5py
import numpy as np
import pytest
from morecantile import tms as matrix_sets
from shapely.geometry import box, mapping

from tests.black_marble.conftest import ingest
from tests.ingest.archives.cmr.playing import Laads
from tests.ingest.archives.commands import lonlats_of
from tests.real_scenes.conftest import serving

pytestmark = pytest.mark.real_data

FILES = {"2023-02": "2023-02-2836590.h5", "2024-02": "2024-02-2954158.h5"}
NAMES = {
    "2023-02": "VNP46A3.A2023032.h21v07.001.2023090000000.h5",
    "2024-02": "VNP46A3.A2024032.h21v07.001.2024090000000.h5",
}
KHARTOUM = box(32.4, 15.4, 32.7, 15.8)
WAD_MADANI = box(33.4, 14.3, 33.6, 14.5)
FIELD = "HDFEOS/GRIDS/VIIRS_Grid_DNB_2d/Data Fields/NearNadir_Composite_Snow_Free"
PRODUCT = "nightlights-c1"


@pytest.fixture(scope="module")
def store(archives, shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("khartoum")
    server, signed = archives
    laads = Laads(server, signed, source_id="black-marble-monthly-c1")
    for month, name in NAMES.items():
        laads.publish(name, shared_data / "nasa/vnp46a3_c1_real" / FILES[month])
    result = ingest(
        laads,
        folder,
        *("--bbox", "32.4,15.4,32.7,15.8", "--datetime", "2023-01/2024-12", "--bands", "radiance"),
    )
    assert (result["landed"], result["failures"]) == (2, {})
    return (folder / "store").as_uri()


@pytest.fixture
async def client(store):
    async with serving(store) as opened:
        yield opened


@pytest.fixture(scope="module")
def stored(shared_data) -> Callable[[str], np.ndarray]:
    """The numbers of a month, read by h5py."""

    def read(month: str) -> np.ndarray:
        with h5py.File(shared_data / "nasa/vnp46a3_c1_real" / FILES[month]) as file:
            numbers: np.ndarray = file[FIELD][...]
            return numbers

    return read


async def entries(client, geometry, **asked):
    answer = await client.post(
        f"/products/{PRODUCT}/statistics",
        json=mapping(geometry),
        params={"datetime": "2023-02/2024-02", **asked},
    )
    assert answer.status_code == 200, answer.text
    return {entry["period"]: entry for entry in answer.json()["properties"]["series"]}


async def test_khartoum_before_and_in_the_war(client):
    """Sum, mean, median and greatest value of 6912 cells, and the sum weighted with their areas."""
    series = await entries(client, KHARTOUM)
    assert len(series) == 13
    before, after = series["2023-02"], series["2024-02"]
    expected = {
        "sum": (110212.5, 42988.6),
        "mean_of_cells": (15.9451, 6.2194),
        "median": (8.3, 1.8),
        "max": (267.1, 54.0),
        "count": (6912, 6912),
    }
    for entry, place in ((before, 0), (after, 1)):
        assert entry["sum"] == pytest.approx(expected["sum"][place], abs=0.01)
        assert entry["sum"] / entry["count"] == pytest.approx(expected["mean_of_cells"][place], abs=5e-5)
        assert entry["median"] == pytest.approx(expected["median"][place], abs=0.051)
        assert entry["max"] == pytest.approx(expected["max"][place], abs=1e-4)
        assert entry["count"] == pytest.approx(expected["count"][place], abs=1e-6)
        assert entry["area_km2"] == pytest.approx(1424.052, abs=6e-4)
        assert entry["status"] == "ok"
    assert before["area_weighted_sum"] == pytest.approx(22706.24, abs=6e-3)
    assert after["area_weighted_sum"] == pytest.approx(8856.13, abs=6e-3)
    assert {series[period]["status"] for period in series if period not in FILES} == {"empty"}


def share_of(lit: np.ndarray) -> float:
    """The share of the ellipsoid's area in cells of the box, which is the difference of q at their edges."""
    e = 0.0818191908426215  # of WGS 84
    sines = np.sin(np.radians(20 - (1008 + np.arange(97)) / 240))
    q = sines / (1 - (e * sines) ** 2) + np.arctanh(e * sines) / e
    weights = np.broadcast_to((q[:-1] - q[1:])[:, None], lit.shape)
    return float(weights[lit].sum() / weights.sum())


async def test_lit_areas_of_khartoum_are_those_of_its_lit_cells(client, stored):
    """Of 6912 cells 6907 and 6290 have 0.5 nW or more, which is above 0: the product stores no less."""
    series = await entries(client, KHARTOUM, lit_above="0.3,0.5,1,3")
    for month, count in (("2023-02", 6907), ("2024-02", 6290)):
        numbers = stored(month)[1008:1104, 576:648]
        assert np.count_nonzero(numbers >= 5) == count
        lit = {each["above"]: each["share"] for each in series[month]["lit"]}
        assert lit[0.3] == lit[0.5] == pytest.approx(share_of(numbers > 0), rel=1e-7)
        assert lit[1] == pytest.approx(share_of(numbers > 10), rel=1e-7)
        assert lit[3] == pytest.approx(share_of(numbers > 30), rel=1e-7)


async def test_wad_madani(client):
    series = await entries(client, WAD_MADANI)
    assert series["2023-02"]["sum"] == pytest.approx(9297.1, abs=0.01)
    assert series["2024-02"]["sum"] == pytest.approx(3564.0, abs=0.01)


async def test_lit_cells_of_khartoum_in_a_tile(client, stored):
    """6907 of the 6912 cells have 0.5 nW or more; where a tile shows a cell, it has the cell's value."""
    numbers = stored("2023-02")
    assert np.count_nonzero(numbers[1008:1104, 576:648] >= 5) == 6907
    zoom, side = 11, 256
    matrices = matrix_sets.get("WebMercatorQuad")
    seen = {}
    for tile in matrices.tiles(32.4, 15.4, 32.7, 15.8, zooms=[zoom]):
        answer = await client.get(f"/tiles/{PRODUCT}/{zoom}/{tile.x}/{tile.y}.npy?datetime=2023-02")
        values, codes = np.load(BytesIO(answer.content))
        lons, lats = lonlats_of(matrices, tile, side)
        columns = np.floor((lons - 30) * 240).astype(int)
        rows = np.floor((20 - lats) * 240).astype(int)
        inside = np.ix_((rows >= 1008) & (rows < 1104), (columns >= 576) & (columns < 648))
        there = np.ix_(rows[(rows >= 1008) & (rows < 1104)], columns[(columns >= 576) & (columns < 648)])
        assert (codes[inside] == 255).all()
        assert np.allclose(values[inside], numbers[there] * 0.1, rtol=0, atol=1e-4)
        for row, line in zip(there[0].ravel(), values[inside], strict=True):
            for column, value in zip(there[1].ravel(), line, strict=True):
                seen[row, column] = value
    assert len(seen) == 6912
    assert sum(value >= np.float32(0.5) for value in seen.values()) == 6907
    assert sum(seen.values()) == pytest.approx(110212.5, abs=0.5)


async def test_points_have_the_numbers_that_h5py_reads(client, stored):
    rng = np.random.default_rng(7)
    for month in FILES:
        numbers = stored(month)
        for _ in range(60):
            row, column = rng.integers(0, 2400, 2)
            across, down = rng.uniform(0.02, 0.98, 2)
            lon, lat = 30 + (column + across) / 240, 20 - (row + down) / 240
            answer = await client.get(f"/products/{PRODUCT}/point/{lon},{lat}?datetime={month}")
            found, number = answer.json(), int(numbers[row, column])
            if number == 65535:
                assert (found["value"], found["state"]) == (None, "nodata")
            else:
                assert found["value"] == pytest.approx(number * 0.1, abs=1e-6)
                assert found["unmasked"] == ["not observed in this time, but filled from history"]
                assert "n_obs" not in found  # these files have no such layer


@pytest.mark.parametrize(
    ("month", "mean", "brightest"), [("2023-02", 6.493139, 104.7), ("2024-02", 1.242934, 38)]
)
async def test_lights_along_a_road(client, month, mean, brightest):
    asked = {"coords": "LINESTRING(32.53 15.60, 33.52 14.40)", "datetime": month, "parameter-name": PRODUCT}
    answer = await client.get("/collections/black-marble-monthly-c1/trajectory", params=asked)
    met = answer.json()["tilewatch:exposure"]
    assert (met["mean"], met["max"]) == (pytest.approx(mean, rel=1e-6), pytest.approx(brightest, rel=1e-6))
    assert (met["length_km"], met["pieces"]) == (pytest.approx(170.19592, rel=1e-7), 518)
