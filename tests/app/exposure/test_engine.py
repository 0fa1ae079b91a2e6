"""What journeys meet: the worked routes, by length and by time, and what keeps values away.

Worked numbers were made by other code: an exact split, and sampling in 400,000 steps. Beside them stand the
answers of usual mistakes, which must not come out: the mean of the cells touched, an array read upside down,
places taken for the middle of a cell that are its corner.
"""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import h5py
import numpy as np
import pytest
from rasterio.transform import Affine
from rasterio.warp import transform

from app.exposure.engine import ExposureEngine
from app.exposure.journey import Journey
from app.exposure.line import Line, LineError
from app.statistics.summary import StatisticsRequestError
from mosaics.period import Cadence
from tests.app.statistics.landed import Raster, plain_product, world
from tests.rasters import MOL, UTM_31N

DEGREES = "EPSG:4326"


def line_of(*places):
    return Line.read({"type": "LineString", "coordinates": [list(place) for place in places]})


def grid_of(left, top, size):
    return Affine(size, 0, left, 0, -size, top)


def raster(rows, left=0.0, top=1.0, size=1.0, nodata=-9.0, **how):
    values = np.array(rows, "float32") if not isinstance(rows, np.ndarray) else rows
    return Raster(values, grid_of(left, top, size), DEGREES, nodata=nodata, **how)


def at_mol(*places):
    """Longitudes and latitudes of places in metres east and south of the corner of the rasters at Mol."""
    xs, ys = [MOL[0] + x for x, _ in places], [MOL[1] - y for _, y in places]
    return np.column_stack(transform(UTM_31N, DEGREES, xs, ys))


async def exposed(here, journey, product=None, datetime=None, **limits):
    engine = ExposureEngine(here.catalogue, here.renderer, **limits)
    journey = journey if isinstance(journey, Journey) else Journey(journey)
    return await engine.expose(await engine.resolve(product or plain_product(), journey, datetime))


async def test_c1_length_without_data_counts_in_the_share_and_not_in_the_mean(tmp_path):
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": raster([[10, 20, -9]])})
        found = await exposed(here, line_of((0, 0.5), (3, 0.5)))
    entry = found.entry("2024-06")
    assert entry["mean"] == pytest.approx(15, rel=1e-5)
    assert entry["valid_share"] == pytest.approx(2 / 3, rel=1e-5)
    assert entry["length_km"] == pytest.approx(333.94584, rel=1e-7)
    assert (entry["max"], entry["p95"], entry["status"], entry["time"]) == (20, 20, "partial", None)
    assert entry["lacking"] == {"nodata": pytest.approx(1 / 3)}
    assert entry["reason"] == "33.3 % of the length lies without data."
    assert found.states.tolist() == ["ok", "ok", "nodata"]
    assert json.loads(json.dumps(entry, allow_nan=False)) == entry


async def test_c2_a_slanted_line_is_not_the_mean_of_the_cells_it_touches(tmp_path):
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": raster([[1, 2], [3, 4]], top=2.0)})
        found = await exposed(here, line_of((0.25, 0), (2, 1.75)))
    mean = found.entry("2024-06")["mean"]
    assert mean == pytest.approx(2.714318, rel=1e-6)
    assert mean != pytest.approx(3.0, rel=1e-2)  # the cells touched
    assert found.status == "ok"


async def test_c3_time_and_length_weigh_differently(tmp_path):
    # legs of 10 km along the equator: the first in A, the second half in A and half in B
    km = np.degrees(1000 / 6_378_137)
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": raster([[4, 16]], top=7.5 * km, size=15 * km)})
        line = line_of((0, 0), (10 * km, 0), (20 * km, 0))
        found = await exposed(here, Journey(line, np.array([600.0, 1200.0])))
    entry = found.entry("2024-06")
    assert entry["mean"] == pytest.approx(7.0, rel=1e-5)
    assert entry["time"]["mean"] == pytest.approx(8.0, rel=1e-5)
    assert entry["duration_s"] == 1800
    assert entry["length_km"] == pytest.approx(20, rel=1e-9)


async def land_scans(here, *scans):
    """Lands scenes of an hour, (hour, minutes it lasts, rows)."""
    for hour, minutes, rows in scans:
        start = datetime(2024, 7, 3, hour, tzinfo=UTC)
        await here.land(
            f"2024-07-03T{hour:02}",
            {"value": raster(rows)},
            cadence=Cadence.HOUR,
            scene_id=f"S{hour:02}",
            span=(start, start + timedelta(minutes=minutes)),
        )


THREE = line_of((0, 0.5), (1, 0.5), (2, 0.5), (3, 0.5))
AT_HALF_PAST_FIVE = datetime(2024, 7, 3, 17, 30, tzinfo=UTC)


