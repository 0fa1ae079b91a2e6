"""The parts of a deployment that are looked at, by name."""

from collections.abc import Callable, Sequence
from typing import Any

from app.caching.redis_tier import RedisTier
from app.database import Database
from app.health.checks import check_database, check_redis, check_scheduler, check_storage
from app.health.finding import Check
from app.health.sampling import Sampler
from app.jobs.job import Job
from mosaics.storage import Storage


def parts(
    *,
    storage: Storage,
    redis: RedisTier | None,
    database: Database | None,
    jobs: Sequence[Job],
    sampler: Sampler,
    **more: Check,
) -> dict[str, Check]:
    """How each part is asked.

    Args:
        storage: Where scenes lie.
        redis: None where none is configured.
        database: None where none is configured.
        jobs: Those this worker would run.
        sampler: Renders tiles.
        more: Checks of other parts.
    """

    def bound(check: Callable[..., Any], *given: Any) -> Check:
        return lambda: check(*given)

    return {
        "storage": bound(check_storage, storage),
        "database": bound(check_database, database),
        "redis": bound(check_redis, redis),
        "scheduler": bound(check_scheduler, database, jobs),
        "tiles": sampler.check,
        **more,
    }
