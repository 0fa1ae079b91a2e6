"""Areas: registered polygons, as GeoJSON Features."""

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import shapely
from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app.areas.area import Area, AreaChanges, AreaError, Description, FeedWish, refuse_uncounted
from app.areas.area_store import (
    change_area,
    create_area,
    delete_area,
    read_area,
    refuse_others_area,
    replace_area,
)
from app.database import Connection
from app.errors import RequestError
from app.http.auth import owner_of, require
from app.http.bodies import JsonObject
from app.http.features import GEOJSON, GeoJsonResponse, feature_answer
from app.http.parameters import OpenDatabase, OpenState, known_names
from app.keys import Scope
from app.state import AppState
from app.statistics.geometry import GeometryError, Polygonal, read_polygon
from app.statistics.places import read_place
from app.statistics.repairing import Repair, read_repaired

router = APIRouter(
    tags=["areas"],
    dependencies=[Depends(known_names), Depends(require(Scope.READ))],
    default_response_class=GeoJsonResponse,
)

WRITING = [Depends(require(Scope.WRITE))]

FEED_PROPERTY: dict[str, Any] = {
    "description": "Whether feeds bring what the products read, over the box of the area; an object says of "
    "which time (by default from a year ago on).",
    "anyOf": [
        {"type": ["boolean", "null"]},
        {
            "type": "object",
            "properties": {"from": {"type": "string"}, "to": {"type": "string"}},
            "additionalProperties": False,
        },
    ],
}

OWNER_ID = "Whose it is: keys bound to an owner see and write what has this owner_id only."

OF_PARCELS = "Of the kind parcel, where it has this type; as it was sent, and never computed."

FEATURE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            GEOJSON: {
                "schema": {
                    "type": "object",
                    "required": ["type", "geometry", "properties"],
                    "properties": {
                        "type": {"const": "Feature"},
                        "geometry": {"description": "Polygon or MultiPolygon in degrees, longitude first"},
                        "properties": {
                            "type": "object",
                            "required": ["name"],
                            "properties": {
                                "name": {"type": "string"},
                                "kind": {"type": ["string", "null"]},
                                "products": {"type": "array", "items": {"type": "string"}},
                                "feed": FEED_PROPERTY,
                                "owner_id": {"type": ["string", "null"], "description": OWNER_ID},
                                "crop_type": {"type": ["string", "null"], "description": OF_PARCELS},
                                "status": {"type": ["string", "null"], "description": OF_PARCELS},
                                "predicted_yield": {"type": ["number", "null"], "description": OF_PARCELS},
                            },
                        },
                    },
                }
            }
        },
    }
}

CHANGES_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/merge-patch+json": {
                "schema": {
                    "type": "object",
                    "required": ["properties"],
                    "properties": {"properties": {"type": "object"}},
                }
            }
        },
    }
}


async def own_area(
    request: Request,
    database: OpenDatabase,
    area: Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of the area.")],
) -> int:
    """Return the id of an area in an address, of which others than its owner learn nothing.

    Raises:
        app.areas.area.UnknownAreaError: If the request is bound to an owner and the area is not this one's.
    """
    owner = owner_of(request)
    if owner is not None:
        async with database.connection() as connection:
            await refuse_others_area(connection, area, owner)
    return area


AreaId = Annotated[int, Depends(own_area)]
WithRepair = Annotated[
    bool, Query(alias="repair", description="Make an invalid polygon valid and say what that changed.")
]


@router.post("/areas", status_code=201, dependencies=WRITING, openapi_extra=FEATURE_BODY)
async def create(
    request: Request,
    state: OpenState,
    database: OpenDatabase,
    document: JsonObject,
    repair: WithRepair = False,
) -> Response:
    """Register an area; with `feed`, what its products read is brought by feeds that end with it."""
    description = described(state, document).of_owner(owner_of(request))
    polygon, repaired = await polygon_of_feature(document, repair=repair)
    async with database.transaction() as connection:
        area = await create_area(connection, description, polygon)
        await follow_area(state, connection, area, description.feed)
    location = str(request.url_for("area", area=area.id))
    return await feature_answer(
        partial(area.feature, repaired), status_code=201, headers={"Location": location}
    )


