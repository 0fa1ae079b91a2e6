"""The catalogue: what it knows, how it learns of news, and what it does when storage fails."""

import asyncio
import json
import logging

import pytest

from mosaics.catalogue import Catalogue, UnknownPeriodError
from mosaics.collection import UnknownCollectionError
from mosaics.log import commit_scenes
from mosaics.period import Period
from mosaics.scene import SceneError
from mosaics.storage import ObjectNotFoundError, StorageUnavailableError, open_storage
from tests.mosaics.records import HARVEST, JULY, JUNE, scene


class Switched:
    """A storage that can be slow, can be switched off, and counts what is read."""

    def __init__(self, storage):
        self.storage = storage
        self.on = True
        self.pause_s = 0.0
        self.read: list[str] = []

    def __getattr__(self, name):
        return getattr(self.storage, name)

    async def get(self, key):
        self.read.append(key)
        await asyncio.sleep(self.pause_s)
        if not self.on:
            raise StorageUnavailableError("down")
        return await self.storage.get(key)

    async def folders(self, prefix):
        if not self.on:
            raise StorageUnavailableError("down")
        return await self.storage.folders(prefix)


async def describe(storage, collection=HARVEST):
    document = json.dumps(collection.to_stac()).encode()
    await storage.put(f"collections/{collection.id}/collection.json", document, "application/json")


def item_of(record):
    return {
        "id": record.id,
        "collection": "harvest",
        "properties": {"datetime": "2024-06-15T10:00:00Z"},
        "assets": {"red": {"href": "./red.tif", "bands": [{"data_type": "uint16"}]}},
    }


async def put_item(storage, record):
    await storage.put_new(record.item_key, json.dumps(item_of(record)).encode(), "application/geo+json")


async def test_it_follows_what_is_landed(storage_address):
    async with await open_storage(storage_address) as storage:
        catalogue = Catalogue(storage)
        assert await catalogue.refresh() == frozenset()
        assert catalogue.collections() == {}
        await describe(storage)
        assert await catalogue.refresh() == {"harvest"}
        assert catalogue.collections() == {"harvest": HARVEST}
        assert catalogue.collection("harvest") == HARVEST
        assert catalogue.periods("harvest") == ()
        await commit_scenes(storage, "harvest", add=[scene("b", period=JULY), scene("a")])
        assert await catalogue.refresh() == {"harvest"}
        assert catalogue.periods("harvest") == (JUNE, JULY)
        assert [ref.id for ref in (await catalogue.index("harvest", JUNE)).scenes_in_tile(0, 0, 0)] == ["a"]
        generation = catalogue.generation
        assert await catalogue.refresh() == frozenset()
        assert catalogue.generation == generation
        await commit_scenes(storage, "harvest", remove=["b"])
        assert await catalogue.refresh() == {"harvest"}
        assert catalogue.generation > generation
        assert catalogue.periods("harvest") == (JUNE,)


async def test_nothing_new_costs_one_get_a_collection(folder):
    await describe(folder)
    await commit_scenes(folder, "harvest", add=[scene("a")])
    switched = Switched(folder)
    catalogue = Catalogue(switched)
    await catalogue.refresh()
    switched.read.clear()
    await catalogue.refresh()
    assert switched.read == ["collections/harvest/log/00000002.json"]


async def test_what_does_not_exist_is_answered_with_what_does(folder):
    await describe(folder)
    await commit_scenes(folder, "harvest", add=[scene("a"), scene("b", period=JULY)])
    catalogue = Catalogue(folder)
    await catalogue.refresh()
    for ask in (catalogue.collection, catalogue.periods, catalogue.is_synthetic):
        with pytest.raises(UnknownCollectionError, match="no collection 'orchard'; there are: harvest"):
            ask("orchard")
    with pytest.raises(UnknownPeriodError, match="nothing for 2024-08; there are 2024-06 to 2024-07"):
        catalogue.mosaic_key("harvest", Period.parse("2024-08"))


async def test_a_collection_with_a_made_up_scene_is_synthetic(folder):
    await describe(folder)
    await commit_scenes(folder, "harvest", add=[scene("a")])
    catalogue = Catalogue(folder)
    await catalogue.refresh()
    assert not catalogue.is_synthetic("harvest")
    await commit_scenes(folder, "harvest", add=[scene("b", synthetic=True)])
    await catalogue.refresh()
    assert catalogue.is_synthetic("harvest")


async def test_many_who_ask_for_an_index_share_one_load(folder):
    await describe(folder)
    await commit_scenes(folder, "harvest", add=[scene("a")])
    switched = Switched(folder)
    catalogue = Catalogue(switched)
    await catalogue.refresh()
    switched.read.clear()
    switched.pause_s = 0.02
    assert catalogue.loaded_index(catalogue.mosaic_key("harvest", JUNE)) is None
    asking = [asyncio.create_task(catalogue.index("harvest", JUNE)) for _ in range(50)]
    await asyncio.sleep(0.005)
    asking[0].cancel()  # one who gives up does not take the others along
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert len({id(index) for index in answers[1:]}) == 1
    assert switched.read == [catalogue.mosaic_key("harvest", JUNE)]
    assert catalogue.loaded_index(catalogue.mosaic_key("harvest", JUNE)) is answers[1]


