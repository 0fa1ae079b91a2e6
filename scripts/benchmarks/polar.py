"""The time of statistics over districts on a polar grid, compared with the same pixels on a UTM grid.

Cells of a polar grid differ in area, and are counted with it; those of a UTM grid are as good as equal.
"""

import asyncio
import random
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.warp import transform_geom

from ingest.landing import land_scene
from ingest.landing_request import BandFile, LandingRequest
from ingest.planning import plan_scene
from mosaics.descriptions.collections import find_collection, load_collections
from mosaics.storage import open_storage
from scripts.benchmarks import scene
from scripts.benchmarks.report import Goal, Row
from scripts.benchmarks.servers import tilewatch
from scripts.benchmarks.zonal import Polygon, Times

SIZE_PX = 2800
RADIUS_PX = 1050
"""Of a district: 3.5 million cells, 346 km2 at 10 m."""
DISTRICTS = 3
"""Per round."""
VERSION = 1
"""Part of the folder's name: other scenes are another version."""

GRIDS = {
    "utm": ("EPSG:32631", 500_000.0, 5_700_000.0, 10.0),
    "polar": ("EPSG:3031", -1_000_000.0, 1_500_000.0, 10.0),
    "coarse": ("EPSG:3031", -1_500_000.0, 1_000_000.0, 100.0),
}
"""Coordinate system, upper left corner and the side of a cell."""

GOAL = Goal(1.15, 1.25, higher_is_better=False)


def measure(work: Path, folder: Path, *, rounds: int) -> Iterator[list[Row]]:
    """Return the rows of districts on polar grids.

    Args:
        work: Where the scenes lie or are landed.
        folder: For the logs of the server.
        rounds: How often each is measured.
    """
    store, order = landed_grids(work), random.Random(7)  # noqa: S311 - an order, not a secret
    with ExitStack() as stack:
        server = stack.enter_context(tilewatch(store, folder))
        client = stack.enter_context(httpx.Client(timeout=300))
        url = f"http://127.0.0.1:{server.port}/products/ndvi/statistics?datetime={scene.SENSED:%Y-%m}"
        times = {grid: Times(server) for grid in GRIDS}
        for number in range(rounds + 1):
            for grid, taken in times.items():
                drawn = [district(grid, order) for _ in range(DISTRICTS)]
                answers = taken.take(lambda each: client.post(url, json=each), drawn, counted=number > 0)
                for answer in answers:
                    answer.raise_for_status()
    yield [
        row("statistics, district on EPSG:3031 at 10 m, beside UTM", times["polar"], times["utm"], GOAL),
        row("statistics, district on EPSG:3031 at 100 m, beside UTM", times["coarse"], times["utm"], None),
    ]


def row(name: str, polar: Times, utm: Times, goal: Goal | None) -> Row:
    """Return how many times the CPU time of UTM a polar grid takes, to be as low as it can."""
    ratios = [a / b for a, b in zip(polar.cpu_ms, utm.cpu_ms, strict=True)]
    return Row(name, "ms", polar.ms, utm.ms, polar.cpu_ms, utm.cpu_ms, figures=ratios, goal=goal)


def district(grid: str, order: random.Random) -> Polygon:
    """Return a rounded outline of as many cells on any grid."""
    crs, left, top, cell = GRIDS[grid]
    turns = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    reach = RADIUS_PX * np.array([order.uniform(0.95, 1.05) for _ in turns])
    column, row = (RADIUS_PX * 1.1 + order.random() * (SIZE_PX - 2.2 * RADIUS_PX) for _ in range(2))
    xs, ys = left + cell * (column + reach * np.cos(turns)), top - cell * (row + reach * np.sin(turns))
    ring = np.column_stack([xs, ys]).tolist()
    drawn = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    found: Polygon = transform_geom(crs, "EPSG:4326", drawn, precision=9)
    return found


def landed_grids(work: Path) -> Path:
    """Return the folder of a store with the same pixels on each grid; land them unless an earlier run did."""
    folder = work / f"grids-{VERSION}"
    if not (folder / "landed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with TemporaryDirectory(dir=folder) as drawn:
            asyncio.run(_land(Path(drawn), folder / "store"))
        (folder / "landed").touch()
    return folder / "store"


async def _land(drawn: Path, store: Path) -> None:
    rng = np.random.default_rng(SIZE_PX)
    hills = 1 + np.add.outer(*(np.sin(np.linspace(0, 9, SIZE_PX)),) * 2) / 3
    bands = {
        name: rng.normal(hills * mean, scene.GRAIN_DN).clip(1, 10_000).astype(np.uint16)
        for name, mean in (("red", 900), ("nir", 2600))
    }
    source = find_collection(load_collections(), scene.COLLECTION)
    async with await open_storage(store.as_uri()) as storage:
        for grid, (crs, left, top, cell) in GRIDS.items():
            for band, numbers in bands.items():
                with rasterio.open(
                    drawn / f"{grid}-{band}.tif", "w", driver="GTiff", dtype="uint16", count=1, nodata=0,
                    width=SIZE_PX, height=SIZE_PX, crs=crs, transform=from_origin(left, top, cell, cell),
                ) as file:  # fmt: skip
                    file.write(numbers, 1)
            assets = tuple(BandFile(band, drawn / f"{grid}-{band}.tif") for band in bands)
            request = LandingRequest(
                grid, scene.SENSED, scene.SENSED, assets, baseline=scene.BASELINE, synthetic=True
            )
            await land_scene(storage, plan_scene(source, request))
