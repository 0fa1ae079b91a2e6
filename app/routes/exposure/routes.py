"""Routes: registered ways, as GeoJSON Features."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app.areas.area import refuse_other_owner
from app.areas.pages import MAX_PAGE
from app.exposure.line import KINDS, Line
from app.exposure.route import (
    GeometrySource,
    Route,
    RouteDescription,
    RouteError,
    read_line,
    refuse_unkept,
    refuse_unsaid,
)
from app.exposure.route_store import (
    RouteSearch,
    create_route,
    delete_route,
    list_routes,
    read_route,
    refuse_others_route,
    replace_route,
)
from app.http.auth import owner_of, require, sent_key
from app.http.bodies import JsonObject
from app.http.features import GEOJSON, GeoJsonResponse, feature_answer, features_page, searched
from app.http.job_documents import IdempotencyKey
from app.http.parameters import OpenDatabase, OpenState, known_names
from app.jobs.service import require_key
from app.keys import Scope, recognise
from app.routes.areas.areas import OWNER_ID, WRITING
from app.stac.collection_search import read_box
from app.state import AppState

router = APIRouter(
    tags=["routes"],
    dependencies=[Depends(known_names), Depends(require(Scope.READ))],
    default_response_class=GeoJsonResponse,
)

PROPERTIES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "owner": {"type": ["string", "null"], "description": "By default the name of the key."},
        "owner_id": {"type": ["string", "null"], "description": OWNER_ID},
        "profile": {"type": ["string", "null"], "description": "How one goes, such as car or bicycle."},
        "products": {"type": "array", "items": {"type": "string"}},
        "parameters": {
            "type": "object",
            "additionalProperties": {"type": "number"},
            "description": "Numbers of the products' mask rules for this route, such as cloud_max.",
        },
        "departure": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "Makes it one trip: each place takes the scan that contains its moment.",
        },
        "speed_km_h": {"type": ["number", "null"]},
        "durations_s": {
            "type": ["array", "null"],
            "items": {"type": "number"},
            "description": "Seconds of each segment, one part after the other.",
        },
        "geometry_source": {"enum": [*GeometrySource]},
    },
}

LINE: dict[str, Any] = {
    "type": {"const": "Feature"},
    "geometry": {"description": f"{' or '.join(KINDS)} in degrees, longitude first"},
    "polyline": {"type": "string", "description": "An encoded polyline, in place of the geometry."},
    "precision": {"enum": [5, 6], "description": "Digits of the polyline; 5 if absent."},
}

FEATURE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            GEOJSON: {
                "schema": {
                    "type": "object",
                    "required": ["type", "properties"],
                    "properties": {**LINE, "properties": {**PROPERTIES, "required": ["name"]}},
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
                "schema": {"type": "object", "properties": {**LINE, "properties": PROPERTIES}}
            }
        },
    }
}


async def own_route(
    request: Request,
    database: OpenDatabase,
    route: Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of the route.")],
) -> int:
    """Return the id of a route in an address, of which others than its owner learn nothing.

    Raises:
        app.exposure.route.UnknownRouteError: If the request is bound to an owner and the route is not this
            one's.
    """
    owner = owner_of(request)
    if owner is not None:
        async with database.connection() as connection:
            await refuse_others_route(connection, route, owner)
    return route


RouteId = Annotated[int, Depends(own_route)]
AskedSource = Annotated[
    GeometrySource | None,
    Query(
        alias="geometry_source",
        description="straight-line registers a line between two points; otherwise such a line is refused.",
    ),
]


@router.post("/routes", status_code=201, dependencies=WRITING, openapi_extra=FEATURE_BODY)
async def create(
    *,
    request: Request,
    state: OpenState,
    database: OpenDatabase,
    document: JsonObject,
    source: AskedSource = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Register a route; the exposure of its products is kept after every new scan."""
    require_key(idempotency_key)
    if document.get("type") != "Feature":
        raise RouteError(
            'a route must be a GeoJSON Feature: {"type": "Feature", "geometry": …, "properties": …}'
        )
    description = RouteDescription.read(_owned(request, state, _properties(document), source))
    line, is_multi = await _checked(state, document, description)
    async with database.transaction() as connection:
        route = await create_route(
            connection, description, line, is_multi=is_multi, key=idempotency_key, asked=document
        )
    location = str(request.url_for("route", route=route.id))
    return await feature_answer(route.feature, status_code=201, headers={"Location": location})


