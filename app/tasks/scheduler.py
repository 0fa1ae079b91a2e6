"""The scheduler: runs tasks due at fixed times, each once, in the one process that leads.

Every process has a scheduler that follows the clock; the leader inserts the slot's row and runs the task. A
task makes up in its next run for what it missed while no process led.
"""

import asyncio
import logging
import os
import secrets
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from app.database import Database, DatabaseUnavailableError
from app.tasks.leader_election import Leadership, LeadershipLostError
from app.tasks.task import Every, Rhythm, Slot, Task
from app.tasks.task_runs import (
    abandon_slots,
    claim_slot,
    finish_slot,
    free_later_slots,
    last_slots,
    leader,
)

log = logging.getLogger(__name__)

LOOK_S = 5.0
"""How often a process tries to become leader, and the leader verifies that it is: a killed leader is replaced
within this time. A slot that could not be taken when it was due is taken at the next check."""

MISFIRE_S = 60
"""How late a run may start if the process was busy; its slot is then the latest one."""

STOPPING_S = 5.0
"""How long a run has to record that it was stopped."""

AHEAD = timedelta(seconds=10)
"""How far clocks of processes may differ: slots beyond were taken before the clock was set back."""

SLOTS_SHOWN = 10


class Scheduler:
    """Runs tasks while this process leads.

    Args:
        url: Address of the database, for the lock's connection.
        database: Where slots are stored.
        tasks: Tasks with different names.
        is_ready: Returns whether tasks can run, which they cannot before the catalogue has been read.
    """

    def __init__(
        self, url: str, database: Database, tasks: Sequence[Task], *, is_ready: Callable[[], bool]
    ) -> None:
        self.holder = f"{os.getpid()}-{secrets.token_hex(3)}"
        self._leadership = Leadership(url, self.holder)
        self._database = database
        self.tasks = tuple(tasks)
        self.runs: Counter[tuple[str, str]] = Counter()
        """Finished runs of this process, by task and outcome."""
        self._is_ready = is_ready
        self._served_term = 0
        self._is_behind = False
        """Whether the clock was set back, and slots taken before are still to be freed."""
        self._met: dict[str, Slot] = {}
        """The latest slot of each task that was taken in this term, by this process or another."""
        self._busy: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._clock = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": MISFIRE_S},
        )

    @property
    def is_leading(self) -> bool:
        """Whether this process leads the tasks, as of the last check."""
        return self._leadership.is_leading

    def start(self) -> None:
        """Start following the clock."""
        logging.getLogger("apscheduler").setLevel(
            logging.ERROR
        )  # it warns whenever a run takes longer than its interval
        for task in self.tasks:
            self._clock.add_job(self._meet, _Trigger(task.rhythm), [task], id=task.name)
        self._clock.start()
        self._looking = asyncio.create_task(self._keep_looking())

    async def close(self) -> None:
        """Stop running tasks, record that, and let another process lead."""
        self._clock.shutdown(wait=False)
        if self._looking is not None:
            self._looking.cancel()
        for task in self._running:
            task.cancel()
        ending = {*self._running} if self._looking is None else {*self._running, self._looking}
        with suppress(TimeoutError):
            async with asyncio.timeout(STOPPING_S):
                await asyncio.gather(*ending, return_exceptions=True)
        await self._leadership.close()

    async def state(self) -> dict[str, Any]:
        """Return who leads, when each task is due and how its runs ended, ready for JSON.

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

    async def _keep_looking(self) -> None:
        """Look again and again, by a clock that is never set."""
        while True:
            try:
                self._follow_clock()
                await self._look()
            except Exception:
                log.exception("the scheduler could not look for what is due; it looks again")
            await asyncio.sleep(LOOK_S)

    def _follow_clock(self) -> None:
        """Where the clock was set back, let tasks be due by the time it says now."""
        now, was_behind = _now(), self._is_behind
        for task in self.tasks:
            job = self._clock.get_job(task.name)
            due = task.rhythm.following(now)
            if job is not None and job.next_run_time is not None and job.next_run_time > due:
                job.modify(next_run_time=due)
                self._is_behind = True
        if self._is_behind and not was_behind:
            log.warning("the clock was set back; tasks are due by the time it says now")

    async def _look(self) -> None:
        """Become leader if there is none; as leader, take slots that are due and were not taken."""
        if not await self._leadership.seek() or not self._is_ready():
            return
        if self._leadership.term != self._served_term or self._is_behind:
            try:
                await self._begin_term()
            except DatabaseUnavailableError:
                return
            self._served_term = self._leadership.term
            self._is_behind = False
            self._met.clear()
        for task in self.tasks:
            if task.slot(_now()) != self._met.get(task.name):
                self._begin(self._meet(task))

    async def _begin_term(self) -> None:
        """Free what other processes and other clocks left.

        Slots that are still to come were taken before the clock was set back, so that they are run when they
        are due. A nightly task has run for that night.
        """
        later = [task.name for task in self.tasks if isinstance(task.rhythm, Every)]
        async with self._database.connection() as connection:
            await abandon_slots(connection, self.holder)
            await free_later_slots(connection, later, _now() + AHEAD)

    async def _meet(self, task: Task) -> None:
        """Run a task if this process leads and its slot is free; the clock does not stop running tasks."""
        if not self._is_ready() or not await self._leadership.seek() or task.name in self._busy:
            return
        self._busy.add(task.name)
        await asyncio.shield(self._begin(self._take(task, self._leadership.term)))

    async def _take(self, task: Task, term: int) -> None:
        """Run a task if its slot is free."""
        slot = task.slot(_now())
        try:
            async with self._database.connection() as connection:
                is_free = await claim_slot(connection, slot, self.holder)
            self._met[task.name] = slot
            if is_free:
                await self._run(task, slot, term)
        except DatabaseUnavailableError:
            return  # the slot is taken at the next check
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
            log.exception("task %s failed; it runs again when it is next due", task.name)
        finally:
            self.runs[task.name, status] += 1
            with suppress(DatabaseUnavailableError):
                async with self._database.connection() as connection:
                    await finish_slot(connection, slot, self.holder, status, detail)


class _Trigger(BaseTrigger):  # type: ignore[misc] # APScheduler has no types
    """APScheduler's view of a rhythm; several missed times count as one."""

    def __init__(self, rhythm: Rhythm) -> None:
        self._rhythm = rhythm

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return when the task is due next."""
        return self._rhythm.following(max(previous_fire_time or now, now))


def _now() -> datetime:
    return datetime.now(UTC)
