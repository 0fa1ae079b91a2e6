"""Standing: how fresh feeds and collections are, from their rows, the catalogue and their files."""

from dataclasses import dataclass
from datetime import datetime

from app.feeds.feed import Feed
from app.feeds.freshness import Checks, Facts, Freshness, freshness_of
from app.feeds.orders import publishing_of
from mosaics.collection import Collection
from mosaics.descriptions.folders import Descriptions
from mosaics.descriptions.publishing import Publishing


@dataclass(frozen=True, slots=True)
class FeedStanding:
    """A feed and how fresh it is."""

    feed: Feed
    freshness: Freshness

    @property
    def is_alarming(self) -> bool:
        """Whether somebody should look at it; those that are paused do not count."""
        return self.freshness.is_alarming and not self.feed.order.paused


def standing_of(feed: Feed, descriptions: Descriptions, now: datetime) -> FeedStanding:
    """Return how fresh a feed is at a time, UTC.

    Raises:
        app.feeds.feed.FeedError: If the file of its collection is gone.
    """
    publishing = publishing_of(feed.order, descriptions)
    collection = descriptions.collections[feed.order.collection].collection
    return FeedStanding(feed, freshness_of(facts_of(feed, publishing, collection), now))


def facts_of(feed: Feed, publishing: Publishing, collection: Collection) -> Facts:
    """Return what the freshness of a feed follows from."""
    order, done, progress = feed.order, feed.done, feed.progress
    return Facts(
        publishing=publishing,
        cadence=collection.cadence,
        box=order.box,
        newest_acquired=done.newest_acquired,
        newest_seen=done.newest_seen,
        ended=collection.ended,
        starts=order.starts,
        ends=order.ends,
        checks=Checks(
            every=order.every,
            since=feed.created_at,
            answered_at=done.succeeded_at,
            failures=progress.failures,
            reason=done.failure,
            is_filling=progress.looked_at < progress.pieces,
        ),
    )
