"""Zones in the database: the SQL that creates, reads, lists, changes and deletes them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely

from app.areas.area import polygon_of
from app.areas.pages import page_statement
from app.database import Connection
from app.idempotency import KeyReusedError
from app.statistics.geometry import Polygonal
from app.zones.circle import Circle
from app.zones.zone import CalledBy, Severity, UnknownZoneError, Zone, ZoneDescription, ZoneKind, ZoneState

PARCEL_SEEN = """
    ({owner}::text is null or exists (
        select from areas where areas.id = zone_areas.area_id and areas.owner_id = {owner}
    ))
"""
"""Whether a reader who is bound to an owner may know of a linked parcel."""

FIELDS = """
    id, kind, severity, called, called_by, caller, model_version, detected_at, state, owner_id,
    source_analysis, center_lon, center_lat, radius_m, properties::text as properties, created_at, updated_at,
    st_asbinary(geom) as wkb,
    array(
        select area_id from zone_areas where zone_id = id and {seen} order by area_id
    ) as areas
"""

COLUMNS = """
    kind, severity, called, called_by, caller, model_version, detected_at, state, owner_id, source_analysis,
    center_lon, center_lat, radius_m, properties, geom
"""

VALUES = """
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::jsonb, st_multi(st_geomfromwkb($15, 4326))
"""

CREATE = f"""
    insert into zones ({COLUMNS}, key, asked) values ({VALUES}, $16, $17::jsonb)
    on conflict (coalesce(owner_id, ''), key) do nothing
    returning id
"""

KNOWN = (
    "select id, asked::text as asked from zones where coalesce(owner_id, '') = coalesce($1, '') and key = $2"
)

REPLACE = f"""
    update zones set ({COLUMNS}, updated_at) = ({VALUES}, clock_timestamp()),
        key = case when owner_id is distinct from $9 then null else key end
    where id = $16
"""

READ = f"""
    select {FIELDS.format(seen=PARCEL_SEEN.format(owner="$2"))} from zones
    where id = $1 and ($2::text is null or owner_id = $2)
"""

DELETE = "delete from zones where id = $1 and ($2::text is null or owner_id = $2) returning id"

CRITERIA = f"""
    ($3::text is null or owner_id = $3)
    and ($4::text is null or kind = $4)
    and ($5::text is null or state = $5)
    and ($6::text is null or severity = $6)
    and ($7::text is null or source_analysis = $7)
    and ($8::bigint is null or id in (
        select zone_id from zone_areas where area_id = $8 and {PARCEL_SEEN.format(owner="$3")}
    ))
    and ($9::bytea is null or st_intersects(geom, st_geomfromwkb($9, 4326)))
    and ($10::bytea is null or st_intersects(geom, st_geomfromwkb($10, 4326)))
