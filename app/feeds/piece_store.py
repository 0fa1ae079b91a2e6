"""Pieces and polls of feeds in the database: which there are, what each look came to."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.database import Connection
from app.feeds.outcomes import Outcome, PollStatus
from app.feeds.planning import Piece

MAX_REASON = 500
"""Characters of a reason that are kept."""

FIELDS = (
    "id, starts, ends, round, due_at, order_id, asked_at, complete_at, watermark, failures"  # as in Piece
)

ADD = """
    insert into feed_pieces (feed_id, starts, ends, due_at)
    select id, $2::timestamptz, $3::timestamptz, $4::timestamptz from feeds where id = $1
    on conflict (feed_id, starts) do nothing
"""
"""Nothing for a feed that was deleted meanwhile."""

NOTE_ORDER = """
    update feed_pieces set order_id = $2, asked_at = $3
    where id = $1 and round = $4 and order_id is null
"""

END = """
    update feed_pieces set round = round + 1, order_id = null, asked_at = null,
        due_at = case when due_at > asked_at then due_at else $3 end,
        complete_at = $4, watermark = $5, failures = $6
    where id = $1 and round = $2 returning feed_id
"""
"""A piece that was made due while it was looked at is looked at again, since the look may have missed it."""

SPLIT = """
    insert into feed_pieces (feed_id, starts, ends, due_at, complete_at, watermark)
    values ($1, $2, $3, $4, $5, $6)
"""

TRY_AGAIN = """
    update feed_pieces set due_at = $2 where feed_id = $1 and failures > 0 and due_at > $2 and id <> $3
"""
"""What failed before is tried at once when the archive answers again."""

NOTE_FEED = """
    update feeds set polled_at = $2,
        succeeded_at = case when $3 then $2 else succeeded_at end,
        failed_at = case when $3 then failed_at else $2 end,
        failure = coalesce($4, failure),
        newest_acquired = greatest(newest_acquired, $5),
        newest_seen = greatest(newest_seen, $6),
        newest_revision = greatest(newest_revision, $7)
    where id = $1
"""

NOTE_POLL = """
    insert into feed_polls (feed_id, starts, ends, order_id, asked_at, ended_at, status, found, landed, error)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

TO_SERVE = """
    select id, order_id from feeds cross join lateral (
        select max(order_id) as order_id from feed_pieces piece where piece.feed_id = feeds.id
    ) orders
    where order_id is not null or (not paused and starts <= $1 and (
            exists (select from feed_pieces piece where piece.feed_id = feeds.id and piece.due_at <= $1)
            or not exists (
                select from feed_pieces piece where piece.feed_id = feeds.id and piece.starts <= feeds.starts
            )
            or not exists (
                select from feed_pieces piece where piece.feed_id = feeds.id
                    and (piece.ends > $1 or piece.ends >= feeds.ends)
            )
        ))
    order by order_id is null, polled_at nulls first, id
"""

LAST = "select * from feed_polls where feed_id = $1 order by id desc limit $2"

FORGET = """
    delete from feed_polls old where ended_at < now() - $1::interval and exists (
        select from feed_polls later where later.feed_id = old.feed_id and later.id > old.id)
"""


@dataclass(frozen=True, slots=True)
class Poll:
    """A look at an archive that has ended."""

    starts: datetime
    ends: datetime
    """The time that was looked at."""
    order_id: int | None
    """None if what was to be ordered was refused."""
    asked_at: datetime
    ended_at: datetime
    status: PollStatus
    found: int
    landed: int
    error: str | None


async def pieces_of(connection: Connection, feed_ids: Sequence[int]) -> dict[int, list[Piece]]:
    """Return the pieces of some feeds, by feed, oldest time first."""
    rows = await connection.fetch(
        f"select feed_id, {FIELDS} from feed_pieces where feed_id = any($1) order by starts", feed_ids
    )
    found: dict[int, list[Piece]] = {feed_id: [] for feed_id in feed_ids}
    for row in rows:
        facts = dict(row)
        found[facts.pop("feed_id")].append(Piece(**facts))
    return found


async def add_pieces(
    connection: Connection, feed_id: int, spans: Iterable[tuple[datetime, datetime]], due_at: datetime
) -> None:
    """Add pieces to a feed; one that was added before stays as it is."""
    for starts, ends in spans:
        await connection.execute(ADD, feed_id, starts, ends, due_at)


async def note_order(connection: Connection, pieces: Iterable[Piece], order_id: int, now: datetime) -> None:
    """Record the order of looks, but for those that have ended meanwhile; call it within a transaction."""
    await connection.executemany(NOTE_ORDER, [(each.id, order_id, now, each.round) for each in pieces])


async def end_look(connection: Connection, piece: Piece, outcome: Outcome, now: datetime) -> bool:
    """Record what a look came to, once; call it within a transaction.

    Returns:
        Whether it was recorded now; False if it was before, or the piece is gone.
    """
    feed_id = await connection.fetchval(
        END,
        piece.id,
        piece.round,
        outcome.due_at,
        outcome.complete_at,
        outcome.watermark,
        outcome.failures,
    )
    if feed_id is None:
        return False
    if outcome.status != "failed":
        await connection.execute(TRY_AGAIN, feed_id, now, piece.id)
    reason = None if outcome.error is None else outcome.error[:MAX_REASON]
    await connection.execute(
        NOTE_FEED,
        feed_id,
        now,
        outcome.status != "failed",
        reason if outcome.status == "failed" else None,
        outcome.newest_acquired,
        outcome.newest_seen,
        outcome.newest_revision,
    )
    await connection.execute(
        NOTE_POLL,
        feed_id,
        piece.starts,
        piece.ends,
        piece.order_id,
        piece.asked_at or now,
        now,
        outcome.status,
        outcome.found,
        outcome.landed,
        reason,
    )
    return True


async def split_piece(
    connection: Connection, feed_id: int, piece: Piece, bounds: Sequence[datetime], now: datetime
) -> None:
    """Put several pieces in the place of one; call it within a transaction.

    Args:
        connection: To the database.
        feed_id: Whose piece it is.
        piece: As it was before its look.
        bounds: Beginning of the first one, middles, and end of the last.
        now: When they are due.
    """
    await connection.execute("delete from feed_pieces where id = $1", piece.id)
    for starts, ends in itertools.pairwise(bounds):
        await connection.execute(SPLIT, feed_id, starts, ends, now, piece.complete_at, piece.watermark)


async def last_polls(connection: Connection, feed_id: int, *, limit: int) -> list[Poll]:
    """Return the latest looks of a feed, newest first."""
    rows = await connection.fetch(LAST, feed_id, limit)
    return [Poll(**{name: row[name] for name in Poll.__dataclass_fields__}) for row in rows]


async def orders_under_way(connection: Connection) -> int:
    """Return how many orders of feeds wait or run."""
    found: int = await connection.fetchval("select count(distinct order_id) from feed_pieces")
    return found


async def feeds_to_serve(connection: Connection, now: datetime) -> dict[int, int | None]:
    """Return the feeds with a piece that is due or under way, or a time that no piece covers.

    Returns:
        The order under way, by the feed's id; those first, then those that were asked longest ago.
    """
    return {row["id"]: row["order_id"] for row in await connection.fetch(TO_SERVE, now)}


async def forget_polls(connection: Connection, older_than: timedelta) -> None:
    """Delete looks that ended long ago, but for the last of each feed."""
    await connection.execute(FORGET, older_than)
