"""A mosaic of 5,000 scenes at every zoom, compared with TiTiler over the same MosaicJSON and items.

The scenes lie 100 by 50 beside one another, each overlapping its neighbours by a tenth, at 25 m; their 256 px
are little for a scene, so that zooms 13 and 14, which read the scenes, are harder than those of an archive:
nearly every tile lies on the edge of some.
"""

import asyncio
import math
import re
from collections.abc import Iterator, Sequence
from http.client import HTTPException
from pathlib import Path
from time import perf_counter
from urllib.parse import quote
from urllib.request import urlopen

import click
import morecantile
import numpy as np

from ingest.overviews.building import build_overviews
from mosaics.log import read_state
from mosaics.period import Period
from mosaics.storage import open_storage
from scripts.benchmarks.load import Ask, keep_busy
from scripts.benchmarks.report import Goal, Row
from scripts.benchmarks.servers import Server, stock_mosaics, tilewatch
from scripts.benchmarks.uncached_tiles import SAME, values
from tests.ingest.overviews.scenes import COLLECTION, land, put_grid

COLUMNS, ROWS_OF_SCENES = 100, 50
PIXEL_DEG = 25 / 111319.49
STEP_DEG = 0.9 * 256 * PIXEL_DEG
WEST, NORTH = 10.0, 1.3
MIDDLE = (WEST + 50.05 * STEP_DEG, NORTH - 25.05 * STEP_DEG)
"""A corner where four scenes meet."""
ZOOMS = range(15)
VIEWPORT = (9, 7)
FILES = 8
PATIENCE_S = 60.0
"""Seconds; a tile for which the other takes longer is the last requested from it."""
COMPARED_FROM = 12
"""Below this zoom, overviews show means where the other picks single pixels."""
ALIKE = 0.75
"""Share of pixels that are equal. The values are noise: of another scene hardly any would be. If a scene
fills part of a tile, rio-tiler warps only that part, and many of its pixels are their neighbours."""

SPEED = Goal(5, 2)
FEW = Goal(FILES, FILES, higher_is_better=False)
EXPRESSION = quote("(nir-red)/(nir+red)")

Tile = morecantile.Tile


