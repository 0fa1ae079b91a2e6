"""Feed polling: asks the archive of each feed when that is due, by ingestions, and records what came of them.

A look at an archive is an ingestion of a piece of the feed's time: it finds what is new or revised and lands
it. It is submitted under a key that names feed, piece and round, and its end is recorded in one transaction
with the piece's next round. A leader that dies at any step is followed by one that finds the same plan: the
same key gives the same order, and a round ends once.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from pydantic import ValidationError

from app.database import Database
from app.feeds.feed import Feed, FeedError
from app.feeds.feed_store import read_feeds
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
from app.feeds.planning import Light, Look, Piece, halves, key_of, missing_pieces, next_piece
from app.feeds.sharing import Due, asked_box, offset_of, oldest_look, shared
from app.idempotency import KeyReusedError
from app.jobs.job import Job, JobRequestError, QueueFullError, UnknownJobError
from app.jobs.sources import finest_pixel_m
from app.tasks.task import StillLeading
from mosaics.descriptions.folders import DescriptionFolders, Descriptions

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Orders of all feeds that wait or run: orders of users come before those that wait, and do not wait long."""


class TakesFeedJobs(Protocol):
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
        jobs: TakesFeedJobs,
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
        descriptions, now = await asyncio.to_thread(self._descriptions.current), self._now()
        async with self._database.connection() as connection:
            serving = await feeds_to_serve(connection, now)
            room = AT_ONCE - await orders_under_way(connection)
        ended = await self._ended({order_id for order_id in serving.values() if order_id is not None})
        free = [feed_id for feed_id, order_id in serving.items() if order_id is None or order_id in ended]
        looks = await self._looks(free, descriptions)
        done = {"feeds": len(serving), "ended": 0, "ordered": 0}
        for feed_id, (feed, look) in looks.items():
            order_id = serving[feed_id]
            if order_id is not None:
                await still_leading()
                done["ended"] += await self._end(feed, look, order_id, ended[order_id], now)
        due = await self._due(looks, descriptions, still_leading, now)
        room += len(ended)
        for group in shared(due):
            if room <= 0:
                break
            await still_leading()
            try:
                ordered = await self._order(group, now)
            except QueueFullError as error:
                log.warning("feeds wait: %s", error)
                break
            done["ordered"] += ordered
            room -= ordered
        return done

    async def _ended(self, order_ids: Iterable[int]) -> dict[int, Job | None]:
        """Return those of some orders that have ended, by id; None for one that was forgotten."""
        found: dict[int, Job | None] = {}
        for order_id in order_ids:
            try:
                job = await self._jobs.read(order_id)
            except UnknownJobError:
                found[order_id] = None
            else:
                found |= {order_id: job} if job.has_ended else {}
        return found

    async def _looks(
        self, feed_ids: Sequence[int], descriptions: Descriptions
    ) -> dict[int, tuple[Feed, Look]]:
        """Return feeds and how they look at their archives, by id, in the order given; those that can."""
        async with self._database.connection() as connection:
            feeds = await read_feeds(connection, feed_ids)
        found = {}
        for feed_id in feed_ids:
            if feed_id not in feeds:
                continue  # it was deleted meanwhile
            try:
                found[feed_id] = feeds[feed_id], look_of(feeds[feed_id], descriptions)
            except (FeedError, JobRequestError) as error:
                if feed_id not in self._waiting:
                    log.warning("feed %d waits: %s", feed_id, error)
                self._waiting.add(feed_id)
            else:
                self._waiting.discard(feed_id)
        return found

    async def _end(self, feed: Feed, look: Look, order_id: int, job: Job | None, now: datetime) -> bool:
        """Record what a look came to; return whether it was recorded now."""
        async with self._database.transaction() as connection:
            pieces = (await pieces_of(connection, [feed.id]))[feed.id]
            piece = next((each for each in pieces if each.order_id == order_id), None)
            if piece is None:
                return False
            outcome = outcome_of(look, piece, job, now)
            is_ended = await end_look(connection, piece, outcome, now)
            if is_ended and outcome.status == "split":
                await split_piece(connection, feed.id, piece, halves(piece), now)
        return is_ended

    async def _due(
        self,
        looks: Mapping[int, tuple[Feed, Look]],
        descriptions: Descriptions,
        still_leading: StillLeading,
        now: datetime,
    ) -> list[Due]:
        """Return what is due of feeds that are not paused, after pieces that were missing have been added."""
        async with self._database.connection() as connection:
            pieces = await pieces_of(connection, list(looks))
        found = []
        for feed_id, (feed, look) in looks.items():
            if feed.order.paused:
                continue
            covered = await self._cover(feed, pieces[feed_id], descriptions, still_leading, now)
            piece = next_piece(covered, now)
            if piece is not None:
                pixel_m = finest_pixel_m(descriptions, feed.order.collection)
                found.append(Due(feed, look, piece, asked_box(feed.order, pixel_m)))
        return found

    async def _cover(
        self,
        feed: Feed,
        pieces: Sequence[Piece],
        descriptions: Descriptions,
        still_leading: StillLeading,
        now: datetime,
    ) -> Sequence[Piece]:
        """Return the pieces of a feed, after those that were missing have been added."""
        order = feed.order
        cadence = descriptions.collections[order.collection].collection.cadence
        missing = missing_pieces(
            pieces, order.starts, order.ends, now, cadence=cadence, most_days=self._most_days
        )
        too_long = [piece for piece in pieces if piece.ends - piece.starts > timedelta(days=self._most_days)]
        if not missing and not too_long:
            return pieces
        await still_leading()
        async with self._database.transaction() as connection:
            for piece in too_long:  # the limit was lowered
                await split_piece(connection, feed.id, piece, halves(piece), now)
            await add_pieces(connection, feed.id, missing, now)
            return (await pieces_of(connection, [feed.id]))[feed.id]

    async def _order(self, group: Sequence[Due], now: datetime) -> bool:
        """Order one look for all of a group; return whether it was taken."""
        first = group[0]
        request = job_request(first.feed.order, first.box, oldest_look(group))
        try:
            job = await self._jobs.submit("ingest", request, key=key_of(first.look, first.piece, request))
        except (JobRequestError, KeyReusedError, ValidationError) as error:
            async with self._database.transaction() as connection:
                for each in group:
                    refused = refusal(each.look, each.piece, str(error), now)
                    await end_look(connection, each.piece, refused, now)
            return False
        async with self._database.transaction() as connection:
            await note_order(connection, [each.piece for each in group], job.id, now)
        return True


def look_of(feed: Feed, descriptions: Descriptions) -> Look:
    """Return how a feed looks at its archive.

    Raises:
        FeedError: If the file of its collection is gone.
        JobRequestError: If that of its source is.
    """
    order, publishing = feed.order, publishing_of(feed.order, descriptions)
    box = asked_box(order, finest_pixel_m(descriptions, order.collection))
    return Look(
        feed.id,
        every=order.every,
        late_after=publishing.late_after,
        tells_revisions=source_of(order, descriptions).tells_revisions,
        spread=offset_of(order, box),
        light=None if publishing.light is None else Light(publishing.light, box, publishing.lag),
    )
