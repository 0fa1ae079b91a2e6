"""How the memory of a worker grows with distinct requests: `python -m scripts.benchmarks.memory STORE`.

Tiles of all zooms, formats, times and systems, expressions, colours, points, polygons, boxes in several
systems, legends and documents, none twice, over a store such as the demo's. It should be flat after 5,000.
"""

import asyncio
import math
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import httpx

from scripts.benchmarks.servers import tilewatch_worker

AT_ONCE = 4
EVERY = 250
FORMATS = ("png", "png", "webp", "npy", "tif")
SYSTEMS = (
    *("EPSG:3857", "EPSG:4326", "EPSG:3035", "EPSG:32633", "EPSG:32614", "EPSG:5070", "EPSG:3995"),
    "EPSG:6933",
)
SETS = (
    "WebMercatorQuad",
    "WorldCRS84Quad",
    "WGS1984Quad",
    "WorldMercatorWGS84Quad",
    "EuropeanETRS89_LAEAQuad",
)
COLORMAPS = ("viridis", "magma", "greens")

Request = tuple[str, str, Any]
"""Method, address and body."""


class Questions:
    """Requests in an order that is the same in every run.

    Args:
        products: Documents of the products that have something to show.
        colormaps: Names there are.
    """

    def __init__(self, products: Sequence[Any], colormaps: Sequence[str]) -> None:
        self._products = products
        self._colormaps = colormaps
        self._random = random.Random(20261127)  # noqa: S311 - requests, no secrets
        self._kinds: list[Callable[[], Request]] = [
            *[self.tile] * 8,
            *[self.expression] * 5,
            *[self.point] * 3,
            *[self.statistics] * 2,
            *[self.box] * 2,
            self.feature,
            self.document,
        ]

    def next(self) -> Request:
        """Return another request."""
        return self._random.choice(self._kinds)()

    def tile(self) -> Request:
        """Return a tile of a product."""
        product, (lon, lat) = self._place()
        z = self._random.randint(6, 15)
        x, y = tile_at(lon, lat, z)
        time = self._random.choice(product["periods"][-24:])
        form = self._random.choice(FORMATS)
        size = self._random.choice((256, 256, 512))
        prefix = f"/products/{product['id']}/tiles/WebMercatorQuad/{z}/{x}/{y}.{form}"
        return "GET", f"{prefix}?datetime={time}&tilesize={size}", None

    def expression(self) -> Request:
        """Return a tile of an expression that has not been asked for."""
        product, (lon, lat) = self._place("sentinel-2-l2a")
        z = self._random.randint(10, 14)
        x, y = tile_at(lon, lat, z)
        factor = round(self._random.uniform(0.5, 2), 6)
        low = round(self._random.uniform(-1, 0), 4)
        query = httpx.QueryParams(
            expression=f"(nir - {factor} * red) / (nir + red)",
            rescale=f"{low},1",
            colormap=self._random.choice(self._colormaps),
            datetime=self._random.choice(product["periods"][-24:]),
        )
        return (
            "GET",
            f"/collections/{product['collection']}/tiles/WebMercatorQuad/{z}/{x}/{y}.png?{query}",
            None,
        )

    def point(self) -> Request:
        """Return a point."""
        product, (lon, lat) = self._place()
        time = self._random.choice(product["periods"][-24:])
        return "GET", f"/products/{product['id']}/point/{lon},{lat}?datetime={time}", None

    def statistics(self) -> Request:
        """Return the statistics of a polygon."""
        product, (lon, lat) = self._place("sentinel-2-l2a")
        return (
            "POST",
            f"/products/{product['id']}/statistics?datetime={self._random.choice(product['periods'][-24:])}",
            {"type": "Feature", "properties": {}, "geometry": self._polygon(lon, lat)},
        )

    def feature(self) -> Request:
        """Return the picture of a polygon."""
        product, (lon, lat) = self._place()
        body = {"type": "Feature", "properties": {}, "geometry": self._polygon(lon, lat)}
        size = self._random.randint(16, 400)
        return "POST", f"/products/{product['id']}/feature/{size}x{size}.png", body

    def box(self) -> Request:
        """Return the picture of a box."""
        product, (lon, lat) = self._place()
        half = self._random.uniform(0.001, 0.1)
        box = f"{lon - half},{lat - half},{lon + half},{lat + half}"
        wide, high = self._random.randint(16, 600), self._random.randint(16, 600)
        form = self._random.choice(FORMATS)
        crs = self._random.choice(SYSTEMS)
        return "GET", f"/products/{product['id']}/bbox/{box}/{wide}x{high}.{form}?dst_crs={crs}", None

    def document(self) -> Request:
        """Return a document or a legend."""
        product, (lon, lat) = self._place()
        time = self._random.choice(product["periods"])
        prefix = f"/products/{product['id']}"
        return (
            "GET",
            self._random.choice(
                (
                    f"{prefix}/{self._random.choice(SETS)}/tilejson.json?datetime={time}",
                    f"{prefix}/legend.png",
                    f"{prefix}/times?bbox={lon},{lat},{lon + 0.1},{lat + 0.1}",
                    f"{prefix}/WMTSCapabilities.xml?datetime={time}",
                    f"{prefix}/WebMercatorQuad/tilejson.json?datetime={time}",
                )
            ),
            None,
        )

    def _place(self, collection: str | None = None) -> tuple[Any, tuple[float, float]]:
        product = self._random.choice(
            [p for p in self._products if collection in (None, p["collection"]) and p["periods"]]
        )
        west, south, east, north = product["bbox"]
        lon, lat = self._random.uniform(west, east), self._random.uniform(south, north)
        return product, (round(lon, 7), round(lat, 7))

    def _polygon(self, lon: float, lat: float) -> dict[str, Any]:
        radius, corners = self._random.uniform(0.001, 0.05), self._random.randint(3, 40)
        ring = [
            (
                lon + radius * math.cos(2 * math.pi * n / corners),
                lat + radius * math.sin(2 * math.pi * n / corners),
            )
            for n in range(corners)
        ]
        return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def tile_at(lon: float, lat: float, z: int) -> tuple[int, int]:
    """Return the column and row of the WebMercatorQuad tile at a place in degrees."""
    across = (lon + 180) / 360
    down = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return int(across * 2**z), int(down * 2**z)


