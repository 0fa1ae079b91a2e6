"""What sweeping would remove, and what it must not."""

import json
import os
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import shapely

from mosaics.catalogue import Catalogue
from mosaics.log import commit_scenes, read_state
from mosaics.seals import sealed
from mosaics.storage import ObjectNotFoundError, StorageUnavailableError
from mosaics.sweeping import AT_ONCE, remove, remove_all, unreferenced
from tests.mosaics.records import HARVEST, JUNE, scene

NOW = timedelta(seconds=-60)  # the clocks of storage and tests may differ by less


async def land(storage, record):
    for name in ("item.json", "red.tif"):
        key = record.item_key.replace("item.json", name)
        await storage.put_new(key, b"x", "application/octet-stream")
    return await commit_scenes(storage, "harvest", add=[record])


async def test_what_commits_name_stays_also_when_it_was_replaced(storage):
    await storage.put_new("collections/harvest/collection.json", b"{}", "application/json")
    await land(storage, scene("a"))
    await land(storage, scene("a", item_key="collections/harvest/scenes/a/d2/item.json"))
    await commit_scenes(storage, "harvest", remove=["a"])
    assert [info.key async for info in unreferenced(storage, NOW)] == []


async def test_what_a_dead_writer_left_is_found_once_it_is_old(storage):
    await land(storage, scene("a"))

    class Dies:
        def __getattr__(self, name):
            return getattr(storage, name)

        async def put_new(self, key, data, media_type):
            if "/log/" in key:
                raise StorageUnavailableError("the writer dies here")
            await storage.put_new(key, data, media_type)

    with pytest.raises(StorageUnavailableError):
        await land(Dies(), scene("b"))
    assert [info.key async for info in unreferenced(storage, timedelta(hours=1))] == []
    swept = [info.key async for info in unreferenced(storage, NOW)]
    assert swept[:2] == [
        "collections/harvest/scenes/b/d1/item.json",
        "collections/harvest/scenes/b/d1/red.tif",
    ]
    assert len(swept) == 3
    assert swept[2].startswith("collections/harvest/mosaics/2024-06/2-")
    for key in swept:
        await storage.delete(key)
    state = await read_state(storage, "harvest")
    assert list(state.scenes) == ["a"]
    for key in state.mosaics.values():
        assert await storage.get(key)


DAY = timedelta(days=1)


async def made(storage, number, age):
    """Lets a commit have been made so long ago, and the one after it follow that."""
    for each, change in (
        (number, {"time": f"{datetime.now(UTC) - age:%Y-%m-%dT%H:%M:%SZ}"}),
        (number + 1, {}),
    ):
        key = f"collections/harvest/log/{each:08d}.json"
        with suppress(ObjectNotFoundError):
            commit = json.loads(await storage.get(key)) | change | {"before": None}
            await storage.put(key, sealed(commit), "application/json")


async def found(storage, superseded):
    return {info.key async for info in unreferenced(storage, NOW, superseded=superseded)}


async def test_what_was_superseded_long_ago_is_found_where_that_is_asked(storage):
    second, third = ({"item_key": f"collections/harvest/scenes/a/d{n}/item.json"} for n in (2, 3))
    await land(storage, scene("a"))  # until the second commit
    await land(storage, scene("a", **second))  # until the third
    await land(storage, scene("a", **third))
    await land(storage, scene("b"))  # until the fifth
    await commit_scenes(storage, "harvest", remove=["b"])
    for number, days in enumerate((60, 50, 40, 20, 10), 1):
        await made(storage, number, days * DAY)
    state = await read_state(storage, "harvest")
    mosaics = [info.key async for info in storage.list("collections/harvest/mosaics/")]
    assert len(mosaics) == 5
    first_scene = {f"collections/harvest/scenes/a/d1/{name}" for name in ("item.json", "red.tif")}
    second_scene = {key.replace("d1", "d2") for key in first_scene}
    removed_scene = {key.replace("/a/", "/b/") for key in first_scene}

    assert await found(storage, None) == set()
    # at each moment since what is said, the third commit's state and later ones were there
    assert await found(storage, 30 * DAY) == {*first_scene, *second_scene, *mosaics[:2]}
    # 45 days ago it was still the second's
    assert await found(storage, 45 * DAY) == {*first_scene, mosaics[0]}
    assert await found(storage, 55 * DAY) == set()
    # a removed scene and its mosaic, ten days after
    assert await found(storage, 9 * DAY) == {*first_scene, *second_scene, *removed_scene, *mosaics[:4]}
    assert mosaics[4] == state.mosaics[JUNE]

    async for info in unreferenced(storage, NOW, superseded=9 * DAY):
        assert await remove(storage, info)
    left = {info.key async for info in storage.list("collections/harvest/") if "/log/" not in info.key}
    assert left == {*(key.replace("d1", "d3") for key in first_scene), mosaics[4]}
    # the log tells of everything, and new writers go on from it
    assert await read_state(storage, "harvest") == state
    await land(storage, scene("a"))
    assert await found(storage, 9 * DAY) == set()


