"""Opens what a worker needs, in order, keeps its catalogue fresh, and closes everything in reverse."""

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from app.analysis.parcel_service import ParcelAnalyses
from app.areas.kept_areas import AreaSeries
from app.caching.answer_middleware import KeptAnswers
from app.caching.legends import LegendPictures
from app.caching.process_cache import ProcessCache
from app.caching.redis_tier import RedisTier
from app.caching.tile_service import TileService
from app.database import Database
from app.exposure.engine import ExposureEngine
from app.exposure.kept_routes import RouteSeries
from app.feeds.service import FeedService
from app.health.monitor import HealthMonitor
from app.health.parts import parts
from app.health.region_checks import region_samples
from app.health.sampling import Sampler
from app.jobs.composable import LandedScenes
from app.jobs.runner import JobRunner
from app.jobs.service import JobService
from app.jobs.subprocess import CommandLine
from app.models.results import with_models
from app.products.registry import Registry
from app.regions.file import RegionsFile
from app.regions.service import RegionService
from app.rendering.address import TileAddresses
from app.rendering.memory import give_back_freed_memory
from app.rendering.renderer import Renderer
from app.settings import Settings
from app.stac.index_updates import SceneIndexUpdates
from app.state import AppState, Freshness
from app.statistics.memory import DatabaseMemory, ProcessMemory
from app.statistics.service import StatisticsService
from app.statistics.zonal import ZonalEngine
from app.tasks.damage_exchange import DamageExchange
from app.tasks.feed_polling import FeedPolling
from app.tasks.region_rotation import RegionRotation
from app.tasks.schedule import schedule
from app.tasks.scheduler import Scheduler
from app.tasks.series_refresh import SeriesRefresh
from app.tasks.task import Nightly
from app.tasks.verdict_refresh import VerdictRefresh
from app.tasks.verification import Verification
from mosaics.catalogue import Catalogue
from mosaics.descriptions.folders import DescriptionFolders
from mosaics.index_opening import IndexFolder
from mosaics.memory import MemoryBudget
from mosaics.raster.blocks import BLOCKS
from mosaics.raster.heads import HEADS
from mosaics.raster.pixel_maps import MAPS
from mosaics.storage import open_storage
from mosaics.storage.guarded import GuardedStorage

log = logging.getLogger(__name__)

SLOWEST_RETRY_S = 10.0
"""The longest pause between attempts while storage is unavailable, and so before recovery is noticed."""

LONGEST_START_S = 5.0
"""How long a worker waits for storage before it starts answering, with 503 until storage does."""

GIVE_BACK_EVERY_S = 60.0
"""How often memory that was freed is given back; it takes some milliseconds on a thread of its own."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open a worker's state, put it on `app.state`, and clear it at the end."""
    settings: Settings = app.state.settings
    if settings.keyless_writes and not settings.api_keys:
        log.warning("programs on this machine may write without a key (TILEWATCH_KEYLESS_WRITES)")
    async with AsyncExitStack() as stack:
        state = await open_state(settings, stack, CommandLine.of(settings, app.state.program))
        watching = [keep_fresh(state), state.health.watch()]
        if state.database is not None:
            watching.append(DamageExchange(state.database, state.catalogue).watch())
        for doing in (*watching, give_back()):
            stack.push_async_callback(_cancel, asyncio.create_task(doing))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(state.freshness.attempted.wait(), LONGEST_START_S)
        if state.scheduler is not None:
            state.scheduler.start()
            stack.push_async_callback(state.scheduler.close)
        if state.jobs.runner is not None:
            state.jobs.runner.start()
            stack.push_async_callback(state.jobs.runner.close)
        app.state.tilewatch = state
        stack.callback(_clear, app)
        yield


