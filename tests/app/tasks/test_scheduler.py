"""Several schedulers on one database: one leads, each slot runs once, and another goes on when it ends."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import asyncpg
import pytest

from app.database import Database
from app.tasks.leader_election import Leadership, LeadershipLostError
from app.tasks.scheduler import Scheduler
from app.tasks.task import Every, StillLeading, Task
from tests.app.conftest import eventually
from tests.services.postgres import PostgresServer

EVERY = timedelta(seconds=1)


class Work:
    """A job that notes who ran it."""

    def __init__(self, lasts_s: float = 0.0) -> None:
        self.runs: list[str] = []
        self.lasts_s = lasts_s
        self.fails = False

    def task(self, name: str) -> Task:
        async def run(still_leading: StillLeading) -> Mapping[str, Any]:
            self.runs.append(name)
            await asyncio.sleep(self.lasts_s)
            await still_leading()
            if self.fails:
                raise ValueError("secret")
            return {"by": name}

        return Task("work", Every(EVERY), run)

    async def again(self, more: int = 2) -> None:
        """Wait for further runs."""
        wanted = len(self.runs) + more
        await eventually(lambda: asyncio.sleep(0, len(self.runs) >= wanted))


@asynccontextmanager
async def scheduler(url: str, work: Work, name: str) -> AsyncIterator[Scheduler]:
    database = Database(url, max_connections=2)
    found = Scheduler(url, database, [work.task(name)], is_ready=lambda: True)
    found.start()
    try:
        yield found
    finally:
        await found.close()
        await database.close()


async def slots(url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    found = await connection.fetch("select * from job_slots order by slot")
    await connection.close()
    return list(found)


async def test_of_three_one_leads_and_each_slot_runs_once(database_url: str) -> None:
    work = Work()
    async with (
        scheduler(database_url, work, "a") as a,
        scheduler(database_url, work, "b") as b,
        scheduler(database_url, work, "c") as c,
    ):
        await work.again(4)
        states = [await each.state() for each in (a, b, c)]
    rows = await slots(database_url)
    assert len({row["slot"] for row in rows}) == len(rows) == len(work.runs)
    assert len(set(work.runs)) == 1
    leading = {"a": a, "b": b, "c": c}[work.runs[0]]
    assert {row["holder"] for row in rows} == {leading.holder}
    assert {state["leader"] for state in states} == {leading.holder}
    assert {row["status"] for row in rows[:-1]} == {"done"}
    gaps = {(later["slot"] - row["slot"]).total_seconds() for row, later in pairwise(rows)}
    assert gaps <= {1.0, 2.0}  # a slot may be missed on a busy machine
    (task,) = states[0]["tasks"]
    assert (task["name"], task["every_s"]) == ("work", 1.0)
    assert datetime.fromisoformat(task["next_run"]) > datetime.now(UTC) - timedelta(seconds=30)
    assert task["last"][-1]["detail"] == {"by": work.runs[0]}


async def test_another_goes_on_when_the_leader_stops_and_its_run_is_noted(database_url: str) -> None:
    work = Work(lasts_s=30)
    async with scheduler(database_url, work, "first"):
        await work.again(1)
        async with scheduler(database_url, work, "second"):
            await asyncio.sleep(1.5)
            assert set(work.runs) == {"first"}
    assert (await slots(database_url))[0]["status"] == "stopped"
    work.lasts_s = 0
    async with scheduler(database_url, work, "third"):
        await work.again(1)
    assert work.runs[-1] == "third"


async def test_a_failure_is_noted_without_its_words_and_tried_again(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work()
    work.fails = True
    async with scheduler(database_url, work, "a") as only:
        await work.again(2)
        state = await only.state()
        work.fails = False
        await work.again(2)
    last = state["tasks"][0]["last"][-1]
    assert (last["status"], last["detail"]) == ("failed", {"error": "ValueError"})
    assert "done" in {row["status"] for row in await slots(database_url)}
    assert caplog.text.count("task work failed") >= 2


async def test_what_a_dead_leader_left_running_is_given_up(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "insert into job_slots (job, slot, holder, status) values ('work', '2024-01-01Z', 'dead', 'running')"
    )
    await connection.close()
    work = Work()
    async with scheduler(database_url, work, "a"):
        await work.again(1)
    assert (await slots(database_url))[0]["status"] == "abandoned"


async def test_jobs_pause_while_the_database_is_away_and_go_on_by_themselves(
    database_url: str, postgres: PostgresServer
) -> None:
    work = Work()
    async with scheduler(database_url, work, "a"):
        await work.again(1)
        postgres.stop()
        await asyncio.sleep(2.5)
        down = len(work.runs)
        await asyncio.sleep(2.5)
        assert len(work.runs) == down
        postgres.start()
        await work.again(2)
    rows = await slots(database_url)
    assert len({row["slot"] for row in rows}) == len(rows)


async def test_a_lock_lost_and_won_again_ends_the_earlier_term(database_url: str) -> None:
    leadership = Leadership(database_url, "a")
    assert await leadership.seek()
    term = leadership.term
    await leadership.keep(term)
    killer = await asyncpg.connect(database_url)
    await killer.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1",
        "tilewatch jobs of a",
    )
    await killer.close()
    with pytest.raises(LeadershipLostError):
        await leadership.keep(term)
    assert await leadership.seek()
    with pytest.raises(LeadershipLostError):
        await leadership.keep(term)
    rival = Leadership(database_url, "b")
    assert not await rival.seek()
    await leadership.close()
    await eventually(rival.seek)
    await rival.close()


async def test_a_clock_set_back_does_not_stop_tasks(database_url: str) -> None:
    """As it leaves things: the next time an hour ahead, and slots of the hour to come taken."""
    work = Work()
    async with scheduler(database_url, work, "a") as found:
        await work.again()
        found._clock.modify_job("work", next_run_time=datetime.now(UTC) + timedelta(hours=1))
        connection = await asyncpg.connect(database_url)
        set_back = datetime.now(UTC)
        await connection.execute(
            "insert into job_slots (job, slot, holder, status, started_at) select 'work', "
            "date_trunc('second', now()) + n * interval '1 s', 'a', 'done', now() - interval '1 hour' "
            "from generate_series(15, 3600) n on conflict do nothing"
        )
        await work.again(3)
        taken_again = "select count(*) from job_slots where status = 'done' and started_at >= $1"
        assert await connection.fetchval(taken_again, set_back) >= 3
        await connection.close()
