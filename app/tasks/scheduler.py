"""The scheduler: jobs that are due at fixed times, run once each by the one process that leads.

Every process has one and looks at the clock; who leads takes the slot's row and runs. What a job has missed
while nobody led, it makes up for in its next run.
"""

import asyncio
import logging
import os
import secrets
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from app.database import Database, DatabaseUnavailableError
from app.tasks.leader_election import Leadership, LeadershipLostError
from app.tasks.task import Rhythm, Slot, Task
from app.tasks.task_runs import abandon_slots, claim_slot, finish_slot, last_slots, leader

log = logging.getLogger(__name__)

LOOK_S = 5.0
"""How often a process that does not lead tries to, and one that does makes sure: a leader that is killed is
replaced within this. A slot that could not be met when it came is met at the next look."""

MISFIRE_S = 60
"""How late a run may begin where the process was busy; its slot is then the latest one."""

STOPPING_S = 5.0
"""How long a run has to note that it was stopped."""

SLOTS_SHOWN = 10


class Scheduler:
    """Runs jobs while this process leads.

    Args:
        url: Of the database, for the lock's connection.
        database: Where slots are rows.
        jobs: Of different names.
        is_ready: Whether jobs can run at all: not before it is known what has landed.
    """

    def __init__(
        self, url: str, database: Database, tasks: Sequence[Task], *, is_ready: Callable[[], bool]
    ) -> None:
        self.holder = f"{os.getpid()}-{secrets.token_hex(3)}"
        self._leadership = Leadership(url, self.holder)
        self._database = database
        self.tasks = tuple(tasks)
        self.runs: Counter[tuple[str, str]] = Counter()
        """Runs of this process that have ended, by job and outcome."""
        self._is_ready = is_ready
        self._served_term = 0
        self._met: dict[str, Slot] = {}
        """The latest slot of each job that was taken in this term, by this process or another."""
        self._busy: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._clock = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": MISFIRE_S},
        )

    @property
    def is_leading(self) -> bool:
        """Whether this process leads the jobs, as of the last look."""
        return self._leadership.is_leading

    def start(self) -> None:
        """Begin to look at the clock."""
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns whenever a run takes longer
        self._clock.add_job(self._look, IntervalTrigger(seconds=LOOK_S, timezone=UTC), next_run_time=_now())
        for task in self.tasks:
            self._clock.add_job(self._meet, _Trigger(task.rhythm), [task], id=task.name)
        self._clock.start()

    async def close(self) -> None:
        """Stop what runs, note that, and let another lead."""
        self._clock.shutdown(wait=False)
        for task in self._running:
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOPPING_S):
                await asyncio.gather(*self._running, return_exceptions=True)
        await self._leadership.close()

    async def state(self) -> dict[str, Any]:
        """Who leads, what is due when, and how it went, ready for JSON.

        Raises:
            DatabaseUnavailableError: If the database does not answer.
        """
        async with self._database.connection() as connection:
            return {
                "leader": await leader(connection),
                "this_worker": self.holder,
                "tasks": [
                    {
                        "name": task.name,
                        **task.rhythm.document(),
                        "next_run": self._clock.get_job(task.name).next_run_time.isoformat(),
                        "last": await last_slots(connection, task.name, limit=SLOTS_SHOWN),
                    }
                    for task in self.tasks
                ],
            }

    async def _look(self) -> None:
        """Come to lead if nobody does; who leads meets what is due and was not met yet."""
        if not await self._leadership.seek() or not self._is_ready():
            return
        if self._leadership.term != self._served_term:
            try:
                async with self._database.connection() as connection:
                    await abandon_slots(connection, self.holder)
            except DatabaseUnavailableError:
                return
            self._served_term = self._leadership.term
            self._met.clear()
        for task in self.tasks:
            if task.slot(_now()) != self._met.get(task.name):
                self._begin(self._meet(task))

    async def _meet(self, task: Task) -> None:
        """Run a job if this process leads and its slot is free; what runs is not stopped by the clock."""
        if not self._is_ready() or not await self._leadership.seek() or task.name in self._busy:
            return
        self._busy.add(task.name)
        await asyncio.shield(self._begin(self._take(task, self._leadership.term)))

    async def _take(self, task: Task, term: int) -> None:
        """Run a job if its slot is free."""
        slot = task.slot(_now())
        try:
            async with self._database.connection() as connection:
                is_free = await claim_slot(connection, slot, self.holder)
            self._met[task.name] = slot
            if is_free:
                await self._run(task, slot, term)
        except DatabaseUnavailableError:
            return  # the slot is met at the next look
        finally:
            self._busy.discard(task.name)

    def _begin(self, doing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(doing)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _run(self, task: Task, slot: Slot, term: int) -> None:
        status, detail = "failed", dict[str, Any]()
        try:
            detail = dict(await task.run(lambda: self._leadership.keep(term)))
            status = "done"
        except asyncio.CancelledError:
            status = "stopped"
            raise
        except LeadershipLostError:
            status = "abandoned"
        except Exception as error:
            detail = {"error": type(error).__name__}
            log.exception("job %s failed; it is tried again when it is due", task.name)
        finally:
            self.runs[task.name, status] += 1
            with suppress(DatabaseUnavailableError):
                async with self._database.connection() as connection:
                    await finish_slot(connection, slot, self.holder, status, detail)


class _Trigger(BaseTrigger):  # type: ignore[misc] # APScheduler has no types
    """The clock's view of a rhythm; what was missed meanwhile is one."""

    def __init__(self, rhythm: Rhythm) -> None:
        self._rhythm = rhythm

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """When the job is due next."""
        return self._rhythm.following(max(previous_fire_time or now, now))


def _now() -> datetime:
    return datetime.now(UTC)
