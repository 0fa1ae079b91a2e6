"""Composites beside what NumPy makes of the same scenes, and what lands with them."""

import asyncio
import io
import json
import shutil
import warnings

import numpy as np
import pytest
import rasterio
from rasterio.warp import Resampling, reproject, transform_bounds

from ingest.compositing.plan import is_composed
from ingest.compositing.request import CompositeError, composite_orders
from ingest.compositing.scene_selection import NoScenesError
from ingest.landing import land_scene
from ingest.landing_request import BandFile, LandingRequest
from ingest.planning import plan_scene
from mosaics.bbox import Bbox
from mosaics.log import read_state
from mosaics.storage import open_storage
from tests.ingest.compositing.scenes import (
    AROUND,
    BESIDE_THIRD,
    COLLECTIONS,
    FIRST,
    MONTH,
    SECOND,
    SHAPE,
    SIDE,
    THIRD,
    Drawn,
    composed,
    june,
    observations,
    order,
    planned,
)
from tests.rasters import MOL, UTM_31N, write_geotiff

HALF_A_STEP = 0.00005 + 1e-7


@pytest.fixture
async def storage(tmp_path):
    async with await open_storage((tmp_path / "store").as_uri()) as opened:
        yield opened


@pytest.fixture(scope="module")
def landed_month(tmp_path_factory):
    """A folder with the month and a scene of the next; copied, since landing takes a second."""
    folder = tmp_path_factory.mktemp("month") / "store"

    async def land():
        async with await open_storage(folder.as_uri()) as opened:
            for scene in (*MONTH, Drawn("july", june(30).replace(month=7))):
                await scene.land(opened)

    asyncio.run(land())
    return folder


@pytest.fixture
async def month(landed_month, tmp_path):
    copied = shutil.copytree(landed_month, tmp_path / "month")
    async with await open_storage(copied.as_uri()) as opened:
        yield opened


async def landed(storage, landing):
    """The item, and of every asset its pixels and how they are placed."""
    item = json.loads(await storage.get(landing.plan.item_key))
    pixels, profiles = {}, {}
    for band in item["assets"]:
        with rasterio.open(io.BytesIO(await storage.get(landing.plan.cog_key(band)))) as dataset:
            pixels[band], profiles[band] = dataset.read(1), dataset.profile
    return item, pixels, profiles


def values(numbers):
    """What stored numbers of sentinel-2-monthly mean, by hand."""
    return np.where(numbers == 0, np.nan, numbers / 10000 - 0.1)


def nanmedian(stack):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of pixels without any observation
        return np.nanmedian(stack, axis=0)


def same(numbers, expected):
    found = values(numbers)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, atol=HALF_A_STEP, rtol=0)
    return True


async def test_a_median_is_the_nanmedian_of_the_masked_stack(storage_address):
    async with await open_storage(storage_address) as storage:
        for scene in MONTH:
            await scene.land(storage)
        landing = await composed(storage, await planned(storage, order(("red", "nir", "nir08"))))
        item, pixels, profiles = await landed(storage, landing)
    for band in ("red", "nir"):
        stack = observations(band)
        assert same(pixels[band], nanmedian(stack))
        assert len(np.unique((~np.isnan(stack)).sum(axis=0))) == 4  # none to three observations
    assert same(pixels["nir08"], nanmedian(observations("nir08", 20)))
    counts = [(~np.isnan(observations(band))).sum(axis=0) for band in ("red", "nir")]
    np.testing.assert_array_equal(pixels["count"], np.minimum(*counts))
    assert profiles["red"]["crs"] == UTM_31N
    assert [*profiles["red"]["transform"]][:6] == [10, 0, MOL[0], 0, -10, MOL[1]]
    assert [*profiles["nir08"]["transform"]][:6] == [20, 0, MOL[0], 0, -20, MOL[1]]
    assert (profiles["red"]["dtype"], profiles["red"]["nodata"]) == ("uint16", 0)
    assert item["assets"]["red"]["bands"][0]["raster:offset"] == -0.1


