"""Areas in the database: the SQL that creates, reads, lists, changes and deletes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import shapely

from app.areas.area import (
    Area,
    AreaChanges,
    Description,
    FeedWish,
    UnknownAreaError,
    polygon_of,
    refuse_unlike_parcel,
)
from app.database import Connection
from app.statistics.geometry import Polygonal

FIELDS = """
    id, name, kind, products, properties, feed, owner_id, created_at, updated_at, st_asbinary(geom) as wkb,
    (
        select jsonb_object_agg(
            product,
            jsonb_build_object('period', period, 'value', value, 'valid_fraction', valid_fraction)
        )
        from area_latest where area_id = id and product = any(products)
    ) as latest
"""

CREATE = f"""
    insert into areas (name, kind, products, properties, feed, owner_id, geom)
    values ($1, $2, $3, $4::jsonb, $5, $6, st_multi(st_geomfromwkb($7, 4326)))
    returning {FIELDS}
"""

READ = f"select {FIELDS} from areas where id = $1"

REPLACE = f"""
    update areas set name = $2, kind = $3, products = $4, properties = $5::jsonb, feed = $6,
        owner_id = $7, geom = st_multi(st_geomfromwkb($8, 4326)), updated_at = now()
    where id = $1
    returning {FIELDS}
"""

CHANGE = f"""
    update areas set name = coalesce($2, name),
        kind = case when $3 then $4 else kind end,
        products = coalesce($5, products),
        properties = (properties || $6::jsonb) - $7::text[],
        feed = coalesce($8, feed),
        owner_id = case when $9 then $10 else owner_id end,
        updated_at = now()
    where id = $1
    returning {FIELDS}
"""

FORGET_PRODUCTS = "delete from area_statistics where area_id = $1 and product <> all($2::text[])"

IS_ANOTHER_SHAPE = """
    select st_asbinary(geom) <> st_asbinary(st_multi(st_geomfromwkb($2, 4326)))
    from areas where id = $1 for update
"""

CRITERIA = """
    ($3::text is null or kind = $3)
    and ($4::text is null or strpos(lower(name), lower($4)) > 0)
    and ($5::text is null or $5 = any(products))
    and ($6::bytea is null or st_intersects(geom, st_geomfromwkb($6, 4326)))
    and ($7::bytea is null or st_intersects(geom, st_geomfromwkb($7, 4326)))
    and ($8::jsonb is null or properties @> $8)
    and ($9::bigint[] is null or id = any($9))
    and ($10::text is null or owner_id = $10)
