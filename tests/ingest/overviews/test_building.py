"""Overviews of real small files: what they show, when they hold, and that nothing that goes wrong shows."""

import asyncio
import itertools
import json
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import morecantile
import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from numpy.typing import NDArray

from app.cli import main
from app.cli.low_zooms import TilePixels
from app.products.adhoc import adhoc_product
from app.products.model import Product
from app.products.registry import Registry
from app.rendering.renderer import Renderer
from app.rendering.request import TileFormat, TileRequest
from app.rendering.resolving import resolve_tile
from ingest.collections import load_collections
from ingest.overviews.building import build_overviews
from mosaics.catalogue import Catalogue
from mosaics.document import MosaicDocument
from mosaics.log import read_state
from mosaics.period import Period
from mosaics.scene import read_item
from mosaics.storage import StorageUnavailableError, open_storage
from mosaics.sweeping import unreferenced
from tests.ingest.overviews.scenes import COLLECTION, files_under, land, put_grid, put_scene, texture

TMS = morecantile.tms.get("WebMercatorQuad")
CLEAR = load_collections()[COLLECTION.id].clear
NDVI = Registry.load().get("ndvi")
FINEST = 6
PIXEL_DEG = 1600 / 111319.49
"""1600 m. Zoom 6 has 2446 m at the equator, 1.53 times as much, 1.51 at 8 degrees north; zoom 7 has half."""
NOW = timedelta(seconds=-60)


@pytest.fixture
async def storage(tmp_path):
    async with await open_storage(str(tmp_path / "store")) as opened:
        yield opened


class Viewer:
    """Somebody who looks at tiles, and how many files that took."""

    def __init__(self, storage, **settings):
        self.catalogue = Catalogue(storage)
        self.renderer = Renderer(self.catalogue, threads=2)

    async def resolved(self, x, y, z, *, product=NDVI, when=None, size=256):
        await self.catalogue.refresh()
        request = TileRequest(product, TMS, z, x, y, size, TileFormat.NPY, when)
        return await resolve_tile(self.catalogue, request, limit=64)

    async def values(self, x, y, z, **asked):
        """The values of a tile, NaN where there is none, and the files it took."""
        resolved = await self.resolved(x, y, z, **asked)
        tile = await self.renderer.render(resolved)
        planes = np.load(BytesIO(tile.body))
        return np.where(planes[-1] == 255, planes[0], np.nan), tile.files

    async def from_scenes(self, x: int, y: int, z: int, *, product: Product = NDVI) -> NDArray[np.float32]:
        """The same tile from the scenes themselves, as many as there may be."""
        (period,) = self.catalogue.periods(COLLECTION.id)
        index = await self.catalogue.index(COLLECTION.id, period)
        grid = TileRequest(product, TMS, z, x, y, 256, TileFormat.NPY, None).grid()
        values = await self.renderer.values(product, index.scenes_in_tile(x, y, z), grid)
        plane: NDArray[np.float32] = values.planes[0]
        return plane


async def bring(storage, clear=CLEAR):
    return await build_overviews(storage, COLLECTION, clear, TilePixels(storage), threads=2)


async def overviews_of(storage, period="2024-06"):
    state = await read_state(storage, COLLECTION.id)
    document = MosaicDocument(await storage.get(state.mosaics[Period.parse(period)]))
    return {(one.zoom, one.column, one.row): one for one in document.overviews}


async def small_grid(storage, **given):
    """Four by three scenes of 128 px, crowding tiles down to zoom 6 (nine of them in some)."""
    return await put_grid(storage, 4, 3, pixel_deg=PIXEL_DEG, side=128, **given)


def tile_of(lon, lat, z):
    tile = TMS.tile(lon, lat, z)
    return tile.x, tile.y, tile.z


MIDDLE = (10.0 + 200 * PIXEL_DEG, 8.0 - 150 * PIXEL_DEG)


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
    assert len((await viewer.resolved(x, y, z)).scenes) > 1
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


