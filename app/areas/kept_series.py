"""Kept series in the database: the entries of an area's statistics, a row a period."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
"""Writes only what still holds: a replaced shape or a dropped product waits for the lock, or is seen."""

READ = """
    select period, starts, entry, inputs, computed_at from area_statistics
    where area_id = $1 and product = $2
        and ($3::timestamptz is null or starts >= $3) and ($4::timestamptz is null or starts < $4)
    order by starts, period
"""

READ_INPUTS = "select period, inputs from area_statistics where area_id = $1 and product = $2"

REMOVE = "delete from area_statistics where area_id = $1 and product = $2 and period = any($3::text[])"


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry to be kept."""

    period: str
    starts: datetime
    """Begin of the period."""
    entry: str
    """JSON."""
    inputs: str
    """SHA-256, in hex, of all that determines the entry."""


@dataclass(frozen=True, slots=True)
class KeptEntry(NewEntry):
    """An entry that is kept."""

    computed_at: datetime


async def write_entries(
    connection: Connection, area_id: int, polygon: Polygonal, product: str, entries: Sequence[NewEntry]
) -> int:
    """Keep entries of an area, in one statement; those kept with the same inputs stay as they are.

    Nothing is written, and that is no error, where the area was deleted, got another shape or dropped the
    product while they were computed.

    Args:
        connection: To the database.
        area_id: The area.
        polygon: Its shape that the entries were computed for.
        product: Id of a product it keeps.
        entries: Of different periods.

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


async def read_series(
    connection: Connection, area_id: int, product: str, start: datetime | None, end: datetime | None
) -> list[KeptEntry]:
    """The kept entries whose periods begin in a half-open time, in order; None leaves an end open.

    `entry` is handed on as JSON text, since thousands of them are answered without being looked into.
    """
    rows = await connection.fetch(READ, area_id, product, start, end)
    return [KeptEntry(r["period"], r["starts"], r["entry"], r["inputs"], r["computed_at"]) for r in rows]


async def kept_inputs(connection: Connection, area_id: int, product: str) -> dict[str, str]:
    """The input hash of every kept period: what a refresh compares."""
    rows: Iterable[Any] = await connection.fetch(READ_INPUTS, area_id, product)
    return {row["period"]: row["inputs"] for row in rows}


async def remove_entries(connection: Connection, area_id: int, product: str, periods: Sequence[str]) -> None:
    """Forget entries: those of periods that are no longer there."""
    await connection.execute(REMOVE, area_id, product, list(periods))
