"""Overviews of real small files: what they show, and of which scenes they are made."""

import itertools
import json
from datetime import timedelta

import morecantile
import numpy as np
import pytest
import rasterio

from app.products.adhoc import adhoc_product
from mosaics.scene import read_item
from mosaics.storage import open_storage
from mosaics.sweeping import unreferenced
from tests.ingest.overviews.scenes import COLLECTION, land, put_grid, put_scene, texture
from tests.ingest.overviews.viewing import (
    FINEST,
    MIDDLE,
    PIXEL_DEG,
    TMS,
    Viewer,
    bring,
    overviews_of,
    renamed,
    small_grid,
    tile_of,
)


async def test_at_its_finest_zoom_an_overview_shows_what_the_scenes_show(storage):
    await land(storage, await small_grid(storage, bands=("red", "nir", "scl")))
    viewer = Viewer(storage)
    before, files = await viewer.values(*tile_of(*MIDDLE, FINEST))
    assert files >= 15
    outcome = await bring(storage)
    assert (outcome.made, outcome.kept, outcome.unlike) == (7, 0, {})
    after, files = await viewer.values(*tile_of(*MIDDLE, FINEST))
    assert files == 3
    assert np.isfinite(after).sum() > 25_000
    np.testing.assert_array_equal(after, before)
    # One zoom deeper the scenes are read themselves, and at zoom 0 there is one file a band as well.
    (x, y, z) = tile_of(*MIDDLE, FINEST + 1)
    assert len((await viewer.resolved(x, y, z)).scenes.best_first) > 1
    assert (await viewer.values(0, 0, 0))[1] == 3
    assert (await bring(storage)).made == 0


async def test_on_s3_it_is_the_same(s3_address):
    async with await open_storage(s3_address) as storage:
        await land(storage, await small_grid(storage))
        viewer = Viewer(storage)
        place = tile_of(*MIDDLE, FINEST)
        before, _ = await viewer.values(*place)
        assert (await bring(storage)).made == 7
        after, files = await viewer.values(*place)
        assert files == 2
        np.testing.assert_array_equal(after, before)
        assert [info.key async for info in unreferenced(storage, timedelta(hours=1))] == []


async def test_coarser_zooms_are_means_within_one_scene(storage, tmp_path):
    await land(storage, await small_grid(storage))
    await bring(storage)
    made = await overviews_of(storage)
    planes = {}
    for zoom in (FINEST - 1, FINEST):
        (place,) = [place for place in made if place[0] == zoom]
        folder = tmp_path / "store" / made[place].item_key.rpartition("/")[0]
        for band in ("red", "scene-of-pixel"):
            with rasterio.open(folder / f"{band}.tif") as file:
                # Laid out on the whole cell of 2048 px, so that the two zooms can be compared.
                whole = np.zeros((2048, 2048), file.dtypes[0])
                pixel = 2 * 20037508.342789244 / (256 << zoom)
                cell = TMS.xy_bounds(morecantile.Tile(place[1], place[2], zoom - 3))
                left, top = (
                    round((file.bounds.left - cell.left) / pixel),
                    round((cell.top - file.bounds.top) / pixel),
                )
                whole[top : top + file.height, left : left + file.width] = file.read(1)
                planes[zoom, band] = whole
                assert file.block_shapes == [(256, 256)]
    coarse_x, coarse_y = next((x, y) for z, x, y in made if z == FINEST - 1)
    fine_x, fine_y = next((x, y) for z, x, y in made if z == FINEST)
    left, top = (fine_x - 2 * coarse_x) * 1024, (fine_y - 2 * coarse_y) * 1024
    red, scene = planes[FINEST, "red"], planes[FINEST, "scene-of-pixel"]
    coarse = planes[FINEST - 1, "red"][top : top + 1024, left : left + 1024]
    compared = 0
    for row, column in itertools.product(range(0, 1024, 7), range(0, 1024, 7)):
        four = red[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].ravel().astype(float)
        of = scene[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].ravel()
        if not of.any():
            assert coarse[row, column] == 0
            continue
        first = of[np.flatnonzero(of)[0]]
        assert coarse[row, column] == np.rint(four[of == first].mean())
        compared += 1
    assert compared > 100


