"""Writers that race and writers that are killed, as processes of their own."""

import asyncio
import random
import signal

from mosaics.document import MosaicDocument
from mosaics.log import read_commits, read_state
from mosaics.storage import Storage, open_storage
from tests.mosaics.records import JUNE
from tests.mosaics.writer import start_writer


async def check_whole(storage: Storage) -> int:
    """Everything a reader sees is there whole; returns how many scenes it sees."""
    state = await read_state(storage, "harvest")
    commits = [commit async for commit in read_commits(storage, "harvest")]
    assert [commit.number for commit in commits[: state.number]] == list(range(1, state.number + 1))
    if not state.number:
        return 0
    listed = [record.id for record in MosaicDocument(await storage.get(state.mosaics[JUNE])).scenes()]
    assert sorted(listed) == sorted(state.scenes)
    for scene_id, stored in state.scenes.items():
        assert await storage.get(stored.item_key) == scene_id.encode() * 1000
    return len(listed)


async def test_writers_that_race_all_succeed(storage_address):
    writers = [start_writer(storage_address, name, 1, 6) for name in "abc"]
    async with await open_storage(storage_address) as storage:
        while any(writer.is_alive() for writer in writers):
            await check_whole(storage)
            await asyncio.sleep(0.05)
        assert [writer.exitcode for writer in writers] == [0, 0, 0]
        assert await check_whole(storage) == 18
        commits = [commit async for commit in read_commits(storage, "harvest")]
        assert [commit.number for commit in commits] == list(range(1, 19))
        assert len({commit.id for commit in commits}) == 18


async def test_writers_killed_at_any_instant_leave_nothing_half_done(tmp_path):
    address = (tmp_path / "store").as_uri()
    instants = random.Random(20)
    seen = 0
    async with await open_storage(address) as storage:
        for attempt in range(400):  # on a busy machine writers are killed before they have begun
            if attempt >= 20 and seen > 20:
                break
            writer = start_writer(address, "s", seen, seen + 1000)
            await asyncio.sleep(instants.uniform(0, 0.3))
            writer.kill()
            writer.join()
            assert writer.exitcode == -signal.SIGKILL
            now = await check_whole(storage)
            assert now >= seen  # nothing that was committed is lost
            seen = now
        assert seen > 20
        last = start_writer(address, "s", 0, seen + 2)
        last.join()
        assert last.exitcode == 0
        assert await check_whole(storage) == seen + 3