"""
"""What a zone has to be; its values are `ZoneSearch.values`."""

LIST = page_statement("zones", FIELDS.format(seen=PARCEL_SEEN.format(owner="$3")), CRITERIA)


@dataclass(frozen=True, slots=True)
class ZoneSearch:
    """Criteria of a listing; a criterion that is None is not applied."""

    reader: str | None = None
    """An owner, whose zones and parcels alone exist then."""
    kind: ZoneKind | None = None
    state: ZoneState | None = None
    severity: Severity | None = None
    source_analysis: str | None = None
    parcel: int | None = None
    """The id of a parcel that they intersect."""
    bbox: shapely.Geometry | None = None
    intersects: shapely.Geometry | None = None
    """Both in degrees."""

    @property
    def values(self) -> tuple[Any, ...]:
        """The values of `CRITERIA`, from its $3 on."""
        shapes = (shape and shapely.to_wkb(shape) for shape in (self.bbox, self.intersects))
        words = (self.kind, self.state, self.severity)
        return (self.reader, *words, self.source_analysis, self.parcel, *shapes)


@dataclass(frozen=True, slots=True)
class ZonePage:
    """One page of the zones found, in order of id."""

    zones: tuple[Zone, ...]
    more: bool
    """Whether there are more after these."""


async def create_zone(
    connection: Connection,
    description: ZoneDescription,
    polygon: Polygonal,
    *,
    reader: str | None = None,
    key: str | None = None,
    asked: Mapping[str, Any] | None = None,
) -> Zone:
    """Keep a zone, or return the one that was made with the same key.

    Args:
        connection: To the database, in a transaction.
        description: All of it but the outline.
        polygon: The outline, in degrees, as `app.statistics.geometry.read_polygon` returns it.
        reader: The owner that the request is bound to.
        key: The idempotency key.
        asked: What was sent with the key.

    Raises:
        app.idempotency.KeyReusedError: If the key was sent with another request.
    """
    sent = json.dumps(dict(asked or {}), sort_keys=True)
    zone_id = await connection.fetchval(CREATE, *_columns(description, polygon), key, sent)
    if zone_id is None:
        known = await connection.fetchrow(KNOWN, description.owner_id, key)
        if json.loads(known["asked"]) != json.loads(sent):
            raise KeyReusedError(f"zone {known['id']}")
        zone_id = known["id"]
    return await read_zone(connection, zone_id, reader)


async def read_zone(
    connection: Connection, zone_id: int, reader: str | None = None, *, is_locked: bool = False
) -> Zone:
    """Return the zone with an id.

    Args:
        connection: To the database; in a transaction if it is locked.
        zone_id: Its id.
        reader: An owner, whose zones and parcels alone exist then; None sees all.
        is_locked: Whether others wait until the transaction ends before they change it.

    Raises:
        UnknownZoneError: If no zone has this id.
    """
    row = await connection.fetchrow(f"{READ} for update" if is_locked else READ, zone_id, reader)
    if row is None:
        raise UnknownZoneError(zone_id)
    return _zone(row)


async def replace_zone(
    connection: Connection,
    zone_id: int,
    description: ZoneDescription,
    polygon: Polygonal,
    reader: str | None = None,
) -> Zone:
    """Replace a zone that exists, for a reader; call it within a transaction that has it locked."""
    await connection.execute(REPLACE, *_columns(description, polygon), zone_id)
    return await read_zone(connection, zone_id, reader)


async def delete_zone(connection: Connection, zone_id: int, reader: str | None = None) -> None:
    """Delete a zone.

    Raises:
        UnknownZoneError: If no zone has this id, or another owner's has.
    """
    if await connection.fetchval(DELETE, zone_id, reader) is None:
        raise UnknownZoneError(zone_id)


async def list_zones(connection: Connection, search: ZoneSearch, *, after: int, limit: int) -> ZonePage:
    """Return a page of zones.

    Args:
        connection: To the database.
        search: The criteria.
        after: The id before the first one to return; 0 starts at the beginning.
        limit: Number of zones at most; fewer where their outlines are large, but at least one if any is left.
    """
    rows = await connection.fetch(LIST, after, limit, *search.values)
    return ZonePage(tuple(map(_zone, rows)), more=bool(rows) and rows[0]["found"] > len(rows))


def _columns(description: ZoneDescription, polygon: Polygonal) -> Sequence[Any]:
    circle = description.circle
    return (
        description.kind,
        description.severity,
        description.called,
        description.called_by,
        description.caller,
        description.model_version,
        description.detected_at,
        description.state,
        description.owner_id,
        description.source_analysis,
        *((None, None, None) if circle is None else (circle.lon, circle.lat, circle.radius_m)),
        description.properties,
        shapely.to_wkb(polygon),
    )


def _zone(row: Any) -> Zone:
    severity, called_by, radius_m = row["severity"], row["called_by"], row["radius_m"]
    return Zone(
        id=row["id"],
        description=ZoneDescription(
            kind=ZoneKind(row["kind"]),
            severity=None if severity is None else Severity(severity),
            called=row["called"],
            called_by=None if called_by is None else CalledBy(called_by),
            caller=row["caller"],
            model_version=row["model_version"],
            detected_at=row["detected_at"],
            state=ZoneState(row["state"]),
            owner_id=row["owner_id"],
            source_analysis=row["source_analysis"],
            circle=None if radius_m is None else Circle(row["center_lon"], row["center_lat"], radius_m),
            properties=row["properties"],
        ),
        polygon=polygon_of(row["wkb"]),
        areas=tuple(row["areas"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
