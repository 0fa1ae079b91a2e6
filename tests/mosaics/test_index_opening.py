"""Opening indexes: one file for all workers of a machine, made again where it is missing or damaged."""

import asyncio
import os
from datetime import timedelta

import pytest
import shapely

from mosaics.catalogue import Catalogue
from mosaics.flat_file import FlatFileError
from mosaics.index_files import INDEXED_FROM, index_key, map_index
from mosaics.index_opening import IndexFiles, IndexFolder
from mosaics.log import commit_scenes, read_state
from mosaics.repairing import rebuild_index
from mosaics.sweeping import unreferenced
from mosaics.verifying import LackingIndexes, lacking_indexes
from tests.mosaics.records import JUNE, scene
from tests.mosaics.test_catalogue import Switched, describe

PLACE = shapely.Point(3.55, 2.5)
NOW = timedelta(seconds=-60)


def many(count=INDEXED_FROM):
    return [scene(f"s{n}", shapely.box(n % 20, n // 20, n % 20 + 1, n // 20 + 1)) for n in range(count)]


async def land(storage):
    """Scenes side by side, twenty in a row; return the key of their mosaic."""
    await describe(storage)
    await commit_scenes(storage, "harvest", add=many())
    return (await read_state(storage, "harvest")).mosaics[JUNE]


def kept(folder):
    return sorted(path.name for path in folder.glob("*.index"))


async def test_what_a_commit_wrote_is_mapped_and_the_mosaic_not_read(storage, tmp_path):
    key = await land(storage)
    folder = IndexFolder(tmp_path / "indexes", 1 << 30)
    for worker in range(2):
        asked = Switched(storage)
        catalogue = Catalogue(asked, index_folder=folder)
        await catalogue.refresh()
        asked.read.clear()
        index = await catalogue.index("harvest", JUNE)
        assert (index.is_mapped, index.size) == (True, INDEXED_FROM)
        assert [one.id for one in index.scenes_in(PLACE)] == ["s43"]
        assert asked.read == []
        is_remote = storage.local_path(key) is None
        assert len(kept(tmp_path / "indexes")) == is_remote, worker  # fetched once


@pytest.mark.parametrize("damage", ["missing", "damaged", "cut off", "of another version"])
async def test_an_index_that_cannot_be_used_is_made_of_the_mosaic(storage, tmp_path, damage, caplog):
    key = await land(storage)
    data = await storage.get(index_key(key))
    if damage == "missing":  # as in a storage of an earlier version
        await storage.delete(index_key(key))
    else:
        damaged = {
            "damaged": data[:5000] + b"!" + data[5001:],
            "cut off": data[:5000],
            "of another version": data[:8] + b"\x63" + data[9:],
        }[damage]
        await storage.put(index_key(key), damaged, "application/octet-stream")
    folder = IndexFolder(tmp_path / "indexes", 1 << 30)
    found = [await IndexFiles(storage, folder).open(key) for _ in range(2)]
    for index in found:
        assert [one.id for one in index.scenes_in(PLACE)] == ["s43"]
        assert index.is_mapped
    (name,) = kept(tmp_path / "indexes")
    assert (tmp_path / "indexes" / name).read_bytes() == data
    assert ("is made again" in caplog.text) == (damage != "missing")
    lacking = LackingIndexes(missing=(key,)) if damage == "missing" else LackingIndexes(damaged=(key,))
    assert await lacking_indexes(storage, "harvest") == lacking
    await rebuild_index(storage, key)
    assert await storage.get(index_key(key)) == data
    assert await lacking_indexes(storage, "harvest") == LackingIndexes()


async def test_workers_that_need_the_same_file_make_it_once(folder, tmp_path):
    key = await land(folder)
    await folder.delete(index_key(key))
    asked = Switched(folder)
    indexes = IndexFolder(tmp_path / "indexes", 1 << 30)
    found = await asyncio.gather(*(IndexFiles(asked, indexes).open(key) for _ in range(4)))
    assert [one.is_mapped for one in found] == [True] * 4
    assert asked.read == [key]


async def test_a_folder_that_cannot_be_used_costs_memory_alone(folder, tmp_path, caplog):
    key = await land(folder)
    await folder.delete(index_key(key))
    (tmp_path / "file").write_bytes(b"")
    index = await IndexFiles(folder, IndexFolder(tmp_path / "file" / "indexes", 1 << 30)).open(key)
    assert (index.is_mapped, [one.id for one in index.scenes_in(PLACE)]) == (False, ["s43"])
    assert "cannot be used, so that indexes take memory" in caplog.text


async def test_the_folder_keeps_to_its_size_and_what_was_used_last(tmp_path):
    folder = IndexFolder(tmp_path, 250)
    (left := folder.new()).write_bytes(b"of a worker that was killed")
    os.utime(left, (0, 0))
    (new := folder.new()).write_bytes(b"of one at work")
    for number, used in enumerate([5, 1, 9, 7]):
        (written := folder.new()).write_bytes(b"x" * 100)
        os.utime(written, (used, used))
        folder.keep(written, tmp_path / f"{number}.index")
    # The third was used last, the fourth is the newest.
    assert kept(tmp_path) == ["2.index", "3.index"]
    (written := folder.new()).write_bytes(b"x" * 300)
    folder.keep(written, tmp_path / "4.index")
    assert kept(tmp_path) == ["4.index"]
    assert (left.exists(), new.exists()) == (False, True)


async def test_a_small_mosaic_has_no_file_and_none_is_looked_for(folder, tmp_path):
    await describe(folder)
    await commit_scenes(folder, "harvest", add=many(INDEXED_FROM - 1))
    asked = Switched(folder)
    catalogue = Catalogue(asked, index_folder=IndexFolder(tmp_path / "indexes", 1 << 30))
    await catalogue.refresh()
    asked.read.clear()
    assert not (await catalogue.index("harvest", JUNE)).is_mapped
    assert asked.read == [catalogue.mosaic_key("harvest", JUNE)]
    assert not (tmp_path / "indexes").exists()


async def test_a_mapped_file_is_read_on_when_it_is_removed(folder):
    key = await land(folder)
    index = await IndexFiles(folder).open(key)
    await folder.delete(index_key(key))
    assert [one.id for one in index.scenes_in(PLACE)] == ["s43"]
    with pytest.raises(FileNotFoundError):
        map_index(folder.local_path(index_key(key)), key)


async def test_indexes_of_mosaics_out_of_force_are_swept_and_their_mosaics_stay(storage):
    first = await land(storage)
    await commit_scenes(storage, "harvest", add=[scene("new")])
    second = (await read_state(storage, "harvest")).mosaics[JUNE]
    assert [info.key async for info in unreferenced(storage, timedelta(hours=1))] == []
    assert [info.key async for info in unreferenced(storage, NOW)] == [index_key(first)]
    assert await storage.get(index_key(second))


async def test_an_index_of_another_mosaic_is_not_taken(folder):
    key = await land(folder)
    with pytest.raises(FlatFileError, match="of another mosaic"):
        map_index(folder.local_path(index_key(key)), key.replace(key[-20:-8], "0" * 12))
