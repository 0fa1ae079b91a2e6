"""What a repair brings back of a collection whose log, mosaics or items are damaged."""

import json
from datetime import timedelta

import pytest

from mosaics.catalogue import Catalogue
from mosaics.collection import UnreadableCollectionError
from mosaics.commits import LogError
from mosaics.document import MosaicDocument
from mosaics.log import commit_scenes, read_state
from mosaics.period import Cadence
from mosaics.repairing import collection_damage, repair
from mosaics.seals import sealed
from mosaics.sweeping import unreferenced
from tests.mosaics.records import HARVEST, JULY, JUNE, scene

LOG = "collections/harvest/log/"
AGE = timedelta(hours=1)


def item(record):
    """The item of a scene, with what a record is made of, as `ingest.item.scene_item` writes it."""
    return {
        "id": record.id,
        "collection": "harvest",
        "geometry": dict(record.footprint),
        "properties": {
            "datetime": record.start.isoformat(),
            "eo:cloud_cover": record.cloud_cover_percent,
            "tilewatch:synthetic": record.synthetic,
        },
        "assets": {"red": {"bands": [{"raster:spatial_resolution": record.resolution_m}]}},
    }


async def land(storage, *records):
    for record in records:
        await storage.put(record.item_key, json.dumps(item(record)).encode(), "application/json")
    await commit_scenes(storage, "harvest", add=records)


async def land_four(storage):
    await storage.put(
        "collections/harvest/collection.json", json.dumps(HARVEST.to_stac()).encode(), "application/json"
    )
    await land(storage, scene("a"))
    await land(storage, scene("b", period=JULY, start=JULY.start, end=JULY.start))
    await land(storage, scene("c", cloud_cover_percent=None))
    await land(storage, scene("d"))


async def shown(storage):
    """The ids in the mosaic of each period."""
    state = await read_state(storage, "harvest")
    return {
        period.text: sorted(one.id for one in MosaicDocument(await storage.get(key)).scenes())
        for period, key in state.mosaics.items()
    }


WHOLE = {"2024-06": ["a", "c", "d"], "2024-07": ["b"]}


async def test_what_is_whole_is_left_alone(folder):
    await land_four(folder)
    before = [info async for info in folder.list("")]
    assert await repair(folder, "harvest", Cadence.MONTH) is None
    assert [info async for info in folder.list("")] == before


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
async def test_the_scenes_of_a_lost_commit_are_found_by_their_items(storage, lost):
    await land_four(storage)
    await storage.delete(f"{LOG}{lost:08d}.json")
    done = await repair(storage, "harvest", Cadence.MONTH)
    assert done is not None
    assert (done.missing, done.damaged, done.lost) == ((lost,), (), ())
    assert [record.id for record in done.commit.added] == ["abcd"[lost - 1]]
    assert await shown(storage) == WHOLE
    # The log goes on, and what it names is not swept.
    await land(storage, scene("e"))
    assert (await read_state(storage, "harvest")).number == 6
    assert (await shown(storage))["2024-06"] == ["a", "c", "d", "e"]
    named = {record.rpartition("/")[0] for record in (scene(one).item_key for one in "abcde")}
    swept = [info.key async for info in unreferenced(storage, -AGE)]
    assert not [key for key in swept if key.rpartition("/")[0] in named]
    assert await repair(storage, "harvest", Cadence.MONTH) is None


@pytest.mark.parametrize("damage", [b"", b"null", b"[]", b"{", b"[" * 100_000, b"\xff\x00"])
async def test_a_damaged_commit_costs_nothing_that_its_items_say(folder, damage):
    await land_four(folder)
    await folder.put(f"{LOG}00000004.json", damage, "application/json")
    with pytest.raises(LogError, match="commit 4 of collection 'harvest'"):
        await read_state(folder, "harvest")
    done = await repair(folder, "harvest", Cadence.MONTH)
    assert done is not None
    assert (done.missing, done.damaged) == ((), (4,))
    assert await shown(folder) == WHOLE


async def test_a_removed_scene_does_not_come_back_with_a_repair(folder):
    await land_four(folder)
    await commit_scenes(folder, "harvest", remove=["c"])
    await folder.delete(f"{LOG}00000002.json")
    await repair(folder, "harvest", Cadence.MONTH)
    assert await shown(folder) == {"2024-06": ["a", "d"], "2024-07": ["b"]}


