"""The application: wires its parts together and does nothing else before it starts."""

import mosaics  # noqa: F401, I001 - before anything imports rio-tiler (mosaics.without_xarray)
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from app import errors
from app.caching.answer_middleware import AnswerMiddleware
from app.caching.tile_middleware import TileMiddleware
from app.http.body_limits import BodyLimits
from app.http.compression import Compression
from app.http.deadlines import Deadlines, Kind
from app.http.middleware import BelowRoot, CommonHeaders, HeadAsGet, TileMeter, common_headers
from app.http.openapi import DocumentedApp, operation_id
from app.jobs.subprocess import PROGRAM
from app.lifespan import lifespan
from app.metrics import Metrics
from app.routes.analyses import analyses, parcels
from app.routes.areas import area_tiles, areas, many, searching, timeseries, trend
from app.routes.analyses import scenes as analyses_of_scenes
from app.routes.areas import parcels as parcel_addresses
from app.routes.exposure import along, edr, exposure, routes
from app.routes.feeds import feeds, freshness
from app.routes.jobs import composites, ingest, jobs
from app.routes.ogc import factories
from app.routes.products import (
    calendar,
    indices,
    legend,
    models,
    of_collection,
    point,
    products,
    statistics,
    tilejson,
    tiles,
    times,
)
from app.routes.regions import coverage, meta, regions
from app.routes.service import health
from app.routes.service.page import add_page
from app.routes.stac import api, collections, files, item_maps, scenes
from app.routes.zones import zone_tiles, zones
from app.settings import Settings
from app.state import AppState
from mosaics.memory import MemoryBudget


def create_app(settings: Settings | None = None, *, program: Sequence[str] = PROGRAM) -> FastAPI:
    """Create an application.

    Args:
        settings: Choices of the deployment; None reads them from the environment.
        program: The command that jobs start for the command line.
    """
    settings = settings or Settings()

    def state() -> AppState | None:
        return getattr(app.state, "tilewatch", None)

    metrics = Metrics(state)
    app = DocumentedApp(
        title="Tilewatch",
        description="Live maps from satellite archives, with tiles computed on demand.",
        version=own_version(),
        generate_unique_id_function=operation_id,
        routes=resources(),
        docs_url=None,  # one of our own pages
        redoc_url=None,
        lifespan=lifespan,
        middleware=layers(settings, metrics, state),
    )
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.program = program
    errors.install(app)
    add_page(app)
    return app


@cache
def resources() -> list[BaseRoute]:
    """Return the routes of everything but the page, made once.

    What FastAPI works out of them at an application's first request is kept with them, so that any further
    application of the process (in tests there are a thousand) has it from the start.
    """
    router = APIRouter(generate_unique_id_function=operation_id)
    for resource in (
        tiles,
        tilejson,
        products,
        legend,
        times,
        calendar,
        point,
        statistics,
        of_collection,
        indices,
        models,
        collections,
        searching,  # before areas, whose addresses have an id there, as the next ones
        many,
        area_tiles,
        areas,
        timeseries,
        trend,
        parcel_addresses,
        parcels,
        analyses,
        analyses_of_scenes,
        zone_tiles,  # before zones, whose addresses have an id there
        zones,
        routes,
        along,
        exposure,
        edr,
        regions,
        coverage,
        api,
        files,
        item_maps,
        scenes,
        ingest,
        composites,
        jobs,
        feeds,
        freshness,
        health,
        meta,  # after health, which serves a document of its own there
    ):
        router.include_router(resource.router)
    router.include_router(factories.assemble())
    return router.routes


def own_version() -> str:
    """Return the installed version, or "unreleased" in a checkout that was not installed."""
    try:
        return version("tilewatch")
    except PackageNotFoundError:
        return "unreleased"


def layers(settings: Settings, metrics: Metrics, state: Callable[[], AppState | None]) -> list[Middleware]:
    """Return the middleware a request passes on its way in, outermost first.

    The tile middleware comes first, since it answers most requests and any layer before it would slow them
    down; it adds the common headers itself. Only if these depend on the caller does their layer wrap it.
    """
    common = Middleware(CommonHeaders, origins=settings.cors_origins)
    is_open = "*" in settings.cors_origins
    fixed = common_headers(settings.cors_origins) if is_open else []
    memo_bytes = MemoryBudget(settings.memory_bytes)["addresses"]
    tiles = Middleware(
        TileMiddleware, state=state, note=metrics.note_tile, headers=fixed, memo_bytes=memo_bytes
    )
    meter = Middleware(TileMeter, metrics=metrics)
    root = [Middleware(BelowRoot, root_path=settings.root_path)] if settings.root_path else []
    outer = [tiles, meter, common] if is_open else [common, tiles, meter]
    bodies = Middleware(BodyLimits, bytes_in_flight=settings.body_bytes)
    limits_s = {
        Kind.ANSWER: settings.answer_timeout_s,
        Kind.PICTURE: settings.picture_timeout_s,
        Kind.SERIES: settings.series_timeout_s,
    }
    deadlines = Middleware(Deadlines, limits_s=limits_s, picture_pixels=settings.picture_pixels)
    answers = Middleware(AnswerMiddleware, state=state)
    return [*root, *outer, deadlines, Middleware(HeadAsGet), Middleware(Compression), bodies, answers]
