"""The checks: how each part of a deployment is asked whether it is well."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.caching.redis_tier import RedisTier
from app.database import Database, DatabaseUnavailableError
from app.health.finding import Finding
from app.tasks.task import Task
from app.tasks.task_runs import LatestSlot, latest_slots, leader_beat
from mosaics.storage import Storage, StorageError

SPACE_BYTES = 1 << 30
SPACE_SHARE = 0.05
"""A disk is full where less is free than a gigabyte and than this share of it: a scene of Sentinel-2 takes
about a gigabyte."""

STORAGE_S = 5.0
"""How long storage may take to name its collections."""

BEAT_S = 20.0
"""Who leads shows itself every five seconds (`app.tasks.scheduler.LOOK_S`)."""

OVERDUE = timedelta(seconds=40)
"""How late the start of a job may be. A process that comes to lead starts what is due within seconds."""


async def check_storage(storage: Storage) -> Finding:
    """Whether storage answers, and, where it is a folder, whether its disk has room."""
    try:
        async with asyncio.timeout(STORAGE_S):
            names = await storage.folders("collections/")
    except (StorageError, TimeoutError):
        return Finding(False, "Storage does not answer; tiles that are cached are still served.")
    facts: dict[str, int] = {"collections": len(names)}
    folder = _folder(storage.address)
    if folder is None:
        return Finding(True, "The bucket answers.", facts=facts)
    try:
        disk = await asyncio.to_thread(shutil.disk_usage, folder)
    except OSError:
        return Finding(False, "The folder of the storage is gone.", facts=facts)
    facts |= {"free_bytes": disk.free, "total_bytes": disk.total}
    if disk.free < min(SPACE_BYTES, SPACE_SHARE * disk.total):
        return Finding(
            False, f"The disk of the storage is full: {disk.free / 1e6:.0f} MB are free.", facts=facts
        )
    return Finding(True, f"The folder answers; {disk.free / 1e9:.1f} GB are free.", facts=facts)


async def check_redis(redis: RedisTier | None) -> Finding:
    """Whether Redis answers."""
    if redis is None:
        return Finding(True, "No Redis is configured.")
    if await redis.ping():
        return Finding(True, "Redis answers.")
    return Finding(False, "Redis does not answer; tiles are computed by every worker for itself.")


async def check_database(database: Database | None) -> Finding:
    """Whether the database answers."""
    if database is None:
        return Finding(True, "No database is configured.")
    if await database.is_reachable():
        return Finding(True, "The database answers.")
    return Finding(False, "The database does not answer; areas, kept series and jobs have to wait.")


async def check_scheduler(database: Database | None, tasks: Sequence[Task]) -> Finding:
    """Whether some process leads the jobs, shows itself, and starts what is due.

    Args:
        database: Where leading and slots are seen; it is not this check that tells when it is away.
        tasks: Those this worker would run; none where it runs no jobs.
    """
    if database is None:
        return Finding(True, "There are no jobs without a database.")
    try:
        async with database.connection(wait_s=1.0) as connection:
            beat = await leader_beat(connection)
            slots = await latest_slots(connection)
    except DatabaseUnavailableError:
        return Finding(False, "Who leads the jobs is not known while the database does not answer.")
    if beat is None:
        return Finding(not tasks, "No process leads the jobs.")
    now = datetime.now(UTC)
    facts = {"leader": beat.holder, "last_beat": beat.last.isoformat(timespec="seconds")}
    if (silent_s := (now - beat.last).total_seconds()) > BEAT_S:
        says = f"{beat.holder} leads the jobs, and has not shown itself for {silent_s:.0f} s."
        return Finding(False, says, beat.last, facts)
    if now - beat.began > OVERDUE and (missed := _missed(tasks, slots, now - OVERDUE)):
        return Finding(False, f"Jobs are due and were not started: {', '.join(missed)}.", facts=facts)
    return Finding(True, f"{beat.holder} leads the jobs.", facts=facts)


def _missed(tasks: Sequence[Task], slots: Mapping[str, LatestSlot], by: datetime) -> list[str]:
    """The jobs that were due by a time and have not been started since."""
    return [
        task.name
        for task in tasks
        if (latest := slots.get(task.name)) is None
        or (latest.due < task.slot(by).due and not latest.is_running)
    ]


def _folder(address: str) -> Path | None:
    parts = urlsplit(address)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None