async def test_c4_each_place_takes_the_scan_that_contains_its_moment(tmp_path):
    journey = Journey(THREE, np.full(3, 1200.0), AT_HALF_PAST_FIVE)
    late = Journey(THREE, np.full(3, 1200.0), AT_HALF_PAST_FIVE + timedelta(minutes=40))
    async with world(tmp_path) as here:
        await land_scans(here, (17, 59, [[2, 2, 2]]), (18, 59, [[6, 6, 6]]), (19, 10, [[9, 9, 9]]))
        found = await exposed(here, journey)
        after = await exposed(here, late)
    entry = found.entry("trip")
    assert entry["mean"] == pytest.approx(14 / 3, rel=1e-5)
    assert entry["time"]["mean"] == pytest.approx(14 / 3, rel=1e-5)
    assert found.values.tolist() == [2, 6, 6]
    assert {scan["id"] for scan in entry["scans"]} == {"S17", "S18"}
    # 18:20 and 18:40 lie in a scan, 19:00 in the last; ten minutes more and it would be none
    assert after.values.tolist() == [6, 6, 9]


async def test_a_moment_outside_every_scan_is_missing_with_the_reason(tmp_path):
    journey = Journey(THREE, np.full(3, 1200.0), AT_HALF_PAST_FIVE)
    async with world(tmp_path) as here:
        await land_scans(here, (17, 59, [[2, 2, 2]]))
        found = await exposed(here, journey)
        none = await exposed(here, Journey(THREE, np.full(3, 60.0), datetime(2020, 1, 1, tzinfo=UTC)))
    assert found.states.tolist() == ["ok", "no_scan", "no_scan"]
    assert found.reason == "66.7 % of the length lies at moments outside every scan."
    assert none.entry("trip")["mean"] is None
    assert none.states.tolist() == ["no_scan"] * len(none.states)


async def test_a_stop_counts_by_time_alone(tmp_path):
    line = line_of((0.25, 0.5), (0.75, 0.5), (0.75, 0.5), (1.25, 0.5))
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": raster([[10, 20]])})
        found = await exposed(here, Journey(line, np.array([100.0, 300.0, 100.0])))
    entry = found.entry("2024-06")
    assert entry["mean"] == pytest.approx(12.5)
    assert entry["time"]["mean"] == pytest.approx((100 * 10 + 300 * 10 + 50 * 10 + 50 * 20) / 500)


async def test_negative_columns_are_kept_and_nothing_is_clipped(tmp_path):
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": raster([[-4, 1, 1]], nodata=-1e30)})
        found = await exposed(here, line_of((0, 0.5), (3, 0.5)))
    assert found.entry("")["mean"] == pytest.approx(-2 / 3)
    assert found.entry("")["max"] == 1


async def test_the_95th_percentile_is_a_value_that_is_there(tmp_path):
    values = np.arange(1, 101, dtype="float32")[None]
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": raster(values, size=0.01, top=0.01)})
        whole = await exposed(here, line_of((0, 0.005), (1, 0.005)))
        cut = await exposed(here, line_of(*[(x, 0.005) for x in np.linspace(0, 1, 334)]))
    assert whole.entry("")["p95"] == 95  # 95 % of the length has 95 or less
    assert cut.entry("")["p95"] == 95  # wherever the line has positions


async def test_outside_coverage_and_masked_are_told_apart(tmp_path):
    product = plain_product(mask=[{"band": "flag", "keep": [0], "label": "flagged"}])
    async with world(tmp_path) as here:
        flags = raster(np.array([[0, 1, 0]], "int16"), nodata=None, categorical=True)
        await here.land("2024-06", {"value": raster([[1, 2, 3]]), "flag": flags})
        found = await exposed(here, line_of((0, 0.5), (30, 0.5)), product)
    entry = found.entry("2024-06")
    assert entry["lacking"] == {"masked": pytest.approx(1 / 30), "outside": pytest.approx(27 / 30)}
    assert entry["rules"] == ["flagged"]
    assert entry["mean"] == pytest.approx(2)


async def test_a_multilinestring_has_no_gap(tmp_path):
    line = Line.read(
        {"type": "MultiLineString", "coordinates": [[[0.1, 0.5], [0.9, 0.5]], [[2.1, 0.5], [2.9, 0.5]]]}
    )
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": raster([[1, 50, 3]])})
        found = await exposed(here, line)
    assert found.entry("")["mean"] == pytest.approx(2)
    assert found.entry("")["max"] == 3


