"""The time to find the scenes of a tile in mosaics of many sizes, compared with cogeo-mosaic on the same.

Ours answers from the file that a commit writes, mapped into memory. Footprints lie side by side like those of
an archive, each overlapping its neighbours by a tenth; a larger mosaic covers more of the Earth. Tiles are
drawn at random, so that cogeo-mosaic's cache of answers is of little use to it.
"""

import gzip
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import click
import morecantile
from cogeo_mosaic.backends.memory import MemoryBackend
from cogeo_mosaic.mosaic import MosaicJSON

from mosaics.document import SCENES, MosaicDocument, SceneRecord, build_document, mosaic_digest
from mosaics.index import QuadkeyIndex
from mosaics.index_arrays import VERSION
from mosaics.index_files import map_index, pack_index
from mosaics.period import Period
from scripts.benchmarks.report import Goal, Row

SIZES = {100: (10, 10), 10_000: (100, 100), 1_000_000: (1250, 800)}
"""Assets, and how many lie beside and above each other."""
STEP_DEGREES = (0.28, 0.15)
"""From one footprint to the next, eastwards and northwards; 1250 by 800 of them reach from 175 W to 175 E."""
SOUTH = -60.0
OVERLAP = 0.1
LEANING = 0.03
"""Degrees by which the upper edge of a footprint lies further west: none is a plain rectangle."""
PERIOD = Period.parse("2024-06")
TIME = datetime(2024, 6, 15, 10, 50, 29, tzinfo=UTC)

LEVELS = {"at quadkey zoom": 0, "3 above": -3, "3 below": 3}
OURS, OTHERS = 2000, 200
"""Look-ups: ours per round; of the other at most this many, once, since it is orders of magnitude slower."""
LONGEST_S = 3.0
"""Seconds after which no further look-up of the other is started."""

GOAL = Goal(50, 1000, higher_is_better=False)
"""Microseconds, at a million assets."""


def measure(work: Path, *, rounds: int, sizes: Sequence[int] = tuple(SIZES)) -> Iterator[list[Row]]:
    """Yield the rows of each size.

    Args:
        work: Where documents are kept for the next run.
        rounds: How often ours is measured.
        sizes: Of `SIZES`.
    """
    for size in sizes:
        data = document(work, size)
        index = mapped(work, size, data)
        with MemoryBackend(mosaic_def=stock_document(data)) as stock:
            if (stock.quadkey_zoom, index.size) != (index.quadkey_zoom, size):
                raise click.ClickException("the two readers see different documents")
            yield [row(index, stock, size, level, rounds) for level in LEVELS]


def row(index: QuadkeyIndex, stock: MemoryBackend, size: int, level: str, rounds: int) -> Row:
    """Measure look-ups in one mosaic at one zoom."""
    zoom = max(0, index.quadkey_zoom + LEVELS[level])
    order = random.Random(size + zoom)  # noqa: S311 - an order, not a secret
    others = compared_seconds(index, stock, tiles(size, zoom, OTHERS, order))
    typical: list[float] = []
    slow: list[float] = []
    for _ in range(rounds):
        times = seconds(index.scenes_in_tile, tiles(size, zoom, OURS, order))
        typical.append(median(times) * 1e6)
        slow.append(quantiles(times, n=20)[-1] * 1e6)
    found = [len(index.scenes_in_tile(*tile)) for tile in tiles(size, zoom, OURS, order)]
    scenes = sum(found) / len(found)
    return Row(
        f"lookup, {size:,} assets, {level} ({scenes:.1f} found)", "µs", typical, [median(others) * 1e6],
        figures=typical, figure_unit="µs", goal=GOAL if size == max(SIZES) else None,
        more={
            "p95_us": median(slow), "other_p95_us": sorted(others)[int(0.95 * len(others))] * 1e6,
            "other_lookups": len(others), "scenes_a_tile": scenes, "zoom": zoom,
        },
    )  # fmt: skip


