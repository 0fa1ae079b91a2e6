"""Merging: a scene ingested again with other bands has them all, and where it cannot, that is said."""

import json
from datetime import timedelta

import numpy as np
import pytest
import rasterio

from ingest.merging import read_landed
from ingest.options import IngestOptions, Mode
from mosaics.bbox import Bbox
from mosaics.log import read_commits, read_state
from mosaics.scene import read_item
from mosaics.storage import StorageUnavailableError, open_storage
from mosaics.sweeping import remove, unreferenced
from tests.ingest.archives.playing import NIR, RED, Quiet, ingest, play, scene_files
from tests.ingest.archives.scenes import BANDS, SIDE_PX, sentinel_item
from tests.ingest.archives.server import file
from tests.rasters import write_cog

SENTINEL = "sentinel-2-l2a"
ID = "S2A_31UFT_20240615_0_L2A"
COLOURS = {"green": ("B03", 1500), "blue": ("B02", 1300)}
BOX = Bbox(5.0, 51.0, 5.5, 51.5)  # holds all of the scene
NOW = timedelta(seconds=-60)  # the clocks of storage and tests may differ by less


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """Files by band: those of `scene_files`, and green and blue, of which each has one number."""
    folder = tmp_path_factory.mktemp("files")
    found = scene_files(folder)
    for band, (_, number) in COLOURS.items():
        values = np.full((SIDE_PX, SIDE_PX), number, dtype="uint16")
        found[band] = write_cog(folder / f"{band}.tif", values, nodata=0).read_bytes()
    return found


@pytest.fixture
def offer(archive, contents):
    """Lets the archive have a scene of five bands."""

    def items(*found):
        play(archive, list(found), contents)
        for item in found:
            for band, (name, _) in COLOURS.items():
                href = f"{archive.url}/{item['id']}/{name}.tif"
                item["assets"][band] = {**item["assets"]["red"], "href": href}
                archive.routes[f"/{item['id']}/{name}.tif"] = file(contents[band])
        archive.asked.clear()

    return items


@pytest.fixture
def bring(archive, client, store, tmp_path):
    async def run(bands, *, storage=store, **given):
        return await ingest(
            archive.url, client, storage, tmp_path / "downloads", bands=tuple(bands.split(",")), **given
        )

    return run


async def landed_item(store):
    """The one scene there is."""
    ((_, scene),) = (await read_state(store, SENTINEL)).scenes.items()
    return json.loads(await store.get(scene.item_key)), scene.item_key


