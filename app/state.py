"""What one worker holds while it serves: everything a request may need, opened once and handed along."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.caching.legends import LegendPictures
from app.caching.process_cache import ProcessCache
from app.caching.redis_tier import RedisTier
from app.caching.tile_service import TileService
from app.database import Database
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
from mosaics.storage import Storage


@dataclass(slots=True)
class Freshness:
    """How the catalogue and storage get along; written by the refresher alone."""

    refreshed_at: datetime | None = None
    """When storage last answered; None until it has for the first time."""
    is_failing: bool = False
    """Whether the latest attempt went wrong."""
    attempted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the first attempt is over, however it went."""

    def succeed(self) -> None:
        """Storage answered just now."""
        self.refreshed_at = datetime.now(UTC)
        self.is_failing = False
        self.attempted.set()

    def fail(self) -> None:
        """Storage did not answer."""
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
    storage: Storage
    catalogue: Catalogue
    registry: Registry
    addresses: TileAddresses
    renderer: Renderer
    process: ProcessCache
    redis: RedisTier | None
    """None where no Redis is configured."""
    service: TileService
    statistics: StatisticsService
    health: HealthMonitor
    jobs: JobService
    regions: RegionService
    database: Database | None = None
    """None where none is configured."""
    rotation: RegionRotation | None = None
    """None without a database."""
    scheduler: Scheduler | None = None
    """None without a database, and where this worker does no jobs."""
    legends: LegendPictures = field(default_factory=LegendPictures)
    freshness: Freshness = field(default_factory=Freshness)
