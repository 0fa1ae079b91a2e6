"""Feeds: standing orders that the leader fills from an archive, and what has come of each."""

from hashlib import blake2b
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Header, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app.feeds.feed import Feed, FeedChanges, FeedRequest
from app.http.auth import owner_of, require
from app.http.feed_documents import CREATED, FeedDetail, FeedDocument, FeedList
from app.http.job_documents import IdempotencyKey
from app.http.parameters import OpenState, known_names, revalidated
from app.keys import Scope

MAX_PAGE = 1000

Shown = TypeVar("Shown", bound=FeedDocument)

router = APIRouter(
    tags=["feeds"], dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.READ))]
)

WRITING = [Depends(require(Scope.WRITE))]


async def own_feed(
    request: Request,
    state: OpenState,
    feed: Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of the feed.")],
) -> int:
    """Return the id of a feed in an address, of which others than its owner learn nothing.

    Raises:
        app.feeds.feed.UnknownFeedError: If the request is bound to an owner and the feed is not this one's.
    """
    owner = owner_of(request)
    if owner is not None:
        await state.feeds.refuse_others(feed, owner)
    return feed


FeedId = Annotated[int, Depends(own_feed)]
IfMatch = Annotated[
    str | None,
    Header(max_length=1000, description="ETag of the feed as it was read: 412 if it was changed since."),
]


@router.post("/feeds", status_code=201, dependencies=WRITING, responses=CREATED)
async def create(
    request: Request,
    response: Response,
    state: OpenState,
    asked: FeedRequest,
    idempotency_key: IdempotencyKey = None,
) -> FeedDocument:
    """Create a feed: what its archive has of the time past is fetched piece by piece, then what is new."""
    feed = await state.feeds.create(asked, key=idempotency_key, owner=owner_of(request))
    response.headers["Location"] = str(request.url_for("feed", feed=feed.id))
    return tagged(response, feed, FeedDocument.of(request, feed))


@router.get("/feeds")
async def find(
    *,
    request: Request,
    state: OpenState,
    collection: Annotated[str | None, Query(max_length=100)] = None,
    area: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Id of an area")] = None,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Only feeds with a higher id")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> FeedList:
    """List feeds in order of id; `links` holds the next page."""
    found = await state.feeds.find(
        after=after, limit=limit + 1, collection=collection, area=area, owner=owner_of(request)
    )
    return FeedList.of(request, found, limit)


@router.get("/feeds/{feed}", name="feed")
async def read(request: Request, response: Response, state: OpenState, feed_id: FeedId) -> FeedDetail:
    """Return a feed, how far it is, and its latest looks at the archive, newest first."""
    history = await state.feeds.read(feed_id)
    return tagged(response, history.feed, FeedDetail.with_polls(request, history))


@router.patch("/feeds/{feed}", dependencies=WRITING)
async def change(
    *,
    request: Request,
    response: Response,
    state: OpenState,
    feed_id: FeedId,
    changes: FeedChanges,
    if_match: IfMatch = None,
) -> FeedDocument:
    """Change a feed by merge patch; with another box, other bands or clouds everything is asked for again."""
    feed = await state.feeds.change(feed_id, changes, if_match=if_match)
    return tagged(response, feed, FeedDocument.of(request, feed))


@router.delete("/feeds/{feed}", status_code=204, dependencies=WRITING)
async def delete(state: OpenState, feed_id: FeedId, if_match: IfMatch = None) -> Response:
    """Delete a feed; what it has landed stays."""
    await state.feeds.delete(feed_id, if_match=if_match)
    return Response(status_code=204)


@router.post("/feeds/{feed}/poll", status_code=202, dependencies=WRITING)
async def poll(request: Request, state: OpenState, feed_id: FeedId) -> FeedDocument:
    """Have a feed look at its archive now, whenever it would be due."""
    return FeedDocument.of(request, await state.feeds.poll(feed_id))


def tagged(response: Response, feed: Feed, document: Shown) -> Shown:
    """Give an answer its ETag: that of the order, which If-Match compares, and of all that is shown."""
    shown = blake2b(document.model_dump_json().encode(), digest_size=8).hexdigest()
    response.headers["ETag"] = f'"{feed.tag}.{shown}"'
    return document