async def open_state(settings: Settings, stack: AsyncExitStack, command_line: CommandLine) -> AppState:
    """Open every part of a worker; `stack` closes them."""
    descriptions = DescriptionFolders(settings.collections, settings.sources)
    registry = open_registry(settings, descriptions)
    patience_s = settings.storage_timeout_s
    opened = await open_storage(settings.storage, patience_s=patience_s)
    storage = await stack.enter_async_context(GuardedStorage(opened, patience_s=patience_s))
    budget = MemoryBudget(settings.memory_bytes, settings.cache_bytes)
    BLOCKS.limit_bytes, MAPS.limit_bytes, HEADS.limit_bytes = (
        budget[name] for name in ("blocks", "maps", "heads")
    )
    catalogue = Catalogue(
        storage,
        index_bytes=budget["indexes"],
        item_bytes=budget["items"],
        index_folder=IndexFolder(settings.indexes, settings.indexes_bytes),
    )
    registry.follow(catalogue.collections)
    renderer = Renderer(
        catalogue,
        threads=settings.render_threads,
        max_scenes=settings.max_scenes_per_tile,
        gdal_options=budget.gdal_options(),
        fetched_bytes=budget["fetched"],
    )
    stack.push_async_callback(renderer.fetching.close)
    stack.push_async_callback(asyncio.to_thread, renderer.close)
    process = ProcessCache(budget["tiles"])
    redis = RedisTier(settings.redis_url, ttl_s=settings.redis_ttl_s) if settings.redis_url else None
    if redis is not None:
        stack.push_async_callback(redis.close)
    database = None
    if settings.database_url is not None:
        database = Database(
            settings.database_url,
            max_connections=settings.database_connections,
            statement_s=settings.database_timeout_s,
        )
        stack.push_async_callback(database.close)
    kept_statistics = ProcessCache(0 if database else budget["statistics"])
    memory = DatabaseMemory(database) if database else ProcessMemory(kept_statistics)
    statistics = StatisticsService(ZonalEngine(catalogue, renderer), memory)
    exposures = RouteSeries(ExposureEngine(catalogue, renderer), memory)
    freshness = Freshness()
    jobs = open_jobs(settings, database, command_line, descriptions, LandedScenes(catalogue), stack=stack)
    nightly = Nightly(settings.regions_hour, ZoneInfo(settings.regions_time_zone))
    regions = open_regions(settings, database, registry, descriptions)
    feeds = FeedService(database, settings, descriptions)
    rotation = None if database is None else RegionRotation(database, regions, registry, jobs, nightly)
    scheduler = None
    if database is not None and rotation is not None and settings.database_url is not None and settings.jobs:
        series_refresh = SeriesRefresh(database, catalogue, registry, [AreaSeries(statistics), exposures])
        scheduler = Scheduler(
            settings.database_url,
            database,
            schedule(
                database,
                series_refresh,
                VerdictRefresh(database, registry, ParcelAnalyses(database, catalogue, statistics)),
                SceneIndexUpdates(database, storage),
                rotation,
                verification=Verification.of(settings, database, catalogue, command_line),
                feed_polling=FeedPolling(database, descriptions, jobs, most_days=settings.order_days),
                refresh_every=timedelta(seconds=settings.jobs_every_s),
                nightly=nightly,
            ),
            is_ready=lambda: freshness.refreshed_at is not None,
        )
    addresses = TileAddresses(registry, catalogue)
    samples = partial(region_samples, regions)
    sampler = Sampler(
        registry, catalogue, addresses, renderer, limit=settings.max_scenes_per_tile, samples=samples
    )
    tasks = scheduler.tasks if scheduler else ()
    looked_at = parts(
        storage=storage,
        catalogue=catalogue,
        redis=redis,
        database=database,
        tasks=tasks,
        regions=regions,
        feeds=feeds,
        sampler=sampler,
        verified_for=timedelta(days=settings.verify_days) if settings.verify_mb_per_s else None,
    )
    return AppState(
        settings=settings,
        storage=storage,
        budget=budget,
        kept_statistics=kept_statistics,
        kept_answers=KeptAnswers(budget["answers"]),
        legends=LegendPictures(budget["legends"]),
        catalogue=catalogue,
        registry=registry,
        addresses=addresses,
        renderer=renderer,
        process=process,
        redis=redis,
        service=TileService(renderer, process, redis),
        statistics=statistics,
        exposures=exposures,
        health=HealthMonitor(looked_at),
        jobs=jobs,
        feeds=feeds,
        regions=regions,
        descriptions=descriptions,
        rotation=rotation,
        database=database,
        scheduler=scheduler,
        freshness=freshness,
    )


def open_registry(settings: Settings, descriptions: DescriptionFolders) -> Registry:
    """Return the products, and say in the log which files are left out."""
    collections = descriptions.current().collections
    registry = Registry.load(_product_folders(settings), collections.left_out, collections)
    registry = with_models(registry, settings.models)
    for one in registry.left_out.values():
        log.error("%s is left out: %s", one.path, one.reason)
    return registry


def open_jobs(
    settings: Settings,
    database: Database | None,
    command_line: CommandLine,
    descriptions: DescriptionFolders,
    landed: LandedScenes,
    *,
    stack: AsyncExitStack,
) -> JobService:
    """Return the job service, with a runner if this worker runs jobs."""
    runner = None
    database_url = settings.database_url
    if database_url is not None and settings.jobs and settings.orders_at_once:
        holder = f"{os.getpid()}-{secrets.token_hex(3)}"
        at_once = settings.orders_at_once
        own = Database(database_url, max_connections=2)  # heartbeats wait for no search
        stack.push_async_callback(own.close)
        runner = JobRunner(own, command_line, descriptions, holder=holder, at_once=at_once)
    return JobService(database, settings, descriptions, landed, runner)


def open_regions(
    settings: Settings, database: Database | None, registry: Registry, descriptions: DescriptionFolders
) -> RegionService:
    """Return the regions service, of the file that is configured, if one is."""
    file = None if settings.regions is None else RegionsFile(settings.regions, registry)
    zone = ZoneInfo(settings.regions_time_zone)
    return RegionService(file, database, zone=zone, descriptions=descriptions)


async def keep_fresh(state: AppState) -> None:
    """Check storage for commits repeatedly, less often while it is unavailable."""
    pause_s = state.settings.refresh_s
    while True:
        succeeded = await refresh_once(state.catalogue, state.freshness)
        pause_s = state.settings.refresh_s if succeeded else min(pause_s * 2, SLOWEST_RETRY_S)
        await asyncio.sleep(pause_s)


async def give_back() -> None:
    """Give freed memory back to the system repeatedly."""
    while True:
        await asyncio.sleep(GIVE_BACK_EVERY_S)
        await asyncio.to_thread(give_back_freed_memory)


async def refresh_once(catalogue: Catalogue, freshness: Freshness) -> bool:
    """Read new commits of every collection, and log when storage becomes unavailable or available again.

    Nothing that goes wrong here may stop the refreshing, so every error counts as an outage: the worker
    continues with what it knows.

    Returns:
        Whether storage answered.
    """
    try:
        changed = await catalogue.refresh()
    except Exception:
        if not freshness.is_failing:
            log.exception("cannot refresh the catalogue; serving what is known meanwhile")
        freshness.fail()
        return False
    if freshness.is_failing:
        log.warning("the catalogue can be refreshed again")
    freshness.succeed()
    if changed:
        log.info("new commits in %s", ", ".join(sorted(changed)))
    return True


def _product_folders(settings: Settings) -> tuple[Path, ...]:
    shipped = Path(str(files("app.products")))
    return (shipped,) if settings.products is None else (shipped, settings.products)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _clear(app: FastAPI) -> None:
    app.state.tilewatch = None
