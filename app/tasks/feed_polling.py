"""Feed polling: asks the archive of each feed when that is due, by ingestions, and records what came of them.

A look at an archive is an ingestion of a piece of the feed's time: it finds what is new or revised and lands
it. It is submitted under a key that names feed, piece and round, and its end is recorded in one transaction
with the piece's next round. A leader that dies at any step is followed by one that finds the same plan: the
same key gives the same order, and a round ends once.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from pydantic import ValidationError

from app.database import Database
from app.feeds.feed import Feed, FeedError
from app.feeds.feed_store import read_feed
from app.feeds.orders import job_request, publishing_of, source_of
from app.feeds.outcomes import outcome_of, refusal
from app.feeds.piece_store import (
    add_pieces,
    end_look,
    feeds_to_serve,
    note_order,
    orders_under_way,
    pieces_of,
    split_piece,
)
from app.feeds.planning import Look, Piece, halves, key_of, missing_pieces, next_piece, request_of
from app.jobs.job import Job, JobRequestError, KeyReusedError, QueueFullError, UnknownJobError
from app.tasks.task import StillLeading
from mosaics.descriptions.folders import DescriptionFolders, Descriptions

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Orders of all feeds that wait or run: orders of users come before those that wait, and do not wait long."""


class TakesJobs(Protocol):
    """Does what is ordered; see `app.jobs.service.JobService`."""

    async def submit(self, kind: Literal["ingest"], request: Mapping[str, Any], *, key: str) -> Job:
        """Submit an ingestion, or return the one submitted under the same key."""
        ...

    async def read(self, job_id: int) -> Job:
        """Return a job in its present state."""
        ...


class FeedPolling:
    """Polls the archives of feeds.

    Args:
        database: Where feeds are stored.
        descriptions: The sources and collections.
        jobs: Does what is ordered.
        most_days: The longest time an order may cover.
        now: The clock, UTC.
    """

    def __init__(
        self,
        database: Database,
        descriptions: DescriptionFolders,
        jobs: TakesJobs,
        *,
        most_days: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._descriptions = descriptions
        self._jobs = jobs
        self._most_days = most_days
        self._now = now
        self._waiting: set[int] = set()
        """Feeds whose files are gone, of which that was said in the log."""

    async def run(self, still_leading: StillLeading) -> Mapping[str, Any]:
        """Record what has ended, and order what is due; a full queue lets the rest wait for the next run.

        Raises:
            app.tasks.leader_election.LeadershipLostError: If this process no longer leads.
            app.database.DatabaseUnavailableError: If the database does not answer.
        """
        descriptions = await asyncio.to_thread(self._descriptions.current)
        done = {"ended": 0, "ordered": 0}
        async with self._database.connection() as connection:
            serving = await feeds_to_serve(connection, self._now())
            room = AT_ONCE - await orders_under_way(connection)
        for feed_id, is_under_way in serving:
            if not is_under_way and room <= 0:
                continue
            await still_leading()
            try:
                ended, ordered = await self._advance(feed_id, descriptions, room=room)
            except QueueFullError as error:
                log.warning("feeds wait: %s", error)
                break
            except LookupError:
                continue  # it was deleted meanwhile
            done["ended"] += ended
            done["ordered"] += ordered
            room += ended - ordered
        return {"feeds": len(serving), **done}

    async def _advance(self, feed_id: int, descriptions: Descriptions, *, room: int) -> tuple[bool, bool]:
        """Return whether a look of a feed was ended, and whether one was ordered."""
        async with self._database.connection() as connection:
            feed = await read_feed(connection, feed_id)
            pieces = await pieces_of(connection, feed_id)
        try:
            look = look_of(feed, descriptions)
        except (FeedError, JobRequestError) as error:
            if feed_id not in self._waiting:
                log.warning("feed %d waits: %s", feed_id, error)
            self._waiting.add(feed_id)
            return False, False
        self._waiting.discard(feed_id)
        is_ended = False
        under_way = next((piece for piece in pieces if piece.order_id is not None), None)
        if under_way is not None:
            is_ended = await self._end(look, under_way)
            if not is_ended:
                return False, False
            async with self._database.connection() as connection:
                pieces = await pieces_of(connection, feed_id)
        if feed.order.paused or room + is_ended <= 0:
            return is_ended, False
        piece = next_piece(await self._cover(feed, pieces, descriptions), self._now())
        return is_ended, piece is not None and await self._order(feed, look, piece)

    async def _end(self, look: Look, piece: Piece) -> bool:
        """Record what a look came to, if its order has ended."""
        assert piece.order_id is not None  # noqa: S101 - it is under way
        try:
            job = await self._jobs.read(piece.order_id)
        except UnknownJobError:
            job = None
        if job is not None and not job.has_ended:
            return False
        now = self._now()
        outcome = outcome_of(look, piece, job, now)
        async with self._database.transaction() as connection:
            if await end_look(connection, piece, outcome, now) and outcome.status == "split":
                await split_piece(connection, look.feed_id, piece, halves(piece), now)
        return True

    async def _cover(
        self, feed: Feed, pieces: Sequence[Piece], descriptions: Descriptions
    ) -> Sequence[Piece]:
        """Return the pieces of a feed, after those that were missing have been added."""
        order, now = feed.order, self._now()
        cadence = descriptions.collections[order.collection].collection.cadence
        missing = missing_pieces(
            pieces, order.starts, order.ends, now, cadence=cadence, most_days=self._most_days
        )
        too_long = [piece for piece in pieces if piece.ends - piece.starts > timedelta(days=self._most_days)]
        if not missing and not too_long:
            return pieces
        async with self._database.transaction() as connection:
            for piece in too_long:  # the limit was lowered
                await split_piece(connection, feed.id, piece, halves(piece), now)
            await add_pieces(connection, feed.id, missing, now)
            return await pieces_of(connection, feed.id)

    async def _order(self, feed: Feed, look: Look, piece: Piece) -> bool:
        """Order a look; return whether it was taken."""
        request = job_request(feed.order, request_of(look, piece))
        now = self._now()
        try:
            job = await self._jobs.submit("ingest", request, key=key_of(look, piece, request))
        except (JobRequestError, KeyReusedError, ValidationError) as error:
            async with self._database.transaction() as connection:
                await end_look(connection, piece, refusal(look, piece, str(error), now), now)
            return False
        async with self._database.connection() as connection:
            await note_order(connection, piece, job.id, now)
        return True


def look_of(feed: Feed, descriptions: Descriptions) -> Look:
    """Return how a feed looks at its archive.

    Raises:
        FeedError: If the file of its collection is gone.
        JobRequestError: If that of its source is.
    """
    source = source_of(feed.order, descriptions)
    return Look(
        feed.id,
        every=feed.order.every,
        late_after=publishing_of(feed.order, descriptions).late_after,
        tells_revisions=source.tells_revisions,
    )
