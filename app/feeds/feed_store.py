"""Feeds in the database: the SQL that creates, reads, lists, changes and deletes them."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.database import Connection
from app.feeds.feed import Done, Feed, Order, Progress, UnknownFeedError
from app.idempotency import KeyReusedError
from mosaics.bbox import Bbox

MAX_PAGE = 1000

PROGRESS = """
    select count(*)::int as pieces, count(*) filter (where round > 0)::int as looked_at,
        count(*) filter (where complete_at is not null)::int as complete, max(order_id) as under_way,
        min(due_at) as next_at, coalesce(max(failures), 0) as failures
    from feed_pieces where feed_id = feeds.id
"""

FEEDS = f"select feeds.*, progress.* from feeds cross join lateral ({PROGRESS}) progress"

COLUMNS = (
    "name, source, collection, area_id, box, bands, starts, ends, every, lag, max_cloud, clip, paused, "
    "is_of_area, owner_id"
)

CREATE = f"""
    insert into feeds ({COLUMNS}, key, asked)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17::jsonb)
    on conflict (coalesce(owner_id, ''), key) do nothing returning id
"""

OF_KEY = "select id, asked from feeds where coalesce(owner_id, '') = coalesce($2, '') and key = $1"

REPLACE = f"""
    update feeds set ({COLUMNS}) = row ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16),
        version = version + 1, updated_at = now()
    where id = $1
"""

LIST = f"""
    {FEEDS}
    where feeds.id > $1
        and ($3::text is null or collection = $3)
        and ($4::bigint is null or area_id = $4)
        and ($5::text is null or owner_id = $5)
    order by feeds.id limit $2
"""

SOONER = "update feed_pieces set due_at = least(due_at, now()) where feed_id = $1 and due_at is not null"
"""When a feed is to ask at other times, what is still looked at is looked at now."""

FIT_PIECES = """
    update feed_pieces set starts = greatest(starts, $2), ends = least(ends, coalesce($3, ends))
    where feed_id = $1 and (starts < $2 or ends > $3)
"""


async def create_feed(
    connection: Connection, order: Order, *, key: str | None = None, asked: Mapping[str, Any] | None = None
) -> Feed:
    """Create a feed, or return the one that was created with the same key.

    Args:
        connection: To the database, in a transaction.
        order: What it orders.
        key: The idempotency key.
        asked: What was sent with the key.

    Raises:
        KeyReusedError: If the key was sent with another request.
    """
    sent = json.dumps(dict(asked or {}), sort_keys=True)
    feed_id = await connection.fetchval(CREATE, *_columns(order), key, sent)
    if feed_id is None:
        row = await connection.fetchrow(OF_KEY, key, order.owner_id)
        if json.loads(row["asked"]) != json.loads(sent):
            raise KeyReusedError(f"feed {row['id']}")
        feed_id = row["id"]
    return await read_feed(connection, feed_id)


async def read_feed(connection: Connection, feed_id: int, *, is_locked: bool = False) -> Feed:
    """Return the feed of an id.

    Args:
        connection: To the database; in a transaction if it is locked.
        feed_id: Its id.
        is_locked: Whether others wait until the transaction ends before they change it.

    Raises:
        UnknownFeedError: If no feed has this id.
    """
    if is_locked:
        await connection.execute("select from feeds where id = $1 for update", feed_id)
    row = await connection.fetchrow(f"{FEEDS} where feeds.id = $1", feed_id)
    if row is None:
        raise UnknownFeedError(feed_id)
    return _feed(row)


async def read_feeds(connection: Connection, feed_ids: Sequence[int]) -> dict[int, Feed]:
    """Return the feeds of some ids, by id, without those that are gone."""
    rows = await connection.fetch(f"{FEEDS} where feeds.id = any($1)", feed_ids)
    return {row["id"]: _feed(row) for row in rows}


async def list_feeds(
    connection: Connection,
    *,
    after: int = 0,
    limit: int = MAX_PAGE,
    collection: str | None = None,
    area_id: int | None = None,
    owner: str | None = None,
) -> list[Feed]:
    """Return feeds in order of id, those of a collection, an area or an owner if one is given."""
    rows = await connection.fetch(LIST, after, limit, collection, area_id, owner)
    return [_feed(row) for row in rows]


async def refuse_others_feed(connection: Connection, feed_id: int, owner: str) -> None:
    """Raise an error unless a feed is of an owner.

    Raises:
        UnknownFeedError: If it has another owner, or does not exist: one cannot learn which.
    """
    if await connection.fetchval("select owner_id from feeds where id = $1", feed_id) != owner:
        raise UnknownFeedError(feed_id)


async def feeds_of_area(connection: Connection, area_id: int) -> list[Feed]:
    """Return the feeds over the box of an area, in order of id."""
    rows = await connection.fetch(f"{FEEDS} where area_id = $1 order by feeds.id", area_id)
    return [_feed(row) for row in rows]


async def replace_order(connection: Connection, feed: Feed, order: Order) -> Feed:
    """Replace what a feed orders; call it within a transaction.

    What is already ordered is forgotten where it was something else, so that all is asked for again.
    """
    await connection.execute(REPLACE, feed.id, *_columns(order))
    if _wanted(order) != _wanted(feed.order):
        await connection.execute("delete from feed_pieces where feed_id = $1", feed.id)
    else:
        starts, ends = order.starts, order.ends
        await connection.execute(
            "delete from feed_pieces where feed_id = $1 and (ends <= $2 or starts >= $3)",
            *(feed.id, starts, ends),
        )
        await connection.execute(FIT_PIECES, feed.id, starts, ends)
        if order.every != feed.order.every:
            await connection.execute(SOONER, feed.id)
    return await read_feed(connection, feed.id)


async def delete_feed(connection: Connection, feed_id: int) -> None:
    """Delete a feed; what it has landed stays.

    Raises:
        UnknownFeedError: If no feed has this id.
    """
    if await connection.fetchval("delete from feeds where id = $1 returning id", feed_id) is None:
        raise UnknownFeedError(feed_id)


async def hurry(connection: Connection, feed_id: int, now: datetime) -> None:
    """Have every piece of a feed that may still get something looked at now."""
    await connection.execute(
        "update feed_pieces set due_at = $2 where feed_id = $1 and due_at is not null", feed_id, now
    )


def _wanted(order: Order) -> tuple[object, ...]:
    """Return what decides which granules are ordered, and how, beside their time."""
    return order.source, order.box, order.bands, order.max_cloud, order.clip


def _columns(order: Order) -> tuple[Any, ...]:
    return (
        order.name,
        order.source,
        order.collection,
        order.area_id,
        list(order.box.degrees),
        list(order.bands),
        order.starts,
        order.ends,
        order.every,
        order.lag,
        order.max_cloud,
        order.clip,
        order.paused,
        order.is_of_area,
        order.owner_id,
    )


def _feed(row: Any) -> Feed:
    return Feed(
        id=row["id"],
        order=Order(
            name=row["name"],
            source=row["source"],
            collection=row["collection"],
            area_id=row["area_id"],
            box=Bbox(*row["box"]),
            bands=tuple(row["bands"]),
            starts=row["starts"],
            ends=row["ends"],
            every=row["every"],
            lag=row["lag"],
            max_cloud=row["max_cloud"],
            clip=row["clip"],
            paused=row["paused"],
            is_of_area=row["is_of_area"],
            owner_id=row["owner_id"],
        ),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        done=Done(**{name: row[name] for name in Done.__dataclass_fields__}),
        progress=Progress(**{name: row[name] for name in Progress.__dataclass_fields__}),
    )
