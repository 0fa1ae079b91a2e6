"""Times: the periods of a product and how much of a box each covers."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated

import shapely
from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from app.errors import NothingLandedError
from app.http.parameters import Datetime, ReadyState, known_names, revalidated
from app.http.periods import load_indexes
from app.http.schemas import Link, PeriodCoverage, Times
from app.http.zooms import union_bounds
from app.products.product import Product
from app.rendering.selecting import Span, Window, select
from app.routes.products.products import periods_of
from app.state import AppState
from mosaics.bbox import Bbox
from mosaics.ellipsoid import polygon_area_m2
from mosaics.index import QuadkeyIndex
from mosaics.period import Period, parse_when

router = APIRouter(tags=["products"], dependencies=[Depends(known_names), Depends(revalidated)])

MOST_PERIODS = 1000
"""Periods per page; each may need a document of its own from storage."""

BboxText = Annotated[
    str | None,
    Query(description="west,south,east,north in degrees; west above east crosses the antimeridian."),
]


@router.get("/products/{product}/times", name="product_times")
async def times(
    *,
    request: Request,
    state: ReadyState,
    product: str,
    bbox: BboxText = None,
    datetime: Datetime = None,
    limit: Annotated[int, Query(ge=1, le=MOST_PERIODS, description="Periods per page.")] = 200,
) -> Times:
    """List the periods, oldest first; `links` holds the next page.

    For a product that compares dates these are the periods that can be compared; coverage is then the
    part of the box that the scenes of every window cover.
    """
    found = state.registry.get(product)
    asked = periods_within(state, found, datetime)
    box = Bbox.parse(bbox) if bbox is not None else await whole_box(state, found)
    page, rest = asked[:limit], asked[limit:]
    if found.roles:
        covered = await compared_coverages(state, found, page, box)
    else:
        covered = await asyncio.to_thread(coverages, page, await load_indexes(state, found, page), box)
    return Times(
        product=found.id,
        cadence=state.catalogue.collection(found.collection).cadence,
        bbox=box.degrees,
        times=covered,
        links=[next_page(request, found, rest, box=box, limit=limit)] if rest else [],
    )


def periods_within(state: AppState, product: Product, datetime: str | None) -> tuple[Period, ...]:
    """Return the periods of a product that `datetime` selects, oldest first; without it, all of them.

    Raises:
        NothingLandedError: If the product has no periods.
        EmptyWindowError: If what has landed cannot be compared.
        PeriodError: If `datetime` is not valid.
    """
    periods = periods_of(state, product)
    if not periods:
        if product.roles and product.collection in state.catalogue.collections():
            select(state.catalogue, product, None)  # says why nothing can be compared
        raise NothingLandedError(f"nothing has landed for {product.id!r} yet")
    if datetime is None:
        return periods
    interval = parse_when(datetime, state.catalogue.collection(product.collection).cadence)
    return tuple(period for period in periods if interval.overlaps(period.start, period.end))


async def whole_box(state: AppState, product: Product) -> Bbox:
    """Return the box around the latest period's contents."""
    latest = periods_of(state, product)[-1]
    return Bbox(*union_bounds(await load_indexes(state, product, [latest])))


def coverages(periods: Sequence[Period], indexes: Sequence[QuadkeyIndex], box: Bbox) -> list[PeriodCoverage]:
    """Return how much of a box each period's footprints cover, and with how many scenes."""
    geometry = box.geometry
    return [
        PeriodCoverage(
            period=period.text,
            coverage=round(index.covered_fraction(geometry), 4),
            scenes=len(index.scenes_in(geometry)),
        )
        for period, index in zip(periods, indexes, strict=True)
    ]


async def compared_coverages(
    state: AppState, product: Product, page: Sequence[Period], box: Bbox
) -> list[PeriodCoverage]:
    """Return how much of a box all windows of each period cover, and with how many scenes in total."""
    windows = [select(state.catalogue, product, period.text).windows for period in page]
    spans = [span for of_one in windows for window in of_one for span in window.spans]
    drawn_on = list(dict.fromkeys(period for span in spans for period in span.periods))
    indexes = dict(zip(drawn_on, await load_indexes(state, product, drawn_on), strict=True))
    area = box.geometry

    def compute(period: Period, of_one: Sequence[Window]) -> PeriodCoverage:
        covered, scenes = area, 0
        for window in of_one:
            found = [_covered(span, indexes, area) for span in window.spans]
            least = product.roles[window.role].minimum_years or 1
            covered = shapely.intersection(covered, covered_by([part for part, _ in found], least, area))
            scenes += sum(count for _, count in found)
        whole = polygon_area_m2(area)
        share = polygon_area_m2(covered) / whole if whole else float(not shapely.is_empty(covered))
        return PeriodCoverage(period=period.text, coverage=round(share, 4), scenes=scenes)

    return await asyncio.to_thread(lambda: list(map(compute, page, windows)))


def covered_by(parts: Sequence[shapely.Geometry], least: int, area: shapely.Geometry) -> shapely.Geometry:
    """Return where at least `least` of some parts of an area overlap."""
    depths = [area, *[shapely.Polygon()] * least]
    for part in parts:
        for depth in range(least, 0, -1):
            deeper = shapely.intersection(depths[depth - 1], part)
            depths[depth] = shapely.union(depths[depth], deeper)
    return depths[least]


def _covered(
    span: Span, indexes: Mapping[Period, QuadkeyIndex], area: shapely.Geometry
) -> tuple[shapely.Geometry, int]:
    """Return the part of an area that a span's scenes cover, and how many scenes meet the area."""
    parts, count = [], 0
    for period in span.periods:
        interval = span.interval or period.interval()
        parts.append(indexes[period].covered_part(area, interval))
        count += sum(interval.overlaps(s.start, s.end) for s in indexes[period].scenes_in(area))
    return shapely.union_all(parts), count


def next_page(request: Request, product: Product, rest: Sequence[Period], *, box: Bbox, limit: int) -> Link:
    """Return a link to the periods that did not fit."""
    address = request.url_for("product_times", product=product.id)
    query = {"bbox": f"{box:.10g}", "datetime": f"{rest[0]}/{rest[-1]}", "limit": limit}
    return Link(rel="next", href=str(address.include_query_params(**query)))
