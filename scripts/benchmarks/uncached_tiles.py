"""The speed and size of computed tiles, compared with TiTiler on the same files in the same run."""

import io
import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import click
import morecantile
import numpy as np
import shapely
from numpy.typing import NDArray

from scripts.benchmarks import scene
from scripts.benchmarks.load import Ask, fetch, keep_busy
from scripts.benchmarks.report import Goal, Row
from scripts.benchmarks.servers import Server, tilewatch, titiler

ZOOMS = (8, 11, 13, 14)
CONNECTIONS = 8
MOST_TILES = 1500
"""Tiles of one zoom; at 13 and 14 a round does not get through all of them."""
WARM_UP_S = 2.0
COMPARED = 24
"""Tiles of a zoom whose values are compared and whose PNGs are measured."""
SAME = 2e-6
"""Greatest difference between an NDVI computed in float32 from reflectances and one from stored numbers."""
COVERED = 0.999
"""Share of a tile filled by the scene's pixels, from zoom 11 on: no tile is cheap because it is empty."""

RESCALE = "-0.2,1"
COLORMAP = "viridis"
"""Both have it; 256 colours there, 255 and transparency here."""

SPEED = Goal(6, 4)
SIZE = Goal(0.55, 0.65, higher_is_better=False)

Tile = morecantile.Tile


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers, and how to request a tile from each."""

    ours: Server
    stock: Server
    item: Path

    def plain(self, tile: Tile, form: str) -> str:
        """Return ours: only the expression, as the other computes it."""
        expression = quote("(nir-red)/(nir+red)")
        query = f"expression={expression}&rescale={RESCALE}&colormap={COLORMAP}"
        address = f"{tile.z}/{tile.x}/{tile.y}.{form}"
        return f"/collections/{scene.COLLECTION}/tiles/WebMercatorQuad/{address}?{query}"

    def masked(self, tile: Tile, form: str) -> str:
        """Return ours: the product, which also reads the scene classification."""
        return f"/products/ndvi/tiles/WebMercatorQuad/{tile.z}/{tile.x}/{tile.y}.{form}"

    def other(self, tile: Tile, form: str) -> str:
        """Return the other's."""
        expression = quote("(b1-b2)/(b1+b2)")
        query = f"url={quote(str(self.item))}&assets=nir&assets=red&expression={expression}&tilesize=256"
        colors = f"&rescale={RESCALE}&colormap_name={COLORMAP}" if form == "png" else ""
        return f"/stac/tiles/WebMercatorQuad/{tile.z}/{tile.x}/{tile.y}.{form}?{query}{colors}"


@dataclass(slots=True)
class Side:
    """One side of the comparison, and its results, one number per round."""

    server: Server
    path: Callable[[Tile, str], str]
    rates: list[float] = field(default_factory=list)
    """Tiles per second."""
    cpu_ms: list[float] = field(default_factory=list)
    """Milliseconds of CPU per tile."""

    def measure(self, tiles: Sequence[Tile], seconds: float) -> None:
        """Keep the server busy for a round."""
        asks = [Ask(self.path(tile, "png")) for tile in tiles]
        before = self.server.cpu_s()
        load = keep_busy(self.server.port, asks, connections=CONNECTIONS, seconds=seconds)
        self.cpu_ms.append((self.server.cpu_s() - before) * 1000 / len(load.seconds))
        self.rates.append(load.per_second)


def measure(
    work: Path, folder: Path, *, rounds: int, seconds: float, rows: Sequence[str]
) -> Iterator[list[Row]]:
    """Return the rows of speed and of size, zoom by zoom.

    Args:
        work: Where the scene lies or is landed.
        folder: For the logs of the servers.
        rounds: How often each server is measured at each zoom.
        seconds: How long each time.
        rows: "uncached", "png" or both.
    """
    store = scene.landed_scene(work)
    item = scene.item_path(store)
    with ExitStack() as stack:
        servers = Servers(
            stack.enter_context(tilewatch(store, folder)), stack.enter_context(titiler(folder)), item
        )
        for zoom in ZOOMS:
            tiles = tiles_at(zoom, item)
            chosen = tiles[:COMPARED]
            compare_values(servers, chosen)
            if "png" in rows:
                yield [weigh(servers, zoom, chosen)]
            if "uncached" in rows:
                yield speed_rows(servers, zoom, tiles, rounds, seconds)
        yield [Row("memory, two workers", "MB", [servers.ours.resident_mb()], [servers.stock.resident_mb()])]


