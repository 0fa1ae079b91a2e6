"""Landing many: batches, what an interruption leaves behind, and the disk that conversions share."""

import asyncio
import shutil
from dataclasses import replace
from functools import partial

import pytest

from ingest.landing_many import Batch, DiskRoom, land_entries
from ingest.landing_request import LandingError
from ingest.tables.table import Entry
from mosaics.log import read_commits, read_state

SENTINEL = "sentinel-2-l2a"


class Told:
    """Keeps what is told."""

    def __init__(self, at_staged=lambda: None):
        self.landings, self.failures, self._at_staged = [], {}, at_staged

    def fetched(self, size_bytes):
        raise AssertionError("nothing is fetched")

    def staged(self):
        self._at_staged()

    def landed(self, landing):
        self.landings.append((landing.plan.id, landing.commit))

    def failed(self, scene_id, reason):
        self.failures[scene_id] = reason


@pytest.fixture
def entries(make_order):
    order = make_order("a")
    return [
        Entry(f"row {number}", f"s{number}", partial(replace, order, id=f"s{number}")) for number in range(5)
    ]


async def commits(storage):
    return [len(commit.added) async for commit in read_commits(storage, SENTINEL)]


async def test_scenes_are_committed_in_batches_and_a_wrong_one_costs_itself(storage, collections, entries):
    def wrong():
        raise LandingError("it is wrong.")

    told = Told()
    rows = [*entries, Entry("row 5", "bad", wrong)]
    outcome = await land_entries(storage, collections[SENTINEL], rows, watch=told, batch=Batch(scenes=2))
    assert outcome.failures == told.failures == {"row 5, bad": "it is wrong."}
    assert sorted(scene_id for scene_id, _ in told.landings) == [entry.id for entry in entries]
    assert await commits(storage) == [2, 2, 1]
    again = await land_entries(storage, collections[SENTINEL], entries, watch=Told())
    assert [landing.commit for landing in again.landings] == [None] * 5
    assert len(await commits(storage)) == 3


async def test_a_batch_ends_after_its_time(storage, collections, entries):
    await land_entries(storage, collections[SENTINEL], entries, watch=Told(), batch=Batch(seconds=0))
    assert len(await commits(storage)) > 1
    assert sum(await commits(storage)) == 5


async def test_what_is_in_storage_when_a_run_is_stopped_is_seen(storage, collections, entries):
    stopped = asyncio.Event()
    work = asyncio.create_task(land_entries(storage, collections[SENTINEL], entries, watch=Told(stopped.set)))
    await stopped.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    seen = len((await read_state(storage, SENTINEL)).scenes)
    assert 1 <= seen < 5
    told = Told()
    await land_entries(storage, collections[SENTINEL], entries, watch=told)
    assert sum(commit is not None for _, commit in told.landings) == 5 - seen


async def test_conversions_wait_for_the_disk_that_others_take(tmp_path):
    room = DiskRoom(tmp_path)
    free_bytes = shutil.disk_usage(tmp_path).free
    order = []

    async def convert(name, needed_bytes):
        async with room.take(needed_bytes):
            order.append(f"{name} begins")
            await asyncio.sleep(0.01)
            order.append(f"{name} ends")

    await asyncio.gather(convert("large", 2 * free_bytes), convert("small", 1), convert("other", 1))
    assert order[:2] == ["large begins", "large ends"]  # alone, so that it is refused where it does not fit
    assert order[2:4] == ["small begins", "other begins"]
    assert room.taken_bytes == 0
