"""Parcels: whether one is unusual against its own history and its neighbours."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends
from pydantic import Field
from starlette.requests import Request

from app.analysis.parcel_service import ParcelAnalyses
from app.analysis.parcel_zone import zone_of_parcel
from app.analysis.request import ParcelNumbers
from app.areas.kept_areas import AreaSeries
from app.http.analysis_documents import ParcelAnalysis, parcel_document
from app.http.auth import require
from app.http.parameters import OpenDatabase, ReadyState, known_names, revalidated
from app.keys import Scope
from app.routes.areas.areas import AreaId
from app.routes.areas.timeseries import only_product
from mosaics.period import Period

router = APIRouter(
    tags=["analyses"], dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.READ))]
)

OfPeriod = Annotated[
    str | None,
    Field(max_length=50, description="The period looked at; by default the latest with a value."),
]


class ParcelRequest(ParcelNumbers):
    """What is asked of a parcel."""

    product: str | None = Field(
        default=None, max_length=200, description="Optional if the parcel keeps only one."
    )
    period: OfPeriod = None
    zone: bool = Field(
        default=False, description="Make a zone of the parcel if it is unusual; needs the scope write."
    )

    @property
    def numbers(self) -> ParcelNumbers:
        """The numbers alone."""
        return ParcelNumbers.model_validate(self.model_dump(include=set(ParcelNumbers.model_fields)))


USUAL: dict[str, Any] = {"product": "ndvi"}


@router.post("/analyze/parcel/{area}", name="analyze_parcel")
async def analyze_parcel(
    *,
    request: Request,
    state: ReadyState,
    database: OpenDatabase,
    area_id: AreaId,
    asked: Annotated[ParcelRequest | None, Body(examples=[USUAL])] = None,
) -> ParcelAnalysis:
    """Say whether a parcel is unusual: against its own history, and against its neighbours.

    History: the same season of earlier years (z, with a floor and fewest years), and EWMA and CUSUM charts of
    the whole series for a lasting change. Neighbours: parcels of the same crop, kind and owner around it, in
    the same period (percentile, robust z). What could not be worked out is told with the reason. The result
    is kept under the hash of all that determines it. An index says that something is unusual, not what
    causes it.
    """
    asked = asked or ParcelRequest()
    if asked.zone:
        await require(Scope.WRITE)(request)
    kind = AreaSeries(state.statistics)
    product = state.registry.get(asked.product or await only_product(database, kind, area_id))
    period = None if asked.period is None else Period.parse(asked.period)
    analyses = ParcelAnalyses(database, state.catalogue, state.statistics)
    kept = await analyses.analyse(area_id, product, period, asked.numbers)
    zone = None
    if asked.zone:
        async with database.transaction() as connection:
            zone = await zone_of_parcel(connection, kept)
    return parcel_document(request, kept, zone)
