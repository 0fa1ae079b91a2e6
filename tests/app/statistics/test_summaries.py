"""What a summary says beside its numbers: classes, histogram, why values are missing; and what is refused."""

import math

import numpy as np
import pytest
from rasterio.transform import Affine

from app.statistics.summary import Histogram, StatisticsRequestError, Status, SummaryOptions
from tests.app.statistics.landed import AT_MOL, Raster, plain_product, world
from tests.app.statistics.polygons import DISTRICT, near_mol, noise


async def test_classes_have_their_hectares(tmp_path):
    values = np.repeat(np.array([1, 2, 3, 4], "uint8"), 50)[np.newaxis].repeat(200, axis=0)
    rows = [
        {"name": "low", "to": 2, "color": "#000000"},
        {"name": "middle", "from": 2, "to": 4, "color": "#777777"},
        {"name": "high", "from": 4, "color": "#ffffff"},
    ]
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": Raster(values)})
        # 30 columns of 1, 50 of 2, 50 of 3, 20 of 4, each 100 rows high: pixels are a hundredth of a hectare
        summary = await here.summary(
            near_mol([20, 170, 170, 20], [50, 50, 150, 150]), plain_product(classes=rows)
        )
    assert [c.name for c in summary.classes] == ["low", "middle", "high"]
    assert [c.area_ha for c in summary.classes] == pytest.approx([30.0, 100.0, 20.0], abs=0.05)
    assert [c.fraction for c in summary.classes] == pytest.approx([0.2, 2 / 3, 2 / 15], abs=1e-3)
    assert sum(c.fraction for c in summary.classes) == pytest.approx(1)


async def test_a_histogram_holds_the_whole_area(tmp_path):
    values = noise(200, 200, 1, 11)
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": Raster(values)})
        polygon = near_mol([20, 170, 170, 20], [50, 50, 150, 150])
        wanted = SummaryOptions((50.0,), Histogram(10, 0.5, 10.5))
        summary = await here.summary(polygon, wanted=wanted)
        unbounded = await here.summary(polygon, wanted=SummaryOptions((), Histogram(3)))
    counted = np.bincount(values[50:150, 20:170].ravel(), minlength=11)[1:]
    assert [b.area_km2 * 1e4 for b in summary.histogram] == pytest.approx(counted, abs=8)
    assert sum(b.area_km2 for b in summary.histogram) == pytest.approx(summary.valid_area_km2)
    assert [b.low for b in unbounded.histogram] == pytest.approx([1, 4, 7])
    assert summary.numbers is not None
    assert summary.percentiles == {"p50": pytest.approx(summary.numbers.median)}


async def test_outside_and_masked_are_told_apart(tmp_path):
    values = noise(400, 400)
    values[:, :100] = 0
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": Raster(values)})
        summary = await here.summary(near_mol([50, 450, 450, 50], [100, 100, 300, 300]))
        beyond = await here.summary(near_mol([900, 950, 950], [100, 100, 150]))
    assert summary.status is Status.PARTIAL
    assert summary.valid_fraction == pytest.approx(300 / 400, abs=1e-3)
    assert summary.reason is not None
    outside, masked = summary.reason.split(". ")
    assert "lies outside the scenes" in outside
    assert "masked or has no data" in masked
    assert beyond.status is Status.EMPTY
    assert beyond.reason == "No scene covers the area at this time."
    entry = beyond.entry("2024-06")
    assert entry["mean"] is entry["count"] is entry["percentiles"]["p2"] is None
    assert entry["valid_fraction"] == entry["valid_area_km2"] == 0
    assert entry["area_km2"] == pytest.approx(0.125, rel=0.01)


async def test_the_input_hash_changes_with_what_matters_only(tmp_path):
    west, east = near_mol([20, 90, 90], [50, 50, 150]), near_mol([620, 690, 690], [50, 50, 150])
    async with world(tmp_path) as here:
        raster = Raster(noise(300, 300))
        await here.land("2024-06", {"value": raster}, scene_id="west")

        async def inputs(polygon, product=None, wanted=SummaryOptions()):  # noqa: B008
            return (await here.engine.resolve(product or plain_product(), polygon, "2024-06", wanted)).inputs

        before = await inputs(west), await inputs(east)
        far = Raster(raster.values, AT_MOL @ Affine.translation(600, 0))
        await here.land("2024-06", {"value": far}, scene_id="east")
        assert await inputs(west) == before[0]
        assert await inputs(east) != before[1]
        others = {
            await inputs(west, plain_product("value + 1")),
            await inputs(west, plain_product(lit_above=0.5)),
            await inputs(west, wanted=SummaryOptions((5.0,))),
            await inputs(near_mol([20, 90, 91], [50, 50, 150])),
        }
        assert len(others | {before[0]}) == 5
        assert await inputs(west, plain_product(title="Another name")) == before[0]


async def test_pictures_have_no_statistics(tmp_path):
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": Raster(noise(300, 300))})
        product = plain_product(
            expression=None, bands=["value"] * 3, rescale=[0, 1], colormap=None, unit=None
        )
        with pytest.raises(StatisticsRequestError, match="picture of three bands"):
            await here.summary(DISTRICT, product)


async def test_too_many_scenes_are_refused(tmp_path):
    async with world(tmp_path, max_scenes=1) as here:
        for scene in ("one", "two"):
            await here.land("2024-06", {"value": Raster(noise(300, 300))}, scene_id=scene)
        with pytest.raises(StatisticsRequestError, match="more than 1 scenes"):
            await here.summary(DISTRICT)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: SummaryOptions((101.0,)),
        lambda: SummaryOptions((math.nan,)),
        lambda: SummaryOptions(tuple(range(101))),
        lambda: Histogram(0),
        lambda: Histogram(1001),
        lambda: Histogram(3, 1.0, 1.0),
    ],
)
def test_wishes_beyond_bounds_are_refused(wrong):
    with pytest.raises(StatisticsRequestError):
        wrong()
