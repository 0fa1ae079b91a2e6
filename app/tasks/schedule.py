"""The schedule: all tasks, and when each is due."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from app.database import Database
from app.feeds.piece_store import forget_polls
from app.jobs.job_store import forget_jobs
from app.regions.runs import forget_runs
from app.stac.index_updates import SceneIndexUpdates
from app.statistics.cache import forget_unused
from app.tasks.feed_polling import FeedPolling
from app.tasks.region_rotation import RegionRotation
from app.tasks.series_refresh import SeriesRefresh
from app.tasks.task import Every, Nightly, StillLeading, Task
from app.tasks.task_runs import forget_slots
from app.tasks.verdict_refresh import VerdictRefresh
from app.tasks.verification import Verification

CACHE_KEPT = timedelta(days=30)
"""How long an unused statistic is cached."""

VERIFIED_EVERY = timedelta(minutes=1)
"""How often some of the files in storage are verified."""

SLOTS_KEPT = timedelta(days=7)

JOBS_KEPT = timedelta(days=30)
"""How long a job is kept after its end, with its idempotency key."""

POLLS_KEPT = timedelta(days=30)
"""How long a feed's look at its archive is kept; the last one always is."""

RUNS_KEPT = timedelta(days=731)
"""How long a refresh of a region is kept after its end: two years, one of them a leap year."""


def schedule(
    database: Database,
    series_refresh: SeriesRefresh,
    verdicts: VerdictRefresh,
    indexing: SceneIndexUpdates,
    rotation: RegionRotation,
    *,
    verification: Verification,
    feed_polling: FeedPolling,
    refresh_every: timedelta,
    nightly: Nightly,
) -> tuple[Task, ...]:
    """Return the tasks of the application."""

    async def refresh(still_leading: StillLeading) -> Mapping[str, Any]:
        done = asdict(await series_refresh.refresh(still_leading))
        return done | {"verdicts": await verdicts.refresh(still_leading)}

    async def index(still_leading: StillLeading) -> Mapping[str, Any]:
        return asdict(await indexing.refresh(still_leading))

    async def tidy(still_leading: StillLeading) -> Mapping[str, Any]:
        await still_leading()
        async with database.connection() as connection:
            forgotten = await forget_unused(connection, CACHE_KEPT)
            await forget_slots(connection, SLOTS_KEPT)
            await forget_jobs(connection, JOBS_KEPT)
            await forget_runs(connection, RUNS_KEPT)
            await forget_polls(connection, POLLS_KEPT)
        return {"forgotten": forgotten}

    verifying = [Task("verification", Every(VERIFIED_EVERY), verification.run)]
    return (
        Task("regions", nightly, rotation.choose),
        Task("region-runs", Every(refresh_every), rotation.follow),
        Task("feeds", Every(refresh_every), feed_polling.run),
        Task("stac-index", Every(refresh_every), index),
        Task("kept-series", Every(refresh_every), refresh),
        Task("mosaics", Every(refresh_every), verification.rebuild_mosaics),
        *(verifying if verification.bytes_per_s else ()),
        Task("tidying", Every(timedelta(days=1)), tidy),
    )
