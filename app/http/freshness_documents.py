"""Freshness documents: how fresh collections and feeds are, in words and in numbers."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, Field
from starlette.requests import Request

from app.feeds.freshness import State
from app.feeds.standing import CollectionStanding, FeedStanding
from app.http.auth import may_see
from app.http.schemas import JSON, Link
from mosaics.period import Interval


class ExpectedStep(BaseModel):
    """The latest step of time that was to be published by now."""

    starts: datetime = Field(alias="from")
    ends: datetime = Field(alias="to")

    @classmethod
    def of(cls, step: Interval | None) -> "ExpectedStep | None":
        """Return the document of a step; None where none was to be."""
        if step is None or step.start is None or step.end is None:
            return None
        return cls(**{"from": step.start, "to": step.end})


class FreshnessFacts(BaseModel):
    """A state, and what it follows from."""

    state: State = Field(
        description="late and failing ask for somebody to look; no_data_expected is night or polar summer."
    )
    says: str = Field(description="The same as a sentence for people.")
    expected: ExpectedStep | None
    newest_acquisition: datetime | None = Field(description="Beginning of the newest that has landed.")
    newest_revision: datetime | None = Field(
        description="When the archive last changed one of those it gave; null where it does not tell."
    )
    last_success: datetime | None = Field(description="When an archive last answered.")
    last_failure: datetime | None


class FeedFreshness(FreshnessFacts):
    """How fresh a feed is."""

    feed: int
    name: str
    area: int | None
    paused: bool
    next_poll: datetime | None
    links: list[Link]

    @classmethod
    def of(cls, request: Request, standing: FeedStanding) -> "FeedFreshness":
        """Return the document of a feed."""
        feed = standing.feed
        return cls(
            feed=feed.id,
            name=feed.order.name,
            area=feed.order.area_id,
            paused=feed.order.paused,
            next_poll=None if feed.order.paused else feed.progress.next_at,
            links=[Link(rel="feed", href=str(request.url_for("feed", feed=feed.id)), type=JSON)],
            state=standing.freshness.state,
            says=standing.freshness.says,
            expected=ExpectedStep.of(standing.freshness.expected),
            newest_acquisition=feed.done.newest_acquired,
            newest_revision=feed.done.newest_revision,
            last_success=feed.done.succeeded_at,
            last_failure=feed.done.failed_at,
        )


class CollectionFreshness(FreshnessFacts):
    """How fresh a collection is: as the least fresh of its feeds, else as its periods alone tell."""

    collection: str
    title: str
    newest_period: str | None = Field(description="The latest period of what has landed.")
    lag: timedelta = Field(description="Usual time from the end of a step to its publication.")
    late_after: timedelta
    ended: str | None = Field(description="What is to be said of an archive that gives nothing new.")
    superseded_by: str | None = Field(
        description="The collection in which its scenes are shown until those of that one are there."
    )
    near_real_time: list[str] = Field(
        description="Periods that show scenes in near real time, which the standard product replaces."
    )
    feeds: list[FeedFreshness]

    @classmethod
    def of(cls, request: Request, standing: CollectionStanding) -> "CollectionFreshness":
        """Return the document of a collection."""
        collection, newest = standing.collection, standing.newest
        landed = [] if newest is None else [newest.start]
        of_feeds = standing.latest("newest_acquired")
        return cls(
            collection=collection.id,
            title=collection.title,
            newest_period=None if newest is None else newest.text,
            lag=standing.publishing.lag,
            late_after=standing.publishing.late_after,
            ended=None if collection.ended is None else collection.ended.note,
            feeds=[
                FeedFreshness.of(request, each)
                for each in standing.feeds
                if may_see(request, each.feed.order.owner_id)
            ],
            state=standing.freshness.state,
            says=standing.says,
            superseded_by=standing.superseded_by,
            near_real_time=[period.text for period in standing.early],
            expected=ExpectedStep.of(standing.freshness.expected),
            newest_acquisition=max([*landed, *([] if of_feeds is None else [of_feeds])], default=None),
            newest_revision=standing.latest("newest_revision"),
            last_success=standing.latest("succeeded_at"),
            last_failure=standing.latest("failed_at"),
        )


class FreshnessList(BaseModel):
    """How fresh collections are."""

    collections: list[CollectionFreshness]

    @classmethod
    def of(cls, request: Request, standings: Sequence[CollectionStanding]) -> "FreshnessList":
        """Return the document of several collections."""
        return cls(collections=[CollectionFreshness.of(request, each) for each in standings])
