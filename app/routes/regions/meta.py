"""Documents for clients of the earlier burn severity service, at the same addresses."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request

from app.http.auth import require
from app.http.parameters import OpenState, known_names, revalidated
from app.http.region_documents import RegionMeta
from app.keys import Scope

router = APIRouter(
    tags=["regions"], dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.READ))]
)


@router.get("/meta/index.json")
async def index(request: Request, state: OpenState) -> list[RegionMeta]:
    """Return what every region shows and how old that is, computed on request."""
    _, statuses = await state.regions.statuses()
    return [RegionMeta.of(request, state, status) for status in statuses]


@router.get("/meta/{region}.json")
async def meta(
    request: Request,
    state: OpenState,
    name: Annotated[str, Path(alias="region", description="A region of /regions.")],
) -> RegionMeta:
    """Return what a region shows, for which days, and how old that is."""
    return RegionMeta.of(request, state, await state.regions.status(name))
