"""Meta: the documents that clients of the earlier burn severity service read, at the same addresses."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request

from app.keys import Scope
from app.routes.permission import require
from app.routes.queries import OpenDesk, known_names, revalidated
from app.routes.region_documents import RegionMeta

router = APIRouter(
    tags=["regions"], dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.READ))]
)


@router.get("/meta/index.json")
async def index(request: Request, desk: OpenDesk) -> list[RegionMeta]:
    """What every region shows and how old that is, computed when it is asked for."""
    _, statuses = await desk.roster.statuses()
    return [RegionMeta.of(request, desk, status) for status in statuses]


@router.get("/meta/{region}.json")
async def meta(
    request: Request,
    desk: OpenDesk,
    name: Annotated[str, Path(alias="region", description="A region of /regions.")],
) -> RegionMeta:
    """What a region shows, of which days, and how old that is."""
    return RegionMeta.of(request, desk, await desk.roster.status(name))