async def test_a_cloud_yields_to_the_next_scene_and_stays_where_all_are_cloudy(storage):
    side, corner = 192, (10.0, 8.0)
    records = []
    for number in range(6):  # six scenes of one place, so that any tile over it is crowded
        scl = np.full((side, side), 4, np.uint8)
        scl[:64] = 9
        scl[64:128] = 9 if number < 2 else 4
        bands = {"red": texture(number, (side, side)), "nir": texture(100 + number, (side, side)), "scl": scl}
        cover = float(number)
        records.append(
            await put_scene(storage, f"c{number}", corner, PIXEL_DEG, bands, cloud_cover_percent=cover)
        )
    await land(storage, records)
    viewer = Viewer(storage)
    place = tile_of(10.0 + 96 * PIXEL_DEG, 8.0 - 96 * PIXEL_DEG, FINEST)
    before, _ = await viewer.values(*place)
    await bring(storage)
    after, files = await viewer.values(*place)
    assert files <= 3
    np.testing.assert_array_equal(after, before)
    assert 0 < np.isfinite(after).sum() < after.size
    # Where all are cloudy the best scene's numbers stand under its own class 9, for products without a mask.
    red = adhoc_product(COLLECTION, expression="red", rescale="0,1")
    shown, _ = await viewer.values(*place, product=red)
    scenes = await viewer.from_scenes(*place, product=red)
    hidden = np.isfinite(scenes) & ~np.isfinite(after)
    np.testing.assert_array_equal(shown[hidden], scenes[hidden])
    assert np.array_equal(np.isfinite(shown), np.isfinite(scenes))


async def test_only_whole_periods_are_drawn_from_overviews(storage):
    june = await small_grid(storage)
    july = [
        renamed(record, f"july-{record.id}")
        for record in await small_grid(storage, month="2024-07", day=20, version="july")
    ]
    await land(storage, [*june, *july])
    outcome = await bring(storage)
    assert outcome.made == 14
    viewer = Viewer(storage)
    place = tile_of(*MIDDLE, 4)
    for when, overviews in {
        None: 1, "2024-06": 1, "2024-06/2024-07": 2, "2024-06-10/2024-06-10": 0, "2024-06/2024-07-25": 1,
    }.items():  # fmt: skip
        scenes = (await viewer.resolved(*place, when=when)).scenes.best_first
        assert sum(scene.id.startswith("overview ") for scene in scenes) == overviews
        assert len(scenes) >= (12 if overviews < len({s.period for s in scenes}) else overviews)
    # Tiles of 512 px want pixels of the next zoom.
    (scene,) = (await viewer.resolved(*place, size=512)).scenes.best_first
    assert scene.id.startswith("overview 5/")


async def test_scenes_on_both_sides_of_the_antimeridian(storage):
    west = await put_grid(storage, 3, 2, pixel_deg=PIXEL_DEG, side=128, corner=(180 - 358.4 * PIXEL_DEG, 8.0))
    east = [
        renamed(record, f"east-{record.id}")
        for record in await put_grid(
            storage, 3, 2, pixel_deg=PIXEL_DEG, side=128, corner=(-180.0, 8.0), version="east", synthetic=True
        )
    ]
    await land(storage, [*west, *east])
    await bring(storage)
    viewer = Viewer(storage)
    red = adhoc_product(COLLECTION, expression="red", rescale="0,1")
    for lon, synthetic in ((180 - 100 * PIXEL_DEG, False), (-180 + 100 * PIXEL_DEG, True)):
        place = tile_of(lon, 8.0 - 100 * PIXEL_DEG, FINEST)
        shown, files = await viewer.values(*place, product=red)
        assert files == 1
        assert (await viewer.resolved(*place)).synthetic is synthetic
        scenes = await viewer.from_scenes(*place, product=red)
        np.testing.assert_array_equal(shown, scenes)
    assert (await viewer.resolved(0, 0, 0)).synthetic
    item = json.loads(await storage.get((await overviews_of(storage))[0, 0, 0].item_key))
    assert item["properties"]["title"] == "Synthetic demonstration data"


async def test_scenes_without_a_number_for_missing_keep_a_mask(storage):
    await land(storage, await small_grid(storage, nodata=None))
    await bring(storage)
    viewer = Viewer(storage)
    place = tile_of(10.0 + 20 * PIXEL_DEG, 8.0 - 20 * PIXEL_DEG, FINEST)
    shown, files = await viewer.values(*place)
    assert files == 2
    np.testing.assert_array_equal(shown, await viewer.from_scenes(*place))
    assert 0 < np.isfinite(shown).sum() < shown.size


