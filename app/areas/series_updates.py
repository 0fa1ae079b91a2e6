"""Keeping series current: areas a new mosaic touches, series not filled yet, and mosaics seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import shapely

from app.areas.area import UnknownAreaError, polygon_of
from app.database import Connection
from app.statistics.geometry import Polygonal

BEHIND = """
    select a.id, a.vertices, p.product, a.updated_at
    from areas a cross join lateral unnest(a.products) p (product)
    join unnest($1::text[], $2::text[]) wanted (product, version) using (product)
    left join filled_series f on f.area_id = a.id and f.product = p.product
    where f.area_id is null or f.version <> wanted.version or f.area_updated_at <> a.updated_at
    order by p.product, a.id
    limit $3
"""

TOUCHED = """
    select a.id, a.vertices from areas a join filled_series f on f.area_id = a.id and f.product = $1
    where $1 = any(a.products) and ($2::bytea is null or st_intersects(a.geom, st_geomfromwkb($2, 4326)))
    order by a.id
"""

SHAPES = "select id, st_asbinary(geom) as wkb from areas where id = any($1::bigint[]) order by id"

KEPT = """
    select area_id, inputs from area_statistics
    where area_id = any($1::bigint[]) and product = $2 and period = $3
"""

FORGET = "delete from area_statistics where area_id = any($1::bigint[]) and product = $2 and period = $3"

FORGET_PERIOD = "delete from area_statistics where product = any($1::text[]) and period = $2"

FORGET_OTHER_PERIODS = """
    delete from area_statistics
    where area_id = any($1::bigint[]) and product = $2 and period <> all($3::text[])
"""

FILLED = """
    insert into filled_series (area_id, product, version, area_updated_at)
    select a.id, $1, $2, counted.updated_at
    from unnest($3::bigint[], $4::timestamptz[]) counted (id, updated_at) join areas a on a.id = counted.id
    for key share of a
    on conflict (area_id, product) do update
        set version = excluded.version, area_updated_at = excluded.area_updated_at
"""

SEEN = "select period, mosaic from followed_mosaics where collection = $1"

SEE = """
    insert into followed_mosaics (collection, period, mosaic) values ($1, $2, $3)
    on conflict (collection, period) do update set mosaic = excluded.mosaic
"""

UNSEE = "delete from followed_mosaics where collection = $1 and period = $2"

STANDING = """
    select a.name, a.products, f.area_id is not null as filled
    from areas a left join filled_series f
        on f.area_id = a.id and f.product = $2 and f.version = $3 and f.area_updated_at = a.updated_at
    where a.id = $1
"""


@dataclass(frozen=True, slots=True)
class AreaToCount:
    """An area without its shape."""

    id: int
    vertices: int


@dataclass(frozen=True, slots=True)
class SeriesToFill(AreaToCount):
    """An area and a product whose periods may not all be kept yet."""

    product: str
    updated_at: datetime
    """Of the area."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of one series of an area."""

    name: str
    products: tuple[str, ...]
    """Products the area keeps."""
    filled: bool
    """Whether the series is complete, apart from mosaics that have changed since."""


async def series_behind(
    connection: Connection, versions: Mapping[str, str], *, limit: int
) -> list[SeriesToFill]:
    """Return series to fill, by product: of new or changed areas, and of changed products.

    Args:
        connection: To the database.
        versions: Versions of the products that can be counted, by product id.
        limit: Number of series at most.
    """
    rows = await connection.fetch(BEHIND, list(versions), list(versions.values()), limit)
    return [SeriesToFill(r["id"], r["vertices"], r["product"], r["updated_at"]) for r in rows]


async def areas_touched(
    connection: Connection, product: str, within: shapely.Geometry | None
) -> list[AreaToCount]:
    """Return the areas with a filled series of a product that touch a geometry in degrees; None means all."""
    wkb = None if within is None else shapely.to_wkb(within)
    return [AreaToCount(r["id"], r["vertices"]) for r in await connection.fetch(TOUCHED, product, wkb)]


async def shapes_of(connection: Connection, areas: Sequence[int]) -> dict[int, Polygonal]:
    """Return the polygons of those of the areas that still exist."""
    return {r["id"]: polygon_of(r["wkb"]) for r in await connection.fetch(SHAPES, list(areas))}


async def kept_inputs_of(
    connection: Connection, areas: Sequence[int], product: str, period: str
) -> dict[int, str]:
    """Return the input hash of each area's kept entry for a period, for areas that have one."""
    rows = await connection.fetch(KEPT, list(areas), product, period)
    return {row["area_id"]: row["inputs"] for row in rows}


async def forget_entries(connection: Connection, areas: Sequence[int], product: str, period: str) -> None:
    """Remove the entries of some areas for one period."""
    await connection.execute(FORGET, list(areas), product, period)


async def forget_period(connection: Connection, products: Sequence[str], period: str) -> None:
    """Remove all entries of a period that no longer exists."""
    await connection.execute(FORGET_PERIOD, list(products), period)


async def note_filled(
    connection: Connection, series: Sequence[SeriesToFill], version: str, periods: Sequence[str]
) -> None:
    """Note that series of one product have all their periods; remove entries of any other periods."""
    product, areas = series[0].product, [each.id for each in series]
    await connection.execute(FORGET_OTHER_PERIODS, areas, product, list(periods))
    await connection.execute(FILLED, product, version, areas, [each.updated_at for each in series])


async def mosaics_seen(connection: Connection, collection: str) -> dict[str, str]:
    """Return the mosaic of each period that the kept statistics have seen, by period text."""
    return {r["period"]: r["mosaic"] for r in await connection.fetch(SEEN, collection)}


async def note_mosaic(connection: Connection, collection: str, period: str, mosaic: str | None) -> None:
    """Note that the kept statistics have seen a period's mosaic, or, if None, that it no longer has one."""
    if mosaic is None:
        await connection.execute(UNSEE, collection, period)
    else:
        await connection.execute(SEE, collection, period, mosaic)


async def standing_of(connection: Connection, area_id: int, product: str, version: str) -> Standing:
    """Return the state of a series.

    Raises:
        UnknownAreaError: If no area has this id.
    """
    row = await connection.fetchrow(STANDING, area_id, product, version)
    if row is None:
        raise UnknownAreaError(area_id)
    return Standing(row["name"], tuple(row["products"]), row["filled"])
