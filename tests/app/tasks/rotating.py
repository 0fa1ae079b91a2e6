"""A world for the rotation of regions: a clock in hand, and orders that end as a test says."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.database import Database
from app.jobs.job import (
    Job,
    JobEndedError,
    LandedScene,
    Status,
)
from app.regions.runs import Run, last_runs
from app.regions.service import RegionService
from app.tasks.region_rotation import RegionRotation
from app.tasks.task import Nightly

NIGHTLY = Nightly(3, ZoneInfo("America/Los_Angeles"))
FIRST = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
"""Three in the morning of 1 June in California."""


async def still_leading() -> None:
    """What a task is told while no other process takes over."""


@dataclass
class OrdersInHand:
    """Orders that are done as a test says, in place of child processes."""

    by_key: dict[str, Job] = field(default_factory=dict)
    asked: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    refusal: Exception | None = None

    async def submit(self, kind: str, request: Mapping[str, Any], *, key: str, is_limited: bool) -> Job:
        if self.refusal is not None:
            raise self.refusal
        assert (kind, is_limited) == ("ingest", False)
        if key not in self.by_key:
            self.asked[key] = request
            self.by_key[key] = Job(len(self.by_key) + 1, "ingest", request, "queued", FIRST)
        return self.by_key[key]

    async def read(self, job_id: int) -> Job:
        return next(job for job in self.by_key.values() if job.id == job_id)

    async def cancel(self, job_id: int) -> Job:
        key, job = next(each for each in self.by_key.items() if each[1].id == job_id)
        if job.has_ended:
            raise JobEndedError("it has ended")
        self.by_key[key] = replace(job, status="cancelled")
        return self.by_key[key]

    def end(
        self, role: str, *, scenes: int = 1, known: int = 0, refused: int = 0, error: str | None = None
    ) -> None:
        """End the orders of a window that have not ended: with scenes landed, known, refused, or an error."""
        landed = [LandedScene("sentinel-2-l2a", f"{role}-{n}", "2026-06", n + 1) for n in range(scenes)]
        landed += [LandedScene("sentinel-2-l2a", f"{role}-old-{n}", "2026-06", None) for n in range(known)]
        for key, job in self.by_key.items():
            if f"-{role}-" in key and not job.has_ended:
                result: dict[str, Any] = {"ingest": {"landed_bytes": 1_000_000 * scenes}}
                result["ingest"]["failures"] = {f"{role}-bad-{n}": "a dead link" for n in range(refused)}
                status: Status = "failed" if error else "done"
                self.by_key[key] = replace(
                    job, status=status, landed=tuple(landed), result=result, error=error
                )


@dataclass
class World:
    """Regions over an empty database, with a clock in hand."""

    database: Database
    jobs: OrdersInHand
    regions: RegionService
    registry: Any
    now: datetime = FIRST

    @property
    def rotation(self) -> RegionRotation:
        """What a process has, made again for every process."""
        return RegionRotation(
            self.database, self.regions, self.registry, self.jobs, NIGHTLY, now=lambda: self.now
        )

    async def night(self, number: int) -> list[str]:
        """The regions begun in a night, counted from the first."""
        self.now = FIRST + timedelta(days=number)
        found: list[str] = (await self.rotation.choose(still_leading))["begun"]
        return found

    async def follow(self) -> None:
        await self.rotation.follow(still_leading)

    async def runs(self, region: str) -> list[Run]:
        async with self.database.connection() as connection:
            return await last_runs(connection, region, limit=100)

    async def run(self, region: str) -> Run:
        return (await self.runs(region))[0]

    async def all_succeed(self) -> None:
        await self.follow()
        self.jobs.end("post")
        self.jobs.end("pre")
        await self.follow()
