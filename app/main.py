"""The application: its parts wired together, and nothing done before it starts."""

from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI
from starlette.middleware import Middleware

from app import errors
from app.caching.door import Door
from app.desk import Desk
from app.jobs.orders.child import PROGRAM
from app.lifespan import lifespan
from app.metrics import Metrics, TileMeter
from app.routes import (
    areas,
    catalog,
    collections,
    composites,
    coverage,
    health,
    ingest,
    jobs,
    legend,
    meta,
    ogc,
    point,
    products,
    regions,
    stac,
    stac_files,
    statistics,
    tilejson,
    tiles,
    times,
    timeseries,
)
from app.routes.envelope import BelowRoot, BodyLimit, Envelope, HeadAsGet, common_headers
from app.routes.interface import DescribedApp, operation_id
from app.routes.page import add_page
from app.routes.transfer import Transfer
from app.settings import Settings


def create_app(settings: Settings | None = None, *, program: Sequence[str] = PROGRAM) -> FastAPI:
    """Wire an application.

    Args:
        settings: What the deployment chose; read from the environment where absent.
        program: How orders start the command line.
    """
    settings = settings or Settings()

    def desk() -> Desk | None:
        return getattr(app.state, "desk", None)

    metrics = Metrics(desk)
    app = DescribedApp(
        title="Tilewatch",
        description="Live maps from satellite archives: tiles computed when somebody looks.",
        version=own_version(),
        generate_unique_id_function=operation_id,
        docs_url=None,  # it is one of our pages
        redoc_url=None,
        lifespan=lifespan,
        middleware=layers(settings, metrics, desk),
    )
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.program = program
    errors.install(app)
    for resource in (
        tiles,
        tilejson,
        products,
        legend,
        times,
        point,
        statistics,
        collections,
        areas,
        timeseries,
        regions,
        coverage,
        stac,
        stac_files,
        catalog,
        ingest,
        composites,
        jobs,
        health,
        meta,  # behind health, which has a document of its own there
    ):
        app.include_router(resource.router)
    app.include_router(ogc.assemble())
    add_page(app)
    return app


def own_version() -> str:
    """The version installed; a checkout that was not installed has none."""
    try:
        return version("tilewatch")
    except PackageNotFoundError:
        return "unreleased"


def layers(settings: Settings, metrics: Metrics, desk: Callable[[], Desk | None]) -> list[Middleware]:
    """What a request passes on its way in, outermost first.

    The door comes first, since it answers most requests and every layer before it would cost them; it adds
    the common headers itself. Only where the headers depend on who asks does the envelope go around it.
    """
    envelope = Middleware(Envelope, origins=settings.cors_origins)
    is_open = "*" in settings.cors_origins
    fixed = common_headers(settings.cors_origins) if is_open else []
    door = Middleware(Door, desk=desk, note=metrics.note_tile, headers=fixed)
    meter = Middleware(TileMeter, metrics=metrics)
    root = [Middleware(BelowRoot, root_path=settings.root_path)] if settings.root_path else []
    outer = [door, meter, envelope] if is_open else [envelope, door, meter]
    return [*root, *outer, Middleware(HeadAsGet), Middleware(Transfer), Middleware(BodyLimit)]