def measure(work: Path, folder: Path, *, rounds: int, seconds: float) -> Iterator[list[Row]]:
    """Return the rows of speed, from the deepest zoom on, and one of the files opened.

    Args:
        work: Where the scenes lie or are landed.
        folder: For the logs of the servers.
        rounds: How often ours is measured.
        seconds: How long each time.
    """
    store = work / "low-zoom-1"
    mosaic, more = asyncio.run(landed(store))
    files: dict[int, int] = {}
    patient = True
    with tilewatch(store, folder) as ours, stock_mosaics(folder) as stock:
        for zoom in reversed(ZOOMS):
            tiles = viewport(zoom)
            opened = [files_of(ours, tile) for tile in tiles]
            tiles = [tile for tile, count in zip(tiles, opened, strict=True) if count]
            files[zoom] = max(opened)
            rates = [rate(ours, [own(tile) for tile in tiles], seconds) for _ in range(rounds)]
            others: list[float] = []
            if patient:
                asks = [other(tile, mosaic) for tile in tiles]
                took_s = spent_s(stock, asks[len(asks) // 2])
                patient = took_s < PATIENCE_S
                if math.isfinite(took_s):
                    others = [rate(stock, asks, seconds) if took_s < seconds else 1 / took_s]
                if zoom >= COMPARED_FROM:
                    compare(ours, stock, tiles[len(tiles) // 2], mosaic)
            yield [row(zoom, files[zoom], rates, others)]
    yield [
        Row(
            f"most files opened for a tile, zooms {ZOOMS[0]} to {ZOOMS[-1]}", "files", [max(files.values())],
            [], figures=[max(files.values())], figure_unit="files", goal=FEW, more=more,
        )
    ]  # fmt: skip


def row(zoom: int, files: int, rates: Sequence[float], others: Sequence[float]) -> Row:
    """Return the row of one zoom; if the other was not measured, the figure is our own rate."""
    name = f"5,000 scenes, z{zoom} ({files} files at most)"
    if not others:
        return Row(name, "tiles/s", rates, [], figures=rates, figure_unit="tiles/s")
    figures = [one / others[0] for one in rates]
    return Row(name, "tiles/s", rates, others, figures=figures, goal=SPEED)


def viewport(zoom: int) -> list[Tile]:
    """Return the tiles of a view around a corner of four scenes, as many as the zoom has."""
    middle = morecantile.tms.get("WebMercatorQuad").tile(*MIDDLE, zoom)
    wide, high = VIEWPORT
    return [
        Tile(x, y, zoom)
        for y in range(middle.y - high // 2, middle.y + high // 2 + 1)
        for x in range(middle.x - wide // 2, middle.x + wide // 2 + 1)
        if 0 <= x < 1 << zoom and 0 <= y < 1 << zoom
    ]


def own(tile: Tile, form: str = "png") -> str:
    """Return our address of a tile."""
    address = f"{tile.z}/{tile.x}/{tile.y}.{form}"
    query = f"expression={EXPRESSION}&rescale=-1,1&colormap=viridis"
    return f"/collections/{COLLECTION.id}/tiles/WebMercatorQuad/{address}?{query}"


def other(tile: Tile, mosaic: str, form: str = "png") -> str:
    """Return the other's address of a tile."""
    expression = quote("(b1-b2)/(b1+b2)")
    colors = "&rescale=-1,1&colormap_name=viridis" if form == "png" else ""
    query = f"url={quote(mosaic)}&assets=nir&assets=red&expression={expression}&tilesize=256{colors}"
    return f"/tiles/WebMercatorQuad/{tile.z}/{tile.x}/{tile.y}.{form}?{query}"


def rate(server: Server, paths: Sequence[str], seconds: float) -> float:
    """Return the rate of tiles requested one after the other, per second."""
    return keep_busy(server.port, [Ask(path) for path in paths], connections=1, seconds=seconds).per_second


def spent_s(server: Server, path: str) -> float:
    """Return the time of one tile, the second time, when files are in the system's cache and code is loaded.

    It is infinite if the server gives up: uvicorn ends a worker that does not respond for five seconds.
    """
    took_s = 0.0
    for _ in range(2):
        began = perf_counter()
        try:
            fetched(server, path)
        except (HTTPException, OSError):
            return math.inf
        took_s = perf_counter() - began
        if took_s > PATIENCE_S / 2:
            break
    return took_s


def fetched(server: Server, path: str) -> tuple[bytes, str]:
    """Return the body of an answer and its Server-Timing."""
    with urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=20 * PATIENCE_S) as answer:
        body: bytes = answer.read()
        return body, answer.headers.get("server-timing", "")


def files_of(server: Server, tile: Tile) -> int:
    """Return the number of files a tile was read from; 0 if not stated."""
    _, timing = fetched(server, own(tile))
    found = re.search(r'files;desc="(\d+)"', timing)
    return int(found[1]) if found else 0


def compare(ours: Server, stock: Server, tile: Tile, mosaic: str) -> None:
    """Compare the values of a tile.

    Raises:
        click.ClickException: If they are not alike.
    """
    own_values, own_valid = values(fetched(ours, own(tile, "npy"))[0])
    their_values, their_valid = values(fetched(stock, other(tile, mosaic, "npy"))[0])
    both = own_valid & their_valid
    same = np.abs(own_values - their_values)[both] <= SAME
    if both.mean() < 0.98 or same.mean() < ALIKE:
        raise click.ClickException(
            f"tile {tile.z}/{tile.x}/{tile.y}: {same.mean():.4f} of the values are the same"
        )


async def landed(store: Path) -> tuple[str, dict[str, float]]:
    """Land the scenes and make their overviews, unless an earlier run did.

    Returns:
        Where the mosaic lies, and what making overviews came to.
    """
    more: dict[str, float] = {}
    async with await open_storage(str(store)) as storage:
        period = Period.parse("2024-06")
        state = await read_state(storage, COLLECTION.id)
        if not state.scenes:
            click.echo("Writing 5,000 scenes", err=True)
            records = await put_grid(
                storage, COLUMNS, ROWS_OF_SCENES, pixel_deg=PIXEL_DEG, corner=(WEST, NORTH), synthetic=True
            )
            await land(storage, records)
        began = perf_counter()
        outcome = await build_overviews(storage, COLLECTION, None)
        if outcome.made:
            more = {"overviews": outcome.made, "making_them_s": perf_counter() - began}
            click.echo(f"Made {outcome.made} overviews in {more['making_them_s']:.0f} s", err=True)
        state = await read_state(storage, COLLECTION.id)
        return storage.gdal_path(state.mosaics[period]), more
