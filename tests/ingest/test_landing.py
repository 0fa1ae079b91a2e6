"""Landing: what storage holds afterwards, and that doing it again, differently or at once stays right."""

import asyncio
import hashlib
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import rasterio

from ingest.landing import DiskFullError, land_scene, needed_bytes, require_space, steps, workspace
from ingest.planning import plan_scene
from ingest.raster import RasterRefusedError
from mosaics.catalogue import Catalogue
from mosaics.collection import Collection
from mosaics.log import read_commits, read_state
from mosaics.period import Period
from mosaics.storage import Storage, open_storage
from mosaics.sweeping import unreferenced
from tests.rasters import ramp, write_geotiff

SENTINEL = "sentinel-2-l2a"


@pytest.fixture
def plan(collections, make_order):
    return lambda *args, **given: plan_scene(collections[SENTINEL], make_order(*args, **given))


async def keys(storage: Storage) -> set[str]:
    return {info.key async for info in storage.list("")}


async def pixels(storage: Storage, key: str) -> np.ndarray:
    with rasterio.MemoryFile(await storage.get(key)) as memory, memory.open() as dataset:
        return np.asarray(dataset.read(1))


async def test_a_scene_landed_is_what_readers_find(storage, plan, collections):
    planned = plan(cloud_cover_percent=12.0)
    counted: list[int] = []
    landing = await land_scene(storage, planned, counted.append)
    assert landing.commit == 1
    assert sum(counted) == steps(planned)
    folder = f"collections/{SENTINEL}/scenes/a/{planned.digest}/"
    found = await keys(storage)
    assert {key for key in found if "/scenes/" in key} == {
        f"{folder}{n}" for n in ("item.json", "item.json.copy", "nir.tif", "red.tif")
    }
    assert len([key for key in found if "/mosaics/2024-06/" in key]) == 1
    assert (await pixels(storage, f"{folder}red.tif") == ramp(300, 280)).all()
    described = Collection.from_stac(json.loads(await storage.get(f"collections/{SENTINEL}/collection.json")))
    assert described == collections[SENTINEL].collection

    catalogue = Catalogue(storage)
    assert await catalogue.refresh() == {SENTINEL}
    (period,) = catalogue.periods(SENTINEL)
    index = await catalogue.index(SENTINEL, period)
    (scene,) = index.scenes_in(planned.footprint.centroid.buffer(0.001))
    assert (scene.id, scene.cloud_cover_percent, scene.synthetic) == ("a", 12.0, False)
    item = await catalogue.item(scene.item_key)
    stated = json.loads(await storage.get(scene.item_key))["assets"]
    for band in ("red", "nir"):
        content = await storage.get(f"{scene.item_key.rpartition('/')[0]}/{band}.tif")
        assert stated[band]["file:size"] == len(content)
        assert stated[band]["file:checksum"] == f"1220{hashlib.sha256(content).hexdigest()}"
        assert len(item.assets[band].checksums[0]) % 4 == 0
        assert item.assets[band].checksums[0]
    assert (item.assets["red"].scale, item.assets["red"].offset, item.assets["red"].nodata) == (
        0.0001,
        -0.1,
        0,
    )


async def test_landing_it_again_changes_nothing(storage, plan):
    await land_scene(storage, plan())
    before = await keys(storage)
    again = await land_scene(storage, plan())
    assert (again.commit, again.size_bytes) == (None, 0)
    assert await keys(storage) == before
    assert (await read_state(storage, SENTINEL)).number == 1


async def test_a_copy_of_the_files_under_other_names_is_the_same_scene(storage, plan, tmp_path):
    planned = plan()
    await land_scene(storage, planned)
    copies = {}
    for band, planned_band in planned.bands.items():
        copies[band] = tmp_path / f"copy-of-{band}.tif"
        copies[band].write_bytes(planned_band.raster.path.read_bytes())
    assert (await land_scene(storage, plan(files=copies))).commit is None


def test_a_file_that_gdal_reads_beside_another_is_part_of_it(plan):
    first = plan()
    red = first.bands["red"].raster.path
    red.with_name(f"{red.name}.aux.xml").write_text("<PAMDataset></PAMDataset>")
    assert plan(files={band: first.bands[band].raster.path for band in first.bands}).digest != first.digest


@pytest.mark.parametrize(
    "change",
    [
        {"low": 7.0},
        {"cloud_cover_percent": 3.0},
        {"baseline": "03.01"},
        {"when": datetime(2024, 7, 1, tzinfo=UTC)},
    ],
)
async def test_the_same_id_with_other_content_replaces_the_scene_in_one_commit(storage, plan, change):
    first = plan()
    await land_scene(storage, first)
    second = plan(**change)
    landing = await land_scene(storage, second)
    assert landing.commit == 2
    assert second.digest != first.digest
    state = await read_state(storage, SENTINEL)
    assert {scene_id: scene.item_key for scene_id, scene in state.scenes.items()} == {"a": second.item_key}
    assert list(state.mosaics) == [Period.containing(second.start, second.collection.cadence)]


