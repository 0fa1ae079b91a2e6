"""The parts of a deployment that are looked at, by name."""

from collections.abc import Sequence
from functools import partial

from app.caching.redis_tier import RedisTier
from app.database import Database
from app.health.checks import check_database, check_redis, check_scheduler, check_storage
from app.health.finding import Check
from app.health.regions import check_regions
from app.health.sampling import Sampler
from app.jobs.job import Job
from app.regions.roster import Roster
from mosaics.storage import Storage


def parts(
    *,
    storage: Storage,
    redis: RedisTier | None,
    database: Database | None,
    jobs: Sequence[Job],
    roster: Roster,
    sampler: Sampler,
) -> dict[str, Check]:
    """How each part is asked.

    Args:
        storage: Where scenes lie.
        redis: None where none is configured.
        database: None where none is configured.
        jobs: Those this worker would run.
        roster: Of the regions.
        sampler: Renders tiles.
    """
    return {
        "storage": partial(check_storage, storage),
        "database": partial(check_database, database),
        "redis": partial(check_redis, redis),
        "scheduler": partial(check_scheduler, database, jobs),
        "regions": partial(check_regions, roster),
        "tiles": sampler.check,
    }
