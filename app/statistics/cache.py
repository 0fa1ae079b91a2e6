"""Entries computed before, in the database under their input hash: asking again reads a row."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from app.database import Connection

READ = """
    select inputs, entry, used_at < now() - interval '1 hour' as unmarked
    from statistics_cache where inputs = any($1)
"""

MARK = "update statistics_cache set used_at = now() where inputs = any($1)"

KEEP = """
    insert into statistics_cache (inputs, entry)
    select * from unnest($1::text[], $2::jsonb[])
    on conflict (inputs) do nothing
"""

FORGET = "delete from statistics_cache where used_at < now() - $1::interval"


async def cached_entries(connection: Connection, inputs: Sequence[str]) -> dict[str, str]:
    """The entries there are for input hashes, as JSON texts by hash, in one question.

    That they are used is noted at most once an hour.
    """
    rows: Iterable[Any] = await connection.fetch(READ, list(inputs))
    unmarked = [row["inputs"] for row in rows if row["unmarked"]]
    if unmarked:
        await connection.execute(MARK, unmarked)
    return {row["inputs"]: row["entry"] for row in rows}


async def cached_entry(connection: Connection, inputs: str) -> str | None:
    """The entry for an input hash, as JSON text."""
    return (await cached_entries(connection, [inputs])).get(inputs)


async def keep_entries(connection: Connection, entries: Mapping[str, str]) -> None:
    """Keep entries, JSON texts by input hash; equal inputs have equal entries, so that the first one stays.

    Hashes go in one order, so that two writers cannot wait for each other.
    """
    inputs = sorted(entries)
    await connection.execute(KEEP, inputs, [entries[each] for each in inputs])


async def keep_entry(connection: Connection, inputs: str, entry: str) -> None:
    """Keep one entry, a JSON text."""
    await keep_entries(connection, {inputs: entry})


async def forget_unused(connection: Connection, older_than: timedelta) -> int:
    """Drop what nobody asked for during a time; gives the number of entries dropped."""
    done: str = await connection.execute(FORGET, older_than)
    return int(done.rpartition(" ")[2])