def tiles_at(zoom: int, item: Path) -> list[Tile]:
    """Return the tiles the scene covers, in a fixed random order."""
    footprint = shapely.from_geojson(json.dumps(json.loads(item.read_text())["geometry"]))
    tms = morecantile.tms.get("WebMercatorQuad")
    found = []
    for tile in tms.tiles(*footprint.bounds, zooms=[zoom]):
        box = shapely.box(*tms.bounds(tile))
        share = shapely.area(shapely.intersection(box, footprint)) / shapely.area(box)
        if share >= (COVERED if zoom >= 11 else 0.1):
            found.append(tile)
    random.Random(zoom).shuffle(found)  # noqa: S311 - an order, not a secret
    return found[:MOST_TILES]


def compare_values(servers: Servers, tiles: Sequence[Tile]) -> None:
    """Raise an error if the two sides do not compute the same.

    Where both bands are missing the other computes 0 / 0 and shows 0 as if it were a value; that much is
    allowed.

    Raises:
        click.ClickException: If values differ, or the pixels that have one.
    """
    for tile in tiles:
        ours, ours_valid = values(fetch(servers.ours.port, servers.plain(tile, "npy")))
        other, other_valid = values(fetch(servers.stock.port, servers.other(tile, "npy")))
        apart = float(np.abs(ours - other)[ours_valid & other_valid].max(initial=0))
        odd = (ours_valid & ~other_valid) | (other_valid & ~ours_valid & (other != 0))
        if not ours_valid.any() or odd.any() or apart > SAME:
            raise click.ClickException(
                f"{tile} differs: by {apart:.2g}, and {odd.sum()} pixels have a value on one side only"
            )


def weigh(servers: Servers, zoom: int, tiles: Sequence[Tile]) -> Row:
    """Return the bytes of the same tiles as PNG."""
    ours = sum(len(fetch(servers.ours.port, servers.plain(tile, "png"))) for tile in tiles)
    other = sum(len(fetch(servers.stock.port, servers.other(tile, "png"))) for tile in tiles)
    kilobytes = len(tiles) * 1000
    return Row(f"PNG, z{zoom}", "kB", [ours / kilobytes], [other / kilobytes], goal=SIZE)


def speed_rows(servers: Servers, zoom: int, tiles: Sequence[Tile], rounds: int, seconds: float) -> list[Row]:
    """Measure the speed at one zoom, alternating the sides; each round starts at another tile."""
    plain, masked = Side(servers.ours, servers.plain), Side(servers.ours, servers.masked)
    other = Side(servers.stock, servers.other)
    sides = (plain, other, masked)
    for side in sides:
        Side(side.server, side.path).measure(tiles, WARM_UP_S)
    for number in range(rounds):
        start = number * 211 % len(tiles)
        for side in sides if number % 2 == 0 else reversed(sides):
            side.measure([*tiles[start:], *tiles[:start]], seconds)
    return [
        Row(
            name, "tiles/s", side.rates, other.rates, side.cpu_ms, other.cpu_ms,
            goal=goal, more={"tiles": float(len(tiles))},
        )
        for name, side, goal in (
            (f"NDVI tile, z{zoom}", plain, SPEED),
            (f"NDVI tile, z{zoom}, with cloud mask", masked, None),
        )
    ]  # fmt: skip


def values(body: bytes) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the values of a tile in NumPy's format, and where there are any."""
    planes = np.load(io.BytesIO(body))
    return planes[0].astype(np.float64), planes[-1] != 0
