"""Coverage: the part of each region that its scenes cover, as GeoJSON with its age."""

import asyncio
import json
from typing import Any

import shapely
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.http.auth import require
from app.http.features import GEOJSON, GeoJsonResponse, geojson_answer
from app.http.parameters import ReadyState, known_names
from app.http.region_documents import RegionSummary
from app.keys import Scope
from app.regions.status import RegionStatus
from app.state import AppState
from mosaics.ellipsoid import polygon_area_m2
from mosaics.period import Interval

router = APIRouter(
    tags=["regions"],
    dependencies=[Depends(known_names), Depends(require(Scope.READ))],
    default_response_class=GeoJsonResponse,
)


@router.get("/coverage", responses={200: {"content": {GEOJSON: {}}}})
async def coverage(request: Request, state: ReadyState) -> Response:
    """Return what the scenes of each region's window after cover, with its age; if nothing, its box.

    `covered_fraction` is the covered share of the box, or null if unknown.
    """
    _, statuses = await state.regions.statuses()
    features = [await feature(request, state, status) for status in statuses]
    return geojson_answer(json.dumps({"type": "FeatureCollection", "features": features}))


async def feature(request: Request, state: AppState, status: RegionStatus) -> dict[str, Any]:
    """Return the coverage of one region."""
    summary = RegionSummary.of(request, state, status).model_dump(mode="json")
    box, covered = status.region.bbox.geometry, await covered_part(state, status)
    outline = box if covered is None or shapely.is_empty(covered) else covered
    fraction = None if covered is None else round(polygon_area_m2(covered) / polygon_area_m2(box), 4)
    return {
        "type": "Feature",
        "id": status.region.name,
        "bbox": list(status.region.bbox.degrees),
        "geometry": json.loads(shapely.to_geojson(outline)),
        "properties": summary | {"covered_fraction": fraction},
    }


async def covered_part(state: AppState, status: RegionStatus) -> shapely.Geometry | None:
    """Return what the scenes of the window after cover of a region; None if the window is unknown."""
    if status.post is None:
        return None
    collection = state.registry.get(status.region.product).collection
    interval = Interval.parse(status.post.text)
    if not state.catalogue.has(collection):
        return shapely.Polygon()
    indexes = [
        await state.catalogue.index(collection, period)
        for period in state.catalogue.periods(collection)
        if interval.overlaps(period.start, period.end)
    ]
    box = status.region.bbox.geometry

    def united() -> shapely.Geometry:
        return shapely.union_all([index.covered_part(box, interval) for index in indexes])

    return await asyncio.to_thread(united)
