"""A country's night lights: the series of 1,000 districts under one tile of Black Marble, after a new month.

The months are SYNTHETIC, as large as a tile of 10 degrees (2,400 by 2,400 cells): towns that shine and grow,
dark land with 0, and a hundredth of the cells not observed. Districts share their winding borders and lie
over the whole tile. A year is landed and kept before; the refresh after each further month is measured.
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
import httpx
import numpy as np
import rasterio
import shapely
import uvloop
from numpy.typing import NDArray
from rasterio.transform import from_origin

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
from app.tasks.series_refresh import Refreshed, SeriesRefresh
from ingest.landing import land_scene
from ingest.landing_request import BandFile, LandingRequest
from ingest.planning import plan_scene
from mosaics.catalogue import Catalogue
from mosaics.descriptions.collections import find_collection, load_collections
from mosaics.period import Period
from mosaics.storage import Storage, open_storage
from scripts.benchmarks.report import Goal, Row
from scripts.benchmarks.servers import database, tilewatch

VERSION = 1
COLLECTION = "black-marble-monthly"
PRODUCTS = ("nightlights",)
BANDS = ("radiance", "num_observations")
SIDE = 2400
CELL = 1 / 240
WEST, NORTH = 30, 20
"""The tile h21v07, over the Nile."""
DISTRICTS = 1000
TOWNS = 3000
GOAL = Goal(30, 30, higher_is_better=False)
"""Seconds."""


def measure(work: Path, folder: Path, *, rounds: int) -> Iterator[list[Row]]:
    """Return the rows of the refresh and of reading all series.

    Args:
        work: Where the months are drawn and kept for the next run.
        folder: For logs and for the store that further months land in.
        rounds: How many further months land.
    """
    months = _months(12 + rounds)
    drawn = drawn_months(work, months)
    with database() as url:
        store = folder / "store"
        yield uvloop.run(_refreshes(drawn, store, url, months))
        settings = {"TILEWATCH_DATABASE_URL": url, "TILEWATCH_JOBS": "0"}
        with tilewatch(store, folder, **settings) as ours:
            yield _readings(f"http://127.0.0.1:{ours.port}", rounds)


def _months(count: int) -> list[str]:
    return [f"{2023 + n // 12}-{n % 12 + 1:02}" for n in range(count)]


def drawn_months(work: Path, months: list[str]) -> Path:
    """Return the folder with the files of each month, drawn unless an earlier run did."""
    folder = work / f"districts-{VERSION}"
    for number, month in enumerate(months):
        if not (folder / month / "drawn").exists():
            shutil.rmtree(folder / month, ignore_errors=True)
            (folder / month).mkdir(parents=True)
            for band, values, nodata in _bands(number):
                _write(folder / month / f"{band}.tif", values, nodata)
            (folder / month / "drawn").touch()
    return folder


def _bands(month: int) -> Iterator[tuple[str, NDArray[Any], float]]:
    """Yield the bands of a month: towns grow by some percent a month, and 1 in 100 cells was not observed."""
    towns, rng = np.random.default_rng(7), np.random.default_rng(1000 + month)
    radiance = np.zeros((SIDE, SIDE), np.float32)
    for row, column, size, peak, growth in zip(
        towns.integers(0, SIDE, TOWNS), towns.integers(0, SIDE, TOWNS), towns.pareto(2.5, TOWNS) * 3 + 1,
        towns.pareto(1.5, TOWNS) * 5 + 1, towns.normal(0.01, 0.01, TOWNS), strict=True,
    ):  # fmt: skip
        reach = min(int(size * 4), 200)
        top, left = max(row - reach, 0), max(column - reach, 0)
        part = radiance[top : row + reach, left : column + reach]
        y, x = np.ogrid[top : top + part.shape[0], left : left + part.shape[1]]
        part += peak * (1 + growth) ** month * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * size**2))
    radiance *= rng.lognormal(0, 0.1, radiance.shape).astype(np.float32)
    radiance[radiance < 0.5] = 0
    yield "radiance", np.minimum(radiance, 3000), -999.9
    yield "num_observations", rng.binomial(20, 0.2, radiance.shape).astype(np.uint16), 65535


def _write(path: Path, values: NDArray[Any], nodata: float) -> None:
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": values.dtype}
    where = {"crs": "EPSG:4326", "transform": from_origin(WEST, NORTH, CELL, CELL), "nodata": nodata}
    with rasterio.open(path, "w", **profile, **where, compress="deflate", tiled=True) as file:
        file.write(values, 1)


def districts() -> list[dict[str, Any]]:
    """Return polygons that cover the tile, with borders that wind and that neighbours share."""
    rng = np.random.default_rng(3)
    tile = shapely.box(WEST, NORTH - 10, WEST + 10, NORTH)
    seeds = shapely.MultiPoint(rng.uniform((WEST, NORTH - 10), (WEST + 10, NORTH), (DISTRICTS, 2)))
    cells = shapely.get_parts(shapely.voronoi_polygons(seeds, extend_to=tile))
    fine = shapely.segmentize(shapely.intersection(cells, tile), 0.004)
    winding = shapely.transform(fine, lambda at: at + 0.005 * np.sin(at[:, ::-1] * 40) * np.cos(at * 23))
    return [
        shapely.geometry.mapping(cell) for cell in shapely.make_valid(winding) if cell.geom_type == "Polygon"
    ]


async def _refreshes(drawn: Path, store: Path, url: str, months: Sequence[str]) -> list[Row]:
    outlines = districts()
    async with await open_storage(store.as_uri()) as storage:
        catalogue, database = Catalogue(storage), Database(url, max_connections=4)
        renderer = Renderer(catalogue)
        registry = Registry.load([Path(str(files("app.products")))])
        statistics = StatisticsService(ZonalEngine(catalogue, renderer), DatabaseMemory(database))
        task = SeriesRefresh(database, catalogue, registry, [AreaSeries(statistics)])
        async with database.transaction() as connection:
            for number, outline in enumerate(outlines):
                facts = Description(f"District {number}", "district", PRODUCTS)
                await create_area(connection, facts, read_polygon(outline))
        filled, times, works, peaks = [], [], [], []
        for month in months:
            await _land(storage, drawn, month)
            if month < months[11]:
                continue
            await catalogue.refresh()
            before_mb = _memory_mb("VmRSS")
            _forget_peak()
            began, worked = time.perf_counter(), time.process_time()
            done = await refreshed(task)
            seconds, work = time.perf_counter() - began, time.process_time() - worked
            if month == months[11]:
                filled = [seconds, done.computed]
                continue
            times.append(seconds)
            works.append(work)
            peaks.append(_memory_mb("VmHWM") - before_mb)
            click.echo(
                f"{month}: {seconds:.1f} s ({work:.1f} s of a processor), {done.computed} entries, "
                f"{peaks[-1]:.0f} MB more than the {before_mb:.0f} MB before"
            )
        await database.close()
        await asyncio.to_thread(renderer.close)
    vertices = sum(int(shapely.get_num_coordinates(shapely.geometry.shape(o))) for o in outlines)
    more = {"MB more": max(peaks), "year s": filled[0], "year entries": filled[1], "vertices": vertices}
    more["processor s"] = median(works)
    name = f"a month more for {len(outlines):,} districts"
    return [Row(name, "s", times, (), figures=times, figure_unit="s", goal=GOAL, more=more)]


async def refreshed(task: SeriesRefresh) -> Refreshed:
    """Refresh until nothing is left to do; return what was done."""
    done = Refreshed()
    while True:
        found = await task.refresh(_leading)
        done.computed += found.computed
        if not (found.series or found.periods):
            return done


async def _leading() -> None:
    """Do nothing: no other process competes."""


async def _land(storage: Storage, drawn: Path, month: str) -> None:
    source = find_collection(load_collections(), COLLECTION)
    start = Period.parse(month).start
    assets = tuple(BandFile(band, drawn / month / f"{band}.tif") for band in BANDS)
    order = LandingRequest(f"synthetic-{month}", start, start, assets, synthetic=True)
    await land_scene(storage, plan_scene(source, order), lambda _: None)


def _readings(address: str, rounds: int) -> list[Row]:
    """Measure reading all series of a year and more, and a tile of all districts."""
    rows = []
    with httpx.Client(base_url=address, timeout=120) as client:
        for name, path in (
            ("all series of the districts, CSV", "/areas/timeseries?product=nightlights&f=csv"),
            ("all series of the districts, Parquet", "/areas/timeseries?product=nightlights&f=parquet"),
            ("vector tile of all districts", "/areas/tiles/5/18/14.pbf?product=nightlights"),
        ):
            times, size = [], 0
            for _ in range(rounds + 1):
                began = time.perf_counter()
                answer = client.get(path).raise_for_status()
                times.append((time.perf_counter() - began) * 1000)
                size = len(answer.content)
            rows.append(
                Row(name, "ms", times[1:], (), figures=times[1:], figure_unit="ms", more={"bytes": size})
            )
    return rows


def _forget_peak() -> None:
    """Have the kernel count the largest memory from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def _memory_mb(name: str) -> float:
    """Return a figure of this process: VmRSS now, VmHWM the largest since `_forget_peak`."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(name)) / 1024
