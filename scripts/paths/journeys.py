"""The journeys that are counted: a tile, a statistic, a landing."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import CodeType

import httpx

from scripts.corpora.drawing import draw_all
from scripts.corpora.questions.places import JULYS, numbers, triangle
from scripts.paths.ours import (
    AssetSource,
    SceneOrder,
    Settings,
    create_app,
    find_collection,
    land_scene,
    load_collections,
    open_storage,
    plan_scene,
)
from scripts.paths.tracing import Tracer

SENSED = datetime(2024, 7, 12, 10, 0, 31, tzinfo=UTC)
BANDS = ("red", "nir", "scl")


async def landing(tracer: Tracer, work: Path) -> set[CodeType]:
    """Plan and land one Sentinel-2 scene of three bands, into a store that has nothing yet."""
    draw_all(work / "drawn")
    source = find_collection(load_collections(), "sentinel-2-l2a")
    order = SceneOrder(
        id="july",
        start=SENSED,
        end=SENSED,
        assets=tuple(AssetSource.parse(f"{band}={work}/drawn/july-2024-{band}.tif") for band in BANDS),
        baseline="05.10",
    )
    async with await open_storage(store_in(work)) as storage:
        with tracer.noting() as codes:
            await land_scene(storage, plan_scene(source, order))
    return codes


async def tile(tracer: Tracer, work: Path) -> set[CodeType]:
    """Draw one NDVI tile that is not cached, after another of the same scene: all it needs is open."""
    addresses = [f"/tiles/ndvi/{numbers(JULYS, zoom)}.png?datetime=2024-07" for zoom in (13, 12)]
    async with serving(work) as client:
        await answered(client.get(addresses[0]))
        with tracer.noting() as codes:
            await answered(client.get(addresses[1]))
    return codes


async def statistic(tracer: Tracer, work: Path) -> set[CodeType]:
    """Count NDVI over one triangle in one month, after another triangle has been counted."""
    address = "/products/ndvi/statistics?datetime=2024-07"
    async with serving(work) as client:
        await answered(client.post(address, json=triangle(JULYS, 0.004)))
        with tracer.noting() as codes:
            await answered(client.post(address, json=triangle(JULYS, 0.005)))
    return codes


JOURNEYS = {"tile": tile, "statistic": statistic, "landing": landing}


def store_in(work: Path) -> str:
    """The address of the store."""
    return (work / "store").as_uri()


@asynccontextmanager
async def serving(work: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application in this process, which does nothing by itself meanwhile."""
    settings = Settings(
        storage=store_in(work),
        database_url=None,
        redis_url=None,
        regions=None,
        refresh_s=3600,
        render_threads=1,
    )
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
    ):
        yield client


async def answered(answer: Awaitable[httpx.Response]) -> None:
    """Wait for an answer, which must be a good one."""
    (await answer).raise_for_status()
