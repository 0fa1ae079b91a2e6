"""The index against logs that grow, are created again, go backwards, are damaged or end."""

import asyncio
import json
import shutil
from pathlib import Path

import asyncpg
import pytest
import shapely

from app.database import Database
from app.stac.index_updates import SceneIndexUpdates
from app.tasks.leader_election import LeadershipLostError
from mosaics.log import commit_scenes
from mosaics.storage import Storage
from tests.app.landed import COLLECTION as SENTINEL
from tests.app.stac.conftest import still_leading
from tests.app.stac.landed import RAIN, at, land_all, put_collections, put_scene

HERE = shapely.box(0, 0, 1, 1)


async def keys(connection: asyncpg.Connection) -> dict[str, str]:
    """Id and version of every row."""
    rows = await connection.fetch("select id, item_key from scenes order by id")
    return {row["id"]: row["item_key"].split("/")[-2] for row in rows}


async def numbers(connection: asyncpg.Connection) -> dict[str, int]:
    rows = await connection.fetch("select collection, number from followed_logs order by collection")
    return {row["collection"]: row["number"] for row in rows}


async def land(storage: Storage, *scenes: str, version: str = "d1", remove: tuple[str, ...] = ()) -> None:
    """Land scenes in one commit."""
    records = [await put_scene(storage, name, HERE, at("2024-06-01"), version=version) for name in scenes]
    await commit_scenes(storage, SENTINEL.id, add=records, remove=remove)


async def test_a_log_is_followed_through_what_comes_changes_and_goes(
    storage: Storage, database: Database, connection: asyncpg.Connection
) -> None:
    indexing = SceneIndexUpdates(database, storage)
    await put_collections(storage)
    assert (await indexing.refresh(still_leading)).collections == []
    await land(storage, "a", "b", "c")
    first = await indexing.refresh(still_leading)
    assert (first.collections, first.scenes, first.removed) == (["sentinel-2-l2a"], 3, 0)
    assert await keys(connection) == {"a": "d1", "b": "d1", "c": "d1"}
    # What five commits bring while no process follows is done in one step; "d" came and went meanwhile.
    await land(storage, "b", version="d2")
    await land(storage, "d", remove=("a",))
    await land(storage, "e", remove=("d",))
    await land(storage, "b", version="d3")
    await land(storage, "a", version="d9")
    second = await indexing.refresh(still_leading)
    assert (second.scenes, second.removed) == (3, 1)
    assert await keys(connection) == {"a": "d9", "b": "d3", "c": "d1", "e": "d1"}
    assert await numbers(connection) == {"sentinel-2-l2a": 6}
    assert (await indexing.refresh(still_leading)).collections == []


