"""Hourly air along roads: the exposure of 1,000 routes after a further scan.

Scans are SYNTHETIC, as large as TEMPO's whole grid (2,950 by 7,750 cells), with noise around zero, clouds and
flags; routes are drawn at random, wind, and lie over the whole of it. One scan is landed and kept before; the
refresh after each further scan is measured.
"""

import asyncio
import shutil
import time
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import rasterio
import uvloop
from numpy.typing import NDArray
from rasterio.transform import from_origin

from app.database import Database
from app.exposure.engine import ExposureEngine
from app.exposure.kept_routes import RouteSeries
from app.exposure.line import Line
from app.exposure.route import RouteDescription, Timing
from app.exposure.route_store import create_route
from app.products.registry import Registry
from app.rendering.renderer import Renderer
from app.statistics.memory import DatabaseMemory
from app.tasks.series_refresh import SeriesRefresh
from ingest.landing import land_scene
from ingest.landing_request import BandFile, LandingRequest
from ingest.planning import plan_scene
from mosaics.catalogue import Catalogue
from mosaics.descriptions.collections import find_collection, load_collections
from mosaics.period import Period
from mosaics.storage import Storage, open_storage
from scripts.benchmarks.districts import refreshed
from scripts.benchmarks.report import Goal, Row
from scripts.benchmarks.servers import database

VERSION = 1
COLLECTION = "tempo-hcho"
PRODUCTS = ("hcho",)
BANDS = ("hcho", "quality", "cloud_fraction", "solar_zenith_angle")
ROWS, COLUMNS, CELL = 2950, 7750, 0.02
WEST, NORTH = -168, 73
ROUTES = 1000
POSITIONS = 300
GOAL = Goal(60, 60, higher_is_better=False)
"""Seconds."""


def measure(work: Path, folder: Path, *, rounds: int) -> Iterator[list[Row]]:
    """Return the row of the refresh after a scan.

    Args:
        work: Where the scans are drawn and kept for the next run.
        folder: For the store that they land in.
        rounds: How many further scans land.
    """
    hours = [f"2025-07-01T{14 + n:02}" for n in range(1 + rounds)]
    drawn = drawn_scans(work, hours)
    with database() as url:
        yield uvloop.run(_refreshes(drawn, folder / "store", url, hours))


def drawn_scans(work: Path, hours: Sequence[str]) -> Path:
    """Return the folder with the files of each scan, drawn unless an earlier run did."""
    folder = work / f"routes-{VERSION}"
    for number, hour in enumerate(hours):
        if not (folder / hour / "drawn").exists():
            shutil.rmtree(folder / hour, ignore_errors=True)
            (folder / hour).mkdir(parents=True)
            for band, values, nodata in _bands(number):
                _write(folder / hour / f"{band}.tif", values, nodata)
            (folder / hour / "drawn").touch()
    return folder


def _bands(scan: int) -> Iterator[tuple[str, NDArray[Any], float]]:
    rng = np.random.default_rng(2000 + scan)
    shape = (ROWS, COLUMNS)
    column = rng.normal(4e15, 8e15, shape)
    column[rng.random(shape) < 0.05] = -1e30
    yield "hcho", column, -1e30
    yield "quality", (rng.random(shape) < 0.05).astype(np.int16), -9999
    clouds = rng.random((ROWS // 50 + 1, COLUMNS // 50 + 1)).astype(np.float32)
    yield "cloud_fraction", np.kron(clouds, np.ones((50, 50), np.float32))[:ROWS, :COLUMNS], -1e30
    yield "solar_zenith_angle", np.full(shape, 40, np.float32), -1e30


def _write(path: Path, values: NDArray[Any], nodata: float) -> None:
    profile = {"driver": "GTiff", "width": COLUMNS, "height": ROWS, "count": 1, "dtype": values.dtype}
    where = {"crs": "EPSG:4326", "transform": from_origin(WEST, NORTH, CELL, CELL), "nodata": nodata}
    with rasterio.open(path, "w", **profile, **where, tiled=True) as file:
        file.write(values, 1)


def ways() -> list[Line]:
    """Return lines that wind, of 20 to 800 km, over the whole grid."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(ROUTES):
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.15, POSITIONS))
        step = rng.uniform(0.0008, 0.02)
        start = rng.uniform((-125, 27), (-72, 55))
        places = start + np.cumsum(step * np.column_stack([np.cos(heading), np.sin(heading)]), axis=0)
        found.append(Line.of([places]))
    return found


async def _refreshes(drawn: Path, store: Path, url: str, hours: Sequence[str]) -> list[Row]:
    lines = ways()
    async with await open_storage(store.as_uri()) as storage:
        catalogue, database = Catalogue(storage), Database(url, max_connections=4)
        renderer = Renderer(catalogue)
        registry = Registry.load([Path(str(files("app.products")))])
        kind = RouteSeries(ExposureEngine(catalogue, renderer), DatabaseMemory(database))
        task = SeriesRefresh(database, catalogue, registry, [kind])
        async with database.transaction() as connection:
            for number, line in enumerate(lines):
                timing = Timing(speed_km_h=60.0)
                facts = RouteDescription(f"Route {number}", products=PRODUCTS, timing=timing)
                await create_route(connection, facts, line)
        filled, times, works = 0.0, [], []
        for number, hour in enumerate(hours):
            await _land(storage, drawn, hour)
            await catalogue.refresh()
            began, worked = time.perf_counter(), time.process_time()
            done = await refreshed(task)
            seconds, work = time.perf_counter() - began, time.process_time() - worked
            click.echo(f"{hour}: {seconds:.1f} s ({work:.1f} s of a processor), {done.computed} entries")
            if number == 0:
                filled = seconds
                continue
            times.append(seconds)
            works.append(work)
        await database.close()
        await asyncio.to_thread(renderer.close)
    kilometres = sum(line.length_m for line in lines) / 1000
    more = {"km": kilometres, "first scan s": filled, "processor s": median(works)}
    name = f"a scan more for {len(lines):,} routes"
    return [Row(name, "s", times, (), figures=times, figure_unit="s", goal=GOAL, more=more)]


async def _land(storage: Storage, drawn: Path, hour: str) -> None:
    source = find_collection(load_collections(), COLLECTION)
    start = Period.parse(hour).start
    assets = tuple(BandFile(band, drawn / hour / f"{band}.tif") for band in BANDS)
    order = LandingRequest(f"synthetic-{hour.replace(':', '')}", start, start, assets, synthetic=True)
    await land_scene(storage, plan_scene(source, order), lambda _: None)
