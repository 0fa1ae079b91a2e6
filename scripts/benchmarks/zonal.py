"""The time of statistics over polygons, compared with TiTiler on the same files and exactextract here.

All polygons differ, so that no answer is remembered. In the rows "with cloud mask" ours also reads the scene
classification and masks with it, which TiTiler does not do; in the others the scenes have none, and both read
red and nir. exactextract gets the same values, and its mean must equal ours. The files have been read once
before, so that no side waits for the disk on behalf of another.
"""

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

import click
import httpx
import numpy as np
import rasterio
import shapely
import uvloop
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray
from rasterio.warp import transform_geom
from rasterio.windows import Window

from mosaics.log import commit_scenes, read_commits
from mosaics.period import Period
from mosaics.seals import sealed, unsealed
from mosaics.storage import open_storage
from scripts.benchmarks import scene
from scripts.benchmarks.report import Goal, Row
from scripts.benchmarks.servers import Server, tilewatch, titiler

SERIES = 6
"""Fields per round."""

YEAR = 2022
MONTHS = tuple(Period.parse(f"{YEAR}-{month:02d}") for month in range(1, 13))
SAME = 1e-5
"""Greatest relative difference between our mean and exactextract's, to which all cells are of one area."""

STATISTICS = ("mean", "stdev", "median", "min", "max", "count", "quantile(q=0.02)", "quantile(q=0.98)")
REJECTED = (0, 1, 3, 8, 9, 10, 11)
"""Classes that the product ndvi masks."""

SERIES_GOAL = Goal(10, 10)

Polygon = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """Polygons of one kind."""

    name: str
    area_m2: float
    vertices: int
    count: int
    """Number per round."""
    goal: Goal


FIELD = Kind("field, 4.4 ha", 44_000, 9, 24, Goal(6, 3))
DISTRICT = Kind("district, 491 km2", 491e6, 200, 3, Goal(40, 20))


@dataclass(frozen=True, slots=True)
class Sides:
    """The two servers."""

    ours: Server
    stock: Server
    items: Sequence[Path]
    """One per month."""
    client: httpx.Client
    masked: bool
    """Whether the scenes have a classification, which ours then masks with."""

    @property
    def note(self) -> str:
        """Suffix of the names of rows."""
        return ", with cloud mask" if self.masked else ""

    def entries(self, polygon: Polygon, when: str) -> list[dict[str, Any]]:
        """Return our series."""
        path = f"http://127.0.0.1:{self.ours.port}/products/ndvi/statistics?datetime={when}"
        answer = self.client.post(path, json=polygon).raise_for_status().json()
        series: list[dict[str, Any]] = answer["properties"]["series"]
        return series

    def stock_statistics(self, polygon: Polygon, item: Path) -> dict[str, Any]:
        """Return TiTiler's answer for one scene."""
        expression = quote("(b1-b2)/(b1+b2)")
        query = f"url={quote(str(item))}&assets=nir&assets=red&expression={expression}"
        feature = {"type": "Feature", "geometry": polygon, "properties": {}}
        answer = self.client.post(f"http://127.0.0.1:{self.stock.port}/stac/statistics?{query}", json=feature)
        found: dict[str, Any] = answer.raise_for_status().json()["properties"]["statistics"]
        return found


def measure(work: Path, folder: Path, *, rounds: int) -> Iterator[list[Row]]:
    """Return the rows of fields, districts and series.

    Args:
        work: Where the scene lies or is landed.
        folder: For the logs of the servers.
        rounds: How often each is measured.
    """
    for masked in (False, True):
        store = landed_months(work, masked=masked)
        for band in item_of(store, MONTHS[0]).parent.glob("*.tif"):  # all months share one file
            band.read_bytes()
        with ExitStack() as stack:
            sides = Sides(
                stack.enter_context(tilewatch(store, folder)),
                stack.enter_context(titiler(folder)),
                [item_of(store, month) for month in MONTHS],
                stack.enter_context(httpx.Client(timeout=300)),
                masked,
            )
            order = random.Random(7)  # noqa: S311 - an order, not a secret
            for kind in (FIELD, DISTRICT):
                yield single(sides, kind, rounds, order)
            yield [series(sides, rounds, order)]