async def test_the_item_tells_what_it_was_made_of(month):
    landing = await composed(month, await planned(month, order()))
    item, pixels, _ = await landed(month, landing)
    records = {record.title: record for record in map(_Link, item["links"]) if record.rel == "derived_from"}
    assert list(records) == ["first", "second", "third", "beside"]
    state = await read_state(month, "sentinel-2-l2a")
    folder = landing.plan.item_key.rpartition("/")[0]
    for scene_id, link in records.items():
        assert link.resolved(folder) == state.scenes[scene_id].item_key
    told = item["properties"]["tilewatch:composite"]
    assert (told["method"], told["scenes"], told["overpasses"]) == ("median", 4, 3)
    assert told["mean_observations"] == pytest.approx(pixels["count"].mean(), abs=5e-4)
    assert told["unseen_percent"] == pytest.approx(100 * (pixels["count"] == 0).mean(), abs=5e-4)
    assert item["properties"]["start_datetime"] == "2024-06-01T00:00:00Z"
    assert item["properties"]["end_datetime"] == "2024-07-01T00:00:00Z"
    assert item["properties"]["tilewatch:synthetic"] is False
    assert landing.plan.record().period.text == "2024-06"


class _Link:
    def __init__(self, link):
        self.rel, self.title, self.href = link["rel"], link.get("title"), link["href"]

    def resolved(self, folder):
        parts = folder.split("/")
        for step in self.href.split("/"):
            parts = parts[:-1] if step == ".." else [*parts, step]
        return "/".join(parts)


async def test_under_a_box_the_pixels_are_the_scenes_own(month):
    # From the middle of column 20 to that of 60, of row 30 to that of 80: no pixel is moved.
    left, top = MOL[0] + 205, MOL[1] - 305
    box = Bbox(*transform_bounds(UTM_31N, "EPSG:4326", left, top - 500, left + 400, top))
    landing = await composed(month, await planned(month, order(("nir",), box=box)))
    _, pixels, profiles = await landed(month, landing)
    across, down = ~profiles["nir"]["transform"] * MOL
    column, row = -round(across), -round(down)
    assert (across, down) == (pytest.approx(-column), pytest.approx(-row))
    height, width = pixels["nir"].shape
    assert column <= 20
    assert row <= 30
    assert column + width >= 61
    assert row + height >= 81
    assert height * width < SHAPE[0] * SHAPE[1] / 2
    assert same(pixels["nir"], nanmedian(observations("nir"))[row : row + height, column : column + width])


async def test_blocks_do_not_show(month):
    from dataclasses import replace

    plan = await planned(month, order())
    whole = await composed(month, plan)
    _, expected, _ = await landed(month, whole)
    small = await composed(month, replace(plan, order=order(method="max"), side=40))
    assert small.plan.digest != whole.plan.digest
    _, most, _ = await landed(month, small)
    assert same(most["nir"], np.fmax.reduce(observations("nir"), axis=0))
    np.testing.assert_array_equal(most["count"], expected["count"])


async def test_the_same_again_changes_nothing_and_a_new_scene_replaces_it(month):
    first = await composed(month, await planned(month, order()))
    assert first.commit == 1
    again = await planned(month, order())
    assert is_composed(again, await read_state(month, "sentinel-2-monthly"))
    assert (await composed(month, again)).commit is None
    late = Drawn("late", june(27))
    await late.land(month)
    newer = await planned(month, order())
    assert not is_composed(newer, await read_state(month, "sentinel-2-monthly"))
    second = await composed(month, newer)
    assert second.commit == 2
    state = await read_state(month, "sentinel-2-monthly")
    assert {name: scene.item_key for name, scene in state.scenes.items()} == {
        first.plan.id: second.plan.item_key
    }
    _, pixels, _ = await landed(month, second)
    assert same(pixels["nir"], nanmedian(np.stack([*observations("nir"), late.placed("nir", SHAPE)])))


async def test_a_composite_of_synthetic_scenes_is_synthetic(storage):
    await Drawn("made-up", june(2), synthetic=True).land(storage)
    landing = await composed(storage, await planned(storage, order()))
    item, _, _ = await landed(storage, landing)
    assert landing.plan.record().synthetic
    assert item["properties"]["title"] == "Synthetic demonstration data"
    described = json.loads(await storage.get("collections/sentinel-2-monthly/collection.json"))
    assert described["tilewatch:attribution"] == "Synthetic demonstration data"
    assert [provider["name"] for provider in described["providers"]] == ["Synthetic demonstration data"]


