"""A million parcels: those near a place, by the database alone and over HTTP, and those of the lowest values.

The parcels are squares of 70 by 111 metres with a way between them. Each has a latest value of NDVI.
"""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import asyncpg
import click
import httpx
import shapely
import uvloop

from app.areas.area_listing import Listing, Near, listing_statement
from app.areas.area_store import AreaSearch
from scripts.benchmarks.report import Goal, Row
from scripts.benchmarks.servers import database, tilewatch

SIDE = 1000
"""Parcels on a side of the land."""
WITHIN_M = 500.0
LIMIT = 100
ASKED = 100
"""Places in each round."""
GOAL = Goal(20, 20, higher_is_better=False)
"""Milliseconds."""

FILL = """
    insert into areas (name, kind, products, properties, owner_id, geom)
    select 'Parcel ' || x || '/' || y, 'parcel', '{ndvi}',
        jsonb_build_object('crop_type', (array['cocoa', 'maize', 'rice'])[1 + (x + y) % 3]),
        'coop-' || x % 50, st_multi(st_makeenvelope(west, south, west + 0.001, south + 0.001, 4326))
    from generate_series(0, $1 - 1) x, generate_series(0, $1 - 1) y,
        lateral (select 5 + x * 0.0015 as west, 50 + y * 0.0015 as south) corner
"""

INDICES = "select indexname, indexdef from pg_indexes where tablename = 'areas' and indexname <> 'areas_pkey'"

SEE = """
    insert into area_latest (area_id, product, period, starts, value, valid_fraction)
    select id, 'ndvi', '2024-06', '2024-06-01Z', (hashint8(id) & 65535) / 65535.0, 1 from areas
"""

LOWEST = "/areas?latest.ndvi.lt=0.4&crop_type=cocoa&sort=latest.ndvi"


def measure(_: Path, folder: Path, *, rounds: int) -> Iterator[list[Row]]:
    """Return the rows of what is near, and of what is lowest.

    Args:
        _: Where scenes lie, of which none is needed.
        folder: For logs, and a store that nothing has landed in.
        rounds: How often `ASKED` places are asked for.
    """
    store = folder / "store"
    store.mkdir()
    with database() as url:
        began = time.perf_counter()
        uvloop.run(_fill(url))
        click.echo(f"{SIDE * SIDE:,} parcels in {time.perf_counter() - began:.0f} s")
        yield [uvloop.run(in_the_database(url, rounds))]
        settings = {"TILEWATCH_DATABASE_URL": url, "TILEWATCH_JOBS": "0"}
        with tilewatch(store, folder, **settings) as ours:
            yield over_http(f"http://127.0.0.1:{ours.port}", rounds)


async def in_the_database(url: str, rounds: int) -> Row:
    """Measure the statement of what is near a place, and see that it asks the index over the globe."""
    connection = await asyncpg.connect(url, server_settings={"jit": "off"})
    places = random.Random(3)  # noqa: S311 - places, no secret
    found: list[float] = []
    parcels: list[int] = []
    for _ in range(rounds + 1):
        times = []
        for _ in range(ASKED):
            near = Near(_place(places), WITHIN_M)
            statement, *values = listing_statement(Listing(AreaSearch(None), near=near), 0, None, LIMIT)
            began = time.perf_counter()
            rows = await connection.fetch(statement, *values)
            times.append((time.perf_counter() - began) * 1000)
            parcels.append(len(rows))
        found.append(median(times))
    plan = "\n".join(row[0] for row in await connection.fetch(f"explain {statement}", *values))
    await connection.close()
    if "areas_globe" not in plan or "Seq Scan on areas" in plan:
        raise click.ClickException(f"the index is not asked:\n{plan}")
    name = f"parcels within {WITHIN_M:.0f} m, of {SIDE * SIDE:,}"
    more = {"parcels": float(median(parcels))}
    return Row(name, "ms", found[1:], (), figures=found[1:], figure_unit="ms", goal=GOAL, more=more)


def over_http(address: str, rounds: int) -> list[Row]:
    """Measure the same over HTTP, around parcels too, and a page of the lowest values of a crop."""
    places = random.Random(4)  # noqa: S311 - places, no secret
    ways: dict[str, Callable[[], str]] = {
        f"the same over HTTP, up to {LIMIT} Features": lambda: "/areas?within_m={:g}&point={},{}".format(
            WITHIN_M, *_place(places).coords[0]
        ),
        "around a parcel, over HTTP": lambda: (
            f"/areas?within_m={WITHIN_M:g}&area={places.randint(1, SIDE * SIDE)}"
        ),
        "the lowest latest values of a crop, over HTTP": lambda: LOWEST,
    }
    rows = []
    with httpx.Client(base_url=address, timeout=60) as client:
        for name, path in ways.items():
            found = []
            for _ in range(rounds + 1):
                times = []
                for _ in range(ASKED):
                    asked = path()
                    began = time.perf_counter()
                    answer = client.get(asked).raise_for_status()
                    times.append((time.perf_counter() - began) * 1000)
                found.append(median(times))
            more = {"bytes": float(len(answer.content))}
            goal = GOAL if "within" in path() else None
            rows.append(
                Row(name, "ms", found[1:], (), figures=found[1:], figure_unit="ms", goal=goal, more=more)
            )
    return rows


def _place(places: random.Random) -> shapely.Point:
    return shapely.Point(places.uniform(5.05, 6.45), places.uniform(50.05, 51.45))


async def _fill(url: str) -> None:
    """Register the parcels; indices are made after them, and no links to zones, of which there are none."""
    connection = await asyncpg.connect(url)
    made = {row["indexname"]: row["indexdef"] for row in await connection.fetch(INDICES)}
    await connection.execute("alter table areas disable trigger user")
    for name in made:
        await connection.execute(f"drop index {name}")
    for step in (FILL, *made.values(), SEE):
        await connection.execute(step, *((SIDE,) if step is FILL else ()))
    await connection.execute("alter table areas enable trigger user")
    await connection.execute("vacuum analyze areas")
    await connection.execute("vacuum analyze area_latest")
    await connection.close()
