"""Runs: every refresh of a region, one row each, and the SQL for them."""

import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal

from app.database import Connection
from app.regions.region import DayWindow, Region

Cause = Literal["rotation", "change", "request"]
"""`change`: by the rotation, too, since the region has changed in the file."""
RunStatus = Literal["running", "done", "partial", "empty", "failed"]
PreBasis = Literal["year-before", "just-before"]

MAX_REASONS = 20
"""Scenes whose reasons are kept; the jobs have all."""

LOCK = 0x72656769_6F6E7321
"""Key of the advisory lock for choosing a night's regions; the letters of "regions!"."""

BEGUN = "select count(*) from region_runs where night = $1 and cause <> 'request'"

BEGIN = """
    insert into region_runs
        (region, night, cause, asked, pre_start, pre_end, post_start, post_end, started_at)
    values ($1, $2, $3, $4::jsonb, $5, $6, $7, $8, clock_timestamp())
    on conflict do nothing returning *
"""
"""Uses the clock, not the start of the transaction, which may precede the end of the run it waited for."""

NOTE_JOB = "update region_runs set orders = orders || jsonb_build_object($2::text, $3::bigint) where id = $1"

FALL_BACK = """
    update region_runs set pre_start = $2, pre_end = $3, pre_basis = 'just-before', orders = orders - 'pre'
    where id = $1 and pre_basis = 'year-before'
"""

FINISH = """
    update region_runs set status = $2, scenes_landed = $3, scenes_found = $4, landed_bytes = $5, error = $6,
        scenes_refused = $7, refused = $8::jsonb, finished_at = now()
    where id = $1 and status = 'running'
"""

RUNNING = "select * from region_runs where status = 'running' order by id"

LAST = "select * from region_runs where region = $1 order by id desc limit $2"

ENDED = """
    select distinct on (region) * from region_runs
    where region = any($1) and status <> 'running' order by region, id desc
"""

SUCCEEDED = """
    select distinct on (region) * from region_runs
    where region = any($1) and status in ('done', 'partial') order by region, id desc
"""

SUMS = """
    select region, sum(landed_bytes)::bigint as landed_bytes,
        count(*) filter (where status in ('failed', 'empty') and id > coalesce((
            select max(id) from region_runs done
            where done.region = each.region and done.status in ('done', 'partial')), 0)
        ) as failures,
        count(*) filter (where status <> 'running' and id > coalesce((
            select max(id) from region_runs done where done.region = each.region and done.status = 'done'), 0)
        ) as incomplete
    from region_runs each where region = any($1) group by region
"""

FORGET = """
    delete from region_runs old where finished_at < now() - $1::interval and exists (
        select from region_runs later where later.region = old.region and later.id > old.id
            and later.status <> 'running'
            and (old.status not in ('done', 'partial') or later.status in ('done', 'partial'))
    )
"""


@dataclass(frozen=True, slots=True)
class Run:
    """A refresh of a region."""

    id: int
    region: str
    night: date
    """Day of the rotation's calendar that it counts for."""
    cause: Cause
    asked: Mapping[str, Any]
    """The region as its file described it, and the bands to ingest."""
    pre: DayWindow
    """The window that was used."""
    pre_basis: PreBasis
    """Source of the window before: the same season a year earlier, or right before the window after."""
    post: DayWindow
    jobs: Mapping[str, int]
    """Ids of the ingestions, by window."""
    started_at: datetime
    finished_at: datetime | None
    status: RunStatus
    """`empty` if the archive has no scene for one of the windows; `partial` if it is shown, though scenes
    were refused."""
    scenes_landed: int
    scenes_found: int
    """Scenes that had landed before."""
    scenes_refused: int
    refused: Mapping[str, str]
    """Why, by id, the first of them were refused."""
    landed_bytes: int
    error: str | None

    @property
    def duration_s(self) -> float | None:
        """How long it took; None while it runs."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None


@dataclass(frozen=True, slots=True)
class History:
    """A summary of a region's runs."""

    ended: Run | None = None
    """The last one that has ended."""
    succeeded: Run | None = None
    """The last one that succeeded."""
    running: Run | None = None
    failures: int = 0
    """Consecutive runs, up to the last, that were empty or failed."""
    incomplete: int = 0
    """The same, partial ones among them: so many since all scenes landed."""
    landed_bytes: int = 0
    """Sum over all stored runs, whatever became of the scenes since."""


