"""The calendar of a product: of each period of a time whether it has data, or why it has none."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from app.errors import RequestError
from app.feeds.calendar import Expectation, calendar_of
from app.http.parameters import ReadyState, known_names, revalidated
from app.products.product import Product
from app.routes.products.times import BboxText, periods_within, whole_box
from app.state import AppState
from mosaics.bbox import Bbox
from mosaics.descriptions.publishing import USUAL, Publishing
from mosaics.period import Cadence, Interval, Period, parse_when

router = APIRouter(tags=["products"], dependencies=[Depends(known_names), Depends(revalidated)])

MOST_ENTRIES = 1000

LONGEST = timedelta(days=MOST_ENTRIES * 366)
"""Of what is asked about at once; longer ones have too many periods of any cadence."""


class CalendarEntry(BaseModel):
    """A period of the product's cadence."""

    period: str
    state: Expectation = Field(
        description="data; no_light, where the collection takes the sun or the dark and there was none; "
        "awaited, until it is usually published; missing."
    )


class Calendar(BaseModel):
    """Which periods have data."""

    product: str
    cadence: Cadence
    light: str | None = Field(description="What it takes to have data, day or night; null where neither.")
    lag: timedelta = Field(description="Usual time from the end of a period to its publication.")
    bbox: tuple[float, float, float, float] = Field(description="Where light is looked for.")
    periods: list[CalendarEntry]


BothEnds = Annotated[
    str, Query(max_length=100, description="A period, or an interval with both ends: 2024-06-01/2024-06-02.")
]


@router.get("/products/{product}/calendar", name="product_calendar")
async def calendar(state: ReadyState, product: str, datetime: BothEnds, bbox: BboxText = None) -> Calendar:
    """Tell of every period of a time whether it has data, or why not: night, not published yet, missing.

    It is night where the sun is lower than 10 degrees all over a box for the whole hour. By default the box
    is that of the latest period.
    """
    found = state.registry.get(product)
    landed = periods_within(state, found, datetime)
    cadence = state.catalogue.collection(found.collection).cadence
    box = Bbox.parse(bbox) if bbox is not None else await whole_box(state, found)
    asked = list(periods_in(parse_when(datetime, cadence), cadence))
    publishing = await asyncio.to_thread(publishing_of, state, found, cadence)
    entries = await asyncio.to_thread(
        lambda: list(calendar_of(asked, frozenset(landed), publishing, box, state.feeds.now()))
    )
    return Calendar(
        product=found.id,
        cadence=cadence,
        light=publishing.light,
        lag=publishing.lag,
        bbox=box.degrees,
        periods=[CalendarEntry(period=period.text, state=each) for period, each in entries],
    )


def periods_in(time: Interval, cadence: Cadence) -> Iterator[Period]:
    """Yield the periods of a cadence that overlap an interval, in order.

    Raises:
        RequestError: If the interval has an open end, or too many periods.
    """
    if time.start is None or time.end is None:
        raise RequestError("a calendar needs both ends of its time, such as 2024-06-01/2024-06-30")
    if time.end - time.start > LONGEST:
        raise RequestError(f"a calendar has at most {MOST_ENTRIES} periods; ask for a shorter time")
    period, count = Period.containing(time.start, cadence), 0
    while period.start < time.end:
        count += 1
        if count > MOST_ENTRIES:
            raise RequestError(f"a calendar has at most {MOST_ENTRIES} periods; ask for a shorter time")
        yield period
        period = period.following()


def publishing_of(state: AppState, product: Product, cadence: Cadence) -> Publishing:
    """Return when something new of a product's collection can be expected."""
    described = state.descriptions.current().collections.get(product.collection)
    return USUAL[cadence] if described is None else described.publishing