async def test_a_load_that_fails_is_tried_again(folder):
    await describe(folder)
    await commit_scenes(folder, "harvest", add=[scene("a")])
    switched = Switched(folder)
    catalogue = Catalogue(switched)
    await catalogue.refresh()
    switched.on = False
    answers = await asyncio.gather(
        *(catalogue.index("harvest", JUNE) for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [StorageUnavailableError] * 3
    switched.on = True
    assert (await catalogue.index("harvest", JUNE)).size == 1


async def test_indexes_and_items_in_memory_are_bounded_and_the_least_used_go(folder):
    await describe(folder)
    months = [Period.parse(f"2024-0{month}") for month in (1, 2, 3)]
    records = [scene(f"s{month}", period=month) for month in months]
    for record in records:
        await put_item(folder, record)
    await commit_scenes(folder, "harvest", add=records)
    catalogue = Catalogue(folder, max_indexes=2, item_bytes=2 * 6000)
    await catalogue.refresh()
    for month, record in zip(months[:2], records[:2], strict=True):
        await catalogue.index("harvest", month)
        await catalogue.item(record.item_key)
    assert catalogue.loaded_index(catalogue.mosaic_key("harvest", months[0])) is not None
    assert catalogue.loaded_item(records[0].item_key) is not None
    await catalogue.index("harvest", months[2])
    await catalogue.item(records[2].item_key)
    keys = [catalogue.mosaic_key("harvest", month) for month in months]
    assert [catalogue.loaded_index(key) is not None for key in keys] == [True, False, True]
    assert [catalogue.loaded_item(record.item_key) is not None for record in records] == [True, False, True]


async def test_an_item_is_read_with_its_assets(folder):
    record = scene("a")
    await put_item(folder, record)
    catalogue = Catalogue(folder)
    item = await catalogue.item(record.item_key)
    assert item.assets["red"].path == folder.gdal_path("collections/harvest/scenes/a/d1/red.tif")
    with pytest.raises(ObjectNotFoundError):
        await catalogue.item("collections/harvest/scenes/b/d1/item.json")
    await folder.put_new("collections/harvest/scenes/c/d1/item.json", b"{}", "application/geo+json")
    with pytest.raises(SceneError):
        await catalogue.item("collections/harvest/scenes/c/d1/item.json")


async def test_when_storage_is_down_what_was_known_stays_and_the_failure_is_told(folder):
    await describe(folder)
    await commit_scenes(folder, "harvest", add=[scene("a")])
    switched = Switched(folder)
    catalogue = Catalogue(switched)
    await catalogue.refresh()
    await catalogue.index("harvest", JUNE)
    generation = catalogue.generation
    switched.on = False
    with pytest.raises(StorageUnavailableError):
        await catalogue.refresh()
    assert catalogue.periods("harvest") == (JUNE,)
    assert (await catalogue.index("harvest", JUNE)).size == 1
    assert catalogue.generation == generation
    await commit_scenes(folder, "harvest", add=[scene("b")])
    switched.on = True
    assert await catalogue.refresh() == {"harvest"}
    assert (await catalogue.index("harvest", JUNE)).size == 2


async def test_one_damaged_collection_does_not_hide_the_others(folder, caplog):
    other = HARVEST.model_copy(update={"id": "orchard"})
    for collection in (HARVEST, other):
        await describe(folder, collection)
        await commit_scenes(folder, collection.id, add=[scene("a")])
    catalogue = Catalogue(folder)
    await catalogue.refresh()
    await folder.put("collections/harvest/log/00000002.json", b"{", "application/json")
    await commit_scenes(folder, "orchard", add=[scene("b")])
    with caplog.at_level(logging.ERROR):
        assert await catalogue.refresh() == {"orchard"}
    assert "collection harvest stays as it was" in caplog.text
    assert catalogue.periods("harvest") == (JUNE,)


async def test_a_folder_that_describes_another_collection_is_passed_over(folder, caplog):
    document = json.dumps(HARVEST.to_stac()).encode()
    await folder.put("collections/orchard/collection.json", document, "application/json")
    catalogue = Catalogue(folder)
    assert await catalogue.refresh() == frozenset()
    assert "'orchard' describes collection 'harvest'" in caplog.text


async def test_a_collection_without_a_description_is_not_there_yet(folder):
    await commit_scenes(folder, "harvest", add=[scene("a")])
    catalogue = Catalogue(folder)
    assert await catalogue.refresh() == frozenset()
    await describe(folder)
    assert await catalogue.refresh() == {"harvest"}


async def test_readers_are_answered_while_a_refresh_waits(folder):
    await describe(folder)
    await commit_scenes(folder, "harvest", add=[scene("a")])
    switched = Switched(folder)
    catalogue = Catalogue(switched)
    await catalogue.refresh()
    await commit_scenes(folder, "harvest", add=[scene("b", period=JULY)])
    switched.pause_s = 0.1
    series_refresh = asyncio.create_task(catalogue.refresh())
    await asyncio.sleep(0.05)
    assert not series_refresh.done()
    assert catalogue.periods("harvest") == (JUNE,)
    await series_refresh
    assert catalogue.periods("harvest") == (JUNE, JULY)
