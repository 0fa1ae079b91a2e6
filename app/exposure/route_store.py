"""Routes in the database: the SQL that creates, reads, lists, changes and deletes them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import shapely

from app.areas.pages import page_statement
from app.database import Connection
from app.exposure.line import Line
from app.exposure.route import (
    GeometrySource,
    Route,
    RouteDescription,
    Timing,
    UnknownRouteError,
    line_of,
)
from app.idempotency import KeyReusedError

FIELDS = """
    id, name, owner, owner_id, profile, products, parameters::text as parameters, departure, speed_km_h,
    durations_s, geometry_source, properties::text as properties, is_multi, created_at, updated_at,
    st_asbinary(geom) as wkb
"""

COLUMNS = """
    name, owner, profile, products, parameters, departure, speed_km_h, durations_s, geometry_source,
    properties, is_multi, geom, on_map, owner_id
"""

VALUES = """
    $1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10::jsonb, $11,
    st_multi(st_geomfromwkb($12, 4326)), st_multi(st_geomfromwkb($13, 4326)), $14
"""

CREATE = f"""
    insert into routes ({COLUMNS}, key, asked) values ({VALUES}, $15, $16::jsonb)
    on conflict (coalesce(owner_id, ''), key) do nothing
    returning {FIELDS}
"""

REPLACE = f"""
    update routes set ({COLUMNS}, updated_at) = ({VALUES}, clock_timestamp()) where id = $15
    returning {FIELDS}
"""

OF_KEY = """
    select id, asked::text as asked from routes
    where coalesce(owner_id, '') = coalesce($2, '') and key = $1
"""

FORGET_PRODUCTS = "delete from route_exposures where route_id = $1 and product <> all($2::text[])"

READ = f"select {FIELDS} from routes where id = $1"

READ_OF = f"select {FIELDS} from routes where id = any($1::bigint[]) order by id"

CRITERIA = """
    ($3::text is null or owner = $3)
    and ($4::text is null or strpos(lower(name), lower($4)) > 0)
    and ($5::text is null or $5 = any(products))
    and ($6::bytea is null or st_intersects(on_map, st_geomfromwkb($6, 4326)))
    and ($7::text is null or owner_id = $7)