@router.get("/areas/{area}", name="area")
async def read(database: OpenDatabase, area_id: AreaId) -> Response:
    """Return an area."""
    async with database.connection() as connection:
        area = await read_area(connection, area_id)
    return await feature_answer(area.feature)


@router.put("/areas/{area}", dependencies=WRITING, openapi_extra=FEATURE_BODY)
async def replace(
    *,
    request: Request,
    state: OpenState,
    database: OpenDatabase,
    area_id: AreaId,
    document: JsonObject,
    repair: WithRepair = False,
) -> Response:
    """Replace an area's shape and properties; what was kept for another shape is dropped."""
    description = described(state, document).of_owner(owner_of(request))
    polygon, repaired = await polygon_of_feature(document, repair=repair)
    async with database.transaction() as connection:
        area = await replace_area(connection, area_id, description, polygon)
        await follow_area(state, connection, area, description.feed)
    return await feature_answer(partial(area.feature, repaired))


@router.patch("/areas/{area}", dependencies=WRITING, openapi_extra=CHANGES_BODY)
async def change(
    request: Request, state: OpenState, database: OpenDatabase, area_id: AreaId, document: JsonObject
) -> Response:
    """Change an area's properties by merge patch: null removes one, and those not named stay."""
    if "geometry" in document:
        raise AreaError("PATCH changes properties only; use PUT to replace the geometry")
    changes = AreaChanges.read(properties_of(document)).of_owner(owner_of(request))
    refuse_uncounted(state.registry, changes.products or ())
    async with database.transaction() as connection:
        area = await change_area(connection, area_id, changes)
        await follow_area(state, connection, area, changes.feed or area.description.feed)
    return await feature_answer(area.feature)


@router.delete("/areas/{area}", status_code=204, dependencies=WRITING)
async def delete(database: OpenDatabase, area_id: AreaId) -> Response:
    """Delete an area and the statistics kept for it."""
    async with database.connection() as connection:
        await delete_area(connection, area_id)
    return Response(status_code=204)


async def follow_area(state: AppState, connection: Connection, area: Area, wish: FeedWish) -> None:
    """Bring the feeds of an area into line with it; call it within the transaction that changes it."""
    await state.feeds.follow_area(connection, area, wish, state.registry)


def described(state: AppState, document: Mapping[str, Any]) -> Description:
    """Return the description in a Feature."""
    if document.get("type") != "Feature":
        raise AreaError(
            'an area must be a GeoJSON Feature: {"type": "Feature", "geometry": …, "properties": …}'
        )
    description = Description.read(properties_of(document))
    refuse_uncounted(state.registry, description.products)
    return description


def properties_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties of a Feature, or of a patch of one."""
    properties = document.get("properties")
    if not isinstance(properties, dict):
        raise AreaError('properties must be an object, such as {"name": "North field"}')
    return properties


async def polygon_of_feature(document: Mapping[str, Any], *, repair: bool) -> tuple[Polygonal, Repair | None]:
    """Return the polygon of a Feature, repaired if that is requested and needed."""
    geometry = document.get("geometry")
    if not isinstance(geometry, dict):
        raise AreaError("geometry must be a GeoJSON Polygon or MultiPolygon")
    return await asyncio.to_thread(read_repaired, geometry, repair=repair)


def read_shape(text: str) -> shapely.Geometry:
    """Read a geometry, of any kind, that areas may touch, in degrees."""
    try:
        geojson = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError("intersects is not a valid GeoJSON geometry: it cannot be read") from error
    return read_geometry(geojson)


def read_geometry(geojson: Any) -> shapely.Geometry:
    """Return a GeoJSON geometry, of any kind, that areas may touch, in degrees."""
    if isinstance(geojson, dict) and geojson.get("type") in ("Polygon", "MultiPolygon"):
        return polygon_searched(geojson)
    try:
        return read_place(geojson)
    except GeometryError as error:
        raise RequestError(f"intersects {error}") from error


def polygon_searched(geojson: Mapping[str, Any]) -> Polygonal:
    """Read a polygon, which may cross the antimeridian."""
    try:
        return read_polygon(geojson)
    except GeometryError as error:
        raise RequestError(f"intersects is not a valid GeoJSON geometry: {error}") from error
