"""Running orders: each begun by one process, held by its heart beat, and done by a child that ends with it.

A process that cannot tell the database in time that it lives gives its orders up before another may begin
them. One that stops hands them back. One that is killed is found out by its silence.
"""

import asyncio
import logging
import time
from contextlib import suppress

from app.database import Database, DatabaseUnavailableError
from app.jobs.commands import steps_of
from app.jobs.job import Job, Status
from app.jobs.job_store import (
    Counts,
    beat,
    claim_job,
    count_jobs,
    finish_job,
    hand_back_job,
)
from app.jobs.recorder import Running
from app.jobs.request import understand
from app.jobs.subprocess import CommandLine
from mosaics.descriptions.folders import DescriptionFolders

log = logging.getLogger(__name__)

LOOK_S = 2.0
"""How often a process looks for orders that others took or lost."""

BEAT_S = 2.0
"""How often a heart beats; so soon progress shows, and a cancellation from elsewhere is seen."""

ANSWER_S = 3.0
"""How long the database has for that."""

SILENCE_S = 7.0
"""After so long without an answer an order is given up: its child is dead (`child.ENDING_S`) and the answer
under way (`ANSWER_S`) is over before `store.LEASE` is."""

STOPPING_S = 8.0
"""How long a process that stops has to end its children and hand its orders back."""

MAX_ATTEMPTS = 5
"""An order that was lost so often with whoever ran it is given up: it may be what ends them."""


class JobRunner:
    """Runs orders in this process.

    Args:
        database: Where they are.
        command_line: Does them.
        descriptions: The sources and collections.
        holder: Names this process.
        at_once: Orders that may run, over all processes.
    """

    def __init__(
        self,
        database: Database,
        command_line: CommandLine,
        descriptions: DescriptionFolders,
        *,
        holder: str,
        at_once: int,
    ) -> None:
        self.counts: Counts | None = None
        """Orders by state, as of the last look."""
        self._database = database
        self._command_line = command_line
        self._descriptions = descriptions
        self._holder = holder
        self._at_once = at_once
        self._running: dict[int, Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for orders."""
        self._looking = asyncio.create_task(self._look(), name="orders")

    def wake(self) -> None:
        """Look at once: there is a new order."""
        self._woken.set()

    def stir(self, job_id: int) -> None:
        """Look at once whether an order that may be running here is to be cancelled."""
        if running := self._running.get(job_id):
            running.stirred.set()

    async def close(self) -> None:
        """End the children, and let others go on with the orders."""
        tasks = {task for task in (self._looking, *self._tasks) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOPPING_S)

    async def _look(self) -> None:
        while True:
            self._woken.clear()
            try:
                while (job := await self._claim()) is not None:
                    self._begin(job)
            except DatabaseUnavailableError:
                pass  # which says so itself; the next look may find it again
            except Exception:
                log.exception("orders cannot be begun; it is tried again")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._woken.wait()

    async def _claim(self) -> Job | None:
        async with self._database.connection() as connection:
            self.counts = await count_jobs(connection)
        by_status = self.counts.by_status
        alive = by_status.get("running", 0) - self.counts.lost
        if alive >= self._at_once or not by_status.get("queued", 0) + self.counts.lost:
            return None
        async with self._database.transaction() as connection:
            return await claim_job(connection, self._holder, at_once=self._at_once, but=list(self._running))

    def _begin(self, job: Job) -> None:
        running = self._running[job.id] = Running(job)
        task = asyncio.create_task(self._run(running), name=f"order {job.id}")
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (fault := task.exception()) is not None:
                log.error("order %d is left to be found out", job.id, exc_info=fault)
            self._tasks.discard(task)
            self._running.pop(job.id, None)
            self.wake()

        task.add_done_callback(ended)

    async def _run(self, running: Running) -> None:
        job = running.job
        if job.is_cancelling:
            await self._finish(running, "cancelled")
            return
        if job.attempts > MAX_ATTEMPTS:
            error = f"It was begun {MAX_ATTEMPTS} times, and whoever ran it was lost each time."
            await self._finish(running, "failed", error)
            return
        if job.attempts > 1:
            running.say("Whoever ran this was lost; it goes on.")
        work = asyncio.create_task(self._work(running))
        work.add_done_callback(lambda _: running.stirred.set())
        try:
            try:
                verdict = await self._hold(running, work)
            finally:
                await _stop(work)
        except asyncio.CancelledError:
            with suppress(DatabaseUnavailableError):
                async with self._database.connection() as connection:
                    await hand_back_job(connection, job.id, self._holder)
            raise
        if verdict == "cancelled":
            await self._finish(running, "cancelled")
        elif verdict == "lost":
            log.warning("order %d was given up: the database did not answer, or another has it", job.id)
        elif (fault := work.exception()) is not None:
            log.error("order %d failed", job.id, exc_info=fault)
            await self._finish(running, "failed", "It could not be run; the server's log has the reason.")
        else:
            reason = work.result()
            await self._finish(running, "failed" if reason else "done", reason)

    async def _hold(self, running: Running, work: asyncio.Task[str | None]) -> str:
        """Beat until the work is over; `ended`, or why it is to be stopped: `cancelled` or `lost`."""
        heard_at = time.monotonic()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_S):
                    await running.stirred.wait()
            running.stirred.clear()
            if work.done():
                return "ended"
            asked_at = time.monotonic()
            try:
                async with asyncio.timeout(ANSWER_S), self._database.connection() as connection:
                    is_cancelling = await beat(connection, running.job.id, self._holder, running.told)
            except (DatabaseUnavailableError, TimeoutError):
                if time.monotonic() - heard_at > SILENCE_S:
                    return "lost"
                continue
            heard_at = asked_at
            if is_cancelling is None:
                return "lost"
            if is_cancelling:
                return "cancelled"

    async def _work(self, running: Running) -> str | None:
        """Do an order's steps; the reason where one fails."""
        request = understand(running.job.kind, running.job.request)
        steps = steps_of(request, await asyncio.to_thread(self._descriptions.current))
        for number, step in enumerate(steps, 1):
            running.begin(step.name, number, len(steps))
            ended = await self._command_line.run(step.words, running.hear)
            if ended.status != 0:
                log.warning(
                    "order %d: %s ended with status %d: %s",
                    *(running.job.id, step.name, ended.status, ended.stderr.strip()),
                )
                return running.refusal or (
                    f"{step.name} ended with status {ended.status}; the server's log has the reason."
                )
        return None

    async def _finish(self, running: Running, status: Status, error: str | None = None) -> None:
        """Note how an order ended, however long the database takes."""
        while True:
            try:
                async with self._database.connection() as connection:
                    await finish_job(
                        connection,
                        running.job.id,
                        self._holder,
                        status,
                        running.told,
                        result=running.results,
                        error=error,
                    )
            except DatabaseUnavailableError:
                await asyncio.sleep(BEAT_S)
            else:
                return


async def _stop(work: asyncio.Task[str | None]) -> None:
    """End a task, and with it its child, before going on."""
    work.cancel()
    await asyncio.wait({work})
