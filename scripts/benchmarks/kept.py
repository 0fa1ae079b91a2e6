"""Kept series on a real PostGIS: the time to read one, and the entries per minute that tasks keep."""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from statistics import median

import asyncpg
import click
import httpx
import uvloop

from app.areas.area import Description
from app.areas.area_store import create_area
from app.areas.kept_areas import AreaSeries
from app.database import Database
from app.products.registry import Registry
from app.rendering.renderer import Renderer
from app.statistics.geometry import read_polygon
from app.statistics.memory import DatabaseMemory
from app.statistics.service import StatisticsService
from app.statistics.zonal import ZonalEngine
from app.tasks.series_refresh import SeriesRefresh
from mosaics.catalogue import Catalogue
from mosaics.storage import open_storage
from scripts.benchmarks.report import Goal, Row
from scripts.benchmarks.servers import Server, database, tilewatch
from scripts.benchmarks.zonal import FIELD, MONTHS, landed_months, polygon

PERIODS = 3000
READINGS = 20
"""Of a series in each round."""
AREAS = 1000
GOAL = Goal(50, 50, higher_is_better=False)
"""Milliseconds."""

FILL = """
    insert into area_statistics (area_id, product, period, starts, entry, inputs)
    select $1, 'ndvi', to_char(day, 'YYYY-MM-DD'), day at time zone 'UTC', $2::jsonb, 'measured'
    from generate_series(0, $3 - 1) n, lateral (select timestamp '2000-01-01' + n * interval '1 day' as day) d
"""


def measure(work: Path, folder: Path, *, rounds: int) -> Iterator[list[Row]]:
    """Return the row of reading and that of refreshing.

    Args:
        work: Where the scene lies or is landed.
        folder: For logs.
        rounds: How often a series is read.
    """
    store = landed_months(work)
    with database() as url:
        settings = {"TILEWATCH_DATABASE_URL": url, "TILEWATCH_JOBS": "0"}
        with tilewatch(store, folder, **settings, TILEWATCH_KEYLESS_WRITES="true") as ours:
            yield [reading(ours, url, rounds)]
        yield [uvloop.run(series_refresh(store, url))]


def reading(ours: Server, url: str, rounds: int) -> Row:
    """Measure reading a series of `PERIODS` kept entries."""
    outline = polygon(FIELD, random.Random(1))  # noqa: S311 - an order, not a secret
    feature = {"type": "Feature", "geometry": outline, "properties": {"name": "Field", "products": ["ndvi"]}}
    address = f"http://127.0.0.1:{ours.port}"
    with httpx.Client(base_url=address, timeout=60) as client:
        area = client.post("/areas", json=feature).raise_for_status().json()["id"]
        path = f"/areas/{area}/timeseries?end={MONTHS[0].start.year - 1}"
        entry = client.post(f"/products/ndvi/statistics?datetime={MONTHS[0]}", json=outline).json()
        asyncio.run(_fill(url, area, json.dumps(entry["properties"]["series"][0])))
        found: list[float] = []
        for _ in range(rounds + 1):
            times = []
            for _ in range(READINGS):
                began = time.perf_counter()
                answer = client.get(path)
                times.append(time.perf_counter() - began)
                if answer.json()["kept"] != PERIODS:
                    raise click.ClickException(f"the series has {answer.json()['kept']} kept entries")
            found.append(median(times) * 1000)
    return Row(
        f"kept series, {PERIODS:,} periods", "ms", found[1:], (),
        figures=found[1:], figure_unit="ms", goal=GOAL, more={"bytes": float(len(answer.content))},
    )  # fmt: skip


async def series_refresh(store: Path, url: str) -> Row:
    """Measure filling the series of `AREAS` fields."""
    order = random.Random(2)  # noqa: S311 - an order, not a secret
    async with await open_storage(store.as_uri()) as storage:
        catalogue = Catalogue(storage)
        await catalogue.refresh()
        renderer = Renderer(catalogue)
        database = Database(url, max_connections=4)
        registry = Registry.load([Path(str(files("app.products")))])
        async with database.transaction() as connection:
            for _ in range(AREAS):
                outline = read_polygon(polygon(FIELD, order))
                await create_area(connection, Description("Field", None, ("ndvi",)), outline)
        statistics = StatisticsService(ZonalEngine(catalogue, renderer), DatabaseMemory(database))
        began = time.perf_counter()
        entries = 0
        while (
            done := await SeriesRefresh(database, catalogue, registry, [AreaSeries(statistics)]).refresh(
                _leading
            )
        ).series:
            entries += done.computed
        minutes = (time.perf_counter() - began) / 60
        await database.close()
        await asyncio.to_thread(renderer.close)
    rate = [entries / minutes]
    name = f"kept series of {AREAS:,} fields, {len(MONTHS)} months"
    return Row(name, "entries/min", rate, (), figures=[minutes], figure_unit="min")


async def _leading() -> None:
    """Do nothing: no other process competes."""


async def _fill(url: str, area: int, entry: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(FILL, area, entry, PERIODS)
    await connection.execute("vacuum analyze area_statistics")
    await connection.close()