def seconds(look_up: Callable[..., Any], asked: Sequence[tuple[int, int, int]]) -> list[float]:
    """Return the time of each look-up."""
    times = []
    for x, y, z in asked:
        began = time.perf_counter()
        look_up(x, y, z)
        times.append(time.perf_counter() - began)
    return times


def compared_seconds(
    index: QuadkeyIndex, stock: MemoryBackend, asked: Sequence[tuple[int, int, int]]
) -> list[float]:
    """Return the times of the other's look-ups, as many as fit into `LONGEST_S`, after comparing its answers.

    Below the quadkey zoom it returns every scene of the cell, ours only those that reach into the tile.

    Raises:
        click.ClickException: If the two find other scenes.
    """
    times: list[float] = []
    for x, y, z in asked:
        ours = {scene.item_key for scene in index.scenes_in_tile(x, y, z)}
        began = time.perf_counter()
        others = set(stock.assets_for_tile(x, y, z))
        times.append(time.perf_counter() - began)
        if not ours <= others or (z <= index.quadkey_zoom and ours != others):
            raise click.ClickException(f"tile {z}/{x}/{y}: {len(ours)} scenes here, {len(others)} there")
        if sum(times) > LONGEST_S:
            break
    return times


def tiles(size: int, zoom: int, count: int, order: random.Random) -> list[tuple[int, int, int]]:
    """Return tiles around random places of a mosaic."""
    columns, rows = SIZES[size]
    tms = morecantile.tms.get("WebMercatorQuad")
    found = []
    for _ in range(count):
        lon = -175 + order.random() * columns * STEP_DEGREES[0]
        tile = tms.tile(lon, SOUTH + order.random() * rows * STEP_DEGREES[1], zoom)
        found.append((tile.x, tile.y, tile.z))
    return found


def document(work: Path, size: int) -> bytes:
    """Return a mosaic of a number of scenes; it is kept for the next run."""
    kept = work / f"mosaic-1-{size}.json.gz"
    if not kept.exists():
        click.echo(f"Building a mosaic of {size:,} assets", err=True)
        work.mkdir(parents=True, exist_ok=True)
        written = kept.with_suffix(".new")
        written.write_bytes(build_document("benchmark", list(records(size)), lambda key: key))
        written.rename(kept)
    return kept.read_bytes()


def mapped(work: Path, size: int, data: bytes) -> QuadkeyIndex:
    """Return the index of a mosaic from its file, which is kept for the next run."""
    digest = mosaic_digest(data)
    kept = work / f"mosaic-{size}-{digest}.index{VERSION}"
    if not kept.exists():
        kept.write_bytes(pack_index(QuadkeyIndex.from_document(MosaicDocument(data)), digest))
    return map_index(kept, f"1-{digest}.json.gz")


def records(size: int) -> Iterator[SceneRecord]:
    """Yield scenes side by side, from the southwest."""
    columns, rows = SIZES[size]
    width, height = (step * (1 + OVERLAP) for step in STEP_DEGREES)
    for number in range(columns * rows):
        west = -175 + number % columns * STEP_DEGREES[0]
        south = SOUTH + number // columns * STEP_DEGREES[1]
        ring = [
            (west, south), (west + width, south), (west + width - LEANING, south + height),
            (west - LEANING, south + height), (west, south),
        ]  # fmt: skip
        yield SceneRecord(
            id=f"scene-{number}",
            item_key=f"collections/benchmark/scenes/scene-{number}/item.json",
            start=TIME,
            end=TIME,
            period=PERIOD,
            cloud_cover_percent=number * 37 % 1000 / 10,
            footprint={"type": "Polygon", "coordinates": [ring]},
            synthetic=True,
            resolution_m=10.0,
        )


def stock_document(data: bytes) -> MosaicJSON:
    """Return the document as cogeo-mosaic reads it, without our own field, which it would hash as well."""
    fields = json.loads(gzip.decompress(data))
    del fields[SCENES]
    return MosaicJSON(**fields)