async def test_no_tile_shows_a_scene_that_is_gone_or_lacks_one_that_has_come(storage):
    far = await put_grid(storage, 4, 3, pixel_deg=PIXEL_DEG, side=128, corner=(100.0, 8.0), version="far")
    far = [_renamed(record, f"far-{record.id}") for record in far]
    await land(storage, [*await small_grid(storage), *far])
    await bring(storage)
    viewer = Viewer(storage)
    red = adhoc_product(COLLECTION, expression="red", rescale="0,1")
    bands = {"red": np.full((128, 128), 4000, np.uint16), "nir": np.full((128, 128), 8000, np.uint16)}
    corner = (10.0 + 150 * PIXEL_DEG, 8.0 - 100 * PIXEL_DEG)
    for change in ("add", "replace", "remove"):
        before = await overviews_of(storage)
        if change == "remove":
            await land(storage, [], remove=["s5"])
        else:
            given: dict[str, Any] = {
                "version": change,
                "cloud_cover_percent": 0.0 if change == "add" else 99.0,
            }
            await land(storage, [await put_scene(storage, "s5", corner, PIXEL_DEG, bands, **given)])
        for place in (tile_of(*MIDDLE, z) for z in (FINEST, 3, 0)):
            shown, files = await viewer.values(*place, product=red)
            assert files > 4  # the scenes themselves, until the overviews are made anew
            np.testing.assert_array_equal(shown, await viewer.from_scenes(*place, product=red))
        elsewhere = await viewer.values(*tile_of(100.0 + 200 * PIXEL_DEG, MIDDLE[1], FINEST), product=red)
        assert elsewhere[1] == 1

        # Zooms 0 to 3 are one cell for the whole world, and zoom 4 one for both places.
        near = {place for place in before if place[0] <= 4 or place[1] < 1.5 * 2 ** (place[0] - 4)}
        outcome = await bring(storage)
        after = await overviews_of(storage)
        assert after.keys() == before.keys()
        assert len(near) == outcome.made == 7
        same = {place for place in after if after[place].item_key == before[place].item_key}
        # Where few pixels are left of a scene its going may change none, and then nothing has changed.
        assert same >= after.keys() - near
        assert not same & {place for place in near if place[0] >= 5}
        place = tile_of(*MIDDLE, FINEST)
        shown, files = await viewer.values(*place, product=red)
        assert files == 1
        np.testing.assert_array_equal(shown, await viewer.from_scenes(*place, product=red))


def _renamed(record, name):
    return replace(record, id=name)


async def test_a_builder_that_dies_anywhere_leaves_nothing_wrong_and_the_next_completes(storage):
    await land(storage, await small_grid(storage))
    viewer = Viewer(storage)
    place = tile_of(*MIDDLE, FINEST)
    truth, _ = await viewer.values(*place)

    class Dies:
        """Storage that takes so many writes and no more."""

        def __init__(self, left):
            self.left = left

        def __getattr__(self, name):
            return getattr(storage, name)

        async def put_new(self, *given):
            await self._count()
            await storage.put_new(*given)

        async def put_new_file(self, *given):
            await self._count()
            await storage.put_new_file(*given)

        async def _count(self):
            self.left -= 1
            if self.left < 0:
                raise StorageUnavailableError("the writer dies here")

    # Four objects an overview, seven of them, then the mosaic and its commit.
    for writes in (0, 3, 15, 28, 29):
        with pytest.raises(StorageUnavailableError):
            await bring(Dies(writes))
        assert await overviews_of(storage) == {}
        shown, files = await viewer.values(*place)
        assert files > 4
        np.testing.assert_array_equal(shown, truth)
    assert (await bring(Dies(30))).made == 7
    shown, files = await viewer.values(*place)
    assert files == 2
    np.testing.assert_array_equal(shown, truth)
    # What the dead have written was what was to be written; only the mosaic of one of them is left over.
    swept = [info.key async for info in unreferenced(storage, NOW)]
    assert not [key for key in swept if "/overviews/" in key]


