"""Zones: outlines where something is unusual or was found, as GeoJSON Features."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app.areas.pages import MAX_PAGE
from app.http.auth import owner_of, require
from app.http.bodies import JsonObject
from app.http.features import GEOJSON, GeoJsonResponse, feature_answer, features_page, searched
from app.http.job_documents import IdempotencyKey
from app.http.parameters import OpenDatabase, known_names
from app.jobs.service import require_key
from app.keys import Scope
from app.routes.areas.areas import WRITING, WithRepair, polygon_of_feature, read_shape
from app.stac.collection_search import read_box
from app.statistics.geometry import Polygonal
from app.statistics.repairing import Repair
from app.zones.zone import CalledBy, Severity, Zone, ZoneDescription, ZoneError, ZoneKind, ZoneState
from app.zones.zone_store import (
    ZoneSearch,
    create_zone,
    delete_zone,
    list_zones,
    read_zone,
    replace_zone,
)

router = APIRouter(
    tags=["zones"],
    dependencies=[Depends(known_names), Depends(require(Scope.READ))],
    default_response_class=GeoJsonResponse,
)

PROPERTIES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {
            "enum": [*ZoneKind],
            "description": "anomaly if absent; a disease is what a person or a model says it is.",
        },
        "severity": {"enum": [*Severity, None]},
        "called": {"type": ["string", "null"], "description": "What it was called, such as black pod."},
        "called_by": {"enum": [*CalledBy, None], "description": "Beside called."},
        "caller": {"type": ["string", "null"], "description": "The name of that person or model."},
        "model_version": {"type": ["string", "null"], "description": "Of a model, and only there."},
        "detected_at": {"type": ["string", "null"], "format": "date-time"},
        "state": {"enum": [*ZoneState], "description": "new if absent."},
        "owner_id": {"type": ["string", "null"], "description": "Whose it is, as of areas."},
        "source_analysis": {"type": ["string", "null"], "description": "Id of the analysis it is made of."},
        "center": {
            "type": ["array", "null"],
            "items": {"type": "number"},
            "description": "Longitude and latitude of a circle, in place of a geometry.",
        },
        "radius_m": {"type": ["number", "null"], "description": "Along geodesics, 1 to 1,000,000."},
    },
}

GEOMETRY: dict[str, Any] = {
    "description": "Polygon or MultiPolygon in degrees, longitude first; null for a circle."
}


def body(media_type: str, required: list[str]) -> dict[str, Any]:
    """Return the OpenAPI description of a body with a zone."""
    properties = {"type": {"const": "Feature"}, "geometry": GEOMETRY, "properties": PROPERTIES}
    schema = {"type": "object", "required": required, "properties": properties}
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


ZoneId = Annotated[int, Path(alias="zone", ge=1, le=2**63 - 1, description="Id of the zone.")]


@dataclass(frozen=True, slots=True)
class AskedZones:
    """Parameters that say which zones are wanted."""

    bbox: Annotated[str | None, Query(description="west,south,east,north in degrees")] = None
    intersects: Annotated[str | None, Query(description="A GeoJSON geometry that zones touch")] = None
    state: Annotated[ZoneState | None, Query()] = None
    kind: Annotated[ZoneKind | None, Query()] = None
    severity: Annotated[Severity | None, Query()] = None
    parcel: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="Id of a parcel that zones intersect")
    ] = None
    source_analysis: Annotated[str | None, Query(max_length=200, description="Id of an analysis")] = None

    def search(self, reader: str | None) -> ZoneSearch:
        """Return what the database is asked, for a request that may be bound to an owner."""
        return ZoneSearch(
            reader=reader,
            kind=self.kind,
            state=self.state,
            severity=self.severity,
            source_analysis=searched("source_analysis", self.source_analysis),
            parcel=self.parcel,
            bbox=read_box(self.bbox),
            intersects=None if self.intersects is None else read_shape(self.intersects),
        )


@router.post(
    "/zones",
    status_code=201,
    dependencies=WRITING,
    openapi_extra=body(GEOJSON, ["type", "geometry", "properties"]),
)
async def create(
    *,
    request: Request,
    database: OpenDatabase,
    document: JsonObject,
    repair: WithRepair = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Keep a zone: a polygon, or a circle by its center and radius_m in the properties."""
    require_key(idempotency_key)
    if document.get("type") != "Feature":
        raise ZoneError(
            'a zone must be a GeoJSON Feature: {"type": "Feature", "geometry": …, "properties": …}'
        )
    reader = owner_of(request)
    description = ZoneDescription.read(_properties(document)).of_owner(reader)
    polygon, repaired = await _outline(document, description, repair=repair)
    async with database.transaction() as connection:
        zone = await create_zone(
            connection, description, polygon, reader=reader, key=idempotency_key, asked=document
        )
    location = str(request.url_for("zone", zone=zone.id))
    return await feature_answer(
        partial(zone.feature, repaired), status_code=201, headers={"Location": location}
    )


