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
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from urllib.parse import quote

import click
import httpx
import morecantile
import rasterio
import shapely
from botocore.session import Session
from rasterio.warp import transform_geom
from rasterio.windows import Window

from ingest.landing import land_scene
from ingest.landing_request import BandFile, LandingRequest
from ingest.planning import plan_scene
from mosaics.descriptions.collections import find_collection, load_collections
from mosaics.log import commit_scenes, read_commits
from mosaics.seals import unsealed
from mosaics.storage import Storage, open_storage
from scripts.benchmarks import scene
from scripts.benchmarks.delay_line import Line, delay_line
from scripts.benchmarks.load import Ask, fetch, keep_busy
from scripts.benchmarks.report import Goal, Row
from scripts.benchmarks.servers import Server, tilewatch, titiler
from scripts.benchmarks.uncached_tiles import COLORMAP, RESCALE, tiles_at
from scripts.benchmarks.zonal import MONTHS
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
PART = 5
"""Of the scene's width, and of its height: the part that lies in every month of a year."""
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
    """A bucket with the scene, and a part of it in every month of a year, behind a line."""

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
    """Upload the scene, and land a part of it in every month of a year; return an item for the other."""
    original = scene.item_path(store)
    files = {path.stem: path for path in original.parent.glob("*.tif")}
    key = original.relative_to(store).as_posix()
    async with await open_storage(store.as_uri()) as here, await open_storage(address) as storage:
        commits = [commit async for commit in read_commits(here, scene.COLLECTION)]
        described = f"collections/{scene.COLLECTION}/collection.json"
        await storage.put_new(described, await here.get(described), "application/json")
        for path in files.values():
            await storage.put_new_file(path.relative_to(store).as_posix(), path, "image/tiff")
        await storage.put_new(key, original.read_bytes(), "application/geo+json")
        await commit_scenes(storage, scene.COLLECTION, add=[commits[0].added[0]])
        await _land_parts(storage, files, folder)
    item = unsealed(original.read_bytes())
    for band in files:
        item["assets"][band]["href"] = f"{address}/{Path(key).parent}/{band}.tif"
    written = folder / "item.json"
    written.write_text(json.dumps(item))
    return written


async def _land_parts(storage: Storage, files: Mapping[str, Path], folder: Path) -> None:
    """Land the same part of the scene in every month, each in files of its own."""
    parts = []
    for band, path in files.items():
        with rasterio.open(path) as whole:
            size = whole.width // PART
            window = Window((whole.width - size) // 2, (whole.height - size) // 2, size, size)
            profile = whole.profile | {"width": size, "height": size}
            profile |= {"transform": whole.window_transform(window), "driver": "GTiff"}
            with rasterio.open(folder / f"{band}.tif", "w", **profile) as part:
                part.write(whole.read(window=window))
        parts.append(BandFile(band, folder / f"{band}.tif"))
    source = find_collection(load_collections(), scene.COLLECTION)
    for month in MONTHS:
        name = f"{scene.SCENE}-{month}"
        request = LandingRequest(
            name, month.start, month.start, tuple(parts), baseline=scene.BASELINE, synthetic=True
        )
        await land_scene(storage, plan_scene(source, request))


def _field(order: random.Random) -> dict[str, object]:
    """Return a field of 4.4 ha within the part of the scene that there is in every month."""
    middle = [edge + sign * scene.SIZE_PX * 5 for edge, sign in zip(scene.ORIGIN_XY, (1, -1), strict=True)]
    reach = scene.SIZE_PX * 10 / PART * 0.45
    x, y = (each + order.uniform(-reach, reach) for each in middle)
    box = shapely.geometry.mapping(shapely.box(x, y, x + 210, y + 210))
    found: dict[str, object] = transform_geom(scene.CRS, "EPSG:4326", box)
    return found


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


def own(tile: Tile) -> str:
    """Return our address of a tile, of the expression alone."""
    address = f"{tile.z}/{tile.x}/{tile.y}.png?datetime={scene.SENSED:%Y-%m}"
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
            "ours": (sides.ours, [Ask(own(tile)) for tile in chosen], connections),
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
                f"/products/ndvi/statistics?datetime={MONTHS[0]}/{MONTHS[-1]}", json=_field(order)
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
            (sides.ours, [own(tile) for tile in view], spent[0]),
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