@router.get("/routes")
async def find(
    *,
    request: Request,
    database: OpenDatabase,
    bbox: Annotated[str | None, Query(description="west,south,east,north in degrees")] = None,
    owner: Annotated[str | None, Query(max_length=200)] = None,
    name: Annotated[str | None, Query(max_length=200, description="Part of the name")] = None,
    product: Annotated[str | None, Query(max_length=200, description="Id of a product that is kept")] = None,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Only routes with a higher id")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Response:
    """List routes in order of id; `links` holds the next page."""
    search = RouteSearch(
        owner_id=owner_of(request),
        owner=searched("owner", owner),
        name=searched("name", name),
        product=searched("product", product),
        bbox=read_box(bbox),
    )
    async with database.connection() as connection:
        page = await list_routes(connection, search, after=after, limit=limit)
    return await features_page(request, page.routes, more=page.more)


@router.get("/routes/{route}", name="route")
async def read(database: OpenDatabase, route_id: RouteId) -> Response:
    """Return a route."""
    async with database.connection() as connection:
        route = await read_route(connection, route_id)
    return await feature_answer(route.feature)


@router.patch("/routes/{route}", dependencies=WRITING, openapi_extra=CHANGES_BODY)
async def change(
    *,
    request: Request,
    state: OpenState,
    database: OpenDatabase,
    route_id: RouteId,
    document: JsonObject,
    source: AskedSource = None,
) -> Response:
    """Change a route by merge patch: its properties, of which null removes one, and its line.

    What was kept is dropped where the line, the times or the parameters are others.
    """
    properties = _properties(document) if "properties" in document else {}
    if source is not None:
        properties = {**properties, "geometry_source": str(source)}
    _refuse_other_owner(properties, owner_of(request))
    async with database.transaction() as connection:
        before = await read_route(connection, route_id, is_locked=True)
        description = before.description.changed(properties)
        line, is_multi = await _checked(state, document, description, before)
        route = await replace_route(connection, route_id, description, line, is_multi=is_multi)
    return await feature_answer(route.feature)


@router.delete("/routes/{route}", status_code=204, dependencies=WRITING)
async def delete(database: OpenDatabase, route_id: RouteId) -> Response:
    """Delete a route and the exposures kept for it."""
    async with database.connection() as connection:
        await delete_route(connection, route_id)
    return Response(status_code=204)


async def _checked(
    state: AppState,
    document: Mapping[str, Any],
    description: RouteDescription,
    before: Route | None = None,
) -> tuple[Line, bool]:
    """Return the line of a Feature, and whether it has parts, once all about it is known to be valid."""
    refuse_unkept(state.registry, description)
    if before is not None and not {"geometry", "polyline"} & document.keys():
        line, is_multi = before.line, before.is_multi
    else:
        line, is_multi = await asyncio.to_thread(read_line, document)
    refuse_unsaid(line, description.source)
    description.timing.journey(line)
    return line, is_multi


def _owned(
    request: Request, state: AppState, properties: Mapping[str, Any], source: GeometrySource | None
) -> dict[str, Any]:
    """Return properties with the source asked for, and the name of the key as the owner if they name none."""
    found = dict(properties)
    if source is not None:
        found["geometry_source"] = str(source)
    owner_id = owner_of(request)
    _refuse_other_owner(found, owner_id)
    if owner_id is not None:
        found["owner_id"] = owner_id
    if "owner" not in found and (key := sent_key(request)) is not None:
        entry = recognise(key, state.settings.api_keys)
        found["owner"] = None if entry is None else entry.name
    return found


def _refuse_other_owner(properties: Mapping[str, Any], owner: str | None) -> None:
    """Raise `AreaError`, as for areas, if a request that is bound to an owner names another."""
    if owner is not None:
        refuse_other_owner(properties.get("owner_id", owner), owner)


def _properties(document: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = document.get("properties")
    if not isinstance(properties, dict):
        raise RouteError('properties must be an object, such as {"name": "Way to school"}')
    return properties