def single(sides: Sides, kind: Kind, rounds: int, order: random.Random) -> list[Row]:
    """Measure one period of polygons of a kind."""
    month, item = MONTHS[0], sides.items[0]
    ours, stock, exact = Times(sides.ours), Times(sides.stock), Times()
    for number in range(rounds + 1):
        drawn = [polygon(kind, order) for _ in range(kind.count)]
        counted = number > 0  # the first round is a warm-up
        found = ours.take(lambda each: sides.entries(each, month.text)[0], drawn, counted=counted)
        reference = exact.take(
            lambda each: exactly(each, item.parent, masked=sides.masked), drawn, counted=counted
        )
        stock.take(lambda each: sides.stock_statistics(each, item), drawn, counted=counted)
        for entry, numbers in zip(found, reference, strict=True):
            refuse_difference(entry["mean"], numbers["mean"])
    return [
        row(f"statistics, {kind.name}{sides.note}", ours, stock, None if sides.masked else kind.goal),
        row(f"statistics, {kind.name}{sides.note}, beside exactextract", ours, exact, None),
    ]


def series(sides: Sides, rounds: int, order: random.Random) -> Row:
    """Measure twelve months of a field in one call, compared with twelve calls."""
    ours, stock = Times(sides.ours), Times(sides.stock)
    for number in range(rounds + 1):
        drawn = [polygon(FIELD, order) for _ in range(SERIES)]
        found = ours.take(lambda each: sides.entries(each, str(YEAR)), drawn, counted=number > 0)
        stock.take(
            lambda each: [sides.stock_statistics(each, item) for item in sides.items],
            drawn,
            counted=number > 0,
        )
        if any(len(entries) != len(MONTHS) for entries in found):
            raise click.ClickException("a series has not twelve months")
    goal = None if sides.masked else SERIES_GOAL
    return row(f"statistics, field, 12 months{sides.note}", ours, stock, goal)


@dataclass(slots=True)
class Times:
    """The times of answers, one figure per round."""

    server: Server | None = None
    """The server; None is this process."""
    ms: list[float] = field(default_factory=list)
    """The median answer."""
    cpu_ms: list[float] = field(default_factory=list)
    """The mean of CPU time."""

    def take(self, ask: Callable[[Polygon], Any], polygons: Sequence[Polygon], *, counted: bool) -> list[Any]:
        """Yield the result for each polygon, requested one after the other."""
        cpu_s, times, found = self._cpu_s(), [], []
        for each in polygons:
            began = time.perf_counter()
            found.append(ask(each))
            times.append(time.perf_counter() - began)
        if counted:
            self.ms.append(median(times) * 1000)
            self.cpu_ms.append((self._cpu_s() - cpu_s) / len(polygons) * 1000)
        return found

    def _cpu_s(self) -> float:
        return time.process_time() if self.server is None else self.server.cpu_s()


def row(name: str, ours: Times, other: Times, goal: Goal | None) -> Row:
    """Return how many times faster ours is."""
    times = [b / a for a, b in zip(ours.ms, other.ms, strict=True)]
    return Row(name, "ms", ours.ms, other.ms, ours.cpu_ms, other.cpu_ms, figures=times, goal=goal)


def refuse_difference(ours: float | None, reference: float | None) -> None:
    """Raise an error if a mean differs from exactextract's; neither has one where everything is cloud."""
    if ours is None and (reference is None or np.isnan(reference)):
        return
    if ours is None or reference is None or abs(ours - reference) > SAME * max(abs(reference), 0.1):
        raise click.ClickException(f"the mean is {ours}, and {reference} by exactextract")


def polygon(kind: Kind, order: random.Random) -> Polygon:
    """Return a rounded outline anywhere in the part of the scene that has data."""
    radius = float(np.sqrt(kind.area_m2 / np.pi))
    left, top = scene.ORIGIN_XY
    x = left + radius * 1.3 + order.random() * (90_000 - 2.6 * radius)
    y = top - radius * 1.3 - order.random() * (scene.SIZE_PX * 10 - 2.6 * radius)
    turns = np.linspace(0, 2 * np.pi, kind.vertices, endpoint=False)
    reach = radius * np.array([order.uniform(0.9, 1.1) for _ in turns])
    ring = np.column_stack([x + reach * np.cos(turns), y + reach * np.sin(turns)]).tolist()
    drawn = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    found: Polygon = transform_geom(scene.CRS, "EPSG:4326", drawn, precision=9)
    return found


