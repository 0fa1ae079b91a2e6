"""What the rotation verifies, in which order, what it mends, and what other processes learn of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rasterio.crs import CRS

from app.database import Database
from app.health.verification_checks import check_verification
from app.jobs.subprocess import PROGRAM, CommandLine
from app.settings import Settings
from app.tasks.damage_exchange import DamageExchange
from app.tasks.verification import Verification
from app.tasks.verified_items import damaged_items, due_items
from ingest.overviews.building import build_overviews
from mosaics.catalogue import Catalogue
from mosaics.collection import UnreadableCollectionError
from mosaics.log import read_state
from mosaics.raster.damage import DAMAGE
from mosaics.raster.grid import Grid
from mosaics.raster.reading import AssetReadError, read_band
from mosaics.storage import Storage, open_storage
from mosaics.verifying import overview_keys
from tests.app.tasks.conftest import still_leading
from tests.ingest.overviews.scenes import COLLECTION, land
from tests.ingest.overviews.viewing import small_grid

MONTH = timedelta(days=30)
PLACE = Grid(CRS.from_epsg(4326), (10.0, 7.0, 11.0, 8.0), 8, 8)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Storage]:
    """A storage with twelve scenes, of which no checksums are stated, and seven overviews."""
    async with await open_storage((tmp_path / "store").as_uri()) as storage:
        await land(storage, await small_grid(storage))
        await build_overviews(storage, COLLECTION, None)
        yield storage


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, max_connections=4)
    yield opened
    await opened.close()


async def verification(
    store: Storage, database: Database, command_line: CommandLine | None = None
) -> Verification:
    """What a process that has just started verifies with."""
    catalogue = Catalogue(store)
    await catalogue.refresh()
    return Verification(database, store, catalogue, command_line, 1e9, MONTH)


async def test_what_is_damaged_is_found_told_and_mended(
    store: Storage, database: Database, tmp_path: Path
) -> None:
    first = await verification(store, database)
    assert (await first.run(still_leading))["verified"] == 19
    finding = await check_verification(database, MONTH)
    assert (finding.ok, finding.facts) == (True, {"items": 19, "due": 0, "damaged": 0})

    (item_key, *_) = [key async for key in overview_keys(store, COLLECTION.id)]
    file = tmp_path / "store" / item_key.replace("item.json", "nir.tif")
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] + bytes(9))
    # Nothing is due for a month, unless a reader has met damage.
    assert (await first.run(still_leading))["verified"] == 0
    DAMAGE.note(str(file), "it looks odd")
    exchange = DamageExchange(database, first.catalogue)
    await exchange.exchange()
    found = await first.run(still_leading)
    assert (found["verified"], found["damaged"]) == (1, 1)
    finding = await check_verification(database, MONTH)
    assert finding.facts["damaged"] == 1
    assert f"{item_key.replace('item.json', 'nir.tif')} (it is missing, or not as it was" in finding.says

    # Other processes read it no more, until it has been written again.
    await exchange.exchange()
    asset = (await first.catalogue.item(item_key)).assets["nir"]
    with pytest.raises(AssetReadError):
        read_band(asset, PLACE)
    settings = Settings(storage=store.address, downloads=tmp_path / "downloads")
    second = await verification(store, database, CommandLine.of(settings, PROGRAM))
    assert (await second.run(still_leading))["mended"] == 1
    assert file.read_bytes() == whole
    assert (await second.run(still_leading))["verified"] == 1
    assert (await check_verification(database, MONTH)).ok
    await exchange.exchange()
    read_band(asset, PLACE)


async def test_the_rotation_goes_on_where_another_process_stopped(store: Storage, database: Database) -> None:
    class KilledError(Exception):
        """The process is killed."""

    left = 5

    async def until_killed() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KilledError

    first = await verification(store, database)
    with pytest.raises(KilledError):
        await first.run(until_killed)
    second = await verification(store, database)
    assert (await second.run(still_leading))["verified"] == 19 - 4
    # An item that is named no more is struck off; a new one is due.
    await land(store, [], remove=["s3"])
    await second.catalogue.refresh()
    again = replace(second, again=timedelta(0))
    await again.run(still_leading)
    async with database.connection() as connection:
        listed = {one.key for one in await due_items(connection, timedelta(0), 100)}
    state = await read_state(store, COLLECTION.id)
    assert {key for key in listed if "/scenes/" in key} == {one.item_key for one in state.scenes.values()}
    assert len(state.scenes) == 11


async def test_what_cannot_be_mended_is_tried_once_a_day_and_says_why(
    store: Storage, database: Database, tmp_path: Path
) -> None:
    (item_key, *_) = [one.item_key for one in (await read_state(store, COLLECTION.id)).scenes.values()]
    await store.put(item_key, b"null", "application/json")
    settings = Settings(storage=store.address, downloads=tmp_path / "downloads")
    process = await verification(store, database, CommandLine.of(settings, PROGRAM))
    assert (await process.run(still_leading))["mended"] == 0
    async with database.connection() as connection:
        (found,) = await damaged_items(connection, 9)
    assert found.not_mended == "its item is missing, damaged or does not say how it was made."
    finding = await check_verification(database, MONTH)
    assert "not mended: its item is missing" in finding.says
    began = asyncio.get_running_loop().time()
    await process.run(still_leading)
    assert asyncio.get_running_loop().time() - began < 1.0  # no process is started


async def test_a_damaged_mosaic_is_rebuilt_whoever_met_it(store: Storage, database: Database) -> None:
    other, leader = await verification(store, database), await verification(store, database)
    state = await read_state(store, COLLECTION.id)
    ((period, key),) = state.mosaics.items()
    whole = await store.get(key)
    await store.put(key, whole[:-20] + bytes(20), "application/gzip")
    with pytest.raises(UnreadableCollectionError):
        await other.catalogue.index(COLLECTION.id, period)
    await DamageExchange(database, other.catalogue).exchange()
    rebuilt = (await leader.rebuild_mosaics(still_leading))["rebuilt"]
    assert len(rebuilt) == 1
    assert (await leader.rebuild_mosaics(still_leading)) == {"rebuilt": []}
    await other.catalogue.refresh()
    assert (await other.catalogue.index(COLLECTION.id, period)).size == 12
    assert other.catalogue.troubles() == {}