"""

LIST = page_statement("routes", FIELDS, CRITERIA)


@dataclass(frozen=True, slots=True)
class RouteSearch:
    """Criteria of a listing; a criterion that is None is not applied."""

    owner_id: str | None
    """To whom the request is bound: never left out, since nothing of others may be found."""
    owner: str | None = None
    name: str | None = None
    """Part of the name, in any case."""
    product: str | None = None
    """A product whose exposure is kept."""
    bbox: shapely.Geometry | None = None
    """In degrees."""


@dataclass(frozen=True, slots=True)
class RoutePage:
    """One page of the routes found, in order of id."""

    routes: tuple[Route, ...]
    more: bool
    """Whether there are more after these."""


async def create_route(
    connection: Connection,
    description: RouteDescription,
    line: Line,
    *,
    is_multi: bool = False,
    key: str | None = None,
    asked: Mapping[str, Any] | None = None,
) -> Route:
    """Register a route, or return the one that was registered with the same key.

    Args:
        connection: To the database, in a transaction.
        description: All of it but the line.
        line: The line.
        is_multi: Whether it is a MultiLineString.
        key: The idempotency key.
        asked: What was sent with the key.

    Raises:
        app.idempotency.KeyReusedError: If the key was sent with another request.
    """
    sent = json.dumps(dict(asked or {}), sort_keys=True)
    row = await connection.fetchrow(CREATE, *_columns(description, line, is_multi), key, sent)
    if row is not None:
        return _route(row)
    known = await connection.fetchrow(OF_KEY, key, description.owner_id)
    if json.loads(known["asked"]) != json.loads(sent):
        raise KeyReusedError(f"route {known['id']}")
    return await read_route(connection, known["id"])


async def read_route(connection: Connection, route_id: int, *, is_locked: bool = False) -> Route:
    """Return the route with an id.

    Args:
        connection: To the database; in a transaction if it is locked.
        route_id: Its id.
        is_locked: Whether others wait until the transaction ends before they change it.

    Raises:
        UnknownRouteError: If no route has this id.
    """
    row = await connection.fetchrow(f"{READ} for update" if is_locked else READ, route_id)
    if row is None:
        raise UnknownRouteError(route_id)
    return _route(row)


async def refuse_others_route(connection: Connection, route_id: int, owner: str) -> None:
    """Raise an error unless a route is of an owner.

    Raises:
        UnknownRouteError: If it has another owner, or does not exist: one cannot learn which.
    """
    if await connection.fetchval("select owner_id from routes where id = $1", route_id) != owner:
        raise UnknownRouteError(route_id)


async def read_routes(connection: Connection, ids: Sequence[int]) -> dict[int, Route]:
    """Return those of some routes that still exist."""
    return {row["id"]: _route(row) for row in await connection.fetch(READ_OF, list(ids))}


async def replace_route(
    connection: Connection, route_id: int, description: RouteDescription, line: Line, *, is_multi: bool
) -> Route:
    """Replace a route; drop what was kept of it where its line, times or rules are others, or its products.

    Call it within a transaction.

    Raises:
        UnknownRouteError: If no route has this id.
    """
    before = await read_route(connection, route_id, is_locked=True)
    if _decisive(before.description, before.line) != _decisive(description, line):
        await connection.execute(FORGET_PRODUCTS, route_id, [])
    await connection.execute(FORGET_PRODUCTS, route_id, list(description.products))
    return _route(await connection.fetchrow(REPLACE, *_columns(description, line, is_multi), route_id))


async def delete_route(connection: Connection, route_id: int) -> None:
    """Delete a route and everything kept for it.

    Raises:
        UnknownRouteError: If no route has this id.
    """
    if await connection.fetchval("delete from routes where id = $1 returning id", route_id) is None:
        raise UnknownRouteError(route_id)


async def list_routes(connection: Connection, search: RouteSearch, *, after: int, limit: int) -> RoutePage:
    """Return a page of routes.

    Args:
        connection: To the database.
        search: The criteria.
        after: The id before the first one to return; 0 starts at the beginning.
        limit: Number of routes at most; fewer where they are long, but at least one if any is left.
    """
    box = None if search.bbox is None else shapely.to_wkb(search.bbox)
    values = (search.owner, search.name, search.product, box, search.owner_id)
    rows = await connection.fetch(LIST, after, limit, *values)
    return RoutePage(tuple(map(_route, rows)), more=bool(rows) and rows[0]["found"] > len(rows))


def _decisive(description: RouteDescription, line: Line) -> tuple[Any, ...]:
    """Return what all numbers of a route depend on."""
    return description.parameters, description.timing, shapely.to_wkb(line.shape)


def _columns(description: RouteDescription, line: Line, is_multi: bool) -> Sequence[Any]:
    timing = description.timing
    return (
        description.name,
        description.owner,
        description.profile,
        list(description.products),
        json.dumps(dict(description.parameters)),
        timing.departure,
        timing.speed_km_h,
        None if timing.durations_s is None else list(timing.durations_s),
        str(description.source),
        description.properties,
        is_multi,
        shapely.to_wkb(line.shape),
        shapely.to_wkb(line.on_map),
        description.owner_id,
    )


def _route(row: Any) -> Route:
    durations: Sequence[float] | None = row["durations_s"]
    departure: datetime | None = row["departure"]
    return Route(
        id=row["id"],
        description=RouteDescription(
            name=row["name"],
            owner=row["owner"],
            profile=row["profile"],
            products=tuple(row["products"]),
            parameters=json.loads(row["parameters"]),
            timing=Timing(departure, row["speed_km_h"], None if durations is None else tuple(durations)),
            source=GeometrySource(row["geometry_source"]),
            properties=row["properties"],
            owner_id=row["owner_id"],
        ),
        line=line_of(row["wkb"]),
        is_multi=row["is_multi"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
