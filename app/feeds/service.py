"""The service of feeds: creates, changes and lists them, whichever process polls their archives."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app.areas.area import Area, FeedWish, UnknownAreaError
from app.areas.area_store import read_area
from app.database import Connection, Database, NoDatabaseError
from app.feeds.feed import Feed, FeedChangedError, FeedChanges, FeedError, FeedRequest
from app.feeds.feed_store import (
    create_feed,
    delete_feed,
    feeds_of_area,
    hurry,
    list_feeds,
    read_feed,
    refuse_others_feed,
    replace_order,
)
from app.feeds.freshness import Freshness
from app.feeds.of_areas import adapted, requests_for
from app.feeds.orders import changed_order, order_of, refuse_order, source_of
from app.feeds.piece_store import Poll, last_polls
from app.feeds.standing import (
    CollectionStanding,
    collection_standing,
    known_collections,
    standing_of,
    standings_of,
)
from app.jobs.aoi import smallest_box
from app.jobs.job import JobRequestError
from app.jobs.service import require_key
from app.jobs.sources import choose_source, usual_box
from app.products.registry import Registry
from app.settings import Settings
from mosaics.bbox import Bbox
from mosaics.catalogue import Catalogue
from mosaics.descriptions.collections import find_collection
from mosaics.descriptions.folders import DescriptionFolders, Descriptions

POLLS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class FeedHistory:
    """A feed, how fresh it is, and its latest looks at the archive."""

    feed: Feed
    freshness: Freshness
    polls: tuple[Poll, ...]
    """Newest first."""


class FeedService:
    """Manages feeds.

    Args:
        database: Where they are stored; without one every use raises `NoDatabaseError`.
        settings: The limits of what they order.
        descriptions: The sources and collections.
        now: The clock, UTC.
    """

    def __init__(
        self,
        database: Database | None,
        settings: Settings,
        descriptions: DescriptionFolders,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._maybe_database = database
        self._settings = settings
        self._descriptions = descriptions
        self.now = now
        self.latest: tuple[CollectionStanding, ...] = ()
        """How fresh everything was when that was last asked, for metrics."""

    async def create(self, request: FeedRequest, *, key: str | None = None, owner: str | None = None) -> Feed:
        """Create a feed, or return the one created by the same request with the same key.

        Args:
            request: What it orders.
            key: An idempotency key.
            owner: To whom the request is bound; the feed of an area is its owner's.

        Raises:
            FeedError: If the feed cannot be polled as requested.
            app.jobs.job.JobRequestError: If no source is meant, a limit is exceeded, or the key is not valid.
            app.idempotency.KeyReusedError: If the key was sent with another request.
            app.areas.area.UnknownAreaError: If no area has the id.
            DatabaseUnavailableError: If the database does not answer.
        """
        require_key(key)
        descriptions = await self._current()
        async with self._database.transaction() as connection:
            if request.area is not None:
                area = await read_area(connection, request.area)
                if owner is not None and area.description.owner_id != owner:
                    raise UnknownAreaError(request.area)
                owner = area.description.owner_id
                place, name = smallest_box(area.polygon), area.description.name
            else:
                place = request.aoi or self._usual_box(request, descriptions)
                name = f"{place:.4g}"
            order = order_of(
                request, place, name, descriptions=descriptions, settings=self._settings, now=self.now()
            )
            asked = request.model_dump(mode="json", by_alias=True)
            return await create_feed(connection, replace(order, owner_id=owner), key=key, asked=asked)

    async def read(self, feed_id: int) -> FeedHistory:
        """Return a feed and its latest looks.

        Raises:
            app.feeds.feed.UnknownFeedError: If no feed has this id.
            DatabaseUnavailableError: If the database does not answer.
        """
        async with self._database.connection() as connection:
            feed = await read_feed(connection, feed_id)
            polls = tuple(await last_polls(connection, feed_id, limit=POLLS_SHOWN))
        standing = standing_of(feed, await self._current(), self.now())
        return FeedHistory(feed, standing.freshness, polls)

    async def refuse_others(self, feed_id: int, owner: str) -> None:
        """Raise an error unless a feed is of an owner.

        Raises:
            app.feeds.feed.UnknownFeedError: If it is not, or no feed has this id.
            DatabaseUnavailableError: If the database does not answer.
        """
        async with self._database.connection() as connection:
            await refuse_others_feed(connection, feed_id, owner)

    async def find(
        self,
        *,
        after: int = 0,
        limit: int,
        collection: str | None = None,
        area: int | None = None,
        owner: str | None = None,
    ) -> list[Feed]:
        """Return a page of feeds, in order of id.

        Raises:
            DatabaseUnavailableError: If the database does not answer.
        """
        async with self._database.connection() as connection:
            return await list_feeds(
                connection, after=after, limit=limit, collection=collection, area_id=area, owner=owner
            )

    async def change(self, feed_id: int, changes: FeedChanges, *, if_match: str | None = None) -> Feed:
        """Change a feed; what it has landed stays.

        Args:
            feed_id: Its id.
            changes: What is changed.
            if_match: The header of that name: the feed is changed only if one of its ETags is the feed's.

        Raises:
            app.feeds.feed.UnknownFeedError: If no feed has this id.
            FeedChangedError: If it is another by now.
            FeedError: If the result is not valid.
            app.jobs.job.JobRequestError: If a limit is exceeded.
            DatabaseUnavailableError: If the database does not answer.
        """
        descriptions = await self._current()
        async with self._database.transaction() as connection:
            feed = await read_feed(connection, feed_id, is_locked=True)
            _refuse_other(feed, if_match)
            order = changed_order(feed.order, changes, descriptions, self._settings)
            return feed if order == feed.order else await replace_order(connection, feed, order)

    async def delete(self, feed_id: int, *, if_match: str | None = None) -> None:
        """Delete a feed; what it has landed stays, and so does an order that runs.

        Raises:
            app.feeds.feed.UnknownFeedError: If no feed has this id.
            FeedChangedError: If it is another by now.
            DatabaseUnavailableError: If the database does not answer.
        """
        async with self._database.transaction() as connection:
            _refuse_other(await read_feed(connection, feed_id, is_locked=True), if_match)
            await delete_feed(connection, feed_id)

    async def poll(self, feed_id: int) -> Feed:
        """Have a feed look at its archive now, as soon as the leader comes to it.

        Raises:
            app.feeds.feed.UnknownFeedError: If no feed has this id.
            FeedError: If it is paused.
            DatabaseUnavailableError: If the database does not answer.
        """
        async with self._database.transaction() as connection:
            feed = await read_feed(connection, feed_id, is_locked=True)
            if feed.order.paused:
                raise FeedError(f'feed {feed_id} is paused; send {{"paused": false}} by PATCH first')
            await hurry(connection, feed_id, self.now())
            return await read_feed(connection, feed_id)

    async def standings(self, catalogue: Catalogue) -> list[CollectionStanding]:
        """Return how fresh every collection is that has landed or has a feed, by id.

        Args:
            catalogue: What has landed.

        Raises:
            DatabaseUnavailableError: If there is a database and it does not answer.
        """
        feeds = await self._all_feeds()
        descriptions = await self._current()
        found = await asyncio.to_thread(standings_of, feeds, catalogue, descriptions, self.now())
        self.latest = tuple(found)
        return found

    async def standing(self, collection_id: str, catalogue: Catalogue) -> CollectionStanding:
        """Return how fresh one collection is, also if nothing of it has landed.

        Raises:
            mosaics.collection.UnknownCollectionError: If it has not landed and has no file.
            DatabaseUnavailableError: If there is a database and it does not answer.
        """
        feeds = await self._all_feeds(collection_id)
        descriptions, now = await self._current(), self.now()
        collection = known_collections(catalogue, descriptions).get(collection_id)
        if collection is None:
            collection = find_collection(descriptions.collections, collection_id).collection
        standings = [standing_of(feed, descriptions, now) for feed in feeds]
        return collection_standing(collection, standings, catalogue, descriptions, now=now)

    async def _all_feeds(self, collection_id: str | None = None) -> list[Feed]:
        """Return all feeds, those of a collection if one is given; none without a database."""
        feeds: list[Feed] = []
        if self._maybe_database is None:
            return feeds
        async with self._maybe_database.connection() as connection:
            while page := await list_feeds(
                connection, after=feeds[-1].id if feeds else 0, collection=collection_id
            ):
                feeds += page
        return feeds

    async def follow_area(
        self, connection: Connection, area: Area, wish: FeedWish, registry: Registry
    ) -> None:
        """Bring the feeds over an area's box into line with the area.

        Args:
            connection: To the database, in the transaction that changes the area.
            area: As it is now.
            wish: Whether feeds are to bring what its products read, and of which time.
            registry: The products.

        Raises:
            app.areas.area.AreaError: If it wants feeds, and none of its products can have one.
            FeedError: If the end of the time is not after its beginning.
            app.jobs.job.JobLimitError: If a feed exceeds a limit.
        """
        feeds = await feeds_of_area(connection, area.id)
        if not feeds and not wish.is_wanted:
            return
        place = smallest_box(area.polygon)
        descriptions = await self._current()
        requests = requests_for(area, wish, registry, descriptions, self._settings)
        for feed in feeds:
            request = requests.pop(feed.order.collection, None) if feed.order.is_of_area else None
            if feed.order.is_of_area and request is None:
                await delete_feed(connection, feed.id)
                continue
            order = replace(adapted(feed.order, place, request), owner_id=area.description.owner_id)
            refuse_order(order, source_of(order, descriptions), descriptions, self._settings)
            if order != feed.order:
                await replace_order(connection, feed, order)
        for request in requests.values():
            order = order_of(
                request,
                place,
                area.description.name,
                descriptions=descriptions,
                settings=self._settings,
                now=self.now(),
            )
            await create_feed(connection, replace(order, is_of_area=True, owner_id=area.description.owner_id))

    def _usual_box(self, request: FeedRequest, descriptions: Descriptions) -> Bbox:
        sources, preferred = descriptions.sources, self._settings.order_source
        source = choose_source(sources, request.source, collection=request.collection, preferred=preferred)
        try:
            return usual_box(source, self._settings)
        except JobRequestError as error:
            raise FeedError(f"give either area, the id of one, or aoi, a box or polygon: {error}") from error

    async def _current(self) -> Descriptions:
        return await asyncio.to_thread(self._descriptions.current)

    @property
    def _database(self) -> Database:
        if self._maybe_database is None:
            raise NoDatabaseError("no database is configured")
        return self._maybe_database


def _refuse_other(feed: Feed, if_match: str | None) -> None:
    """Raise `FeedChangedError` if no ETag of an If-Match is of the order as it is now."""
    tags = [] if if_match is None else [tag.strip().removeprefix("W/") for tag in if_match.split(",")]
    if tags and "*" not in tags and feed.tag not in {tag.strip('"').partition(".")[0] for tag in tags}:
        raise FeedChangedError(
            f"the feed is not the one of If-Match; it has version {feed.version} now: read it again"
        )
