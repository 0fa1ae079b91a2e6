"""The parts of a deployment that are checked, by name."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from app.caching.redis_tier import RedisTier
from app.database import Database
from app.feeds.service import FeedService
from app.health.checks import (
    check_collections,
    check_database,
    check_files,
    check_hosts,
    check_redis,
    check_scheduler,
    check_storage,
)
from app.health.feed_checks import check_feeds
from app.health.finding import Check
from app.health.region_checks import check_regions
from app.health.sampling import Sampler
from app.health.verification_checks import check_verification
from app.regions.service import RegionService
from app.tasks.task import Task
from mosaics.catalogue import Catalogue
from mosaics.storage import Storage


def parts(
    *,
    storage: Storage,
    catalogue: Catalogue,
    redis: RedisTier | None,
    database: Database | None,
    tasks: Sequence[Task],
    regions: RegionService,
    feeds: FeedService,
    sampler: Sampler,
    verified_for: timedelta | None,
) -> dict[str, Check]:
    """Return the check of each part.

    Args:
        storage: Where scenes are stored.
        catalogue: What was read of them.
        redis: None if none is configured.
        database: None if none is configured.
        tasks: Those this worker would run.
        regions: The regions service.
        feeds: The service of feeds.
        sampler: Renders sample tiles.
        verified_for: How long a file that was verified is not read again; None if none is verified.
    """
    return {
        "storage": partial(check_storage, storage),
        "collections": partial(check_collections, catalogue),
        "database": partial(check_database, database),
        "redis": partial(check_redis, redis),
        "scheduler": partial(check_scheduler, database, tasks),
        "regions": partial(check_regions, regions),
        "feeds": partial(check_feeds, feeds, catalogue),
        "tiles": sampler.check,
        "files": partial(check_files, storage),
        "hosts": check_hosts,
        "verification": partial(check_verification, database, verified_for),
    }
