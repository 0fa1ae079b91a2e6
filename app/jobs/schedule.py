"""The schedule: which jobs there are, and how often each is due."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from app.catalogue.indexing import Indexing
from app.database import Database
from app.jobs.job import Every, Job, Nightly, StillLeading
from app.jobs.orders.store import forget_orders
from app.jobs.refreshing import Refreshing
from app.jobs.rotating import Rotating
from app.jobs.slots import forget_slots
from app.regions.runs import forget_runs
from app.statistics.cache import forget_unused

CACHE_KEPT = timedelta(days=30)
"""How long a statistic is remembered that nobody asks for."""

SLOTS_KEPT = timedelta(days=7)

ORDERS_KEPT = timedelta(days=30)
"""How long an order is remembered after its end, and its idempotency key with it."""

RUNS_KEPT = timedelta(days=731)
"""How long a refresh of a region is remembered after its end: two years, of which one is a leap year."""


def schedule(
    database: Database,
    refreshing: Refreshing,
    indexing: Indexing,
    rotating: Rotating,
    *,
    refresh_every: timedelta,
    nightly: Nightly,
) -> tuple[Job, ...]:
    """The jobs of the application."""

    async def refresh(still_leading: StillLeading) -> Mapping[str, Any]:
        return asdict(await refreshing.refresh(still_leading))

    async def index(still_leading: StillLeading) -> Mapping[str, Any]:
        return asdict(await indexing.refresh(still_leading))

    async def tidy(still_leading: StillLeading) -> Mapping[str, Any]:
        await still_leading()
        async with database.connection() as connection:
            forgotten = await forget_unused(connection, CACHE_KEPT)
            await forget_slots(connection, SLOTS_KEPT)
            await forget_orders(connection, ORDERS_KEPT)
            await forget_runs(connection, RUNS_KEPT)
        return {"forgotten": forgotten}

    return (
        Job("regions", nightly, rotating.choose),
        Job("region-runs", Every(refresh_every), rotating.follow),
        Job("stac-index", Every(refresh_every), index),
        Job("kept-series", Every(refresh_every), refresh),
        Job("tidying", Every(timedelta(days=1)), tidy),
    )
