"""The application: its parts wired together, and nothing done before it starts."""

from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware import Middleware

from app import errors
from app.caching.door import Door
from app.desk import Desk
from app.lifespan import lifespan
from app.metrics import Metrics, TileMeter
from app.routes import collections, health, legend, ogc, point, products, tilejson, tiles, times
from app.routes.envelope import BodyLimit, Envelope, HeadAsGet
from app.routes.page import add_page
from app.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Wire an application.

    Args:
        settings: What the deployment chose; read from the environment where absent.
    """
    settings = settings or Settings()

    def desk() -> Desk | None:
        return getattr(app.state, "desk", None)

    metrics = Metrics(desk)
    app = FastAPI(
        title="Tilewatch",
        description="Live maps from satellite archives: tiles computed when somebody looks.",
        version=version("tilewatch"),
        lifespan=lifespan,
        middleware=[
            Middleware(Envelope, origins=settings.cors_origins, root_path=settings.root_path),
            Middleware(TileMeter, metrics=metrics),
            Middleware(Door, desk=desk),
            Middleware(HeadAsGet),
            Middleware(BodyLimit),
        ],
    )
    app.state.settings = settings
    app.state.metrics = metrics
    errors.install(app)
    for resource in (tiles, tilejson, products, legend, times, point, collections, health):
        app.include_router(resource.router)
    app.include_router(ogc.assemble())
    add_page(app)
    return app
