"""Checks: how each part of a deployment is tested."""

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
from mosaics.catalogue import Catalogue
from mosaics.hosts import HOSTS, STORE
from mosaics.raster.damage import DAMAGE
from mosaics.storage import Storage, StorageError

SPACE_BYTES = 1 << 30
SPACE_SHARE = 0.05
"""A disk counts as full if less than a gigabyte and less than this share of it is free: a Sentinel-2 scene
takes about a gigabyte."""

NAMED = 3
"""Damaged collections, or files, that a sentence names."""

STORAGE_S = 5.0
"""How long storage may take to list its collections."""

BEAT_S = 20.0
"""The leader shows that it is alive every five seconds (`app.tasks.scheduler.LOOK_S`)."""

OVERDUE = timedelta(seconds=40)
"""How late a task may start. A process that becomes leader starts whatever is due within seconds."""


async def check_storage(storage: Storage) -> Finding:
    """Check that storage answers and, if it is a folder, that its disk has free space."""
    try:
        async with asyncio.timeout(STORAGE_S):
            names = await storage.folders("collections/")
    except (StorageError, TimeoutError):
        return Finding(False, "Storage does not answer; cached tiles are still served.")
    facts: dict[str, int] = {"collections": len(names)}
    folder = _folder(storage.address)
    if folder is None:
        return Finding(True, "The bucket answers.", facts=facts)
    try:
        disk = await asyncio.to_thread(shutil.disk_usage, folder)
    except OSError:
        return Finding(False, "The storage folder is missing.", facts=facts)
    facts |= {"free_bytes": disk.free, "total_bytes": disk.total}
    if disk.free < min(SPACE_BYTES, SPACE_SHARE * disk.total):
        return Finding(
            False, f"The storage disk is full: only {disk.free / 1e6:.0f} MB are free.", facts=facts
        )
    return Finding(True, f"The folder answers; {disk.free / 1e9:.1f} GB are free.", facts=facts)


async def check_collections(catalogue: Catalogue) -> Finding:
    """Check that the log, the description and the mosaics of every collection could be read."""
    troubles = catalogue.troubles()
    facts = {"damaged": dict(troubles)}
    if not troubles:
        return Finding(True, "Every collection can be read.", facts=facts)
    told = "; ".join(f"{name}: {trouble}" for name, trouble in sorted(troubles.items())[:NAMED])
    return Finding(
        False,
        f"{len(troubles)} collections are damaged and may be shown out of date; `tilewatch repair` rebuilds "
        f"what can be. {told}",
        facts=facts,
    )


async def check_files(storage: Storage) -> Finding:
    """Check that no file of the storage that this worker has read was damaged."""
    root = storage.gdal_path("x").removesuffix("x")
    found = {path.removeprefix(root): why for path, why in DAMAGE.known().items() if path.startswith(root)}
    if not found:
        return Finding(True, "No damaged file was met.")
    named = "; ".join(f"{key} ({why})" for key, why in list(found.items())[:NAMED])
    return Finding(False, f"Files are damaged: {named}.", facts={"damaged": len(found)})


async def check_hosts() -> Finding:
    """Check that no host that files are read from is left alone, since it does not answer in time."""
    found = HOSTS.avoided()
    avoided = [host for host, is_avoided in found.items() if is_avoided]
    if not avoided:
        return Finding(True, "Files are read where they lie.")
    named = ", ".join("the bucket" if host == STORE else host for host in avoided[:NAMED])
    return Finding(
        False,
        f"Files are not read, since their host does not answer in time: {named}; it is tried again.",
        facts={"avoided": len(avoided)},
    )


async def check_redis(redis: RedisTier | None) -> Finding:
    """Check that Redis answers."""
    if redis is None:
        return Finding(True, "No Redis is configured.")
    if await redis.ping():
        return Finding(True, "Redis answers.")
    return Finding(False, "Redis does not answer; every worker computes tiles for itself.")


async def check_database(database: Database | None) -> Finding:
    """Check that the database answers."""
    if database is None:
        return Finding(True, "No database is configured.")
    if await database.is_reachable():
        return Finding(True, "The database answers.")
    return Finding(False, "The database does not answer; areas, kept series and jobs must wait.")


async def check_scheduler(database: Database | None, tasks: Sequence[Task]) -> Finding:
    """Check that a process leads the tasks, is alive, and starts what is due.

    Args:
        database: Where leadership and slots are recorded; another check reports it unavailable.
        tasks: Those this worker would run; empty if it runs none.
    """
    if database is None:
        return Finding(True, "Without a database there are no tasks.")
    try:
        async with database.connection(wait_s=1.0) as connection:
            beat = await leader_beat(connection)
            slots = await latest_slots(connection)
    except DatabaseUnavailableError:
        return Finding(False, "The leader of the tasks is unknown while the database does not answer.")
    if beat is None:
        return Finding(not tasks, "No process leads the tasks.")
    now = datetime.now(UTC)
    facts = {"leader": beat.holder, "last_beat": beat.last.isoformat(timespec="seconds")}
    if beat.silent_s > BEAT_S:
        says = f"{beat.holder} leads the tasks but has been silent for {beat.silent_s:.0f} s."
        return Finding(False, says, beat.last, facts)
    if now - beat.began > OVERDUE and (missed := _missed(tasks, slots, now - OVERDUE)):
        return Finding(False, f"Tasks are due but were not started: {', '.join(missed)}.", facts=facts)
    return Finding(True, f"{beat.holder} leads the tasks.", facts=facts)


def _missed(tasks: Sequence[Task], slots: Mapping[str, LatestSlot], by: datetime) -> list[str]:
    """Return the tasks that were due by a time and have not started since."""
    return [
        task.name
        for task in tasks
        if (latest := slots.get(task.name)) is None
        or (latest.due < task.slot(by).due and not latest.is_running)
    ]


def _folder(address: str) -> Path | None:
    parts = urlsplit(address)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None
