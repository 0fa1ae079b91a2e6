"""A process of a test: a scheduler that leads or waits, with nights of a second, and orders done at once."""

import asyncio
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from app.database import Database
from app.jobs.job import Job
from app.jobs.job_store import create_job, read_job_row
from app.products.registry import Registry
from app.regions.file import RegionsFile
from app.regions.service import RegionService
from app.tasks.region_rotation import RegionRotation
from app.tasks.scheduler import Scheduler
from app.tasks.task import Every, Nightly, StillLeading, Task
from mosaics.descriptions.folders import DescriptionFolders

DONE = """
    update orders set status = 'done', finished_at = now(), result = '{"ingest": {"landed_bytes": 1}}',
        landed = '[{"collection": "c", "scene": "s", "period": "2026-06", "commit": 1}]'
    where id = $1 and status = 'queued'
"""


class DoneAtOnce:
    """Jobs in the database that need no work: done as soon as they are looked at."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def submit(self, kind: Any, request: Mapping[str, Any], *, key: str, is_limited: bool) -> Job:
        async with self.database.transaction() as connection:
            return await create_job(connection, kind, json.dumps(request), key, max_queued=10_000)

    async def read(self, job_id: int) -> Job:
        async with self.database.connection() as connection:
            await connection.execute(DONE, job_id)
            return await read_job_row(connection, job_id)

    async def cancel(self, job_id: int) -> Job:
        return await self.read(job_id)


async def lead(url: str, path: Path, began: float, log: Path) -> None:
    """Look at the clock until this process is killed."""
    start = datetime.fromtimestamp(began, UTC)

    def now() -> datetime:
        """A day a second, from three in the morning of the first of June."""
        return datetime(2026, 6, 1, 3, tzinfo=UTC) + (datetime.now(UTC) - start) * 86_400

    database = Database(url, max_connections=2)
    registry = Registry.load()

    nightly = Nightly(3, ZoneInfo("UTC"))
    regions = RegionService(
        RegionsFile(path, registry), database, zone=nightly.zone, descriptions=DescriptionFolders()
    )
    rotation = RegionRotation(database, regions, registry, DoneAtOnce(database), nightly, now=now)

    async def choose(still_leading: StillLeading) -> Mapping[str, Any]:
        with log.open("a") as lines:
            lines.write(f"{datetime.now(UTC):%H:%M:%S}\n")
        return await rotation.choose(still_leading)

    second = timedelta(seconds=1)
    tasks = [Task("regions", Every(second), choose), Task("region-runs", Every(second / 2), rotation.follow)]
    Scheduler(url, database, tasks, is_ready=lambda: True).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(lead(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])))