async def begun_by_rotation(connection: Connection, night: date) -> int:
    """Return how many runs the rotation started for a night; none can start until the transaction ends."""
    await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
    found: int = await connection.fetchval(BEGUN, night)
    return found


async def begin_run(
    connection: Connection, region: Region, bands: Iterable[str], *, night: date, today: date, cause: Cause
) -> Run | None:
    """Start a refresh; None if one is running, or if the rotation has started one that night.

    Args:
        connection: To the database.
        region: The region to refresh.
        bands: The bands to ingest.
        night: The night it counts for.
        today: The last day of the window after, UTC.
        cause: Why it starts.
    """
    post = region.post_window(today)
    pre = region.pre_window(post)
    asked = json.dumps(region.model_dump(mode="json") | {"bands": list(bands)})
    row = await connection.fetchrow(
        BEGIN, region.name, night, cause, asked, pre.start, pre.end, post.start, post.end
    )
    return None if row is None else _run(row)


async def note_job(connection: Connection, run_id: int, window: str, job_id: int) -> None:
    """Record the ingestion of a window."""
    await connection.execute(NOTE_JOB, run_id, window, job_id)


async def fall_back(connection: Connection, run_id: int, pre: DayWindow) -> None:
    """Use another window before, since that of the year before has no scene."""
    await connection.execute(FALL_BACK, run_id, pre.start, pre.end)


async def finish_run(
    connection: Connection,
    run_id: int,
    status: RunStatus,
    *,
    scenes_landed: int = 0,
    scenes_found: int = 0,
    landed_bytes: int = 0,
    error: str | None = None,
    refused: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Record how a run ended; a run that has ended stays as it is. Of those refused the first are named."""
    reasons = json.dumps(dict(itertools.islice(refused.items(), MAX_REASONS)))
    await connection.execute(
        FINISH, run_id, status, scenes_landed, scenes_found, landed_bytes, error, len(refused), reasons
    )


async def running_runs(connection: Connection) -> list[Run]:
    """Return the running refreshes, oldest first."""
    return [_run(row) for row in await connection.fetch(RUNNING)]


async def last_runs(connection: Connection, region: str, *, limit: int) -> list[Run]:
    """Return the latest runs of a region, newest first."""
    return [_run(row) for row in await connection.fetch(LAST, region, limit)]


async def histories(connection: Connection, regions: Iterable[str]) -> dict[str, History]:
    """Return the histories of some regions, by name, including those that were never refreshed."""
    names = list(regions)
    ended = {row["region"]: _run(row) for row in await connection.fetch(ENDED, names)}
    succeeded = {row["region"]: _run(row) for row in await connection.fetch(SUCCEEDED, names)}
    running = {run.region: run for run in await running_runs(connection)}
    sums = {row["region"]: row for row in await connection.fetch(SUMS, names)}
    return {
        name: History(
            ended.get(name),
            succeeded.get(name),
            running.get(name),
            sums[name]["failures"] if name in sums else 0,
            sums[name]["incomplete"] if name in sums else 0,
            sums[name]["landed_bytes"] if name in sums else 0,
        )
        for name in names
    }


async def forget_runs(connection: Connection, older_than: timedelta) -> None:
    """Delete runs that ended long ago, except each region's last finished and last successful one."""
    await connection.execute(FORGET, older_than)


def _run(row: Any) -> Run:
    return Run(
        id=row["id"],
        region=row["region"],
        night=row["night"],
        cause=row["cause"],
        asked=json.loads(row["asked"]),
        pre=DayWindow(row["pre_start"], row["pre_end"]),
        pre_basis=row["pre_basis"],
        post=DayWindow(row["post_start"], row["post_end"]),
        jobs=json.loads(row["orders"]),
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        status=row["status"],
        scenes_landed=row["scenes_landed"],
        scenes_found=row["scenes_found"],
        scenes_refused=row["scenes_refused"],
        refused=json.loads(row["refused"]),
        landed_bytes=row["landed_bytes"],
        error=row["error"],
    )
