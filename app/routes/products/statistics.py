"""Statistics: the series of a product over the polygons in a request."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app import errors
from app.caching.answer_middleware import REPEATABLE
from app.errors import NothingLandedError, RequestError
from app.http.auth import require
from app.http.bodies import SMALL_BYTES, JsonObject, RequestedFeatures
from app.http.lights import LitAbove, lit_at
from app.http.parameters import AskedWindows, Datetime, ReadyState, known_names, numbers_in
from app.http.periods import chosen_periods
from app.keys import Scope
from app.products.product import Product
from app.rendering.basis import of_one_basis
from app.rendering.selecting import select
from app.state import AppState
from app.statistics.ring_offset import ring_width_m, ringed_answers
from app.statistics.service import Answer, Question, Step, plan_series
from app.statistics.summary import Histogram, SummaryOptions
from mosaics.period import Cadence

router = APIRouter(tags=["statistics"], dependencies=[Depends(known_names), Depends(require(Scope.READ))])

GEOJSON = "application/geo+json"
NDJSON = "application/x-ndjson"

MAX_ENTRIES = 5_000
"""Entries (features times periods) of an answer in one piece: about 5 MB."""

MAX_STREAMED = 100_000
"""Entries of an answer that is streamed line by line as they are computed."""

USUAL_BINS = 10

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            GEOJSON: {
                "schema": {
                    "type": "object",
                    "required": ["type"],
                    "description": "A Feature or FeatureCollection of Polygons and MultiPolygons in degrees, "
                    "longitude first; or one such geometry.",
                }
            }
        },
    }
}


async def wanted(
    percentiles: Annotated[
        str, Query(description="Numbers from 0 to 100, separated by commas.", max_length=1000)
    ] = "2,98",
    histogram_bins: Annotated[int | None, Query(description=f"1 to 1000; {USUAL_BINS} with a range.")] = None,
    histogram_range: Annotated[
        str | None,
        Query(description="low,high; by default from the smallest value to the largest.", max_length=100),
    ] = None,
) -> SummaryOptions:
    """Return what is requested beyond the numbers that are always given."""
    histogram = None
    if histogram_range is not None:
        low, high = _pair("histogram_range", histogram_range)
        histogram = Histogram(USUAL_BINS if histogram_bins is None else histogram_bins, low, high)
    elif histogram_bins is not None:
        histogram = Histogram(histogram_bins)
    return SummaryOptions(tuple(numbers_in("percentiles", percentiles)), histogram)


@router.post(
    "/products/{product}/statistics",
    name="product_statistics",
    openapi_extra=BODY,
    responses={200: {"description": "The series.", "content": {GEOJSON: {}, NDJSON: {}}}},
    response_class=Response,
)
async def statistics(
    *,
    request: Request,
    state: ReadyState,
    product: str,
    document: JsonObject,
    wanted: Annotated[SummaryOptions, Depends(wanted)],
    windows: AskedWindows,
    datetime: Datetime = None,
    step: Annotated[Cadence | None, Query(description="How long an entry lasts.")] = None,
    lit_above: LitAbove = None,
    repair: Annotated[
        bool, Query(description="Make invalid polygons valid, return them so and say what that changed.")
    ] = False,
) -> Response:
    """Return the statistics of every period for every polygon sent, as `properties.series` in the GeoJSON.

    With `Accept: application/x-ndjson` each entry is a line, sent as soon as it is computed, with its
    feature's id, or its position in the collection, as `feature`. An error on the way is a last line with
    `detail`.

    This works without a database. If one is configured, it stores what was computed; while it is
    unavailable the answer is 503, since computing everything again would slow down the tiles.

    For a product that compares dates every entry names its `windows`. A series runs over the tested window,
    and the others follow it unless they are given: all entries are compared with a year before if any can be,
    and those that cannot are empty, with the reason. `offset=ring` subtracts the mean over a ring of 180 m
    around each polygon (`offset=ring:300` sets another width) and reports it.
    """
    width_m = None
    if windows.offset is not None and windows.offset.startswith("ring"):
        width_m = ring_width_m(windows.offset)
        windows = replace(windows, offset="0")
    found, time = windows.product(state, product, datetime)
    if lit_above is not None:
        found = lit_at(found, lit_above)
    asked = Asked(document, wanted, step, repair, width_m)
    return await series_answer(request, state, found, time, asked)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request for statistics says beside the product and its time."""

    document: JsonObject
    wanted: SummaryOptions
    step: Cadence | None
    repair: bool
    width_m: float | None = None
    """Of the ring whose mean is subtracted; None subtracts none."""