async def test_landsat_has_its_own_rule_scale_and_grid(storage, tmp_path):
    red = np.array([[0, 8500, 18000], [8500, 8500, 8500]], np.uint16)
    # 21824 clear land, 22280 cloud, 23888 cloud shadow, 1 fill (domain of QA_PIXEL, Collection 2)
    quality = np.array([[21824, 21824, 21824], [22280, 23888, 1]], np.uint16)
    files = {"red": (red, 0), "qa_pixel": (quality, 1)}
    source = COLLECTIONS["landsat-c2-l2"]
    assets = [
        BandFile(band, write_geotiff(tmp_path / f"{band}.tif", numbers, pixel_size=30, nodata=nodata))
        for band, (numbers, nodata) in files.items()
    ]
    await land_scene(storage, plan_scene(source, LandingRequest("landsat", june(2), june(2), tuple(assets))))
    (asked,) = composite_orders(
        COLLECTIONS, "landsat-c2-l2", box=AROUND, when="2024-06", bands=["red"], method="median"
    )
    item, pixels, profiles = await landed(storage, await composed(storage, await planned(storage, asked)))
    # The numbers of the source: DN 8500 is 0.03375, 18000 is 0.295.
    assert pixels["red"].tolist() == [[0, 8500, 18000], [0, 0, 0]]
    assert profiles["red"]["transform"].a == 30
    facts = item["assets"]["red"]["bands"][0]
    assert 8500 * facts["raster:scale"] + facts["raster:offset"] == pytest.approx(0.03375)
    assert item["collection"] == "landsat-monthly"


async def test_scenes_of_another_zone_are_moved_by_the_nearest_pixel_and_named(storage):
    # The corner near Mol in zone 32: a scene there lies aslant, and fills what zone 31 has not seen.
    west, _, _, north = transform_bounds(UTM_31N, "EPSG:32632", MOL[0], MOL[1] - 960, MOL[0] + 960, MOL[1])
    corner = (round(west / 10) * 10.0, round(north / 10) * 10.0)
    other = Drawn("zone-32", june(12), crs="EPSG:32632", corner=corner)
    for scene in (FIRST, THIRD, other):
        await scene.land(storage)
    plan = await planned(storage, order(("nir",)))
    assert str(plan.grids[0].crs) == UTM_31N
    assert plan.resampled == {"zone-32"}
    assert "the nearest pixels are taken: zone-32" in plan.notes[0]
    _, pixels, profiles = await landed(storage, await composed(storage, plan))
    moved = np.full(pixels["nir"].shape, np.nan)
    source = rasterio.Affine(10, 0, corner[0], 0, -10, corner[1])
    reproject(
        other.values("nir"),
        moved,
        src_transform=source,
        src_crs="EPSG:32632",
        dst_transform=profiles["nir"]["transform"],
        dst_crs=UTM_31N,
        src_nodata=np.nan,
        dst_nodata=np.nan,
        resampling=Resampling.nearest,
    )
    across, down = (round(each) for each in ~profiles["nir"]["transform"] * MOL)
    own = np.full((2, *moved.shape), np.nan)
    for plane, scene in zip(own, (FIRST, THIRD), strict=True):
        top, left = down + scene.down, across + scene.right
        plane[top : top + 96, left : left + 96] = scene.values("nir")
    assert same(pixels["nir"], nanmedian(np.stack([*own, moved])))


async def test_scenes_that_cannot_be_used_are_left_out_and_named(storage):
    await FIRST.land(storage)
    await Drawn("blind", june(5)).land(storage, without=("scl",))
    await Drawn("narrow", june(6)).land(storage, without=("nir",))
    await Drawn("masked", june(7)).land(storage, mask=np.eye(SIDE) == 0)
    plan = await planned(storage, order())
    assert [scene.id for scene in plan.selection.scenes] == ["first"]
    assert plan.notes == (
        "blind is left out: it has no band scl, so its clouds are unknown; ingest it again with scl",
        "masked is left out: no number marks the missing pixels of red; land it again with --nodata",
        "narrow is left out: it has no band nir; ingest it again with nir",
    )


async def test_what_cannot_be_composited_is_said(month):
    with pytest.raises(NoScenesError, match="no scene of sentinel-2-l2a lies over the box"):
        await planned(month, order(box=Bbox(20, 40, 21, 41)))
    with pytest.raises(NoScenesError, match=r"no scene .* in 2024-05-01"):
        await planned(month, order(when="2024-05"))
    with pytest.raises(NoScenesError, match=r"none of 4 scenes .*; beside: it has no band green"):
        await planned(month, order(("green",)))
    pixels = sum(3 * 96 * 96 for _ in MONTH)
    with pytest.raises(CompositeError, match="TILEWATCH_COMPOSITE_MAX_PIXELS"):
        await planned(month, order(), max_pixels=pixels - 1)
    assert (await planned(month, order(), max_pixels=pixels)).pixels_read == pixels
    assert {SECOND.id, THIRD.id, BESIDE_THIRD.id} < {
        s.id for s in (await planned(month, order())).selection.scenes
    }
    assert AROUND.parts == ((5.0, 51.0, 5.6, 51.5),)
