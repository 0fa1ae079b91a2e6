"""Areas in the database: the SQL that creates, reads, lists, changes and deletes them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import shapely

from app.areas.area import Area, AreaChanges, Description, UnknownAreaError, polygon_of
from app.database import Connection
from app.statistics.geometry import Polygonal

MAX_PAGE = 1000
"""Areas on one page."""

PAGE_VERTICES = 250_000
"""Vertices on one page, at some 40 bytes each; the area that passes it is still on it."""

FIELDS = """
    id, name, kind, products, properties, created_at, updated_at, st_asbinary(geom) as wkb
"""

CREATE = f"""
    insert into areas (name, kind, products, properties, geom)
    values ($1, $2, $3, $4::jsonb, st_multi(st_geomfromwkb($5, 4326)))
    returning {FIELDS}
"""

READ = f"select {FIELDS} from areas where id = $1"

REPLACE = f"""
    update areas set name = $2, kind = $3, products = $4, properties = $5::jsonb,
        geom = st_multi(st_geomfromwkb($6, 4326)), updated_at = now()
    where id = $1
    returning {FIELDS}
"""

CHANGE = f"""
    update areas set name = coalesce($2, name),
        kind = case when $3 then $4 else kind end,
        products = coalesce($5, products),
        properties = (properties || $6::jsonb) - $7::text[],
        updated_at = now()
    where id = $1
    returning {FIELDS}
"""

FORGET_PRODUCTS = "delete from area_statistics where area_id = $1 and product <> all($2::text[])"

IS_ANOTHER_SHAPE = """
    select st_asbinary(geom) <> st_asbinary(st_multi(st_geomfromwkb($2, 4326)))
    from areas where id = $1 for update
"""

LIST = f"""
    select {FIELDS}, found from (
        select *, count(*) over () as found,
            sum(vertices) over (order by id) - vertices as vertices_before
        from (
            select * from areas
            where id > $1
                and ($3::text is null or kind = $3)
                and ($4::text is null or strpos(lower(name), lower($4)) > 0)
                and ($5::text is null or $5 = any(products))
                and ($6::bytea is null or st_intersects(geom, st_geomfromwkb($6, 4326)))
                and ($7::bytea is null or st_intersects(geom, st_geomfromwkb($7, 4326)))
            order by id limit $2 + 1
        ) candidate
    ) counted
    where vertices_before < {PAGE_VERTICES}
    order by id limit $2
"""
"""One more than asked for is looked at, to tell whether there are more."""

KEPT = """
    select id, st_asbinary(geom) as wkb from areas
    where $1 = any(products)
        and ($2::bytea is null or st_intersects(geom, st_geomfromwkb($2, 4326)))
    order by id
"""


@dataclass(frozen=True, slots=True)
class AreaSearch:
    """Which areas are listed; what is None is not asked."""

    kind: str | None = None
    name: str | None = None
    """Part of the name, in upper or lower case."""
    product: str | None = None
    """One whose statistics are kept."""
    bbox: shapely.Geometry | None = None
    intersects: shapely.Geometry | None = None
    """Both in degrees."""


@dataclass(frozen=True, slots=True)
class AreaPage:
    """Some of the areas searched, in the order of their ids."""

    areas: tuple[Area, ...]
    more: bool
    """Whether there are more after these."""


async def create_area(connection: Connection, description: Description, polygon: Polygonal) -> Area:
    """Register an area."""
    row = await connection.fetchrow(CREATE, *_columns(description), shapely.to_wkb(polygon))
    return _area(row)


async def read_area(connection: Connection, area_id: int) -> Area:
    """The area of an id; raises `UnknownAreaError` where there is none."""
    return _known(await connection.fetchrow(READ, area_id), area_id)


async def read_shape(connection: Connection, area_id: int) -> Polygonal:
    """The polygon of an area, ready to be counted; raises `UnknownAreaError` where there is none."""
    wkb = await connection.fetchval("select st_asbinary(geom) from areas where id = $1", area_id)
    if wkb is None:
        raise UnknownAreaError(area_id)
    return polygon_of(wkb)


async def replace_area(
    connection: Connection, area_id: int, description: Description, polygon: Polygonal
) -> Area:
    """Give an area all new contents; what was kept for another shape or for products no longer kept goes.

    To be called in a transaction. Raises `UnknownAreaError` where there is none.
    """
    wkb = shapely.to_wkb(polygon)
    if await connection.fetchval(IS_ANOTHER_SHAPE, area_id, wkb):
        await connection.execute(FORGET_PRODUCTS, area_id, [])
    row = await connection.fetchrow(REPLACE, area_id, *_columns(description), wkb)
    area = _known(row, area_id)
    await connection.execute(FORGET_PRODUCTS, area_id, list(description.products))
    return area


async def change_area(connection: Connection, area_id: int, changes: AreaChanges) -> Area:
    """Change parts of an area's description; what was kept for products no longer kept goes.

    To be called in a transaction. Raises `UnknownAreaError` where there is none.
    """
    products = None if changes.products is None else list(changes.products)
    row = await connection.fetchrow(
        CHANGE,
        area_id,
        changes.name,
        changes.sets_kind,
        changes.kind,
        products,
        changes.properties,
        list(changes.removed),
    )
    area = _known(row, area_id)
    if products is not None:
        await connection.execute(FORGET_PRODUCTS, area_id, products)
    return area


async def delete_area(connection: Connection, area_id: int) -> None:
    """Delete an area and what was kept for it; raises `UnknownAreaError` where there is none."""
    if await connection.fetchval("delete from areas where id = $1 returning id", area_id) is None:
        raise UnknownAreaError(area_id)


async def list_areas(connection: Connection, search: AreaSearch, *, after: int, limit: int) -> AreaPage:
    """A page of areas.

    Args:
        connection: To the database.
        search: Which ones.
        after: The id before the first; 0 begins. What comes and goes meanwhile shifts nothing.
        limit: Areas at most; there are fewer where their outlines are large, but one if there is any.
    """
    shapes = (shape and shapely.to_wkb(shape) for shape in (search.bbox, search.intersects))
    rows = await connection.fetch(LIST, after, limit, search.kind, search.name, search.product, *shapes)
    return AreaPage(tuple(map(_area, rows)), more=bool(rows) and rows[0]["found"] > len(rows))


async def kept_areas(
    connection: Connection, product: str, within: shapely.Geometry | None = None
) -> AsyncIterator[tuple[int, Polygonal]]:
    """Id and polygon of the areas that keep a product, in the order of their ids; to be run in a transaction.

    Args:
        connection: To the database.
        product: The product's id.
        within: Only those that touch this, in degrees; None for all.
    """
    async for row in connection.cursor(KEPT, product, None if within is None else shapely.to_wkb(within)):
        yield row["id"], polygon_of(row["wkb"])


def _columns(description: Description) -> Sequence[Any]:
    return description.name, description.kind, list(description.products), description.properties


def _known(row: Any, area_id: int) -> Area:
    if row is None:
        raise UnknownAreaError(area_id)
    return _area(row)


def _area(row: Any) -> Area:
    return Area(
        id=row["id"],
        description=Description(row["name"], row["kind"], tuple(row["products"]), row["properties"]),
        polygon=polygon_of(row["wkb"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
