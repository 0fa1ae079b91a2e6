"""Along a line: a product on a way that is not registered, at one time."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from app.exposure.journey import Journey
from app.exposure.line import Line
from app.exposure.route import GeometrySource, read_line, refuse_unsaid
from app.http.bodies import JsonObject
from app.http.exposure_documents import COVERAGE_MIN, about_way
from app.http.features import GEOJSON
from app.http.parameters import AskedWindows, Datetime, ReadyState, known_names
from app.http.periods import chosen_periods
from app.routes.areas.timeseries import SeriesFormat
from app.routes.exposure.exposure import CSV, CoverageMin, shown
from app.routes.exposure.routes import LINE

router = APIRouter(tags=["products"], dependencies=[Depends(known_names)])

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {GEOJSON: {"schema": {"type": "object", "properties": LINE}}},
    }
}

Source = Annotated[
    GeometrySource,
    Query(
        alias="geometry_source",
        description="straight-line for a line between two points.",
    ),
]


@router.post("/products/{product}/profile", name="product_profile", responses=CSV, openapi_extra=BODY)
async def along(
    *,
    state: ReadyState,
    product: str,
    document: JsonObject,
    windows: AskedWindows,
    datetime: Datetime = None,
    source: Source = GeometrySource.GIVEN,
    coverage_min: CoverageMin = COVERAGE_MIN,
    f: SeriesFormat = SeriesFormat.JSON,
) -> Response:
    """Return a product along a line at one time, as `/routes/{route}/profile` does; nothing is kept.

    The line is a Feature, a geometry, or an encoded `polyline` with its `precision`.
    """
    found, time = windows.product(state, product, datetime)
    line = await asyncio.to_thread(_line, document, source)
    written = chosen_periods(state, found, time)[0]
    engine = state.exposures.engine
    met = await engine.expose(await engine.resolve(found, Journey(line), written))
    said = {"route": None, "name": None, "owner": None} | about_way(found, source, coverage_min)
    return await shown(met, written, said, coverage_min=coverage_min, form=f, name=f"{found.id}-profile.csv")


def _line(document: Mapping[str, Any], source: GeometrySource) -> Line:
    """Return the line of a body, checked.

    Raises:
        RouteError: If there is none, or a line between two points is not called one.
        LineError: If it is not valid.
    """
    is_bare = "coordinates" in document
    line, _ = read_line({"geometry": document} if is_bare else document)
    refuse_unsaid(line, source)
    return line
