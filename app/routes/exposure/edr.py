"""OGC API EDR: what a product has along a way, and to both sides of it, without registering anything.

A way is matched with data by splitting it exactly at the edges of cells: every value is one cell's, at the
middle of the piece within it. Places with times (M) take the scan that contains their moment.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.errors import RequestError
from app.exposure.corridor import CorridorCells, read_corridor, widened
from app.exposure.exposure import Exposure
from app.exposure.line import Line
from app.exposure.route import GeometrySource
from app.http.auth import require
from app.http.bodies import JsonObject
from app.http.covjson import COVJSON, COVJSON_OF_EDR, Coverage, corridor_coverage, document_of, way_coverage
from app.http.edr_documents import CONFORMANCE
from app.http.edr_queries import (
    CORRIDOR_MEMBERS,
    CORRIDOR_NAMES,
    MEMBERS,
    NAMES,
    Asked,
    CorridorQuery,
    TrajectoryQuery,
    body_of,
    length_m,
    sent_members,
    sent_query,
)
from app.http.exposure_documents import PIECE_COLUMNS, piece_rows
from app.http.parameters import ReadyState, declared, known_names
from app.http.periods import chosen_periods
from app.http.series_csv import csv_lines
from app.keys import Scope
from app.products.product import Product
from app.state import AppState
from mosaics.collection import Collection
from mosaics.period import instant_text

router = APIRouter(tags=["EDR"], dependencies=[Depends(require(Scope.READ))])

MAX_PERIODS = 48
"""Periods of one answer: two days of hours."""

MAX_PIECES = 100_000
"""Pieces of one answer, of all its parameters and periods: some 15 MB."""

CELL_COLUMNS = ("lon", "lat", "covered", "value", "state")

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A coverage, or a collection of coverages.",
        "content": {
            COVJSON: {"schema": {"type": "object"}},
            COVJSON_OF_EDR: {"schema": {"type": "object"}},
            "text/csv": {"schema": {"type": "string"}},
        },
    }
}


@router.get("/conformance", name="conformance", dependencies=[Depends(known_names)])
async def conformance() -> dict[str, Any]:
    """List the conformance classes of the interface."""
    return {"conformsTo": list(CONFORMANCE)}


@router.get(
    "/collections/{collection}/trajectory",
    name="edr_trajectory",
    responses=ANSWERS,
    dependencies=[Depends(declared(TrajectoryQuery))],
)
async def trajectory(request: Request, state: ReadyState, collection: str) -> Response:
    """Return values along a way, split exactly at the edges of cells, as CoverageJSON or CSV.

    Without times the coverage is a MultiPoint of the middles of the pieces, one coverage for each parameter
    and period; with times (M) it is a Trajectory, in which each place takes the scan that contains its
    moment.
    `length` is the length of the way in each cell, by which values are to be weighted.
    """
    found = state.catalogue.collection(collection)
    return await _trajectory(request, state, found, sent_query(request, state, found, NAMES))


@router.post(
    "/collections/{collection}/trajectory",
    name="edr_trajectory_post",
    openapi_extra=body_of(MEMBERS, "coords"),
    responses=ANSWERS,
    dependencies=[Depends(known_names)],
)
async def trajectory_post(
    request: Request, state: ReadyState, collection: str, document: JsonObject
) -> Response:
    """Return values along a way, as GET does, for ways that are too long for an address."""
    found = state.catalogue.collection(collection)
    return await _trajectory(request, state, found, sent_members(state, found, document, NAMES))


@router.get(
    "/collections/{collection}/corridor",
    name="edr_corridor",
    responses=ANSWERS,
    dependencies=[Depends(declared(CorridorQuery))],
)
async def corridor(request: Request, state: ReadyState, collection: str) -> Response:
    """Return the values of the cells within half a width of a way, as CoverageJSON or CSV.

    `covered` is the share of each cell that lies within. Widths are metres on the ground.
    """
    found = state.catalogue.collection(collection)
    return await _corridor(request, state, found, sent_query(request, state, found, CORRIDOR_NAMES))


@router.post(
    "/collections/{collection}/corridor",
    name="edr_corridor_post",
    openapi_extra=body_of(CORRIDOR_MEMBERS, "coords", "corridor-width", "width-units"),
    responses=ANSWERS,
    dependencies=[Depends(known_names)],
)
async def corridor_post(
    request: Request, state: ReadyState, collection: str, document: JsonObject
) -> Response:
    """Return the values of the cells within half a width of a way, as GET does."""
    found = state.catalogue.collection(collection)
    return await _corridor(request, state, found, sent_members(state, found, document, CORRIDOR_NAMES))


async def _trajectory(
    request: Request, state: AppState, collection: Collection, sent: Mapping[str, Any]
) -> Response:
    asked = await asyncio.to_thread(Asked.read, state, collection, sent)
    journey, engine = asked.way.journey(), state.exposures.engine
    met: list[tuple[str, str | None, Exposure]] = []
    for name, product in asked.products.items():
        times = [None] if asked.way.moments_s is not None else _periods(state, product, asked.when)
        for time in times:
            met.append((name, time, await engine.expose(await engine.resolve(product, journey, time))))
            if sum(each.pieces.count for _, _, each in met) > MAX_PIECES:
                raise RequestError(
                    f"the answer has more than {MAX_PIECES:,} values; ask for fewer parameters or periods, "
                    "or a shorter way"
                )
    told = _source(asked.way.line)
    if asked.is_csv:
        rows = [(name, time, *row) for name, time, each in met for row in piece_rows(each)]
        return await _table(("parameter", "period", *PIECE_COLUMNS), rows, told)
    coverages = [
        way_coverage(
            name, each, _moment(each), {"tilewatch:exposure": each.entry(time or "trip"), **_member(told)}
        )
        for name, time, each in met
    ]
    return await _covjson(request, coverages, told)


async def _corridor(
    request: Request, state: AppState, collection: Collection, sent: Mapping[str, Any]
) -> Response:
    width_m = length_m(sent, "corridor-width", "width-units")
    if "corridor-height" in sent:
        length_m(sent, "corridor-height", "height-units")
    asked = await asyncio.to_thread(Asked.read, state, collection, sent)
    if asked.way.moments_s is not None:
        raise RequestError("a corridor takes one time; leave out M, and give datetime")
    polygon = await asyncio.to_thread(widened, asked.way.line, width_m)
    met: list[tuple[str, Product, str, CorridorCells, str | None]] = []
    for name, product in asked.products.items():
        for time in _periods(state, product, asked.when):
            resolved = await state.statistics.engine.resolve(product, polygon, time)
            cells = await read_corridor(state.renderer, resolved)
            used = [scene for scene in resolved.scenes.best_first if scene.id in cells.scans]
            met.append((name, product, time, cells, instant_text(used[0].start) if used else None))
            if sum(len(each.values) for _, _, _, each, _ in met) > MAX_PIECES:
                raise RequestError(
                    f"the answer has more than {MAX_PIECES:,} values; ask for fewer parameters or periods"
                )
    told = _source(asked.way.line)
    if asked.is_csv:
        rows = [(name, time, *row) for name, _, time, cells, _ in met for row in _cell_rows(cells)]
        return await _table(("parameter", "period", *CELL_COLUMNS), rows, told)
    coverages = [corridor_coverage(name, product, cells, moment) for name, product, _, cells, moment in met]
    return await _covjson(request, [replace(each, more=_member(told)) for each in coverages], told)


def _periods(state: AppState, product: Product, when: str | None) -> list[str]:
    """Return the times that are answered each by itself: periods, or what is within one as it was asked."""
    written, selection = chosen_periods(state, product, when)
    if product.roles or len(selection.periods) == 1:
        return [written]
    if len(selection.periods) > MAX_PERIODS:
        raise RequestError(
            f"datetime spans {len(selection.periods)} periods; at most {MAX_PERIODS} are answered together"
        )
    return [period.text for period in reversed(selection.periods)]


def _moment(exposure: Exposure) -> str | None:
    return instant_text(exposure.scans[0].start) if exposure.scans else None


def _source(line: Line) -> GeometrySource:
    """Return where a line comes from, as far as it shows."""
    return GeometrySource.STRAIGHT_LINE if line.is_between_two_points else GeometrySource.GIVEN


def _member(source: GeometrySource) -> dict[str, str]:
    return {"tilewatch:geometry_source": str(source)}


def _cell_rows(cells: CorridorCells) -> list[tuple[Any, ...]]:
    values = [None if value != value else value for value in cells.values.tolist()]  # noqa: PLR0124 - NaN
    columns = (cells.lons.tolist(), cells.lats.tolist(), cells.fractions.tolist(), values)
    return list(zip(*columns, cells.states.tolist(), strict=True))


async def _covjson(request: Request, coverages: Sequence[Coverage], source: GeometrySource) -> Response:
    body = await asyncio.to_thread(lambda: json.dumps(document_of(coverages), allow_nan=False))
    accepted = request.headers.get("accept", "")
    kind = COVJSON_OF_EDR if COVJSON_OF_EDR in accepted else COVJSON
    return Response(body, media_type=kind, headers=_headers(source) | {"Vary": "Accept"})


async def _table(header: Sequence[str], rows: Sequence[Sequence[Any]], source: GeometrySource) -> Response:
    body = await asyncio.to_thread(csv_lines, [header, *rows])
    return Response(body, media_type="text/csv", headers=_headers(source))


def _headers(source: GeometrySource) -> dict[str, str]:
    return {"Cache-Control": "no-cache", "X-Tilewatch-Geometry-Source": str(source)}
