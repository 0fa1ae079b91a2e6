"""The cost of a tile of two dates relative to one of one date, computed and cached, on the same server.

Both read the same scene: the earlier date is the later one's files under another name, so that each date
costs the same to read.
"""

import asyncio
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import morecantile

from mosaics.log import commit_scenes, read_commits
from mosaics.period import Period, instant_text
from mosaics.seals import sealed, unsealed
from mosaics.storage import open_storage
from scripts.benchmarks import scene
from scripts.benchmarks.load import Ask, fetch, keep_busy
from scripts.benchmarks.report import Goal, Row
from scripts.benchmarks.servers import Server, tilewatch
from scripts.benchmarks.uncached_tiles import CONNECTIONS, tiles_at

ZOOMS = (11, 13)
WARMED = KNOWN = 64
"""Tiles requested before the rounds, and those requested repeatedly."""
ONE, TWO = "ndvi", "ndvi-change"
"""Products of the same bands with the same mask, of one date and of two."""
EARLIER = "synthetic-benchmark-earlier"
COST = Goal(2.0, 2.2, higher_is_better=False)
KNOWN_COST = Goal(1.05, 1.15, higher_is_better=False)


@dataclass(slots=True)
class Product:
    """One of the products compared, and its results, one number per round."""

    name: str
    rates: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    def path(self, tile: morecantile.Tile) -> str:
        """Return the address of a tile."""
        return f"/tiles/{self.name}/{tile.z}/{tile.x}/{tile.y}.png"

    def measure(self, server: Server, tiles: Sequence[morecantile.Tile], seconds: float) -> None:
        """Keep the server busy for a round."""
        asks = [Ask(self.path(tile)) for tile in tiles]
        before = server.cpu_s()
        load = keep_busy(server.port, asks, connections=CONNECTIONS, seconds=seconds)
        self.cpu_ms.append((server.cpu_s() - before) * 1000 / len(load.seconds))
        self.rates.append(load.per_second)


def measure(work: Path, folder: Path, *, rounds: int, seconds: float) -> Iterator[list[Row]]:
    """Return the rows, computed tiles first.

    Args:
        work: Where the scene lies or is landed.
        folder: For the store of two dates and the logs of the server.
        rounds: How often each product is measured at each zoom.
        seconds: How long each time.
    """
    store = two_dates(scene.landed_scene(work), folder / "store")
    item = scene.item_path(store)
    with tilewatch(store, folder) as server:
        check(server, tiles_at(ZOOMS[0], item)[0])
        for zoom in ZOOMS:
            tiles = tiles_at(zoom, item)
            yield [
                compare(
                    f"tile of two dates, z{zoom}", server, tiles, rounds=rounds, seconds=seconds, goal=COST
                )
            ]
    with tilewatch(store, folder, TILEWATCH_CACHE_BYTES=str(1 << 28)) as server:
        tiles = tiles_at(ZOOMS[-1], item)[:KNOWN]
        yield [
            compare(
                "cached tile of two dates", server, tiles, rounds=rounds, seconds=seconds, goal=KNOWN_COST
            )
        ]


def compare(
    name: str,
    server: Server,
    tiles: Sequence[morecantile.Tile],
    *,
    rounds: int,
    seconds: float,
    goal: Goal,
) -> Row:
    """Measure both products in turn and back again; the figure is how much longer two dates take."""
    one, two = Product(ONE), Product(TWO)
    for product in (one, two):  # opens files and fills caches before anything is measured
        for tile in tiles[:WARMED]:
            fetch(server.port, product.path(tile))
        Product(product.name).measure(server, tiles, seconds)
    for number in range(rounds):
        for product in (one, two) if number % 2 == 0 else (two, one):
            product.measure(server, tiles, seconds)
    return Row(
        name, "tiles/s", two.rates, one.rates, two.cpu_ms, one.cpu_ms,
        figures=[a / b for a, b in zip(one.rates, two.rates, strict=True)], goal=goal,
    )  # fmt: skip


def check(server: Server, tile: morecantile.Tile) -> None:
    """Raise `AssertionError` if a tile does not compare two dates."""
    with urlopen(f"http://127.0.0.1:{server.port}/tiles/{TWO}/{tile.z}/{tile.x}/{tile.y}.png") as answer:
        assert answer.headers["x-tilewatch-windows"] == "post=2021-06, pre=2020-06"  # noqa: S101


def two_dates(store: Path, copy: Path) -> Path:
    """Return a store with the scene a second time, a year earlier; files are linked, not copied."""
    shutil.copytree(store, copy, copy_function=os.link)
    item = scene.item_path(copy)
    earlier = Path(str(item).replace(scene.SCENE, EARLIER))
    shutil.copytree(item.parent, earlier.parent, copy_function=os.link)
    sensed = scene.SENSED - timedelta(days=365)
    document = unsealed(item.read_bytes())
    document["id"] = EARLIER
    document["properties"]["datetime"] = instant_text(sensed)
    earlier.unlink()
    earlier.write_bytes(sealed(document))

    async def commit() -> None:
        async with await open_storage(copy.as_uri()) as storage:
            (first,) = [commit async for commit in read_commits(storage, scene.COLLECTION)]
            (landed,) = first.added
            second = replace(
                landed,
                id=EARLIER,
                item_key=landed.item_key.replace(scene.SCENE, EARLIER),
                start=sensed,
                end=sensed,
                period=Period.containing(sensed, landed.period.cadence),
            )
            await commit_scenes(storage, scene.COLLECTION, add=[second])

    asyncio.run(commit())
    return copy