async def test_unlike_scenes_have_no_overview_where_they_meet_and_others_do(storage):
    near = await small_grid(storage)
    far = await put_grid(storage, 4, 3, pixel_deg=PIXEL_DEG, side=128, corner=(100.0, 8.0), version="far",
                         bands=("red",))  # fmt: skip
    await land(storage, [*near, *(renamed(record, f"far-{record.id}") for record in far)])
    outcome = await bring(storage)
    assert outcome.unlike == {"2024-06": "not all scenes have nir"}
    assert sorted({place[0] for place in await overviews_of(storage)}) == list(range(5, FINEST + 1))
    assert outcome.made == 4  # those over the one and those over the other, from zoom 5 on


async def test_one_fine_scene_makes_no_other_place_fine(storage):
    near = await small_grid(storage)
    far = await put_grid(storage, 4, 3, pixel_deg=PIXEL_DEG, side=128, corner=(100.0, 8.0), version="far")
    bands = {"red": texture(1, (256, 256)), "nir": texture(2, (256, 256))}
    fine = await put_scene(storage, "fine", (10.0, 8.0), PIXEL_DEG / 16, bands)
    await land(storage, [*near, fine, *(renamed(record, f"far-{record.id}") for record in far)])
    await bring(storage)
    # Tiles of zoom 7, 2.8 degrees, reach into nine scenes at both places. The fine scene's cell is tile
    # 4/8/7, 0 to 22.5 E; the other place lies in 4/12/7.
    of_zoom_7 = {place for place in await overviews_of(storage) if place[0] > FINEST}
    assert of_zoom_7 == {(7, 8, 7)}


async def test_items_are_read_as_scenes_and_say_what_they_are(storage):
    await land(storage, await small_grid(storage))
    await bring(storage)
    made = (await overviews_of(storage))[0, 0, 0]
    document = json.loads(await storage.get(made.item_key))
    item = read_item(document, made.item_key, storage)
    assert sorted(item.assets) == ["nir", "red", "scene-of-pixel"]
    assert (item.assets["red"].scale, item.assets["red"].nodata) == (0.0001, 0)
    with rasterio.open(item.assets["red"].path) as file:
        assert file.crs.to_epsg() == 3857
        assert file.scales == (0.0001,)
        assert list(file.transform)[:6] == document["assets"]["red"]["proj:transform"]
        assert [file.height, file.width] == document["assets"]["red"]["proj:shape"] == [256, 256]
    assert document["bbox"] == pytest.approx([-180, -85.05112878, 180, 85.05112878])
    assert document["properties"]["tilewatch:processing"] == {"offset": ["offset unknown"]}


async def test_at_every_zoom_an_overview_says_how_the_values_of_its_scenes_are_made(storage):
    bands = {name: texture(99, (128, 128)) for name in ("nir", "red")}
    landed = {"tilewatch:harmonisation": {}, "processing:level": "L2A"}
    other = await put_scene(storage, "other", MIDDLE, PIXEL_DEG, bands, properties=landed)
    await land(storage, [*await small_grid(storage), other])
    await bring(storage)
    found = await overviews_of(storage)
    for place in ((0, 0, 0), max(found)):
        document = json.loads(await storage.get(found[place].item_key))
        assert document["properties"]["tilewatch:processing"] == {
            "level": ["level 2A"],
            "offset": ["harmonised", "offset unknown"],
        }


async def test_a_viewport_opens_few_files_at_every_zoom(storage):
    # Of 25 m. At zoom 13 a tile is 196 px of a scene's 256, so that four scenes at most meet in it.
    pixel_deg, finest = PIXEL_DEG / 64, FINEST + 6
    records = await put_grid(storage, 9, 6, pixel_deg=pixel_deg)
    await land(storage, records)
    await bring(storage)
    viewer = Viewer(storage)
    plain = adhoc_product(COLLECTION, expression="(nir-red)/(nir+red)", rescale="-1,1")
    most: dict[int, int] = {}
    corner = (10.0 + 4.05 * 0.9 * 256 * pixel_deg, 8.0 - 3.05 * 0.9 * 256 * pixel_deg)
    for z in range(15):
        x, y, _ = tile_of(*corner, z)
        tiles = [(x + i, y + j, z) for j in range(-3, 4) for i in range(-4, 5)]
        for tile in tiles if z > finest else tiles[31:32] + tiles[:3]:
            if not (0 <= tile[0] < 1 << z and 0 <= tile[1] < 1 << z):
                continue
            if not (await viewer.resolved(*tile, product=plain)).scenes.best_first:
                continue
            _, files = await viewer.values(*tile, product=plain)
            most[z] = max(most.get(z, 0), files)
    assert sorted(most) == list(range(15))
    assert {z: most[z] for z in range(finest - 1)} == dict.fromkeys(range(finest - 1), 2)
    assert max(most.values()) <= 8
