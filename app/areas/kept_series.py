"""Kept series in the database: the statistics of an area, one row per period."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import shapely

from app.database import Connection
from app.statistics.geometry import Polygonal

WRITE = """
    with area as (
        select id from areas
        where id = $1 and $2 = any(products)
            and st_asbinary(geom) = st_asbinary(st_multi(st_geomfromwkb($3, 4326)))
        for share
    )
    insert into area_statistics (area_id, product, period, starts, entry, inputs)
    select id, $2, period, starts, entry, inputs
    from area, unnest($4::text[], $5::timestamptz[], $6::jsonb[], $7::text[])
        as given (period, starts, entry, inputs)
    on conflict (area_id, product, period) do update
        set starts = excluded.starts, entry = excluded.entry, inputs = excluded.inputs, computed_at = now()
        where area_statistics.inputs <> excluded.inputs
"""
"""Writes only what still applies: it waits for, or sees, a replaced shape or a dropped product."""

READ_OF = """
    select area_id, period, starts, entry, inputs, computed_at from area_statistics
    where area_id = any($1::bigint[]) and product = $2
        and ($3::timestamptz is null or starts >= $3) and ($4::timestamptz is null or starts < $4)
    order by area_id, starts, period
"""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry to keep."""

    period: str
    starts: datetime
    """Start of the period."""
    entry: str
    """As JSON."""
    inputs: str
    """SHA-256, in hex, of everything that determines the entry."""


@dataclass(frozen=True, slots=True)
class KeptEntry(NewEntry):
    """An entry that is kept."""

    computed_at: datetime


async def write_entries(
    connection: Connection, area_id: int, polygon: Polygonal, product: str, entries: Sequence[NewEntry]
) -> int:
    """Keep entries of an area in one statement; entries kept with the same inputs stay as they are.

    If the area was deleted, given another shape or dropped the product while the entries were computed,
    nothing is written; that is not an error.

    Args:
        connection: To the database.
        area_id: The area.
        polygon: The shape the entries were computed for.
        product: Id of a product the area keeps.
        entries: One per period.

    Returns:
        Rows written.
    """
    if not entries:
        return 0
    done: str = await connection.execute(
        WRITE,
        area_id,
        product,
        shapely.to_wkb(polygon),
        [entry.period for entry in entries],
        [entry.starts for entry in entries],
        [entry.entry for entry in entries],
        [entry.inputs for entry in entries],
    )
    return int(done.rpartition(" ")[2])


async def read_series_of(
    connection: Connection,
    areas: Sequence[int],
    product: str,
    start: datetime | None,
    end: datetime | None,
) -> dict[int, list[KeptEntry]]:
    """Return kept entries, as `SeriesTables.read` does, of several areas; areas without any are left out."""
    found: dict[int, list[KeptEntry]] = {}
    for r in await connection.fetch(READ_OF, list(areas), product, start, end):
        entry = KeptEntry(r["period"], r["starts"], r["entry"], r["inputs"], r["computed_at"])
        found.setdefault(r["area_id"], []).append(entry)
    return found
