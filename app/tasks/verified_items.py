"""Verified items: when the files of each scene and overview were last verified, and what was damaged."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.database import Connection

ENLIST = """
    insert into verified_items (item_key, collection) select unnest($2::text[]), $1 on conflict do nothing
"""
STRIKE_OFF = "delete from verified_items where collection = $1 and item_key <> all($2::text[])"
STRIKE_OFF_COLLECTIONS = "delete from verified_items where collection <> all($1::text[])"

DUE = """
    select item_key, collection from verified_items where wanted or verified_at < now() - $1::interval
    order by wanted desc, verified_at, item_key limit $2
"""
NOTE = """
    update verified_items set verified_at = now(), wanted = false, damaged = $2::jsonb,
        not_mended = case when $2::jsonb = '{}' then null else not_mended end
    where item_key = $1
"""
WANT = "update verified_items set wanted = true where item_key = any($1::text[])"

TO_MEND = """
    select item_key, collection from verified_items
    where damaged <> '{}' and (tried_at is null or tried_at < now() - $1::interval)
    order by tried_at nulls first, item_key limit $2
"""
TRIED = """
    update verified_items set tried_at = now(), wanted = true, not_mended = $2 where item_key = $1
"""
DAMAGED = """
    select item_key, damaged, not_mended from verified_items where damaged <> '{}' order by item_key limit $1
"""
COUNTS = """
    select count(*) as items, count(*) filter (where damaged <> '{}') as damaged,
        count(*) filter (where wanted or verified_at < now() - $1::interval) as due from verified_items
"""
MEET_MOSAICS = """
    insert into damaged_mosaics (mosaic_key, collection) select * from unnest($1::text[], $2::text[])
    on conflict do nothing
"""
MET_MOSAICS = "select mosaic_key, collection from damaged_mosaics order by mosaic_key limit $1"
FORGET_MOSAIC = "delete from damaged_mosaics where mosaic_key = $1"


@dataclass(frozen=True, slots=True)
class Listed:
    """A key, and whose it is."""

    key: str
    collection: str


@dataclass(frozen=True, slots=True)
class DamagedItem:
    """An item some of whose files are damaged."""

    key: str
    files: Mapping[str, str]
    """What is wrong, by the key of the file."""
    not_mended: str | None
    """Why it could not be mended; None if that was not tried."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How the rotation stands."""

    items: int
    damaged: int
    """Items with damaged files."""
    due: int
    """Items to be verified."""


async def enlist(connection: Connection, collection: str, keys: Sequence[str]) -> None:
    """Let the list of a collection hold these items: new ones are due at once."""
    await connection.execute(STRIKE_OFF, collection, keys)
    await connection.execute(ENLIST, collection, keys)


async def keep_collections(connection: Connection, collections: Sequence[str]) -> None:
    """Strike the items of all other collections off the list."""
    await connection.execute(STRIKE_OFF_COLLECTIONS, collections)


async def due_items(connection: Connection, again: timedelta, limit: int) -> list[Listed]:
    """Return the items to be verified: those in which damage was met, then those verified longest ago."""
    return [Listed(*row) for row in await connection.fetch(DUE, again, limit)]


async def note_verified(connection: Connection, key: str, damaged: Mapping[str, str]) -> None:
    """Note what was found of an item just now."""
    await connection.execute(NOTE, key, json.dumps(dict(damaged)))


async def want_verified(connection: Connection, keys: Collection[str]) -> None:
    """Let items be verified next."""
    await connection.execute(WANT, list(keys))


async def items_to_mend(connection: Connection, again: timedelta, limit: int) -> list[Listed]:
    """Return damaged items that were not tried to be mended since a time."""
    return [Listed(*row) for row in await connection.fetch(TO_MEND, again, limit)]


async def note_tried(connection: Connection, key: str, not_mended: str | None) -> None:
    """Note that it was tried to mend an item, and why it could not be; it is verified next."""
    await connection.execute(TRIED, key, not_mended)


async def damaged_items(connection: Connection, limit: int) -> list[DamagedItem]:
    """Return the first damaged items."""
    return [
        DamagedItem(row["item_key"], json.loads(row["damaged"]), row["not_mended"])
        for row in await connection.fetch(DAMAGED, limit)
    ]


async def counts(connection: Connection, again: timedelta) -> Counts:
    """Return how the rotation stands."""
    row = await connection.fetchrow(COUNTS, again)
    return Counts(row["items"], row["damaged"], row["due"])


async def meet_mosaics(connection: Connection, mosaics: Mapping[str, str]) -> None:
    """Note damaged mosaics, whose collections are given by key."""
    await connection.execute(MEET_MOSAICS, list(mosaics), list(mosaics.values()))


async def met_mosaics(connection: Connection, limit: int) -> list[Listed]:
    """Return damaged mosaics that any process has met."""
    return [Listed(*row) for row in await connection.fetch(MET_MOSAICS, limit)]


async def forget_mosaic(connection: Connection, key: str) -> None:
    """Forget a mosaic that was looked after."""
    await connection.execute(FORGET_MOSAIC, key)
