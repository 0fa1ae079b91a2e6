"""Planning a feed: the pieces its time is asked for in, which is due, and what is ordered.

Nothing here reads a clock or a database: the same feed, pieces and time give the same plan in every process.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from app.feeds.daylight import has_light
from app.jobs.job_store import OF_FEEDS
from mosaics.bbox import Bbox
from mosaics.period import Cadence, Interval, instant_text

LENGTHS: Mapping[int, int] = {12: 366, 3: 92, 1: 31}
"""Months a piece may have, and the days those may have."""

WANTED_MONTHS: Mapping[Cadence, int] = {Cadence.HOUR: 1, Cadence.DAY: 3, Cadence.MONTH: 12, Cadence.YEAR: 12}
"""Of pieces of each cadence: with few granules at a time most searches bring all of them in one order."""

SHORTEST = timedelta(hours=1)
"""Pieces with more granules than an order may land are halved until they are so short."""

OVERLAP = timedelta(days=1)
"""By how much a look for revisions reaches behind the newest that was seen: archives list some late."""

OLD_EVERY = 7
"""How many times less often pieces are looked at that are complete and older than what can be late."""

DARK_EVERY = timedelta(hours=3)
"""How often at least, or every other turn, an archive is asked while nothing can come for want of light:
checks that are rarer would count as failing (`app.feeds.freshness.UNCHECKED_LEAST`)."""

FIRST_RETRY = timedelta(minutes=5)
"""The pause after a failure; each further one doubles it, up to how often the archive is asked anyway."""

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Light:
    """The light that data of a feed take."""

    kind: Literal["day", "night"]
    box: Bbox
    """Where."""
    lag: timedelta
    """Usual time from the end of a step to its publication."""

    def is_awaited(self, moment: datetime) -> bool:
        """Return whether something may be published by then: up to twice the usual time after light."""
        return has_light(self.kind, Interval(moment - 2 * self.lag, moment), self.box)


@dataclass(frozen=True, slots=True)
class Look:
    """How a feed looks at its archive."""

    feed_id: int
    every: timedelta
    late_after: timedelta
    """Time after which what has not been published is late; see `Publishing`."""
    tells_revisions: bool
    """Whether the archive tells what it has added or changed since a time."""
    spread: int | None = None
    """What spreads its turns over time, the same for all feeds that share one question; else None."""
    light: Light | None = None
    """The light that data take, where; None where it does not matter."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a feed's time, asked for at once."""

    id: int
    starts: datetime
    ends: datetime
    round: int
    """Looks that have ended."""
    due_at: datetime | None
    """None where nothing of it can come any more."""
    order_id: int | None = None
    """The ingestion under way."""
    asked_at: datetime | None = None
    """When that was submitted."""
    complete_at: datetime | None = None
    """When the latest look that left nothing out began; None before there was one."""
    watermark: datetime | None = None
    """The newest revision seen by such a look."""
    failures: int = 0
    """Consecutive looks that failed, up to the last."""