async def test_over_a_projected_grid_the_mean_is_that_of_many_samples(tmp_path):
    values = np.random.default_rng(14).integers(1, 200, (300, 300)).astype("uint16")
    west, north = MOL
    lonlats = at_mol((110, 205), (1500, 2760), (2900, 340))
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": Raster(values)})
        found = await exposed(here, line_of(*lonlats.tolist()))
    steps = (np.arange(200_000) + 0.5) / 200_000
    sampled = []
    for a, b in pairwise(lonlats):
        xs, ys = transform("EPSG:4326", UTM_31N, *(a[:, None] + steps * (b - a)[:, None]))
        columns, rows = np.floor((np.array(xs) - west) / 10), np.floor((north - np.array(ys)) / 10)
        sampled.append(values[rows.astype(int), columns.astype(int)].mean())
    first, second = np.bincount(found.pieces.edge, found.pieces.lengths_m)
    expected = (sampled[0] * first + sampled[1] * second) / (first + second)
    assert found.entry("")["mean"] == pytest.approx(expected, rel=1e-4)


async def test_a_line_with_too_many_cells_takes_coarser_ones_and_says_so(tmp_path):
    values = np.full((512, 512), 7, "uint16")
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": Raster(values)})
        line = line_of(*at_mol((110, 205), (5000, 4760)).tolist())
        fine = await exposed(here, line)
        coarse = await exposed(here, line, piece_budget=200)
    assert fine.cell_size_m == 10
    assert coarse.cell_size_m == 80  # at 40 m it crosses 122 + 114 edges
    assert coarse.pieces.count < 200


async def test_no_scene_is_empty_and_has_no_numbers(tmp_path):
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": raster([[1]])})
        found = await exposed(here, line_of((50, 0), (51, 0)))
    entry = found.entry("2024-06")
    assert (entry["status"], entry["mean"], entry["valid_share"]) == ("empty", None, 0)
    assert entry["reason"] == "100 % of the length lies outside coverage."


async def test_a_scene_that_cannot_be_read_is_not_taken_for_nothing(tmp_path):
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": raster([[1, 2, 3]])}, damaged=True)
        found = await exposed(here, line_of((0, 0.5), (3, 0.5)))
    assert set(found.states.tolist()) == {"unreadable"}
    assert found.entry("")["skipped"] == ["scene-2024-06"]


async def test_the_hash_tells_what_the_numbers_depend_on(tmp_path):
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": raster([[1, 2, 3]])})
        engine = ExposureEngine(here.catalogue, here.renderer)
        line, product = line_of((0, 0.5), (3, 0.5)), plain_product()
        asked = [
            Journey(line),
            Journey(line_of((3, 0.5), (0, 0.5))),
            Journey(line, np.array([60.0])),
            Journey(line, np.array([61.0])),
            Journey(line, np.array([60.0]), AT_HALF_PAST_FIVE),
            Journey(line, np.array([60.0]), AT_HALF_PAST_FIVE + timedelta(seconds=1)),
        ]
        hashes = [(await engine.resolve(product, each)).inputs for each in asked]
        again = (await engine.resolve(product, Journey(line_of((0, 0.5), (3, 0.5))))).inputs
    assert len(set(hashes)) == len(asked)
    assert again == hashes[0]


async def test_a_product_of_three_bands_or_of_two_dates_is_refused(tmp_path):
    async with world(tmp_path) as here:
        engine = ExposureEngine(here.catalogue, here.renderer)
        journey = Journey(line_of((0, 0.5), (3, 0.5)))
        picture = plain_product(None, bands=["value"] * 3, rescale=[[0.0, 1.0]] * 3, colormap=None)
        with pytest.raises(StatisticsRequestError, match="picture of three bands"):
            await engine.resolve(picture, journey, gap=True)


@pytest.mark.parametrize(
    ("durations", "said"),
    [([1.0, 2.0], "1 segments and 2 durations"), ([-1.0], "0 or more"), ([0.0], "and more than 0")],
)
def test_durations_that_cannot_be_are_refused(durations, said):
    with pytest.raises(LineError, match=said):
        Journey(line_of((0, 0), (1, 1)), np.array(durations))


@pytest.mark.parametrize("moments", [[5.0, 4.0], [float("nan"), 1.0], [1.7e12, 1.7e12 + 60]])
def test_times_of_positions_are_unix_seconds_that_do_not_fall(moments):
    with pytest.raises(LineError, match="times of positions"):
        Journey.of_moments(line_of((0, 0), (1, 1)), np.array(moments))


def test_at_one_speed_the_last_position_is_passed_when_the_length_says():
    line = line_of((0, 0), (1, 0))
    journey = Journey.at_speed(line, 50.0, AT_HALF_PAST_FIVE)
    assert journey.duration_s == pytest.approx(111_319.49 / 50 * 3.6, rel=1e-7)


REAL = "nasa/tempo_l3_harmony_subset/TEMPO_HCHO_L3_V04_20250912T210435Z_S012_subsetted.nc4"
HCHO_ROUTE = line_of((-86.70, 41.30), (-85.90, 41.45), (-85.00, 41.60))