async def test_only_whole_periods_are_drawn_from_overviews(storage):
    june = await small_grid(storage)
    july = [
        _renamed(record, f"july-{record.id}")
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
        scenes = (await viewer.resolved(*place, when=when)).scenes
        assert sum(scene.id.startswith("overview ") for scene in scenes) == overviews
        assert len(scenes) >= (12 if overviews < len({s.period for s in scenes}) else overviews)
    # Tiles of 512 px want pixels of the next zoom.
    (scene,) = (await viewer.resolved(*place, size=512)).scenes
    assert scene.id.startswith("overview 5/")


async def test_scenes_on_both_sides_of_the_antimeridian(storage):
    west = await put_grid(storage, 3, 2, pixel_deg=PIXEL_DEG, side=128, corner=(180 - 358.4 * PIXEL_DEG, 8.0))
    east = [
        _renamed(record, f"east-{record.id}")
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
    await land(storage, [*near, *(_renamed(record, f"far-{record.id}") for record in far)])
    outcome = await bring(storage)
    assert outcome.unlike == {"2024-06": "not all scenes have nir"}
    assert sorted({place[0] for place in await overviews_of(storage)}) == list(range(5, FINEST + 1))
    assert outcome.made == 4  # those over the one and those over the other, from zoom 5 on


async def test_one_fine_scene_makes_no_other_place_fine(storage):
    near = await small_grid(storage)
    far = await put_grid(storage, 4, 3, pixel_deg=PIXEL_DEG, side=128, corner=(100.0, 8.0), version="far")
    bands = {"red": texture(1, (256, 256)), "nir": texture(2, (256, 256))}
    fine = await put_scene(storage, "fine", (10.0, 8.0), PIXEL_DEG / 16, bands)
    await land(storage, [*near, fine, *(_renamed(record, f"far-{record.id}") for record in far)])
    await bring(storage)
    # Tiles of zoom 7, 2.8 degrees, reach into nine scenes at both places. The fine scene's cell is tile
    # 4/8/7, 0 to 22.5 E; the other place lies in 4/12/7.
    of_zoom_7 = {place for place in await overviews_of(storage) if place[0] > FINEST}
    assert of_zoom_7 == {(7, 8, 7)}


async def test_a_damaged_file_costs_its_pixels_until_it_is_whole_again(storage, tmp_path):
    records = await small_grid(storage)
    await land(storage, records)
    file = tmp_path / "store" / records[5].item_key.replace("item.json", "nir.tif")
    whole = file.read_bytes()
    file.write_bytes(whole[:200])
    outcome = await bring(storage)
    assert outcome.left_out == {records[5].item_key}
    viewer = Viewer(storage)
    place = tile_of(*MIDDLE, FINEST)
    shown, _ = await viewer.values(*place)
    file.write_bytes(whole)
    outcome = await bring(storage)
    assert (outcome.left_out, outcome.made) == (set(), 7)
    mended, _ = await viewer.values(*place)
    assert np.isfinite(mended).sum() > np.isfinite(shown).sum()


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


async def test_the_command_makes_them_and_the_log_tells(storage, tmp_path):
    await land(storage, await small_grid(storage))
    address = str(tmp_path / "store")
    result = await _run(["overviews", "--storage", address])
    assert result.exit_code == 0, result.output
    assert "sentinel-2-l2a: 7 overviews made for low zooms; 0 were right." in result.output
    again = await _run(["overviews", "sentinel-2-l2a", "--period", "2024-06", "--json", "--storage", address])
    assert json.loads(again.output.splitlines()[-1]) == {"event": "result", "made": 0, "kept": 7}
    refused = await _run(["overviews", "sentinel-9", "--storage", address])
    assert refused.exit_code == 2
    assert "there are: sentinel-2-l2a" in refused.output
    told = await _run(["log", "sentinel-2-l2a", "--storage", address])
    assert "overviews of 2024-06" in told.output
    assert any("/overviews/2024-06/6-" in key for key in files_under(Path(address)))


async def _run(arguments):
    return await asyncio.to_thread(CliRunner().invoke, main, arguments)


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
            if not (await viewer.resolved(*tile, product=plain)).scenes:
                continue
            _, files = await viewer.values(*tile, product=plain)
            most[z] = max(most.get(z, 0), files)
    assert sorted(most) == list(range(15))
    assert {z: most[z] for z in range(finest - 1)} == dict.fromkeys(range(finest - 1), 2)
    assert max(most.values()) <= 8
