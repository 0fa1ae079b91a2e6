"""The state of one worker: everything a request may need, opened once and handed on."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.caching.answer_middleware import KeptAnswers
from app.caching.legends import LegendPictures
from app.caching.process_cache import ProcessCache
from app.caching.redis_tier import RedisTier
from app.caching.tile_service import TileService
from app.database import Database
from app.exposure.kept_routes import RouteSeries
from app.feeds.service import FeedService
from app.health.monitor import HealthMonitor
from app.jobs.service import JobService
from app.products.registry import Registry
from app.regions.service import RegionService
from app.rendering.address import TileAddresses
from app.rendering.renderer import Renderer
from app.settings import Settings
from app.statistics.service import StatisticsService
from app.tasks.region_rotation import RegionRotation
from app.tasks.scheduler import Scheduler
from mosaics.catalogue import Catalogue
from mosaics.descriptions.folders import DescriptionFolders
from mosaics.memory import MemoryBudget
from mosaics.storage.guarded import GuardedStorage


@dataclass(slots=True)
class Freshness:
    """How current the catalogue is; only the refresher writes it."""

    refreshed_at: datetime | None = None
    """When storage last answered; None until it first has."""
    is_failing: bool = False
    """Whether the latest attempt failed."""
    attempted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the first attempt has finished, whatever its outcome."""

    def succeed(self) -> None:
        """Note that storage answered just now."""
        self.refreshed_at = datetime.now(UTC)
        self.is_failing = False
        self.attempted.set()

    def fail(self) -> None:
        """Note that storage did not answer."""
        self.is_failing = True
        self.attempted.set()

    @property
    def age_s(self) -> float | None:
        """Seconds since storage last answered."""
        if self.refreshed_at is None:
            return None
        return (datetime.now(UTC) - self.refreshed_at).total_seconds()


@dataclass(frozen=True, slots=True)
class AppState:
    """The parts of a running worker."""

    settings: Settings
    storage: GuardedStorage
    budget: MemoryBudget
    """What each cache may take."""
    kept_statistics: ProcessCache
    """Statistics that are kept here, without a database."""
    kept_answers: KeptAnswers
    """Whole answers about statistics, by the hash of their questions."""
    legends: LegendPictures
    catalogue: Catalogue
    registry: Registry
    addresses: TileAddresses
    renderer: Renderer
    process: ProcessCache
    redis: RedisTier | None
    """None if no Redis is configured."""
    service: TileService
    statistics: StatisticsService
    exposures: RouteSeries
    health: HealthMonitor
    jobs: JobService
    feeds: FeedService
    regions: RegionService
    descriptions: DescriptionFolders
    """Collections and sources as their files are now."""
    database: Database | None = None
    """None if no database is configured."""
    rotation: RegionRotation | None = None
    """None without a database."""
    scheduler: Scheduler | None = None
    """None without a database, and if this worker runs no tasks."""
    freshness: Freshness = field(default_factory=Freshness)