async def ask(port: int, count: int, note: Callable[[int, Counter[int]], None]) -> None:
    """Send requests, a few at a time, and call `note` after every thousand."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
        listed = (await client.get("/products")).json()
        listed = listed["products"] if isinstance(listed, dict) else listed
        documents = [(await client.get(f"/products/{one['id']}")).json() for one in listed]
        products = [one for one in documents if one.get("periods") and one.get("bbox")]
        colormaps = [n for n in COLORMAPS if (await client.get(f"/colorMaps/{n}")).status_code == 200]
        questions = Questions(products, colormaps)
        statuses: Counter[int] = Counter()
        done = 0

        async def work() -> None:
            nonlocal done
            while done < count:
                done += 1
                number = done
                method, path, body = questions.next()
                answer = await client.request(method, path, json=body)
                statuses[answer.status_code] += 1
                if number % EVERY == 0:
                    note(number, statuses)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))


@click.command()
@click.argument("store", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--requests", "count", default=20_000, show_default=True, help="Distinct requests.")
def main(store: Path, count: int) -> None:
    """Print the memory of one worker after every thousand distinct requests over a store."""
    with tempfile.TemporaryDirectory() as folder, tilewatch_worker(store, Path(folder)) as server:
        began = time.monotonic()
        click.echo(f"{'requests':>9} {'MB':>7} {'s':>6}  statuses")
        click.echo(f"{0:9,} {server.resident_mb():7.0f}")

        def note(number: int, statuses: Counter[int]) -> None:
            took_s = time.monotonic() - began
            told = ", ".join(f"{status}: {times}" for status, times in sorted(statuses.items()))
            click.echo(f"{number:9,} {server.resident_mb():7.0f} {took_s:6.0f}  {told}")

        asyncio.run(ask(server.port, count, note))


if __name__ == "__main__":
    main()