async def test_a_storage_created_again_is_noticed_whatever_its_numbers(
    storage: Storage, database: Database, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    indexing = SceneIndexUpdates(database, storage)
    await put_collections(storage)
    await land(storage, "a", "b")
    await land(storage, "c")
    await indexing.refresh(still_leading)
    earlier = tmp_path / "earlier"
    shutil.copytree(tmp_path / "store" / "collections", earlier)
    # Another log that is as long, one that is longer, and the first one put back: commits tell them apart.
    for landings in (("x", "y"), ("a", "y", "z")):
        shutil.rmtree(tmp_path / "store" / "collections" / SENTINEL.id)
        await put_collections(storage)
        for name in landings:
            await land(storage, name)
        await indexing.refresh(still_leading)
        assert await keys(connection) == dict.fromkeys(landings, "d1")
        assert await numbers(connection) == {"sentinel-2-l2a": len(landings)}
    shutil.rmtree(tmp_path / "store" / "collections")
    shutil.copytree(earlier, tmp_path / "store" / "collections")
    await indexing.refresh(still_leading)
    assert await keys(connection) == {"a": "d1", "b": "d1", "c": "d1"}
    assert await numbers(connection) == {"sentinel-2-l2a": 2}
    # A log that begins again has no commit at first.
    shutil.rmtree(tmp_path / "store" / "collections" / SENTINEL.id / "log")
    await indexing.refresh(still_leading)
    assert await keys(connection) == {}
    assert (await indexing.refresh(still_leading)).collections == []
    await land(storage, "a")
    await indexing.refresh(still_leading)
    assert await keys(connection) == {"a": "d1"}


async def test_damaged_items_are_left_out_and_damaged_logs_left_alone(
    storage: Storage, database: Database, connection: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    indexing = SceneIndexUpdates(database, storage)
    await land_all(storage)
    broken = [
        await put_scene(storage, name, HERE, at("2024-06-01")) for name in ("cut", "nul", "lost", "whose")
    ]
    items = {
        "cut": b'{"type": "Feature", "id":',
        "nul": json.dumps({"x": "\0"}).encode(),
        "whose": await storage.get("collections/sentinel-2-l2a/scenes/fiji/d1/item.json"),
    }
    nul = json.loads(await storage.get(broken[1].item_key))
    nul["properties"]["title"] = "\0"
    items["nul"] = json.dumps(nul).encode()
    for record in broken:
        if record.id in items:
            await storage.put(record.item_key, items[record.id], "application/json")
        else:
            await storage.delete(record.item_key)
    await commit_scenes(storage, SENTINEL.id, add=broken)
    done = await indexing.refresh(still_leading)
    assert (done.scenes, done.unreadable) == (6, 4)
    assert "scene cut of sentinel-2-l2a cannot be indexed" in caplog.text
    assert {*await keys(connection)} == {"may-north", "june-north", "guinea", "fiji", "rain-05", "rain-06"}
    await land(storage, "later")
    await storage.put("collections/rain-monthly/log/00000002.json", b"{", "application/json")
    assert (await indexing.refresh(still_leading)).collections == ["sentinel-2-l2a"]
    assert {"later", "rain-05"} < {*await keys(connection)}
    assert "the index of collection rain-monthly stays as it was" in caplog.text


async def test_a_collection_that_is_gone_takes_its_scenes_along(
    storage: Storage, database: Database, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    indexing = SceneIndexUpdates(database, storage)
    await land_all(storage)
    await indexing.refresh(still_leading)
    shutil.rmtree(tmp_path / "store" / "collections" / RAIN.id)
    assert (await indexing.refresh(still_leading)).collections == ["rain-monthly"]
    assert {*await keys(connection)} == {"may-north", "june-north", "guinea", "fiji"}
    assert await numbers(connection) == {"sentinel-2-l2a": 2}


async def test_a_run_that_is_cut_off_notes_nothing_it_has_not_done(
    storage: Storage, database: Database, connection: asyncpg.Connection
) -> None:
    await put_collections(storage)
    records = [await put_scene(storage, f"s{n}", HERE, at("2024-06-01")) for n in range(7)]
    await commit_scenes(storage, SENTINEL.id, add=records)
    asked = 0

    async def lost_at_the_second() -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise LeadershipLostError

    with pytest.raises(LeadershipLostError):
        await SceneIndexUpdates(database, storage, together=3).refresh(lost_at_the_second)
    assert len(await keys(connection)) == 3
    assert await numbers(connection) == {}
    # Two at once do it as one would.
    runs = (SceneIndexUpdates(database, storage, together=3).refresh(still_leading) for _ in range(2))
    assert max([done.scenes for done in await asyncio.gather(*runs)]) == 4
    assert len(await keys(connection)) == 7
    assert await numbers(connection) == {"sentinel-2-l2a": 1}


async def test_what_a_collection_holds_is_told_with_its_extent(
    storage: Storage, database: Database, connection: asyncpg.Connection
) -> None:
    await land_all(storage)
    await SceneIndexUpdates(database, storage).refresh(still_leading)
    row = await connection.fetchrow("select * from followed_logs where collection = 'rain-monthly'")
    assert (row["scenes"], row["bbox"]) == (2, [-180, -60, 180, 60])
    assert (row["starts"], row["ends"]) == (at("2024-05-01"), at("2024-06-30T23:59:59"))
    row = await connection.fetchrow("select * from followed_logs where collection = 'sentinel-2-l2a'")
    # Eastward from 1 W to 179 W; the widest gap, of 178 degrees, is on the other side.
    assert row["bbox"] == [-1, -17, -179, 52]
    assert row["ends"] == at("2024-06-25T22:00")
    assert json.loads(row["summaries"]) == {
        "platform": ["s2a", "s2b"],
        "eo:cloud_cover": {"minimum": 0, "maximum": 40},
        "tilewatch:synthetic": [False],
    }
