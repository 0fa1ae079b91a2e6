"""Feed documents: a standing order, how far it is, and what each look at its archive came to."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field
from starlette.requests import Request

from app.feeds.feed import Feed
from app.feeds.freshness import State
from app.feeds.outcomes import PollStatus
from app.feeds.piece_store import Poll
from app.feeds.service import FeedHistory
from app.http.schemas import JSON, Link

CREATED: dict[int | str, dict[str, Any]] = {
    201: {
        "description": "The feed; `Location` is its address, `ETag` begins with the version of the order.",
        "headers": {"Location": {"schema": {"type": "string"}}, "ETag": {"schema": {"type": "string"}}},
    }
}


class FeedProgress(BaseModel):
    """How far a feed is: its time is asked for in pieces, the newest first."""

    pieces: int
    looked_at: int = Field(description="Pieces that were asked for at least once.")
    complete: int = Field(description="Pieces of which everything has landed.")
    job: int | None = Field(description="The job that runs or waits for it.")
    next_poll: datetime | None = Field(description="When its archive is asked next.")
    failures_in_a_row: int


class FeedNewest(BaseModel):
    """The newest that has come of a feed, and when its archive answered."""

    acquired: datetime | None = Field(description="Beginning of the newest granule that has landed.")
    seen: datetime | None = Field(description="The same, those among them that were too cloudy.")
    revision: datetime | None = Field(
        description="When the archive last changed one of those it gave; null where it does not tell."
    )
    last_poll: datetime | None
    last_success: datetime | None
    last_failure: datetime | None
    reason: str | None = Field(description="Of the last failure.")


class FeedDocument(BaseModel):
    """A feed."""

    id: int
    name: str
    source: str
    collection: str
    area: int | None = Field(description="The area whose box is fetched.")
    owner_id: str | None = Field(description="Whose it is: that of its area, or of the key.")
    of_area: bool = Field(description="Whether it was started by the area and ends with it.")
    aoi: tuple[float, float, float, float] = Field(description="west, south, east, north in degrees.")
    bands: tuple[str, ...] = Field(description="Empty for all the source has.")
    starts: datetime = Field(alias="from")
    ends: datetime | None = Field(alias="to", description="First moment after; null while it goes on.")
    every: timedelta
    lag: timedelta | None = Field(description="Usual time until publication; null for the collection's.")
    max_cloud: float | None
    clip: bool
    paused: bool
    version: int
    created_at: datetime
    updated_at: datetime
    progress: FeedProgress
    newest: FeedNewest
    links: list[Link]

    @classmethod
    def of(cls, request: Request, feed: Feed) -> "FeedDocument":
        """Return the document of a feed."""
        return cls(**_facts(request, feed))


class FeedPoll(BaseModel):
    """A look at an archive."""

    starts: datetime = Field(alias="from")
    ends: datetime = Field(alias="to")
    job: int | None = Field(description="Null if what was to be ordered was refused.")
    asked_at: datetime
    ended_at: datetime
    status: PollStatus = Field(
        description="split: there was more than one job may land, so it is asked for in two parts."
    )
    found: int
    landed: int = Field(description="Scenes that landed, without those that had before.")
    error: str | None
    links: list[Link]

    @classmethod
    def of(cls, request: Request, poll: Poll) -> "FeedPoll":
        """Return the document of a look."""
        job = poll.order_id
        href = None if job is None else str(request.url_for("job", job=job))
        return cls(
            **{"from": poll.starts, "to": poll.ends},
            job=job,
            asked_at=poll.asked_at,
            ended_at=poll.ended_at,
            status=poll.status,
            found=poll.found,
            landed=poll.landed,
            error=poll.error,
            links=[] if href is None else [Link(rel="job", href=href, type=JSON)],
        )


class FeedDetail(FeedDocument):
    """A feed, how fresh it is, and what it has done."""

    state: State
    says: str = Field(description="The state as a sentence for people.")
    polls: list[FeedPoll] = Field(description="The latest looks at its archive, newest first.")

    @classmethod
    def with_polls(cls, request: Request, history: FeedHistory) -> "FeedDetail":
        """Return the document of a feed with its latest looks."""
        polls = [FeedPoll.of(request, poll) for poll in history.polls]
        freshness = history.freshness
        facts = _facts(request, history.feed)
        return cls(**facts, state=freshness.state, says=freshness.says, polls=polls)


class FeedList(BaseModel):
    """A page of feeds."""

    feeds: list[FeedDocument]
    links: list[Link]

    @classmethod
    def of(cls, request: Request, found: Sequence[Feed], limit: int) -> "FeedList":
        """Return a page.

        Args:
            request: Whose address the next page continues.
            found: One feed more than the page has, if there are more.
            limit: Feeds of a page.
        """
        links = [Link(rel="self", href=str(request.url), type=JSON)]
        if len(found) > limit:
            following = request.url.include_query_params(after=found[limit - 1].id)
            links.append(Link(rel="next", href=str(following), type=JSON))
        return cls(feeds=[FeedDocument.of(request, feed) for feed in found[:limit]], links=links)


def _facts(request: Request, feed: Feed) -> dict[str, Any]:
    order, done, progress = feed.order, feed.done, feed.progress
    links = [
        Link(rel="self", href=str(request.url_for("feed", feed=feed.id)), type=JSON),
        Link(
            rel="collection",
            href=str(request.url_for("collection", collection=order.collection)),
            type=JSON,
        ),
    ]
    return {
        "id": feed.id,
        "name": order.name,
        "source": order.source,
        "collection": order.collection,
        "area": order.area_id,
        "owner_id": order.owner_id,
        "of_area": order.is_of_area,
        "aoi": order.box.degrees,
        "bands": order.bands,
        "from": order.starts,
        "to": order.ends,
        "every": order.every,
        "lag": order.lag,
        "max_cloud": order.max_cloud,
        "clip": order.clip,
        "paused": order.paused,
        "version": feed.version,
        "created_at": feed.created_at,
        "updated_at": feed.updated_at,
        "progress": FeedProgress(
            pieces=progress.pieces,
            looked_at=progress.looked_at,
            complete=progress.complete,
            job=progress.under_way,
            next_poll=None if order.paused else progress.next_at,
            failures_in_a_row=progress.failures,
        ),
        "newest": FeedNewest(
            acquired=done.newest_acquired,
            seen=done.newest_seen,
            revision=done.newest_revision,
            last_poll=done.polled_at,
            last_success=done.succeeded_at,
            last_failure=done.failed_at,
            reason=done.failure,
        ),
        "links": links,
    }
