"""Exposure: what a registered route met at every scan, and along its way at one."""

import asyncio
import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.areas.timeseries import TimeSeries, TimeSeriesReader
from app.database import Database
from app.errors import NothingLandedError, RequestError
from app.exposure.exposure import Exposure
from app.exposure.route import Route
from app.exposure.route_store import read_route
from app.exposure.trips import read_trip
from app.http.auth import require
from app.http.exposure_documents import (
    COVERAGE_MIN,
    PIECE_COLUMNS,
    about,
    entries_csv,
    floored,
    piece_rows,
    pieces_of,
)
from app.http.parameters import (
    Datetime,
    OpenDatabase,
    ReadyState,
    given_parameters,
    names_of_any_product,
)
from app.http.periods import chosen_periods
from app.http.series_csv import csv_lines
from app.keys import Scope
from app.products.product import Product
from app.routes.areas.timeseries import FRESH, SeriesFormat, only_product
from app.routes.exposure.routes import RouteId
from app.state import AppState
from mosaics.period import Interval

router = APIRouter(
    tags=["routes"], dependencies=[Depends(names_of_any_product), Depends(require(Scope.READ))]
)

MAX_SHOWN = 20_000
"""Pieces of a profile as JSON: 4 MB."""

CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}

ProductId = Annotated[str | None, Query(alias="product", description="Optional if the route keeps only one.")]
CoverageMin = Annotated[
    float,
    Query(
        ge=0,
        le=1,
        description="Share of the route that must have a value for its mean, maximum and percentile.",
    ),
]


@router.get("/routes/{route}/exposure", name="route_exposure", responses=CSV)
async def exposure(
    *,
    request: Request,
    state: ReadyState,
    database: OpenDatabase,
    route_id: RouteId,
    product: ProductId = None,
    start: Annotated[str | None, Query(max_length=50, description="A period or an instant.")] = None,
    end: Annotated[str | None, Query(max_length=50, description="A period (included) or an instant.")] = None,
    coverage_min: CoverageMin = COVERAGE_MIN,
    f: SeriesFormat = SeriesFormat.JSON,
) -> Response:
    """Return what a route was exposed to in every period from `start` to `end`; without them, in all.

    Kept entries are read, not computed. Those not kept yet are computed up to a limit: their `kept` is false,
    and `pending` is the number of entries left out. Means, maxima and percentiles are weighted with the
    length in each cell; under `time` they are weighted with the time spent there, where the route says how
    long its segments take. A route with a departure is one trip and has one entry, in which each place takes
    the scan that contains its moment. Parameters of the product (`cloud_max=0.3`) stand in place of the
    route's; what is met under them is computed.
    """
    time = Interval.parse(f"{start or '..'}/{end or '..'}")
    found = state.registry.get(product or await only_product(database, state.exposures, route_id))
    async with database.connection() as connection:
        route = await read_route(connection, route_id)
    given = given_parameters(request, found)
    series = await _series(state, database, route, found, time=time, given=given)
    entries = [floored(json.loads(entry), coverage_min) for entry in series.entries]
    if f is SeriesFormat.CSV:
        return _table(
            f"route-{route.id}-{found.id}.csv",
            await asyncio.to_thread(entries_csv, route, found, entries),
            {"X-Tilewatch-Pending": str(series.pending)},
        )
    counted = {
        "is_trip": route.is_trip,
        "kept": len(entries) - series.computed,
        "computed": series.computed,
        "pending": series.pending,
        "series": entries,
    }
    return await _json(about(route, found, coverage_min) | counted)


@router.get("/routes/{route}/profile", name="route_profile", responses=CSV)
async def profile(
    *,
    request: Request,
    state: ReadyState,
    database: OpenDatabase,
    route_id: RouteId,
    product: ProductId = None,
    datetime: Datetime = None,
    coverage_min: CoverageMin = COVERAGE_MIN,
    f: SeriesFormat = SeriesFormat.JSON,
) -> Response:
    """Return a product along a route at one time: every piece between the edges of two cells.

    `start_m` is the way from the beginning; gaps between the parts of a MultiLineString count nothing. A
    route with a departure takes the scan of each moment, and no `datetime`. Parameters of the product stand
    in place of the route's.
    """
    found = state.registry.get(product or await only_product(database, state.exposures, route_id))
    async with database.connection() as connection:
        route = await read_route(connection, route_id)
    if route.is_trip and datetime is not None:
        raise RequestError("the route has a departure, which says the time; leave out datetime")
    written = "trip" if route.is_trip else chosen_periods(state, found, datetime)[0]
    kind = state.exposures.under(given_parameters(request, found))
    resolved = await kind.resolve(found, route, written)
    met = await state.exposures.engine.expose(resolved)
    name = f"route-{route.id}-{found.id}-profile.csv"
    said = about(route, found, coverage_min)
    return await shown(met, written, said, coverage_min=coverage_min, form=f, name=name)


async def shown(
    met: Exposure,
    written: str,
    said: Mapping[str, Any],
    *,
    coverage_min: float,
    form: SeriesFormat,
    name: str,
) -> Response:
    """Return the answer about a way at one time, piece by piece.

    Args:
        met: What the way meets.
        written: The time, as it is told.
        said: What the answer says first.
        coverage_min: Share of the length that must have a value.
        form: JSON, or a table of the pieces.
        name: Of the table's file.

    Raises:
        RequestError: If there are too many pieces for JSON.
    """
    if form is SeriesFormat.CSV:
        rows = await asyncio.to_thread(piece_rows, met)
        return _table(name, csv_lines([PIECE_COLUMNS, *rows]))
    if met.pieces.count > MAX_SHOWN:
        raise RequestError(
            f"the profile has {met.pieces.count:,} pieces; at most {MAX_SHOWN:,} are given as JSON: f=csv "
            "gives all"
        )
    entry = floored(met.entry(written), coverage_min)
    segments = await asyncio.to_thread(pieces_of, met)
    return await _json({**said, **entry, "segments": segments})


async def _series(
    state: AppState,
    database: Database,
    route: Route,
    product: Product,
    *,
    time: Interval,
    given: Mapping[str, float],
) -> TimeSeries:
    if product.planes != 1:
        raise RequestError(f"product {product.id!r} is a picture of three bands; it has no exposure")
    kind = state.exposures.under(given)
    if not route.is_trip:
        ruled = route.ruled(product)
        is_own = ruled.with_parameters(given).digest != ruled.digest
        return await TimeSeriesReader(database, state.catalogue, kind).read(
            route.id, product, time, is_own=is_own
        )
    if product.collection not in state.catalogue.collections():
        raise NothingLandedError(f"nothing has landed for {product.id!r} yet")
    return await read_trip(database, state.catalogue, kind, route, product)


async def _json(document: Mapping[str, Any]) -> Response:
    body = await asyncio.to_thread(json.dumps, document)
    return Response(body, media_type="application/json", headers=FRESH)


def _table(name: str, body: str, headers: Mapping[str, str] | None = None) -> Response:
    said = FRESH | {"Content-Disposition": f'attachment; filename="{name}"'} | dict(headers or {})
    return Response(body, media_type="text/csv", headers=said)
