"""The time of STAC searches over a hundred thousand scenes, on a real PostGIS."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import asyncpg
import click
import httpx

from scripts.benchmarks.report import Row
from scripts.benchmarks.servers import database, tilewatch

SCENES = 100_000
SEARCHES = 20
"""Searches of each kind per round."""

FILL = """
    insert into scenes (
        collection, id, item_key, period, starts, ends, geom, cloud_cover, platform, synthetic, item
    )
    select 'sentinel-2-l2a', id, 'collections/sentinel-2-l2a/scenes/' || id || '/d1/item.json',
        to_char(starts, 'YYYY-MM'), starts, starts, st_multi(geom), cloud, 'sentinel-2a', true,
        jsonb_build_object(
            'type', 'Feature', 'stac_version', '1.1.0', 'id', id, 'collection', 'sentinel-2-l2a',
            'geometry', st_asgeojson(geom)::jsonb, 'links', '[]'::jsonb,
            'bbox', jsonb_build_array(st_xmin(geom), st_ymin(geom), st_xmax(geom), st_ymax(geom)),
            'properties', jsonb_build_object('datetime', starts, 'eo:cloud_cover', cloud, 'gsd', 10),
            'assets', (
                select jsonb_object_agg('band' || band, jsonb_build_object(
                    'href', './band' || band || '.tif', 'type', 'image/tiff', 'roles', '["data"]'::jsonb,
                    'title', md5(id || band), 'proj:transform', jsonb_build_array(10, 0, n, 0, -10, n),
                    'bands', jsonb_build_array(jsonb_build_object('name', 'band' || band, 'nodata', 0))
                )) from generate_series(1, 12) band
            )
        )
    from generate_series(1::bigint, $1) n,
        lateral (select 'scene-' || n as id, n * 61 % 1000 / 10.0 as cloud) a,
        lateral (select timestamptz '2017-01-01Z' + n * 7919 % 1e5 / 1e5 * interval '8 years' as starts) b,
        lateral (select st_point(n * 104729 % 34e4 / 1e3 - 170, n * 1299709 % 14e4 / 1e3 - 70) as place) c,
        lateral (select st_setsrid(st_buffer(place, 0.5), 4326) as geom) d
"""
"""Round footprints of 33 points and a degree across, scattered over land and sea, of eight years."""

KINDS = {
    "10 newest of all": "",
    "a box of 2 degrees": "?bbox=5,50,7,52&limit=100",
    "a box, a year, few clouds": '?bbox=0,40,20,55&datetime=2020&query={"eo:cloud_cover":{"lt":20}}',
    "a page of 500": "?limit=500",
    "half of the world, by clouds": "?bbox=-180,0,180,90&sortby=eo:cloud_cover&limit=10",
    "a property without a column": '?query={"gsd":{"eq":20}}&limit=10',
}


def measure(_: Path, folder: Path, *, rounds: int) -> Iterator[list[Row]]:
    """Yield a row for each kind of search.

    Args:
        folder: For logs, and a storage with nothing in it.
        rounds: How often each is measured.
    """
    with database() as url:
        asyncio.run(_fill(url))
        with tilewatch(folder / "store", folder, TILEWATCH_DATABASE_URL=url, TILEWATCH_JOBS="0") as ours:
            yield [searching(f"http://127.0.0.1:{ours.port}", *kind, rounds) for kind in KINDS.items()]


def searching(address: str, name: str, query: str, rounds: int) -> Row:
    """Measure searches of one kind, over HTTP."""
    query = query.replace("datetime=2020", "datetime=2020-01-01T00:00:00Z/2020-12-31T23:59:59Z")
    found: list[float] = []
    with httpx.Client(timeout=60) as client:
        for _ in range(rounds + 1):
            times = []
            for _ in range(SEARCHES):
                began = time.perf_counter()
                answer = client.get(f"{address}/stac/search{query}")
                times.append(time.perf_counter() - began)
            if answer.status_code != httpx.codes.OK:
                raise click.ClickException(answer.text)
            found.append(median(times) * 1000)
    matched = float(answer.json()["numberMatched"])
    return Row(
        f"STAC search of {SCENES:,}, {name}", "ms", found[1:], (),
        figures=found[1:], figure_unit="ms", more={"matched": matched, "bytes": float(len(answer.content))},
    )  # fmt: skip


async def _fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(FILL, SCENES)
    await connection.execute("vacuum analyze scenes")
    await connection.close()
