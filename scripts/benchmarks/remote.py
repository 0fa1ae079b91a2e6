"""Tiles, a series and a viewport from object storage, with a delay on every request to it, beside TiTiler.

The store is Ceph, in memory, as in the tests; between it and the servers lies a line that holds back each
request by some milliseconds. TiTiler has the environment it recommends.
"""

import asyncio
import json
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from urllib.parse import quote

import click
import httpx
import morecantile
from botocore.session import Session

from mosaics.document import SceneRecord
from mosaics.log import commit_scenes, read_commits
from mosaics.seals import sealed, unsealed
from mosaics.storage import Storage, open_storage
from scripts.benchmarks import scene
from scripts.benchmarks.delay_line import Line, delay_line
from scripts.benchmarks.load import Ask, fetch, keep_busy
from scripts.benchmarks.report import Goal, Row
from scripts.benchmarks.servers import Server, tilewatch, titiler
from scripts.benchmarks.uncached_tiles import COLORMAP, RESCALE, tiles_at
from scripts.benchmarks.zonal import FIELD, MONTHS, polygon
from tests.services.ceph import CephGateway

BUCKET = "benchmark"
DELAYS_MS = (0, 10, 30, 100)
CONNECTIONS = (1, 8, 32, 128)
STOCK_CONNECTIONS = 32
"""More at a time of the other only wait longer."""
ZOOM = 13
COLD = 12
"""Tiles requested one after the other of servers that have just started."""
VIEWPORT = (9, 7)
REFERENCE_MS = 30
"""The delay of the rows with goals: a bucket in the same region."""
SERIES = 5
"""Fields whose series are requested."""

GOALS = {(30, 32): Goal(40, 20)}
REQUESTS_GOAL = Goal(2, 2.5, higher_is_better=False)
ROUND_TRIPS_GOAL = Goal(4, 8, higher_is_better=False)
EXPRESSION = quote("(nir-red)/(nir+red)")
STOCK_EXPRESSION = quote("(b1-b2)/(b1+b2)")

Tile = morecantile.Tile


@dataclass(frozen=True, slots=True)
class Sides:
    """The servers compared, over the same bucket."""

    store: "Bucket"
    ours: Server
    stock: Server
    tiles: Sequence[Tile]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket with the scene in every month of a year, behind a line."""

    address: str
    line: Line
    item: Path
    """A STAC item of the scene on this machine, whose files lie in the bucket."""

    def told(self, delay_ms: float) -> tuple[int, int]:
        """Set the delay; return the requests and bytes that the line has carried."""
        return asyncio.run(self.line.told(delay_ms))


@contextmanager
def bucket(work: Path, folder: Path) -> Iterator[Bucket]:
    """Provide the bucket; the environment names it meanwhile."""
    store = scene.landed_scene(work)
    with ExitStack() as stack:
        private = Path(stack.enter_context(TemporaryDirectory()))
        gateway = CephGateway(private)
        gateway.start()
        stack.callback(gateway.end)
        line = stack.enter_context(delay_line(gateway.endpoint, folder))
        stack.enter_context(_environment(_aws(gateway, line)))
        Session().create_client("s3").create_bucket(Bucket=BUCKET)
        address = f"s3://{BUCKET}/store"
        yield Bucket(address, line, asyncio.run(_upload(store, address, folder)))


def _aws(gateway: CephGateway, line: Line) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": gateway.access_key,
        "AWS_SECRET_ACCESS_KEY": gateway.secret_key,
        "AWS_REGION": gateway.region,
        "AWS_DEFAULT_REGION": gateway.region,
        "AWS_ENDPOINT_URL": line.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        # For GDAL in the other's process; ours finds out for itself.
        "AWS_S3_ENDPOINT": line.endpoint.partition("//")[2],
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
    }


@contextmanager
def _environment(names: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


async def _upload(store: Path, address: str, folder: Path) -> Path:
    """Upload the scene's files once, and an item for every month; return an item for the other."""
    original = scene.item_path(store)
    files = {path.stem: path for path in original.parent.glob("*.tif")}
    async with await open_storage(store.as_uri()) as here, await open_storage(address) as storage:
        commits = [commit async for commit in read_commits(here, scene.COLLECTION)]
        described = f"collections/{scene.COLLECTION}/collection.json"
        await storage.put_new(described, await here.get(described), "application/json")
        for band, path in files.items():
            await storage.put_new_file(f"files/{band}.tif", path, "image/tiff")
        records = [
            await _put_month(storage, commits[0].added[0], unsealed(original.read_bytes()), number)
            for number in range(len(MONTHS))
        ]
        await commit_scenes(storage, scene.COLLECTION, add=records)
    item = unsealed(original.read_bytes())
    for band in files:
        item["assets"][band]["href"] = f"{address}/files/{band}.tif"
    written = folder / "item.json"
    written.write_text(json.dumps(item))
    return written


