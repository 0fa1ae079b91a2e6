"""Times: the periods of a product, with how much of a box each one covers."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from app.desk import Desk
from app.errors import NothingLandedError
from app.products.model import Product
from app.routes.answers import Link, PeriodCoverage, Times
from app.routes.periods import load_indexes
from app.routes.products import periods_of
from app.routes.queries import Bbox, Datetime, InformedDesk, known_names, revalidated
from app.routes.zooms import union_bounds
from mosaics.index import QuadkeyIndex
from mosaics.period import Period, parse_when

router = APIRouter(tags=["products"], dependencies=[Depends(known_names), Depends(revalidated)])

MOST_PERIODS = 1000
"""Periods of one page; each may need a document of its own from storage."""

BboxText = Annotated[
    str | None,
    Query(description="west,south,east,north in degrees; west above east crosses the antimeridian."),
]


@router.get("/products/{product}/times", name="product_times")
async def times(
    *,
    request: Request,
    desk: InformedDesk,
    product: str,
    bbox: BboxText = None,
    datetime: Datetime = None,
    limit: Annotated[int, Query(ge=1, le=MOST_PERIODS, description="Periods of one page.")] = 200,
) -> Times:
    """The periods, oldest first; `links` has the next page."""
    found = desk.registry.get(product)
    asked = periods_within(desk, found, datetime)
    box = Bbox.parse(bbox) if bbox is not None else await whole_box(desk, found)
    page, rest = asked[:limit], asked[limit:]
    indexes = await load_indexes(desk, found, page)
    return Times(
        product=found.id,
        cadence=desk.catalogue.collection(found.collection).cadence,
        bbox=box.degrees,
        times=await asyncio.to_thread(coverages, page, indexes, box),
        links=[next_page(request, found, rest, box=box, limit=limit)] if rest else [],
    )


def periods_within(desk: Desk, product: Product, datetime: str | None) -> tuple[Period, ...]:
    """The periods of a product that a `datetime` parameter means, oldest first; all of them without one.

    Raises:
        NothingLandedError: If the product has no period at all.
        PeriodError: If the parameter makes no sense.
    """
    periods = periods_of(desk, product)
    if not periods:
        raise NothingLandedError(f"nothing has landed for {product.id!r} yet")
    if datetime is None:
        return periods
    interval = parse_when(datetime, desk.catalogue.collection(product.collection).cadence)
    return tuple(period for period in periods if interval.overlaps(period.start, period.end))


async def whole_box(desk: Desk, product: Product) -> Bbox:
    """The box around what the latest period holds."""
    latest = periods_of(desk, product)[-1]
    return Bbox(*union_bounds(await load_indexes(desk, product, [latest])))


def coverages(periods: Sequence[Period], indexes: Sequence[QuadkeyIndex], box: Bbox) -> list[PeriodCoverage]:
    """How much of a box each period's footprints cover, and by how many scenes."""
    geometry = box.geometry
    return [
        PeriodCoverage(
            period=period.text,
            coverage=round(index.covered_fraction(geometry), 4),
            scenes=len(index.scenes_in(geometry)),
        )
        for period, index in zip(periods, indexes, strict=True)
    ]


def next_page(request: Request, product: Product, rest: Sequence[Period], *, box: Bbox, limit: int) -> Link:
    """Where the periods that did not fit are listed."""
    address = request.url_for("product_times", product=product.id)
    query = {"bbox": box.text, "datetime": f"{rest[0]}/{rest[-1]}", "limit": limit}
    return Link(rel="next", href=str(address.include_query_params(**query)))
