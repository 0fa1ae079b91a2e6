"""Cache of computed entries in the database, under their input hash: the same request again reads a row."""

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
    """Return the entries cached for input hashes, as JSON text by hash, with one query.

    Their use is noted at most once an hour.
    """
    rows: Iterable[Any] = await connection.fetch(READ, list(inputs))
    unmarked = [row["inputs"] for row in rows if row["unmarked"]]
    if unmarked:
        await connection.execute(MARK, unmarked)
    return {row["inputs"]: row["entry"] for row in rows}


async def keep_entries(connection: Connection, entries: Mapping[str, str]) -> None:
    """Store entries, JSON text by input hash; equal inputs have equal entries, so the first one stays.

    Hashes are written in sorted order, so that two writers cannot deadlock.
    """
    inputs = sorted(entries)
    await connection.execute(KEEP, inputs, [entries[each] for each in inputs])


async def forget_unused(connection: Connection, older_than: timedelta) -> int:
    """Drop entries unused for longer than a duration; return how many were dropped."""
    done: str = await connection.execute(FORGET, older_than)
    return int(done.rpartition(" ")[2])