"""
"""What an area has to be; its values are `AreaSearch.values`, and further ones begin with $11."""


@dataclass(frozen=True, slots=True)
class AreaSearch:
    """Criteria of a listing; a criterion that is None is not applied."""

    owner: str | None
    """To whom the request is bound: never left out, since nothing of others may be found."""
    kind: str | None = None
    name: str | None = None
    """Part of the name, in any case."""
    product: str | None = None
    """A product whose statistics are kept."""
    bbox: shapely.Geometry | None = None
    intersects: shapely.Geometry | None = None
    """Both in degrees."""
    properties: str | None = None
    """Own properties an area has, among others, as a JSON object."""
    ids: Sequence[int] | None = None

    @property
    def values(self) -> tuple[Any, ...]:
        """The values of `CRITERIA`, from its $3 to $10."""
        shapes = (shape and shapely.to_wkb(shape) for shape in (self.bbox, self.intersects))
        ids = None if self.ids is None else list(self.ids)
        return (self.kind, self.name, self.product, *shapes, self.properties, ids, self.owner)


async def create_area(connection: Connection, description: Description, polygon: Polygonal) -> Area:
    """Register an area."""
    row = await connection.fetchrow(CREATE, *_columns(description), shapely.to_wkb(polygon))
    return area_of(row)


async def read_area(connection: Connection, area_id: int) -> Area:
    """Return the area with an id.

    Raises:
        UnknownAreaError: If no area has this id.
    """
    return _known(await connection.fetchrow(READ, area_id), area_id)


async def refuse_others_area(connection: Connection, area_id: int, owner: str | None) -> None:
    """Raise an error unless a request that is bound to an owner, or to none, may know of an area.

    Raises:
        UnknownAreaError: If it has another owner, or does not exist: one cannot learn which.
    """
    if owner is None:
        return
    if await connection.fetchval("select owner_id from areas where id = $1", area_id) != owner:
        raise UnknownAreaError(area_id)


async def is_of_kind(connection: Connection, area_id: int, kind: str) -> bool:
    """Return whether an area exists and is of a kind."""
    return bool(await connection.fetchval("select kind = $2 from areas where id = $1", area_id, kind))


async def read_shape(connection: Connection, area_id: int) -> Polygonal:
    """Return the polygon of an area, ready for counting.

    Raises:
        UnknownAreaError: If no area has this id.
    """
    wkb = await connection.fetchval("select st_asbinary(geom) from areas where id = $1", area_id)
    if wkb is None:
        raise UnknownAreaError(area_id)
    return polygon_of(wkb)


async def replace_area(
    connection: Connection, area_id: int, description: Description, polygon: Polygonal
) -> Area:
    """Replace an area; drop what was kept for another shape or for products it no longer keeps.

    Call it within a transaction.

    Raises:
        UnknownAreaError: If no area has this id.
    """
    wkb = shapely.to_wkb(polygon)
    if await connection.fetchval(IS_ANOTHER_SHAPE, area_id, wkb):
        await connection.execute(FORGET_PRODUCTS, area_id, [])
    row = await connection.fetchrow(REPLACE, area_id, *_columns(description), wkb)
    area = _known(row, area_id)
    await connection.execute(FORGET_PRODUCTS, area_id, list(description.products))
    return area


async def change_area(connection: Connection, area_id: int, changes: AreaChanges) -> Area:
    """Change parts of an area's description; drop what was kept for products it no longer keeps.

    Call it within a transaction.

    Raises:
        UnknownAreaError: If no area has this id.
        app.areas.area.AreaError: If it becomes a parcel with a property that none can have.
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
        None if changes.feed is None else changes.feed.is_wanted,
        changes.sets_owner,
        changes.owner_id,
    )
    area = _known(row, area_id)
    refuse_unlike_parcel(area.description.kind, area.description.properties)
    if products is not None:
        await connection.execute(FORGET_PRODUCTS, area_id, products)
    return area


async def delete_area(connection: Connection, area_id: int) -> None:
    """Delete an area and everything kept for it.

    Raises:
        UnknownAreaError: If no area has this id.
    """
    if await connection.fetchval("delete from areas where id = $1 returning id", area_id) is None:
        raise UnknownAreaError(area_id)


async def products_of_kind(connection: Connection, kind: str) -> frozenset[str]:
    """Return the ids of the products that areas of a kind keep."""
    rows = await connection.fetch(
        "select distinct unnest(products) as product from areas where kind = $1", kind
    )
    return frozenset(row["product"] for row in rows)


def _columns(description: Description) -> Sequence[Any]:
    products, feed = list(description.products), description.feed.is_wanted
    return (
        description.name,
        description.kind,
        products,
        description.properties,
        feed,
        description.owner_id,
    )


def _known(row: Any, area_id: int) -> Area:
    if row is None:
        raise UnknownAreaError(area_id)
    return area_of(row)


def area_of(row: Any) -> Area:
    """Return the area of a row of `FIELDS`."""
    return Area(
        id=row["id"],
        description=Description(
            row["name"],
            row["kind"],
            tuple(row["products"]),
            row["properties"],
            FeedWish(row["feed"]),
            row["owner_id"],
        ),
        polygon=polygon_of(row["wkb"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        latest=row["latest"] or "{}",
    )