async def numbers(store):
    """Stored number in the middle of each band, and its physical value."""
    item, item_key = await landed_item(store)
    found = {}
    for band, asset in read_item(item, item_key, store).assets.items():
        with rasterio.Env(**store.gdal_options()), rasterio.open(asset.path) as dataset:
            stored = int(dataset.read(1)[dataset.height // 2, dataset.width // 2])
        found[band] = (stored, round(stored * asset.scale + asset.offset, 6))
    return found


def fetched(archive):
    """Names of the files of which more was asked than the size."""
    return {one.path.rpartition("/")[2] for one in archive.asked if one.method == "GET" and not one.is_probe}


def touched(archive):
    return {one.path.rpartition("/")[2] for one in archive.asked} - {"search"}


# DN * 0.0001 - 0.1 (baseline 05.10, and the 1st percentile of red is above 900); the class is no reflectance
ALL_FIVE = {
    "red": (RED, 0.0718),
    "green": (1500, 0.05),
    "blue": (1300, 0.03),
    "nir": (NIR, 0.2338),
    "scl": (4, 4.0),
}


async def test_bands_of_two_runs_are_one_scene_and_only_the_new_are_fetched(
    archive, offer, contents, bring, storage_address, tmp_path
):
    offer(sentinel_item(archive.url, ID))
    async with await open_storage(storage_address) as storage:
        await bring("red,green,blue,scl", storage=storage)
        _, before = await landed_item(storage)
        archive.asked.clear()
        watch = Quiet()
        survey, _ = await bring("nir,red", storage=storage, watch=watch)
        assert touched(archive) == fetched(archive) == {"B08.tif"}
        assert survey.to_fetch_bytes == watch.fetched_bytes == len(contents["nir"])
        assert await numbers(storage) == ALL_FIVE
        commits = [commit async for commit in read_commits(storage, SENTINEL)]
        assert [([one.id for one in commit.added], commit.removed) for commit in commits] == [([ID], ())] * 2
        # one after the other or at once, it is the same scene
        merged, item_key = await landed_item(storage)
        async with await open_storage((tmp_path / "at-once").as_uri()) as other:
            await bring("red,green,blue,scl,nir", storage=other)
            assert await landed_item(other) == (merged, item_key)
        # of bands that are there already nothing is asked
        archive.asked.clear()
        survey, _ = await bring("blue", storage=storage)
        assert (survey.landed, survey.pending, touched(archive)) == ((ID,), (), set())
        # what was replaced goes, and takes nothing along
        swept = [info async for info in unreferenced(storage, NOW, superseded=NOW)]
        for info in swept:
            await remove(storage, info)
        folder = before.rpartition("/")[0]
        assert {info.key for info in swept if "/scenes/" in info.key} == {
            f"{folder}/{name}"
            for name in ("item.json", "item.json.copy", "red.tif", "green.tif", "blue.tif", "scl.tif")
        }
        assert await numbers(storage) == ALL_FIVE


async def test_parts_under_a_box_are_merged(archive, offer, contents, bring, store):
    offer(sentinel_item(archive.url, ID))
    await bring("red,green,blue", bbox=BOX, options=IngestOptions(clip=BOX))
    archive.asked.clear()
    survey, _ = await bring("nir,scl", bbox=BOX, options=IngestOptions(clip=BOX))
    # red has told the offset before, so that no file is fetched whole for it
    assert touched(archive) == {"B08.tif", "SCL.tif"}
    assert await numbers(store) == ALL_FIVE
    # a box is a scene of its own, and the whole scene loses nothing by it
    survey, _ = await bring("nir")
    assert survey.pending[0].merger.losses == ()
    assert len((await read_state(store, SENTINEL)).scenes) == 2


async def test_files_left_in_their_archive_are_merged(archive, offer, bring, store):
    offer(sentinel_item(archive.url, ID))
    options = IngestOptions(Mode.REFERENCE)
    await bring("red,green,blue", options=options)
    archive.asked.clear()
    watch = Quiet()
    await bring("nir", options=options, watch=watch)
    assert (touched(archive), fetched(archive), watch.fetched_bytes) == ({"B08.tif"}, set(), 0)
    item, item_key = await landed_item(store)
    assert {band: asset["href"] for band, asset in item["assets"].items()} == {
        band: f"{archive.url}/{ID}/{name}.tif"
        for band, name in {**BANDS, "green": "B03", "blue": "B02"}.items()
        if band != "scl"
    }
    assert {asset["bands"][0]["raster:offset"] for asset in item["assets"].values()} == {-0.1}
    left = [info.key async for info in store.list(item_key.rpartition("/")[0])]
    assert left == [item_key, f"{item_key}.copy"]


async def test_what_was_decided_of_a_scene_holds_for_bands_that_come_later(
    archive, offer, bring, store, tmp_path
):
    """Flagged as not applied, red says it was: near infrared, which never goes so low, is not asked."""
    offer(sentinel_item(archive.url, ID, boa_offset_applied=False))
    dark = write_cog(tmp_path / "dark.tif", np.full((SIDE_PX, SIDE_PX), RED - 1000, "uint16"), nodata=0)
    archive.routes[f"/{ID}/B04.tif"] = file(dark.read_bytes())
    await bring("red")
    await bring("nir")
    assert await numbers(store) == {"red": (718, 0.0718), "nir": (NIR, 0.3338)}


async def test_a_run_that_dies_before_its_commit_has_lost_nothing(archive, offer, contents, bring, store):
    class Dies:
        def __getattr__(self, name):
            return getattr(store, name)

        async def put_new(self, key, data, media_type):
            if "/log/" in key:
                raise StorageUnavailableError("the writer dies here")
            await store.put_new(key, data, media_type)

    offer(sentinel_item(archive.url, ID))
    await bring("red,green,blue,scl")
    with pytest.raises(StorageUnavailableError):
        await bring("nir", storage=Dies())
    assert await numbers(store) == {band: ALL_FIVE[band] for band in ("red", "green", "blue", "scl")}
    archive.asked.clear()
    await bring("nir")
    assert fetched(archive) == set()
    assert await numbers(store) == ALL_FIVE


async def test_two_runs_at_once_do_not_undo_one_another(archive, offer, bring, store):
    class Overtaken:
        """Storage in which another run lands green while a run uploads its first file."""

        overtaking = False

        def __getattr__(self, name):
            return getattr(store, name)

        async def put_new_file(self, key, path, media_type):
            if not self.overtaking:
                self.overtaking = True
                await bring("green")
            await store.put_new_file(key, path, media_type)

    offer(sentinel_item(archive.url, ID))
    _, outcome = await bring("red", storage=Overtaken())
    assert outcome.failures == {
        ID: f"{ID} was landed again by another writer meanwhile; "
        "do the same again, which takes that into account."
    }
    assert list(await numbers(store)) == ["green"]
    await bring("red")
    assert await numbers(store) == {band: ALL_FIVE[band] for band in ("green", "red")}


@pytest.mark.parametrize(
    ("lost", "names", "bands"),
    [
        ("red.tif", {"B04.tif", "B08.tif"}, ("green", "red", "nir")),
        ("item.json", {"B08.tif"}, ("nir",)),
    ],
)
async def test_what_storage_has_lost_is_no_hindrance(archive, offer, bring, store, *, lost, names, bands):
    offer(sentinel_item(archive.url, ID))
    await bring("red,green")
    _, item_key = await landed_item(store)
    await store.delete(item_key.replace("item.json", lost))
    archive.asked.clear()
    await bring("nir")
    assert fetched(archive) == names
    assert await numbers(store) == {band: ALL_FIVE[band] for band in bands}


@pytest.mark.parametrize(
    ("before", "now", "options", "said"),
    [
        (
            {"baseline": "05.09"},
            {},
            IngestOptions(),
            "blue, green: they are of processing baseline 05.09, and this is 05.10",
        ),
        ({}, {}, IngestOptions(Mode.REFERENCE), "blue, green: they were copied"),
        (
            {},
            {"cloud_cover": 5.0},
            IngestOptions(),
            "blue, green: they are of other files or an older item, or had another --scale or --offset",
        ),
        (  # the same addresses, but of numbers that mean something else
            {"boa_offset_applied": False},
            {"boa_offset_applied": True},
            IngestOptions(),
            "blue, green: they are of other files or an older item, or had another --scale or --offset",
        ),
    ],
    ids=["baseline", "mode", "item", "flag"],
)
async def test_bands_that_cannot_stand_beside_the_new_go_and_are_named(
    archive, offer, bring, store, before, now, options, said
):
    offer(sentinel_item(archive.url, ID, **before))
    await bring("red,green,blue")
    offer(sentinel_item(archive.url, ID, **now))
    survey, _ = await bring("nir,red", options=options)
    assert survey.pending[0].merger.losses == (f"{said}; name them in --bands to have them of this one too.",)
    item, _ = await landed_item(store)
    assert set(item["assets"]) == {"nir", "red"}


async def test_bands_of_a_lesser_version_that_goes_are_named(archive, offer, bring, store):
    first, second = (
        sentinel_item(archive.url, ID),
        sentinel_item(archive.url, ID[:-6] + "1_L2A", sequence="1"),
    )
    offer(first)
    await bring("red,blue")
    offer(first, second)
    survey, _ = await bring("red")
    assert survey.pending[0].merger.losses == (
        f"blue: they are of {ID}, which it replaces; name them in --bands to have them of this one too.",
    )
    version = await read_landed(store, await read_state(store, SENTINEL), second["id"])
    assert version is not None
    assert version.bands == ("red",)