async def test_a_scene_that_came_back_stays(folder):
    await land(folder, scene("a"))
    await commit_scenes(folder, "harvest", remove=["a"])
    await commit_scenes(folder, "harvest", add=[scene("a")])
    for number, days in enumerate((60, 50, 40), 1):
        await made(folder, number, days * DAY)
    assert not any("/scenes/" in key for key in await found(folder, DAY))


async def test_clocks_that_go_wrong_keep_more_and_not_less(folder):
    await land(folder, scene("a"))
    await commit_scenes(folder, "harvest", remove=["a"])
    await made(folder, 1, 10 * DAY)
    await made(folder, 2, 60 * DAY)
    assert await found(folder, 30 * DAY) == set()


async def test_what_is_written_anew_meanwhile_is_not_removed(storage):
    await storage.put_new("collections/harvest/scenes/a/d1/red.tif", b"x", "image/tiff")
    (info,) = [info async for info in unreferenced(storage, NOW)]
    await storage.put(info.key, b"x", "image/tiff")
    earlier = replace(info, modified=info.modified - timedelta(seconds=5))
    assert not await remove(storage, earlier)
    assert await storage.get(info.key) == b"x"


async def test_a_reader_that_was_away_finds_what_took_the_place(folder):
    document = json.dumps(HARVEST.to_stac()).encode()
    await folder.put("collections/harvest/collection.json", document, "application/json")
    await land(folder, scene("a"))
    reader = Catalogue(folder)
    await reader.refresh()
    await land(folder, scene("b"))
    for key in await found(folder, NOW):
        await folder.delete(key)
    index = await reader.index("harvest", JUNE)
    assert sorted(one.id for one in index.scenes_in(shapely.Point(0.5, 0.5))) == ["a", "b"]


async def test_a_dead_writers_mosaic_that_is_used_after_all_is_not_removed(folder, tmp_path):
    class Dies:
        def __getattr__(self, name):
            return getattr(folder, name)

        async def put_new(self, key, data, media_type):
            if "/log/" in key:
                raise StorageUnavailableError("the writer dies here")
            await folder.put_new(key, data, media_type)

    with pytest.raises(StorageUnavailableError):
        await commit_scenes(Dies(), "harvest", add=[scene("a")])
    for path in tmp_path.glob("store/collections/harvest/mosaics/*/*"):
        os.utime(path, (0, 0))
    (info,) = [info async for info in unreferenced(folder, DAY)]
    await commit_scenes(folder, "harvest", add=[scene("a")])
    assert (await read_state(folder, "harvest")).mosaics[JUNE] == info.key
    assert not await remove(folder, info)
    assert await folder.get(info.key)


async def test_many_collections_are_swept_in_their_order(storage):
    """More than are looked at at once; each with an object that no commit names."""
    keys = [f"collections/c{number:02}/scenes/a/d1/red.tif" for number in range(AT_ONCE + 4)]
    for key in keys:
        await storage.put_new(key, b"x", "image/tiff")
    found = [info async for info in unreferenced(storage, NOW)]
    assert [info.key for info in found] == keys
    assert await remove_all(storage, found) == found
    assert [info async for info in unreferenced(storage, NOW)] == []


async def test_a_sweep_that_is_left_ends_what_it_began(storage):
    for number in range(AT_ONCE):
        await storage.put_new(f"collections/c{number:02}/scenes/a/d1/red.tif", b"x", "image/tiff")
    looking = unreferenced(storage, NOW)
    assert (await anext(looking)).key == "collections/c00/scenes/a/d1/red.tif"
    await looking.aclose()