@router.get("/zones")
async def find(
    *,
    request: Request,
    database: OpenDatabase,
    asked: Annotated[AskedZones, Depends()],
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Only zones with a higher id")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Response:
    """List zones in order of id; `links` holds the next page."""
    search = asked.search(owner_of(request))
    async with database.connection() as connection:
        page = await list_zones(connection, search, after=after, limit=limit)
    return await features_page(request, page.zones, more=page.more)


@router.get("/zones/{zone}", name="zone")
async def read(request: Request, database: OpenDatabase, zone_id: ZoneId) -> Response:
    """Return a zone."""
    reader = owner_of(request)
    async with database.connection() as connection:
        zone = await read_zone(connection, zone_id, reader)
    return await feature_answer(zone.feature)


@router.patch(
    "/zones/{zone}",
    dependencies=WRITING,
    openapi_extra=body("application/merge-patch+json", []),
)
async def change(
    *,
    request: Request,
    database: OpenDatabase,
    zone_id: ZoneId,
    document: JsonObject,
    repair: WithRepair = False,
) -> Response:
    """Change a zone by merge patch: its properties, of which null removes one, and its outline.

    A geometry takes the place of a circle; a center or a radius_m draws another one.
    """
    reader = owner_of(request)
    properties = dict(_properties(document)) if "properties" in document else {}
    if document.get("geometry") is not None:
        properties = {"center": None, "radius_m": None} | properties
    async with database.transaction() as connection:
        before = await read_zone(connection, zone_id, reader, is_locked=True)
        description = before.description.changed(properties).of_owner(reader)
        polygon, repaired = await _outline(document, description, before, repair=repair)
        zone = await replace_zone(connection, zone_id, description, polygon, reader)
    return await feature_answer(partial(zone.feature, repaired))


@router.delete("/zones/{zone}", status_code=204, dependencies=WRITING)
async def delete(request: Request, database: OpenDatabase, zone_id: ZoneId) -> Response:
    """Delete a zone."""
    reader = owner_of(request)
    async with database.connection() as connection:
        await delete_zone(connection, zone_id, reader)
    return Response(status_code=204)


async def _outline(
    document: Mapping[str, Any], description: ZoneDescription, before: Zone | None = None, *, repair: bool
) -> tuple[Polygonal, Repair | None]:
    """Return the outline of a zone: the geometry that is sent, that of its circle, or the one it has."""
    circle = description.circle
    if document.get("geometry") is not None:
        if circle is not None:
            raise ZoneError("a zone has a geometry, or a center and radius_m in its properties, not both")
        return await polygon_of_feature(document, repair=repair)
    if circle is not None:
        return await asyncio.to_thread(circle.polygon), None
    if before is None:
        raise ZoneError(
            "a zone needs a geometry, a Polygon or MultiPolygon, or center and radius_m in its properties"
        )
    return before.polygon, None


def _properties(document: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = document.get("properties")
    if not isinstance(properties, dict):
        raise ZoneError('properties must be an object, such as {"kind": "anomaly"}')
    return properties