async def _put_month(
    storage: Storage, record: SceneRecord, item: dict[str, object], number: int
) -> SceneRecord:
    month = MONTHS[number]
    name = f"{scene.SCENE}-{month}"
    key = f"collections/{scene.COLLECTION}/scenes/{name}/{Path(record.item_key).parent.name}/item.json"
    item = item | {"id": name}
    assets, properties = item["assets"], item["properties"]
    assert isinstance(assets, dict) and isinstance(properties, dict)  # noqa: S101, PT018 - a STAC item
    properties["datetime"] = f"{month.start:%Y-%m-%dT%H:%M:%SZ}"
    for band, asset in assets.items():
        if Path(asset["href"]).suffix == ".tif":
            asset["href"] = storage.href(f"files/{band}.tif")
    await storage.put_new(key, sealed(item), "application/geo+json")
    return replace(record, id=name, item_key=key, start=month.start, end=month.start, period=month)


def measure(work: Path, folder: Path, *, rounds: int) -> Iterator[list[Row]]:
    """Yield the rows of each delay.

    Args:
        work: Where the scene lies or is landed.
        folder: For logs.
        rounds: How often each is measured.
    """
    with bucket(work, folder) as store:
        tiles = tiles_at(ZOOM, scene.item_path(scene.landed_scene(work)))
        for delay in DELAYS_MS:
            with ExitStack() as stack:
                ours = stack.enter_context(tilewatch(store.address, folder))
                stock = stack.enter_context(titiler(folder))
                sides = Sides(store, ours, stock, tiles)
                yield [cold(sides, delay)]
                for connections in CONNECTIONS:
                    yield tiles_rows(sides, delay, connections, rounds)
                if delay == REFERENCE_MS:
                    yield [series(store, ours, delay), viewport(sides, delay, rounds)]
                    yield [Row("memory, two workers", "MB", [ours.resident_mb()], [stock.resident_mb()])]
        store.told(0)


def own(tile: Tile, month: int = 5) -> str:
    """Return our address of a tile, of the expression alone."""
    address = f"{tile.z}/{tile.x}/{tile.y}.png?datetime={MONTHS[month]}"
    query = f"expression={EXPRESSION}&rescale={RESCALE}&colormap={COLORMAP}"
    return f"/collections/{scene.COLLECTION}/tiles/WebMercatorQuad/{address}&{query}"


def other(tile: Tile, item: Path) -> str:
    """Return the other's."""
    query = f"url={quote(str(item))}&assets=nir&assets=red&expression={STOCK_EXPRESSION}&tilesize=256"
    address = f"{tile.z}/{tile.x}/{tile.y}.png?{query}&rescale={RESCALE}&colormap_name={COLORMAP}"
    return f"/stac/tiles/WebMercatorQuad/{address}"


def cold(sides: Sides, delay: float) -> Row:
    """Measure the first tiles of servers that have just started, one after the other."""
    sides.store.told(delay)
    spent = []
    for server, paths in (
        (sides.ours, [own(tile) for tile in sides.tiles[:COLD]]),
        (sides.stock, [other(tile, sides.store.item) for tile in sides.tiles[:COLD]]),
    ):
        times = []
        for path in paths:
            began = time.perf_counter()
            fetch(server.port, path)
            times.append((time.perf_counter() - began) * 1000)
        spent.append(times)
    first = {"first_ms": spent[0][0], "other_first_ms": spent[1][0]}
    return Row(
        f"remote {delay} ms, first {COLD} tiles", "ms", [median(spent[0])], [median(spent[1])], more=first,
        figures=[median(spent[0]) / median(spent[1])],
    )  # fmt: skip