def pieces_between(
    starts: datetime, ends: datetime, cadence: Cadence, *, most_days: int
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the pieces of a time, oldest first: whole months from the first of one on, or days.

    Args:
        starts: Where the first one begins, UTC.
        ends: The first piece that reaches it is the last.
        cadence: Of the collection.
        most_days: The longest time an order may cover.
    """
    wanted = WANTED_MONTHS[cadence]
    months = next((each for each, days in LENGTHS.items() if each <= wanted and days <= most_days), None)
    while starts < ends:
        if months is None:
            following = starts + timedelta(days=most_days)
        else:
            number = starts.year * 12 + starts.month - 1 + months
            following = datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
        yield starts, following
        starts = following


def missing_pieces(
    pieces: Sequence[Piece],
    starts: datetime,
    ends: datetime | None,
    now: datetime,
    *,
    cadence: Cadence,
    most_days: int,
) -> list[tuple[datetime, datetime]]:
    """Return the pieces a feed still needs, to cover its time up to now.

    Args:
        pieces: Those it has, which cover a time without gaps.
        starts: Beginning of its time.
        ends: End of its time; None while it goes on.
        now: UTC.
        cadence: Of the collection.
        most_days: The longest time an order may cover.
    """
    soon = now + timedelta(microseconds=1)  # the last piece reaches beyond now
    until = soon if ends is None else min(ends, soon)

    def cut(begin: datetime, end: datetime, limit: datetime | None) -> list[tuple[datetime, datetime]]:
        parts = pieces_between(begin, end, cadence, most_days=most_days)
        return [(start, stop if limit is None else min(stop, limit)) for start, stop in parts]

    if not pieces:
        return cut(starts, until, ends)
    first, last = min(piece.starts for piece in pieces), max(piece.ends for piece in pieces)
    return [*cut(starts, first, first), *cut(last, until, ends)]


def halves(piece: Piece) -> tuple[datetime, datetime, datetime]:
    """Return beginning, middle and end of a piece; the middle is a whole hour, or a day of a long one."""
    middle = piece.starts + (piece.ends - piece.starts) / 2
    middle = middle.replace(minute=0, second=0, microsecond=0)
    if piece.ends - piece.starts > timedelta(days=2):
        middle = middle.replace(hour=0)
    return piece.starts, middle, piece.ends


def is_divisible(piece: Piece) -> bool:
    """Return whether a piece can be halved."""
    return piece.ends - piece.starts >= 2 * SHORTEST


def next_piece(pieces: Iterable[Piece], now: datetime) -> Piece | None:
    """Return the piece to ask for next; None if none is due, or one is under way.

    What was never complete comes before what is only looked at again, and the newest time first: what has
    just been published is shown at once, and the past is filled behind it.
    """
    found = list(pieces)
    if any(piece.order_id is not None for piece in found):
        return None
    due = [piece for piece in found if piece.due_at is not None and piece.due_at <= now]
    return max(due, key=lambda piece: (piece.complete_at is None, piece.starts), default=None)


def key_of(look: Look, piece: Piece, request: Mapping[str, Any]) -> str:
    """Return the key of a look's order: the same in every process until the look has ended.

    A request that is another since the feed was changed has another key.
    """
    digest = hashlib.sha256(json.dumps(dict(request), sort_keys=True).encode()).hexdigest()[:8]
    return f"{OF_FEEDS}{look.feed_id}-{piece.id}-{piece.round}-{digest}"


def request_of(look: Look, piece: Piece) -> dict[str, Any]:
    """Return what a look at a piece orders: its time, and since when anything was revised.

    An archive that tells its revisions is asked for those since the newest seen, with an overlap. Of any
    other the time is looked at again in which something may have been published since the last look.
    """
    starts, since = piece.starts, None
    if look.tells_revisions and piece.watermark is not None:
        since = piece.watermark - OVERLAP
    elif not look.tells_revisions and piece.complete_at is not None:
        starts = min(max(piece.starts, piece.complete_at - 2 * look.late_after), piece.ends - SHORTEST / 2)
    return {
        "toi": f"{instant_text(starts)}/{instant_text(piece.ends)}",
        "revised_since": None if since is None else instant_text(since),
    }


def backoff(every: timedelta, failures: int) -> timedelta:
    """Return the pause after some consecutive failures."""
    doublings: int = 2 ** min(failures - 1, 20)
    return min(every, FIRST_RETRY * doublings)


def following_slot(look: Look, now: datetime, every: timedelta | None = None) -> datetime:
    """Return the first slot of a feed after a time; those of different feeds are spread over the day.

    Slots are fixed, so that many that were missed are one, and no clock that is late makes others late.
    """
    step = every or look.every
    spread = look.feed_id * 7919 if look.spread is None else look.spread
    offset = timedelta(seconds=spread % int(look.every.total_seconds() or 1))
    return EPOCH + offset + ((now - EPOCH - offset) // step + 1) * step


def awaited_slot(look: Look, now: datetime) -> datetime:
    """Return the next slot by which something new may be published: by night, or in polar summer, seldom.

    What is published late is found then, too, and by the first slot after there was light again.
    """
    slot = following_slot(look, now)
    if look.light is not None:
        times = max(2, min(OLD_EVERY, DARK_EVERY // look.every))
        seldom = following_slot(look, now, look.every * times)
        while slot < seldom and not look.light.is_awaited(slot):
            slot += look.every
    return slot


def due_again(look: Look, piece: Piece, now: datetime) -> datetime | None:
    """Return when a complete piece is looked at again; None where nothing of it can come any more."""
    if piece.ends + 2 * look.late_after > now:
        return awaited_slot(look, now)
    if look.tells_revisions:
        return following_slot(look, now, look.every * OLD_EVERY)
    return None
