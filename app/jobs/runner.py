"""Running jobs: a process claims a job, holds it by a heartbeat, and runs it in a subprocess.

A process that cannot reach the database in time gives up its jobs before another may start them. One that
stops hands them back. One that is killed is recognised by its silence.
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
"""How often a process looks for jobs that others added or lost."""

BEAT_S = 2.0
"""How often the heartbeat is written; progress and cancellations appear after at most this long."""

ANSWER_S = 3.0
"""How long the database may take to accept a heartbeat."""

SILENCE_S = 7.0
"""A job is given up after this long without an accepted heartbeat: its subprocess has then ended
(`subprocess.ENDING_S`), and a pending answer (`ANSWER_S`) is over, before `job_store.LEASE` is."""

STOPPING_S = 8.0
"""How long a stopping process has to end its subprocesses and hand back its jobs."""

MAX_ATTEMPTS = 5
"""A job whose process was lost this often is given up: the job itself may be the cause."""


REFUSED = 2
"""Exit status of a command that refuses something; see `app.cli.exit.CommandError`."""


class JobRunner:
    """Runs jobs in this process.

    Args:
        database: Where jobs are stored.
        command_line: Runs their commands.
        descriptions: The sources and collections.
        holder: A name for this process.
        at_once: Number of jobs that may run, over all processes.
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
        """Jobs by status, as last counted."""
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
        """Start looking for jobs."""
        self._looking = asyncio.create_task(self._look(), name="jobs")

    def wake(self) -> None:
        """Look for a new job at once."""
        self._woken.set()

    def stir(self, job_id: int) -> None:
        """Check at once whether a job, if it runs here, is to be cancelled."""
        if running := self._running.get(job_id):
            running.stirred.set()

    async def close(self) -> None:
        """End the subprocesses and let other processes continue the jobs."""
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
                pass  # logged by the database itself; the next round tries again
            except Exception:
                log.exception("jobs cannot be started; trying again")
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
        task = asyncio.create_task(self._run(running), name=f"job {job.id}")
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (fault := task.exception()) is not None:
                log.error("job %d is left for another process to claim", job.id, exc_info=fault)
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
            error = (
                f"The job was started {MAX_ATTEMPTS} times, and the process running it was lost each time."
            )
            await self._finish(running, "failed", error)
            return
        if job.attempts > 1:
            running.say("The process running this job was lost; the job continues.")
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
            log.warning(
                "job %d was given up: the database did not answer, or another process has the job", job.id
            )
        elif (fault := work.exception()) is not None:
            log.error("job %d failed", job.id, exc_info=fault)
            await self._finish(
                running, "failed", "The job could not be run; the server's log has the reason."
            )
        else:
            reason = work.result()
            await self._finish(running, "failed" if reason else "done", reason)

    async def _hold(self, running: Running, work: asyncio.Task[str | None]) -> str:
        """Send heartbeats until the work ends; return `ended`, or why to stop it: `cancelled` or `lost`."""
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
        """Run a job's steps; return the reason if one fails, otherwise None."""
        request = understand(running.job.kind, running.job.request)
        steps = steps_of(request, await asyncio.to_thread(self._descriptions.current))
        for number, step in enumerate(steps, 1):
            running.begin(step.name, number, len(steps))
            ended = await self._command_line.run(step.words, running.hear, with_database=step.wants_database)
            if ended.status == REFUSED and running.is_partial:
                continue  # scenes that were refused cost themselves, and the job says so
            if ended.status != 0:
                log.warning(
                    "job %d: %s ended with status %d: %s",
                    *(running.job.id, step.name, ended.status, ended.stderr.strip()),
                )
                return running.refusal or (
                    f"{step.name} ended with status {ended.status}; the server's log has the reason."
                )
        return None

    async def _finish(self, running: Running, status: Status, error: str | None = None) -> None:
        """Record how a job ended, however long the database takes."""
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
    """End a task, and with it its subprocess, before continuing."""
    work.cancel()
    await asyncio.wait({work})
