"""The scheduler: jobs that are due at fixed times, run once each by the one process that leads.

Every process has one and looks at the clock; who leads takes the slot's row and runs. What a job has missed
while nobody led, it makes up for in its next run.
"""

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from app.database import Database, DatabaseUnavailableError
from app.jobs.job import EPOCH, Job, Slot
from app.jobs.leading import Leadership, LeadershipLostError
from app.jobs.slots import abandon_slots, claim_slot, finish_slot, last_slots, leader

log = logging.getLogger(__name__)

LOOK_S = 5.0
"""How often a process that does not lead tries to, and one that does makes sure: a leader that is killed is
replaced within this."""

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
        self, url: str, database: Database, jobs: Sequence[Job], *, is_ready: Callable[[], bool]
    ) -> None:
        self.holder = f"{os.getpid()}-{secrets.token_hex(3)}"
        self._leadership = Leadership(url, self.holder)
        self._database = database
        self._jobs = tuple(jobs)
        self._is_ready = is_ready
        self._served_term = 0
        self._busy: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._clock = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": MISFIRE_S},
        )

    def start(self) -> None:
        """Begin to look at the clock."""
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns whenever a run takes longer
        self._clock.add_job(self._look, IntervalTrigger(seconds=LOOK_S, timezone=UTC), next_run_time=_now())
        for job in self._jobs:
            trigger = IntervalTrigger(seconds=job.every.total_seconds(), start_date=EPOCH, timezone=UTC)
            self._clock.add_job(self._meet, trigger, [job], id=job.name)
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
                "jobs": [
                    {
                        "name": job.name,
                        "every_s": job.every.total_seconds(),
                        "next_run": self._clock.get_job(job.name).next_run_time.isoformat(),
                        "last": await last_slots(connection, job.name, limit=SLOTS_SHOWN),
                    }
                    for job in self._jobs
                ],
            }

    async def _look(self) -> None:
        """Come to lead if nobody does; whoever has come to it catches up at once."""
        if not await self._leadership.seek() or self._leadership.term == self._served_term:
            return
        if not self._is_ready():
            return
        self._served_term = self._leadership.term
        try:
            async with self._database.connection() as connection:
                await abandon_slots(connection, self.holder)
        except DatabaseUnavailableError:
            self._served_term = 0
            return
        for job in self._jobs:
            self._begin(self._meet(job))

    async def _meet(self, job: Job) -> None:
        """Run a job if this process leads and its slot is free; what runs is not stopped by the clock."""
        if job.name in self._busy or not self._is_ready() or not await self._leadership.seek():
            return
        slot = job.slot(_now())
        try:
            async with self._database.connection() as connection:
                if not await claim_slot(connection, slot, self.holder):
                    return
        except DatabaseUnavailableError:
            return
        await asyncio.shield(self._begin(self._run(job, slot, self._leadership.term)))

    def _begin(self, doing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(doing)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _run(self, job: Job, slot: Slot, term: int) -> None:
        status, detail = "failed", dict[str, Any]()
        self._busy.add(job.name)
        try:
            detail = dict(await job.run(lambda: self._leadership.keep(term)))
            status = "done"
        except asyncio.CancelledError:
            status = "stopped"
            raise
        except LeadershipLostError:
            status = "abandoned"
        except Exception as error:
            detail = {"error": type(error).__name__}
            log.exception("job %s failed; it is tried again when it is due", job.name)
        finally:
            self._busy.discard(job.name)
            with suppress(DatabaseUnavailableError):
                async with self._database.connection() as connection:
                    await finish_slot(connection, slot, self.holder, status, detail)


def _now() -> datetime:
    return datetime.now(UTC)