def tiles_rows(sides: Sides, delay: float, connections: int, rounds: int) -> list[Row]:
    """Measure distinct tiles, alternating the sides; each round starts at other tiles."""
    store, tiles = sides.store, sides.tiles
    rates: dict[str, list[float]] = {"ours": [], "stock": []}
    more: dict[str, float] = {}
    for number in range(rounds):
        start = (number * 211 + connections * 17) % len(tiles)
        chosen = [*tiles[start:], *tiles[:start]]
        asks = {
            "ours": (sides.ours, [Ask(own(tile, number % len(MONTHS))) for tile in chosen], connections),
            "stock": (
                sides.stock,
                [Ask(other(t, store.item)) for t in chosen],
                min(connections, STOCK_CONNECTIONS),
            ),
        }
        for side in asks if number % 2 else reversed(asks):
            server, paths, at_once = asks[side]
            asked, carried = store.told(delay)
            cpu_s = server.cpu_s()
            load = keep_busy(server.port, paths, connections=at_once, seconds=4)
            requests, bytes_ = store.told(delay)
            rates[side].append(load.per_second)
            count = len(load.seconds)
            more |= {
                f"{side}_requests_a_tile": (requests - asked) / count,
                f"{side}_kb_a_tile": (bytes_ - carried) / count / 1000,
                f"{side}_p50_ms": median(load.seconds) * 1000,
                f"{side}_p99_ms": quantiles(load.seconds, n=100)[-1] * 1000,
                f"{side}_cpu_ms": (server.cpu_s() - cpu_s) / count * 1000,
            }
    name = f"remote {delay} ms, {connections} connections"
    goal = GOALS.get((int(delay), connections))
    return [
        Row(name, "tiles/s", rates["ours"], rates["stock"], goal=goal, more=more),
        Row(
            f"{name}: requests a tile", "requests", [more["ours_requests_a_tile"]],
            [more["stock_requests_a_tile"]], figures=[more["ours_requests_a_tile"]], figure_unit="",
            goal=REQUESTS_GOAL if connections == 1 else None,
        ),
    ]  # fmt: skip


def series(store: Bucket, ours: Server, delay: float) -> Row:
    """Measure twelve months of fields, each in one call."""
    order = random.Random(8)  # noqa: S311 - an order, not a secret
    store.told(delay)
    spent, requests = [], []
    with httpx.Client(base_url=f"http://127.0.0.1:{ours.port}", timeout=120) as client:
        for _ in range(SERIES + 1):
            before, _ = store.told(delay)
            began = time.perf_counter()
            answer = client.post(
                f"/products/ndvi/statistics?datetime={MONTHS[0]}/{MONTHS[-1]}", json=polygon(FIELD, order)
            ).raise_for_status()
            spent.append((time.perf_counter() - began) * 1000)
            requests.append(store.told(delay)[0] - before)
            if len(answer.json()["properties"]["series"]) != len(MONTHS):
                raise click.ClickException("a series lacks months")
    trips = [each / delay for each in spent[1:]]
    return Row(
        f"remote {delay} ms, 12 months of a field", "ms", spent[1:], [], figures=trips,
        figure_unit="round trips", goal=ROUND_TRIPS_GOAL, more={"requests": median(requests[1:])},
    )  # fmt: skip


def viewport(sides: Sides, delay: float, rounds: int) -> Row:
    """Measure a viewport, as many tiles at a time as a browser requests."""
    wide, high = VIEWPORT
    middle = sides.tiles[0]
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        view = [
            Tile(middle.x + x + 11 * number % 40, middle.y + y, middle.z)
            for y in range(-(high // 2), high // 2 + 1) for x in range(-(wide // 2), wide // 2 + 1)
        ]  # fmt: skip
        sides.store.told(delay)
        for server, paths, times in (
            (sides.ours, [own(tile, number % len(MONTHS)) for tile in view], spent[0]),
            (sides.stock, [other(tile, sides.store.item) for tile in view], spent[1]),
        ):
            times.append(asyncio.run(_view_ms(server.port, paths)))
    figures = [theirs / mine for mine, theirs in zip(*spent, strict=True)]
    return Row(f"remote {delay} ms, viewport of {wide * high} tiles", "ms", *spent, figures=figures)


async def _view_ms(port: int, paths: Sequence[str]) -> float:
    limits = httpx.Limits(max_connections=6)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120, limits=limits) as client:
        began = time.perf_counter()
        await asyncio.gather(*(client.get(path) for path in paths))
        return (time.perf_counter() - began) * 1000
