"""What sweeping would remove, and what it must not."""

from datetime import timedelta

import pytest

from mosaics.log import commit_scenes, read_state
from mosaics.storage import StorageUnavailableError, open_storage
from mosaics.sweeping import unreferenced
from tests.mosaics.records import scene

NOW = timedelta(seconds=-60)  # the clocks of storage and tests may differ by less


@pytest.fixture
async def storage(storage_address):
    async with await open_storage(storage_address) as opened:
        yield opened


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
