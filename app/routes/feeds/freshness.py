"""Freshness: how new what is shown is, and whether that is as it should be."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from app.http.auth import require
from app.http.freshness_documents import FreshnessList
from app.http.parameters import ReadyState, known_names, revalidated
from app.keys import Scope

router = APIRouter(
    tags=["feeds"], dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.READ))]
)


@router.get("/freshness")
async def freshness(
    request: Request,
    state: ReadyState,
    collection: Annotated[
        str | None, Query(max_length=100, description="Only this collection, also if it has never landed.")
    ] = None,
) -> FreshnessList:
    """Return how fresh every collection and feed is: newest acquisition and revision, last checks, a state.

    A collection without feeds is told by its periods alone; it is not at fault in `/health`.
    """
    if collection is None:
        found = await state.feeds.standings(state.catalogue)
    else:
        found = [await state.feeds.standing(collection, state.catalogue)]
    return FreshnessList.of(request, found)
