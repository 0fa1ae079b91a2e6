"""Kept analyses: one by its id, and lists of them."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel
from starlette.requests import Request

from app.analysis.analysis_store import AnalysisSearch, list_analyses, read_analysis
from app.analysis.verdict import Level
from app.areas.pages import MAX_PAGE
from app.http.analysis_documents import analysis_document
from app.http.auth import owner_of, require
from app.http.features import searched
from app.http.parameters import OpenDatabase, known_names, revalidated
from app.http.schemas import JSON, Link
from app.keys import Scope

router = APIRouter(
    tags=["analyses"], dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.READ))]
)

AnalysisId = Annotated[int, Path(alias="analysis", ge=1, le=2**63 - 1, description="Id of the analysis.")]


class AnalysisPage(BaseModel):
    """A page of analyses, in order of id."""

    analyses: list[dict[str, Any]]
    links: list[Link]


@router.get("/analyses")
async def find(
    *,
    request: Request,
    database: OpenDatabase,
    kind: Annotated[Literal["parcel", "scene"] | None, Query()] = None,
    parcel: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Id of a parcel.")] = None,
    product: Annotated[str | None, Query(max_length=200)] = None,
    period: Annotated[str | None, Query(max_length=50)] = None,
    level: Annotated[Level | None, Query(description="A verdict on parcels.")] = None,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Only analyses with a higher id.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> AnalysisPage:
    """List kept analyses in order of id; `links` holds the next page.

    Those of parcels that keep series are refreshed when scenes land.
    """
    search = AnalysisSearch(
        owner_of(request), kind, parcel, searched("product", product), searched("period", period), level
    )
    async with database.connection() as connection:
        found, more = await list_analyses(connection, search, after=after, limit=limit)
    links = [Link(rel="self", href=str(request.url), type=JSON)]
    if more:
        following = request.url.include_query_params(after=found[-1].id)
        links.append(Link(rel="next", href=str(following), type=JSON))
    return AnalysisPage(analyses=[analysis_document(request, each) for each in found], links=links)


@router.get("/analyses/{analysis}", name="analysis")
async def read(request: Request, database: OpenDatabase, analysis_id: AnalysisId) -> dict[str, Any]:
    """Return an analysis that is kept, of a parcel or of a scene."""
    async with database.connection() as connection:
        kept = await read_analysis(connection, analysis_id, owner_of(request))
    return analysis_document(request, kept)