@pytest.mark.parametrize("damage", [None, b"", b"not gzip"])
async def test_a_damaged_mosaic_is_a_reason_until_it_is_made_anew(folder, damage):
    await land_four(folder)
    catalogue = Catalogue(folder)
    await catalogue.refresh()
    key = catalogue.mosaic_key("harvest", JUNE)
    if damage is None:
        await folder.delete(key)
    else:
        await folder.put(key, damage, "application/gzip")
    with pytest.raises(UnreadableCollectionError, match="missing or damaged; `tilewatch repair harvest`"):
        await catalogue.index("harvest", JUNE)
    assert key in catalogue.troubles()["harvest"]
    assert (await catalogue.index("harvest", JULY)).size == 1
    with pytest.raises(LogError, match="missing or damaged; `tilewatch repair harvest`"):
        await commit_scenes(folder, "harvest", add=[scene("e")])
    await repair(folder, "harvest", Cadence.MONTH)
    await catalogue.refresh()
    assert (await catalogue.index("harvest", JUNE)).size == 3
    assert catalogue.troubles() == {}
    assert await shown(folder) == WHOLE


async def test_a_mosaic_that_comes_back_is_no_trouble_any_more(folder):
    await land_four(folder)
    catalogue = Catalogue(folder)
    await catalogue.refresh()
    key = catalogue.mosaic_key("harvest", JUNE)
    whole = await folder.get(key)
    await folder.delete(key)
    with pytest.raises(UnreadableCollectionError):
        await catalogue.index("harvest", JUNE)
    assert list(catalogue.troubles()) == ["harvest"]
    await folder.put(key, whole, "application/gzip")
    assert (await catalogue.index("harvest", JUNE)).size == 3
    assert catalogue.troubles() == {}


async def test_a_catalogue_serves_the_last_good_state_and_says_so(folder, caplog):
    await land_four(folder)
    await folder.delete(f"{LOG}00000003.json")
    catalogue = Catalogue(folder)
    for _ in range(3):
        await catalogue.refresh()
    assert "commit 3 of collection 'harvest' is missing" in catalogue.troubles()["harvest"]
    assert (await catalogue.index("harvest", JUNE)).size == 1
    assert len([line for line in caplog.records if "commit 3" in line.getMessage()]) == 1
    await repair(folder, "harvest", Cadence.MONTH)
    assert await catalogue.refresh() == {"harvest"}
    assert catalogue.troubles() == {}
    assert (await catalogue.index("harvest", JUNE)).size == 3


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        ([".json"], "commit 4 of collection 'harvest' is missing, the last that was written"),
        ([".json", ".done"], "the log of collection 'harvest' is gone"),
    ],
)
async def test_a_log_that_is_gone_is_not_taken_for_an_empty_one(folder, gone, reason):
    await land_four(folder)
    for number in (1, 2, 3, 4):
        for suffix in gone:
            await folder.delete(f"{LOG}{number:08d}{suffix}")
    catalogue = Catalogue(folder)
    await catalogue.refresh()
    with pytest.raises(UnreadableCollectionError, match=reason):
        catalogue.periods("harvest")
    done = await repair(folder, "harvest", Cadence.MONTH)
    assert done is not None
    assert await shown(folder) == WHOLE
    await catalogue.refresh()
    assert catalogue.periods("harvest") == (JUNE, JULY)


async def test_a_collection_whose_first_commit_is_damaged_is_not_taken_for_empty(folder):
    await land_four(folder)
    whole = await folder.get(f"{LOG}00000001.json")
    await folder.put(f"{LOG}00000001.json", whole[:-1], "application/json")
    catalogue = Catalogue(folder)
    await catalogue.refresh()
    with pytest.raises(UnreadableCollectionError, match="commit 1 of collection 'harvest'"):
        catalogue.periods("harvest")
    await folder.put(f"{LOG}00000001.json", whole, "application/json")
    await catalogue.refresh()
    assert catalogue.periods("harvest") == (JUNE, JULY)


READABLE = sealed({**HARVEST.to_stac(), "title": "Field"}).replace(b'"title":"Field"', b'"title":"Fielf"')
"""A description with one changed bit, which only its seal tells."""


@pytest.mark.parametrize("damage", [b"null", b"[]", b"{", b"[" * 100_000, b'{"id": "other"}', READABLE, None])
async def test_a_damaged_description_is_of_its_collection_alone(folder, damage):
    await land_four(folder)
    other = HARVEST.model_copy(update={"id": "other"})
    await folder.put("collections/other/collection.json", json.dumps(other.to_stac()).encode(), "x/y")
    running = Catalogue(folder)
    await running.refresh()
    key = "collections/harvest/collection.json"
    if damage is None:
        await folder.delete(key)
    else:
        await folder.put(key, damage, "application/json")
    assert "collection.json is" in (await collection_damage(folder, "harvest") or "")
    started = Catalogue(folder)
    await started.refresh()
    assert list(started.collections()) == ["other"]
    with pytest.raises(UnreadableCollectionError, match=r"collection\.json is (damaged|missing)"):
        started.periods("harvest")
    await land(folder, scene("e"))
    await running.refresh()
    assert (await running.index("harvest", JUNE)).size == 4
    assert "collection.json is" in running.troubles()["harvest"]
    await folder.put(key, json.dumps(HARVEST.to_stac()).encode(), "application/json")
    for catalogue in (started, running):
        await catalogue.refresh()
        assert catalogue.troubles() == {}
