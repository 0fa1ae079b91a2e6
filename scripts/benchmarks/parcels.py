"""Parcels on a real PostGIS: a new scene over 10,000 of them, until values and verdicts are refreshed."""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import asyncpg
import click
import uvloop

from app.analysis.parcel_service import ParcelAnalyses
from app.areas.area import Description
from app.areas.area_store import create_area
from app.areas.kept_areas import AreaSeries
from app.areas.series_updates import note_mosaic
from app.database import Database
from app.products.product import Product
from app.products.registry import Registry
from app.rendering.renderer import Renderer
from app.statistics.geometry import read_polygon
from app.statistics.memory import DatabaseMemory
from app.statistics.service import StatisticsService
from app.statistics.zonal import ZonalEngine
from app.tasks.series_refresh import SeriesRefresh
from app.tasks.verdict_refresh import VerdictRefresh
from mosaics.catalogue import Catalogue
from mosaics.storage import open_storage
from scripts.benchmarks.report import Goal, Row
from scripts.benchmarks.servers import database
from scripts.benchmarks.zonal import FIELD, MONTHS, landed_months, polygon

PARCELS = 10_000
YEARS = 8
"""Of earlier months that every parcel has entries of."""
CROPS = ("cocoa", "maize", "oil palm")
GOAL = Goal(120, 120, higher_is_better=False)
"""Seconds, on two cores."""

FILL = """
    insert into area_statistics (area_id, product, period, starts, entry, inputs)
    select a.id, 'ndvi', to_char(month, 'YYYY-MM'), month at time zone 'UTC',
        jsonb_build_object(
            'mean', 0.5 + 0.2 * sin(extract(month from month)) + 0.05 * (random() - 0.5),
            'valid_fraction', 1.0, 'status', 'ok', 'period', to_char(month, 'YYYY-MM')
        ),
        'measured'
    from areas a, generate_series($1::timestamp, $2::timestamp, interval '1 month') month
"""

FILLED = """
    insert into filled_series (area_id, product, version, area_updated_at)
    select id, 'ndvi', $1, updated_at from areas
"""


def measure(work: Path, folder: Path, *, rounds: int) -> Iterator[list[Row]]:  # noqa: ARG001 - once is enough
    """Return the row of refreshing.

    Args:
        work: Where the scene lies or is landed.
        folder: Not needed.
        rounds: Not needed.
    """
    store = landed_months(work)
    with database() as url:
        yield [uvloop.run(refreshed(store, url))]


async def refreshed(store: Path, url: str) -> Row:
    """Measure what follows the landing of the last month over parcels that have all others."""
    async with await open_storage(store.as_uri()) as storage:
        catalogue = Catalogue(storage)
        await catalogue.refresh()
        renderer, opened = Renderer(catalogue), Database(url, max_connections=4, statement_s=120)
        registry = Registry.load([Path(str(files("app.products")))])
        statistics = StatisticsService(ZonalEngine(catalogue, renderer), DatabaseMemory(opened))
        product = registry.get("ndvi")
        await _fill(opened, url, catalogue, product, await statistics.version(product))
        series = SeriesRefresh(opened, catalogue, registry, [AreaSeries(statistics)])
        analyses = ParcelAnalyses(opened, catalogue, statistics)
        began = time.perf_counter()
        done = await series.refresh(_leading)
        between = time.perf_counter()
        verdicts = await VerdictRefresh(opened, registry, analyses).refresh(_leading)
        seconds = time.perf_counter() - began
        await opened.close()
        await asyncio.to_thread(renderer.close)
    if not 0 < done.computed <= PARCELS or verdicts != PARCELS:
        raise click.ClickException(f"{done.computed} entries and {verdicts} verdicts were made")
    return Row(
        f"{PARCELS:,} parcels after a new scene", "s", [seconds], (),
        figures=[seconds], figure_unit="s", goal=GOAL,
        more={"series_s": between - began, "verdicts_s": seconds - (between - began)},
    )  # fmt: skip


async def _fill(opened: Database, url: str, catalogue: Catalogue, product: Product, version: str) -> None:
    """Register parcels with entries of all months but the last, as if those had been counted."""
    order = random.Random(3)  # noqa: S311 - an order, not a secret
    async with opened.transaction() as connection:
        for number in range(PARCELS):
            own = json.dumps({"crop_type": CROPS[number % len(CROPS)]})
            description = Description("Parcel", "parcel", ("ndvi",), own)
            await create_area(connection, description, read_polygon(polygon(FIELD, order)))
        for period in catalogue.periods(product.collection)[:-1]:
            key = catalogue.mosaic_key(product.collection, period)
            await note_mosaic(connection, product.collection, period.text, key)
    connection = await asyncpg.connect(url)
    first = MONTHS[-1].start.replace(year=MONTHS[-1].start.year - YEARS, tzinfo=None)
    await connection.execute(FILL, first, MONTHS[-2].start.replace(tzinfo=None))
    await connection.execute(FILLED, version)
    await connection.execute("vacuum analyze area_statistics")
    await connection.close()


async def _leading() -> None:
    """Do nothing: no other process competes."""
