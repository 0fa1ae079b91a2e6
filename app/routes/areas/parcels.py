"""Parcels under addresses of their own: the same as `/areas`, of the kind `parcel` alone."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.areas.area import PARCEL, AreaError, UnknownAreaError
from app.areas.area_store import is_of_kind
from app.http.auth import require
from app.http.bodies import JsonObject
from app.http.features import GeoJsonResponse
from app.http.parameters import OpenDatabase, OpenState, known_names, names_of_any_product
from app.keys import Scope
from app.routes.areas import areas, timeseries, trend
from app.routes.areas.areas import FEATURE_BODY, WRITING, AreaId, WithRepair, properties_of


async def own_parcel(database: OpenDatabase, area_id: AreaId) -> int:
    """Return the id of a parcel in an address.

    Raises:
        UnknownAreaError: If the area is of another kind, or of another owner than the request is bound to.
    """
    async with database.connection() as connection:
        if not await is_of_kind(connection, area_id, PARCEL):
            raise UnknownAreaError(area_id)
    return area_id


ParcelId = Annotated[int, Depends(own_parcel)]

NAMES = [Depends(known_names)]
WRITTEN = [*NAMES, *WRITING]

router = APIRouter(
    prefix="/parcels",
    tags=["areas"],
    dependencies=[Depends(require(Scope.READ))],
    default_response_class=GeoJsonResponse,
)


@router.post("", name="create_parcel", status_code=201, dependencies=WRITTEN, openapi_extra=FEATURE_BODY)
async def create(
    request: Request,
    state: OpenState,
    database: OpenDatabase,
    document: JsonObject,
    repair: WithRepair = False,
) -> Response:
    """Register a parcel: `POST /areas` with the kind `parcel`."""
    return await areas.create(request, state, database, as_parcel(document), repair)


@router.get("/{area}", name="parcel", dependencies=NAMES)
async def read(database: OpenDatabase, parcel_id: ParcelId) -> Response:
    """Return a parcel, as `GET /areas/{area}` does."""
    return await areas.read(database, parcel_id)


@router.put("/{area}", name="replace_parcel", dependencies=WRITTEN, openapi_extra=FEATURE_BODY)
async def replace(
    *,
    request: Request,
    state: OpenState,
    database: OpenDatabase,
    parcel_id: ParcelId,
    document: JsonObject,
    repair: WithRepair = False,
) -> Response:
    """Replace a parcel, as `PUT /areas/{area}` does."""
    return await areas.replace(
        request=request,
        state=state,
        database=database,
        area_id=parcel_id,
        document=as_parcel(document),
        repair=repair,
    )


@router.patch("/{area}", name="change_parcel", dependencies=WRITTEN, openapi_extra=areas.CHANGES_BODY)
async def change(
    request: Request, state: OpenState, database: OpenDatabase, parcel_id: ParcelId, document: JsonObject
) -> Response:
    """Change properties of a parcel, as `PATCH /areas/{area}` does."""
    return await areas.change(request, state, database, parcel_id, document)


@router.delete("/{area}", name="delete_parcel", status_code=204, dependencies=WRITING)
async def delete(database: OpenDatabase, parcel_id: ParcelId) -> Response:
    """Delete a parcel and the statistics kept for it."""
    return await areas.delete(database, parcel_id)


for path, name, series in (
    ("/{area}/timeseries", "parcel_timeseries", timeseries.timeseries),
    ("/{area}/trend", "parcel_trend", trend.trend),
):
    router.add_api_route(
        path,
        series,
        name=name,
        dependencies=[Depends(names_of_any_product if "time" in path else known_names), Depends(own_parcel)],
        response_class=JSONResponse,
    )


def as_parcel(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Feature as a parcel.

    Raises:
        AreaError: If it names another kind.
    """
    properties = {"kind": PARCEL, **properties_of(document)}
    if properties["kind"] != PARCEL:
        raise AreaError(f"properties.kind must be {PARCEL!r} here; POST /areas takes any")
    return {**document, "properties": properties}