async def test_one_damaged_asset_lands_nothing(storage, plan, tmp_path):
    good = write_geotiff(tmp_path / "red.tif", ramp(600, 600), nodata=0)
    bad = write_geotiff(tmp_path / "nir.tif", ramp(600, 600), nodata=0)
    bad.write_bytes(bad.read_bytes()[:300_000])
    planned = plan(files={"red": good, "nir": bad})
    with pytest.raises(RasterRefusedError, match=r"nir\.tif cannot be read to its end"):
        await land_scene(storage, planned)
    assert await keys(storage) == set()


async def test_a_landing_that_died_before_its_commit_is_completed(storage, plan):
    planned = plan()
    await land_scene(storage, planned)
    objects = [key for key in await keys(storage) if key.endswith("red.tif")]
    for key in await keys(storage):
        if key not in objects:
            await storage.delete(key)
    written = (await storage.head(objects[0])).modified
    assert (await land_scene(storage, planned)).commit == 1
    assert (await storage.head(objects[0])).modified == written
    assert (await pixels(storage, f"{planned.folder}nir.tif") == ramp(300, 280, low=2.0)).all()


async def test_leftovers_that_a_sweep_may_take_are_written_anew(storage, plan, monkeypatch):
    planned = plan()
    await storage.put(planned.cog_key("red"), b"left by a landing long dead", "image/tiff")
    monkeypatch.setattr("ingest.landing.REUSED_UP_TO", timedelta(0))
    await land_scene(storage, planned)
    assert (await pixels(storage, planned.cog_key("red")) == ramp(300, 280)).all()


async def test_a_sweep_finds_what_no_commit_names(storage, plan):
    await land_scene(storage, plan())
    kept = await keys(storage)
    orphan = f"collections/{SENTINEL}/scenes/a/0000/red.tif"
    await storage.put(orphan, b"left", "image/tiff")
    assert [info.key async for info in unreferenced(storage, timedelta(0))] == [orphan]
    assert [info.key async for info in unreferenced(storage, timedelta(hours=1))] == []
    assert await keys(storage) == kept | {orphan}


def land_in_another_process(address: str, files: dict[str, Path], scene_id: str, ready: Path) -> int | None:
    """Lands one scene once two processes are ready; runs in one of its own."""
    from ingest.landing_request import BandFile, LandingRequest
    from mosaics.descriptions.collections import load_collections

    when = datetime(2024, 6, 15, tzinfo=UTC)
    assets = tuple(BandFile(band, file) for band, file in files.items())
    order = LandingRequest(id=scene_id, start=when, end=when, assets=assets, baseline="05.10")
    planned = plan_scene(load_collections()[SENTINEL], order)
    (ready / str(os.getpid())).touch()
    while len(list(ready.iterdir())) < 2:
        time.sleep(0.005)

    async def land() -> int | None:
        async with await open_storage(address) as storage:
            return (await land_scene(storage, planned)).commit

    return asyncio.run(land())


@pytest.mark.parametrize("ids", [("a", "b"), ("a", "a")], ids=["two scenes", "the same scene"])
async def test_two_processes_landing_at_once_both_succeed(
    storage, storage_address, make_order, tmp_path, ids
):
    files = {asset.band: asset.path for asset in make_order().assets}
    ready = tmp_path / "ready"
    ready.mkdir()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(land_in_another_process, storage_address, files, name, ready) for name in ids]
        commits = [future.result() for future in futures]
    state = await read_state(storage, SENTINEL)
    assert set(state.scenes) == set(ids)
    assert sorted(number for number in commits if number) == list(range(1, len(set(ids)) + 1))
    added = [record.id async for commit in read_commits(storage, SENTINEL) for record in commit.added]
    assert sorted(added) == sorted(set(ids))


def test_converting_is_refused_where_the_disk_is_too_small(plan, tmp_path):
    planned = plan()
    # two rasters of 168 kB: their COGs by 4/3, and the plain copy of one
    assert needed_bytes(planned, planned.bands) == pytest.approx(
        2 * 168_000 * 4 / 3 + 168_000 * 7 / 6, rel=0.01
    )
    with pytest.raises(DiskFullError, match=r"needs 1000000\.0 GB .* set TMPDIR"):
        require_space(tmp_path, 10**15)


def test_the_folder_of_a_dead_landing_is_cleared_and_that_of_a_living_one_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("ingest.landing.STARTING_S", -1)
    dead = tmp_path / "tilewatch-landing-dead"
    dead.mkdir()
    (dead / "red.tif").touch()
    with workspace() as living, workspace() as another:
        assert not dead.exists()
        assert living.is_dir()
        assert another.is_dir()
    assert list(tmp_path.iterdir()) == []
