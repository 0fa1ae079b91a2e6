"""Areas as vector tiles with a value each, made by PostGIS."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.areas.area_store import CRITERIA, AreaSearch
from app.areas.vector_tiles import VectorTile, tile_of, tile_statement
from app.database import Connection

LAYER = "areas"

LATEST = "latest"
"""In place of a period: of each area the newest entry that has the value."""


class Value(StrEnum):
    """The numbers of an entry that a map or a trend can be of, by their names there.

    How lights changed is that of the product's first threshold.
    """

    MEAN = "mean"
    MEDIAN = "median"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    AREA_WEIGHTED_SUM = "area_weighted_sum"
    LIT_AREA_KM2 = "lit_area_km2"
    LIT_SHARE = "lit_share"
    NEWLY_LIT_KM2 = "newly_lit_km2"
    NEWLY_LIT_SHARE = "newly_lit_share"
    DIMMED_KM2 = "dimmed_km2"
    DIMMED_SHARE = "dimmed_share"

    @property
    def path(self) -> tuple[str, ...]:
        """Where it stands in an entry: names, and numbers of places in a list."""
        return ("lit_changes", "0", self) if self in LIGHT_CHANGES else (self,)


LIGHT_CHANGES = frozenset({Value.NEWLY_LIT_KM2, Value.NEWLY_LIT_SHARE, Value.DIMMED_KM2, Value.DIMMED_SHARE})
"""Values of products that compare lights."""


ENTRIES = """
    left join area_statistics latest on latest.area_id = a.id and latest.product = $11 and latest.period = $12
        and latest.entry ->> 'status' <> 'empty'
    left join area_statistics before on before.area_id = a.id and before.product = $11 and before.period = $13
        and before.entry ->> 'status' <> 'empty'
"""

VALUE = """
    (latest.entry #>> $14::text[])::double precision
        - case when $13::text is null then 0 else (before.entry #>> $14::text[])::double precision end
"""

NEWEST = """
    left join lateral (
        select entry, period from area_statistics
        where area_id = a.id and product = $11 and entry #>> $14::text[] is not null
        order by starts desc limit 1
    ) latest on $12::text is not null and $13::text is null
"""

NEWEST_VALUE = "(latest.entry #>> $14::text[])::double precision"


def _tile(value: str, joins: str) -> str:
    """Return the statement of a tile of areas with a value."""
    return tile_statement(
        LAYER,
        "areas",
        CRITERIA,
        columns=("name", "kind"),
        further=f"{value} as value, latest.entry ->> 'status' as status, latest.period",
        joins=joins,
        row="$15",
    )


def _range(value: str, joins: str) -> str:
    """Return the statement that tells between which the values of areas lie."""
    return f"""
        select count(*) as areas, count({value}) as valued, min({value}) as low, max({value}) as high,
            st_xmin(st_extent(geom)) as west, st_ymin(st_extent(geom)) as south,
            st_xmax(st_extent(geom)) as east, st_ymax(st_extent(geom)) as north
        from (select * from areas where $1::int is null and $2::int is null and {CRITERIA}) a {joins}
    """


TILE, NEWEST_TILE = _tile(VALUE, ENTRIES), _tile(NEWEST_VALUE, NEWEST)
RANGE, NEWEST_RANGE = _range(VALUE, ENTRIES), _range(NEWEST_VALUE, NEWEST)


@dataclass(frozen=True, slots=True)
class AreaValues:
    """Which areas are drawn, and by what."""

    search: AreaSearch
    product: str | None = None
    """Whose kept entries give the values; None draws outlines alone."""
    period: str | None = None
    """A period, or `LATEST`."""
    before: str | None = None
    """The period whose values are subtracted; None subtracts nothing."""
    value: Value = Value.MEAN

    @property
    def values(self) -> tuple[Any, ...]:
        """The values of a statement, from its $3 on."""
        return (*self.search.values, self.product, self.period, self.before, self.value.path)

    @property
    def is_latest(self) -> bool:
        """Whether the value of each area is the newest that it has."""
        return self.period == LATEST


@dataclass(frozen=True, slots=True)
class ValueRange:
    """What a map of areas needs to know of their values."""

    areas: int
    valued: int
    """Areas with a value."""
    low: float | None
    high: float | None
    bounds: tuple[float, float, float, float] | None
    """West, south, east and north in degrees; None where there is no area."""


async def read_tile(connection: Connection, asked: AreaValues, z: int, x: int, y: int) -> VectorTile:
    """Return the areas of a tile of web Mercator."""
    statement = NEWEST_TILE if asked.is_latest else TILE
    return tile_of(await connection.fetchrow(statement, z, x, *asked.values, y))


async def read_range(connection: Connection, asked: AreaValues) -> ValueRange:
    """Return the smallest and the largest value, and where the areas lie."""
    statement = NEWEST_RANGE if asked.is_latest else RANGE
    row = await connection.fetchrow(statement, None, None, *asked.values)
    box = tuple(row[side] for side in ("west", "south", "east", "north"))
    bounds = None if row["areas"] == 0 else box
    return ValueRange(row["areas"], row["valued"], row["low"], row["high"], bounds)