async def test_c5_the_real_formaldehyde_subset(tmp_path, shared_data):
    with h5py.File(shared_data / REAL) as file:
        bands = {
            name: file[path][0][::-1]
            for name, path in {
                "value": "product/vertical_column",
                "flag": "product/main_data_quality_flag",
                "cloud": "support_data/eff_cloud_fraction",
            }.items()
        }
    left, top = -168 + 4061 * 0.02, 14 + 1388 * 0.02
    rules = [{"band": "flag", "keep": [0], "label": "flagged"}]
    cloudy = {"band": "cloud", "max": 0.2, "label": "clouded"}
    async with world(tmp_path) as here:
        await here.land(
            "2025-09",
            {
                name: raster(np.ascontiguousarray(values), left, top, 0.02, nodata=nodata)
                for (name, values), nodata in zip(bands.items(), (-1e30, -9999, -1e30), strict=True)
            },
        )
        plain = await exposed(here, HCHO_ROUTE, plain_product(mask=rules))
        clear = await exposed(here, HCHO_ROUTE, plain_product(mask=[*rules, cloudy]))
    entry, at_02 = plain.entry(""), clear.entry("")
    assert entry["length_km"] == pytest.approx(145.91030, rel=1e-7)
    assert entry["pieces"] == 90
    assert entry["mean"] == pytest.approx(4.161033e15, rel=1e-6)
    assert entry["max"] == pytest.approx(1.852336e16, rel=1e-6)
    assert entry["valid_share"] == 1
    assert at_02["mean"] == pytest.approx(4.479693e15, rel=1e-6)
    assert at_02["valid_share"] == pytest.approx(0.972404, rel=1e-6)
    for wrong in (4.204474e15, 5.165086e15):  # the cells touched; the array upside down
        assert abs(entry["mean"] / wrong - 1) > 1e-3


@pytest.mark.parametrize(
    ("name", "mean", "largest"),
    [("2023-02-2836590", 6.493139, 104.7), ("2024-02-2954158", 1.242934, 38.0)],
)
async def test_c6_real_night_lights_along_a_road(tmp_path, shared_data, name, mean, largest):
    with h5py.File(shared_data / f"nasa/vnp46a3_c1_real/{name}.h5") as file:
        found = []
        file.visititems(
            lambda path, each: (
                found.append(each[...]) if "NearNadir" in path and hasattr(each, "shape") else None
            )
        )
    lights = raster(found[0], 30.0, 20.0, 10 / 2400, nodata=65535, scale=0.1)
    async with world(tmp_path) as here:
        await here.land(name[:7], {"value": lights})
        entry = (await exposed(here, line_of((32.53, 15.60), (33.52, 14.40)))).entry("")
    assert entry["length_km"] == pytest.approx(170.19592, rel=1e-7)
    assert entry["pieces"] == 518
    assert entry["mean"] == pytest.approx(mean, rel=1e-6)
    assert entry["max"] == pytest.approx(largest, rel=1e-6)
    assert abs(entry["mean"] / 6.483311 - 1) > 1e-3  # half a cell off


async def test_classes_are_told_by_length(tmp_path):
    rows = [
        {"name": "low", "upper": 2, "color": "#000000"},
        {"name": "high", "lower": 2, "color": "#ffffff"},
    ]
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": raster([[1, 1, 2, -9]])})
        found = await exposed(here, line_of((0, 0.5), (4, 0.5)), plain_product(classes=rows))
    entry = found.entry("2024-06")
    assert [each["name"] for each in entry["classes"]] == ["low", "high"]
    assert [each["share"] for each in entry["classes"]] == pytest.approx([2 / 3, 1 / 3])
    assert entry["classes"][0]["length_km"] == pytest.approx(entry["length_km"] / 2)
    assert entry["mean"] == pytest.approx(4 / 3)


async def test_classes_are_not_read_from_majorities(tmp_path):
    codes = plain_product(values={1: {"name": "water", "color": "#0000ff"}}, rescale=(), colormap=None)
    async with world(tmp_path) as here:
        ones = Raster(np.ones((512, 512), "uint8"), categorical=True)
        await here.land("2024-06", {"value": ones})
        way = line_of(*at_mol((110, 205), (5000, 4760)).tolist())
        whole = (await exposed(here, way, codes)).entry("")
        refused = (await exposed(here, way, codes, piece_budget=200)).entry("")
    assert (whole["mean"], whole["classes"][0]["share"], whole["status"]) == (None, pytest.approx(1), "ok")
    assert (refused["status"], refused["reason"][:40]) == (
        "empty",
        "The way crosses more than 200 pixels, wh",
    )
