"""Standing: how fresh feeds and collections are, from their rows, the catalogue and their files."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from app.feeds.feed import Feed, FeedError
from app.feeds.freshness import WORLD, Checks, Facts, Freshness, State, freshness_of
from app.feeds.orders import publishing_of
from mosaics.catalogue import Catalogue
from mosaics.collection import Collection, UnreadableCollectionError
from mosaics.descriptions.folders import Descriptions
from mosaics.descriptions.publishing import USUAL, Publishing
from mosaics.period import Period

WORST_FIRST = (
    *(State.FAILING, State.LATE, State.NEVER_INGESTED, State.DISCONTINUED),
    *(State.NO_DATA_EXPECTED, State.FRESH),
)


@dataclass(frozen=True, slots=True)
class FeedStanding:
    """A feed and how fresh it is."""

    feed: Feed
    freshness: Freshness

    @property
    def is_alarming(self) -> bool:
        """Whether somebody should look at it; those that are paused do not count."""
        return self.freshness.is_alarming and not self.feed.order.paused


@dataclass(frozen=True, slots=True)
class CollectionStanding:
    """A collection and how fresh it is."""

    collection: Collection
    publishing: Publishing
    newest: Period | None
    """Of what has landed, wherever it lies."""
    freshness: Freshness
    """That of its feed that is least fresh, if it has any that are not paused."""
    feeds: tuple[FeedStanding, ...]
    superseded_by: str | None = None
    """The collection in which its scenes are shown until those of that one are there."""
    early: tuple[Period, ...] = ()
    """Periods in which scenes of such a collection are shown here, ascending."""

    @property
    def says(self) -> str:
        """The sentence of its freshness, and what of it is in near real time."""
        if self.superseded_by is not None:
            return f"{self.freshness.says} What {self.superseded_by} lacks is shown there."
        if not self.early:
            return self.freshness.says
        return f"{self.freshness.says} In near real time: {len(self.early)}, the newest of {self.early[-1]}."

    def latest(self, name: str) -> datetime | None:
        """Return the latest moment of all its feeds; `name` is a field of `app.feeds.feed.Done`."""
        moments = (getattr(each.feed.done, name) for each in self.feeds)
        return max(filter(None, moments), default=None)


def standing_of(feed: Feed, descriptions: Descriptions, now: datetime) -> FeedStanding:
    """Return how fresh a feed is at a time, UTC."""
    try:
        publishing = publishing_of(feed.order, descriptions)
    except FeedError as error:
        return FeedStanding(feed, Freshness(State.FAILING, f"It cannot be polled: {error}."))
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


def standings_of(
    feeds: Iterable[Feed], catalogue: Catalogue, descriptions: Descriptions, now: datetime
) -> list[CollectionStanding]:
    """Return how fresh all collections are that have landed or have a feed, by id."""
    by_collection: dict[str, list[FeedStanding]] = {name: [] for name in catalogue.collections()}
    for feed in feeds:
        by_collection.setdefault(feed.order.collection, []).append(standing_of(feed, descriptions, now))
    known = known_collections(catalogue, descriptions)
    return [
        collection_standing(known[name], by_collection[name], catalogue, descriptions, now=now)
        for name in sorted(by_collection.keys() & known.keys())
    ]


def collection_standing(
    collection: Collection,
    feeds: Sequence[FeedStanding],
    catalogue: Catalogue,
    descriptions: Descriptions,
    *,
    now: datetime,
) -> CollectionStanding:
    """Return how fresh a collection is at a time, UTC."""
    described = descriptions.collections.get(collection.id)
    publishing = USUAL[collection.cadence] if described is None else described.publishing
    landed = catalogue.periods(collection.id) if collection.id in catalogue.collections() else ()
    newest = landed[-1] if landed else None
    serving = [each.freshness for each in feeds if not each.feed.order.paused]
    if serving:
        freshness = min(serving, key=lambda each: WORST_FIRST.index(each.state))
    elif described is not None and described.composition is not None and newest is not None:
        freshness = Freshness(State.FRESH, f"The newest is of {newest}; composites are made when asked for.")
    else:
        newest_start = None if newest is None else newest.start
        facts = Facts(publishing, collection.cadence, WORLD, newest_start, ended=collection.ended)
        freshness = freshness_of(facts, now)
    return CollectionStanding(
        collection,
        publishing,
        newest,
        freshness,
        tuple(feeds),
        superseded_by=None if described is None else described.superseded_by,
        early=tuple(sorted(catalogue.early_periods(collection.id))) if landed else (),
    )


def known_collections(catalogue: Catalogue, descriptions: Descriptions) -> Mapping[str, Collection]:
    """Return the collections that have a file, as it is now, and others that have landed and can be read."""
    found = {name: each.collection for name, each in descriptions.collections.items()}
    for name in catalogue.collections():
        if name not in found:
            with suppress(UnreadableCollectionError):  # `/health` says so
                found[name] = catalogue.collection(name)
    return found
