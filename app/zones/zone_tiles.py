"""Zones as vector tiles, made by PostGIS."""

from dataclasses import dataclass

from app.areas.vector_tiles import VectorTile, tile_of, tile_statement
from app.database import Connection
from app.zones.zone_store import CRITERIA, ZoneSearch

LAYER = "zones"

FIELDS = ("kind", "severity", "called", "state")

TILE = tile_statement(LAYER, "zones", CRITERIA, columns=FIELDS, row="$11")

EXTENT = f"""
    select zones, st_xmin(box) as west, st_ymin(box) as south, st_xmax(box) as east,
        st_ymax(box) as north
    from (
        select count(*) as zones, st_extent(geom)::box3d as box from zones
        where $1::int is null and $2::int is null and {CRITERIA}
    ) found
"""


@dataclass(frozen=True, slots=True)
class ZoneExtent:
    """Where zones lie."""

    zones: int
    bounds: tuple[float, float, float, float] | None
    """West, south, east and north in degrees; None where there is no zone."""


async def read_tile(connection: Connection, search: ZoneSearch, z: int, x: int, y: int) -> VectorTile:
    """Return the zones of a tile of web Mercator."""
    return tile_of(await connection.fetchrow(TILE, z, x, *search.values, y))


async def read_extent(connection: Connection, search: ZoneSearch) -> ZoneExtent:
    """Return how many zones there are, and where they lie."""
    row = await connection.fetchrow(EXTENT, None, None, *search.values)
    box = tuple(row[side] for side in ("west", "south", "east", "north"))
    return ZoneExtent(row["zones"], None if row["zones"] == 0 else box)