async def series_answer(
    request: Request, state: AppState, found: Product, time: str | None, given: Asked
) -> Response:
    """Return the statistics of a product, as `statistics` describes them."""
    if not state.catalogue.has(found.collection):
        raise NothingLandedError(f"nothing has landed for {found.id!r} yet")
    how = None
    if found.roles and time is None:
        time, chosen = chosen_periods(state, found, None)
        how = chosen.windows[0].how
    steps = plan_series(state.catalogue, found, time, given.step)
    if len(steps) > 1:
        found = of_one_basis(state.catalogue, found)
    elif found.roles and steps:  # in a series each entry says what cannot be compared
        select(state.catalogue, found, steps[0].datetime)
    asked = await read_features(request, given.document, repair=given.repair)
    is_streamed = NDJSON in request.headers.get("accept", "")
    refuse_too_many(len(asked.features), len(steps), is_streamed=is_streamed)
    entries = questions(asked, steps, how)
    if given.width_m is None:
        answers = state.statistics.answers(found, entries, given.wanted)
    else:
        answers = ringed_answers(state.statistics, found, entries, width_m=given.width_m, wanted=given.wanted)
    if is_streamed:
        return await streamed(request, asked, answers)
    return await whole(request, asked, answers, is_ringed=given.width_m is not None)


async def read_features(request: Request, document: JsonObject, *, repair: bool) -> RequestedFeatures:
    """Return the polygons of a request's body, read on a thread if that may take long.

    Errors as `RequestedFeatures.read`.
    """
    if len(await request.body()) <= SMALL_BYTES and not repair:
        return RequestedFeatures.read(document)
    return await asyncio.to_thread(RequestedFeatures.read, document, repair=repair)


def questions(asked: RequestedFeatures, steps: tuple[Step, ...], how: str | None) -> Iterator[Question]:
    """Yield one question per feature and period; `how` tells how a period not requested was chosen."""
    return (
        Question(feature.polygon, step, number, how)
        for number, feature in enumerate(asked.features)
        for step in steps
    )


def refuse_too_many(features: int, periods: int, *, is_streamed: bool) -> None:
    """Raise `RequestError` if an answer would be too long."""
    limit = MAX_STREAMED if is_streamed else MAX_ENTRIES
    if features * periods <= limit:
        return
    other = "" if is_streamed else f"Accept: {NDJSON} gives up to {MAX_STREAMED:,}; or "
    raise RequestError(
        f"{features:,} features with {periods:,} periods each are {features * periods:,} entries; an answer "
        f"may have at most {limit:,}: {other}ask for fewer features, a shorter interval or a longer step"
    )


async def whole(
    request: Request, asked: RequestedFeatures, answers: AsyncGenerator[Answer], *, is_ringed: bool
) -> Response:
    """Return the answer in one piece, and note whether the same question has the same answer again.

    It has not where a scene could not be read; of rings around polygons entries do not tell.
    """
    series: list[list[str]] = [[] for _ in asked.features]
    is_repeatable = True
    async with aclosing(answers):
        async for answer in answers:
            is_repeatable &= "skipped" not in answer.entry
            series[answer.subject].append(json.dumps(answer.entry))
    request.scope[REPEATABLE] = is_repeatable and not is_ringed
    is_small = len(await request.body()) <= SMALL_BYTES
    body = asked.with_series(series) if is_small else await asyncio.to_thread(asked.with_series, series)
    return Response(body, media_type=GEOJSON, headers={"Cache-Control": "no-store"})


async def streamed(request: Request, asked: RequestedFeatures, answers: AsyncGenerator[Answer]) -> Response:
    """Return the answer line by line; an error before the first line is answered like any other."""
    first = await anext(answers, None)

    def line(answer: Answer) -> str:
        feature = asked.features[answer.subject]
        entry = (
            answer.entry if feature.repair is None else answer.entry | {"repair": feature.repair.document()}
        )
        return f'{{"feature":{feature.label},{json.dumps(entry)[1:]}\n'

    async def lines() -> AsyncGenerator[str]:
        async with aclosing(answers):
            try:
                if first is not None:
                    yield line(first)
                async for answer in answers:
                    yield line(answer)
            except tuple(errors.STATUS) as error:
                problem = await errors.answer_foreseen(request, error)
                yield bytes(problem.body).decode() + "\n"

    return StreamingResponse(lines(), media_type=NDJSON, headers={"Cache-Control": "no-store"})


def _pair(name: str, text: str) -> tuple[float, float]:
    numbers = numbers_in(name, text)
    if len(numbers) != 2:
        raise RequestError(f"{name} must be two numbers, low,high, not {text[:80]!r}")
    return numbers[0], numbers[1]