def exactly(polygon: Polygon, folder: Path, *, masked: bool) -> dict[str, Any]:
    """Return exactextract's result: reads the window, computes and masks NDVI, and takes its statistics."""
    drawn = shapely.geometry.shape(transform_geom("EPSG:4326", scene.CRS, polygon))
    west, south, east, north = drawn.bounds
    left, top = scene.ORIGIN_XY
    first, last = int((west - left) // 20) * 2, int((east - left) // 20 + 1) * 2
    upper, lower = int((top - north) // 20) * 2, int((top - south) // 20 + 1) * 2
    red = read(folder / "red.tif", Window(first, upper, last - first, lower - upper))
    nir = read(folder / "nir.tif", Window(first, upper, last - first, lower - upper))
    total = red.astype(np.float32) + nir
    with np.errstate(invalid="ignore", divide="ignore"):
        ndvi = (nir.astype(np.float32) - red) / total
    hidden = (red == 0) | (nir == 0)
    if masked:
        half = Window(first // 2, upper // 2, (last - first) // 2, (lower - upper) // 2)
        scl = np.repeat(np.repeat(read(folder / "scl.tif", half), 2, axis=0), 2, axis=1)
        hidden |= np.isin(scl, REJECTED)
    raster = NumPyRasterSource(
        np.ma.masked_array(ndvi, hidden),
        xmin=left + first * 10, xmax=left + last * 10, ymin=top - lower * 10, ymax=top - upper * 10,
    )  # fmt: skip
    feature = {"type": "Feature", "geometry": shapely.geometry.mapping(drawn), "properties": {}}
    found: dict[str, Any] = exact_extract(raster, feature, list(STATISTICS))[0]["properties"]
    return found


def read(path: Path, window: Window) -> NDArray[Any]:
    """Return the numbers of a window."""
    with rasterio.open(path) as dataset:
        values: NDArray[Any] = dataset.read(1, window=window)
    return values


def item_of(store: Path, month: Period) -> Path:
    """Return the STAC item of a month."""
    return next(
        (store / "collections" / scene.COLLECTION / "scenes" / f"{scene.SCENE}-{month}").glob("*/item.json")
    )


def landed_months(work: Path, *, masked: bool = True) -> Path:
    """Return the folder of a store with the scene in every month of a year; the files are the scene's own."""
    source = scene.landed_scene(work)
    folder = work / f"months-{'masked' if masked else 'plain'}-{scene.VERSION}"
    if not (folder / "landed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        uvloop.run(_land_months(source, folder / "store", masked=masked))
        (folder / "landed").touch()
    return folder / "store"


async def _land_months(source: Path, store: Path, *, masked: bool) -> None:
    async with await open_storage(source.as_uri()) as storage:
        commits = [commit async for commit in read_commits(storage, scene.COLLECTION)]
    record = commits[0].added[0]
    original = scene.item_path(source)
    described = Path("collections") / scene.COLLECTION / "collection.json"
    (store / described).parent.mkdir(parents=True)
    shutil.copy(source / described, store / described)
    records = []
    for month in MONTHS:
        name = f"{scene.SCENE}-{month}"
        folder = Path("collections") / scene.COLLECTION / "scenes" / name / original.parent.name
        (store / folder).mkdir(parents=True)
        for band in original.parent.glob("*.tif"):
            os.link(band, store / folder / band.name)
        item = unsealed(original.read_bytes())
        item["id"] = name
        if not masked:
            del item["assets"]["scl"]
        item["properties"]["datetime"] = f"{month.start:%Y-%m-%dT%H:%M:%SZ}"
        (store / folder / "item.json").write_bytes(sealed(item))
        key = (folder / "item.json").as_posix()
        records.append(
            replace(record, id=name, item_key=key, start=month.start, end=month.start, period=month)
        )
    async with await open_storage(store.as_uri()) as storage:
        await commit_scenes(storage, scene.COLLECTION, add=records)
