"""Series: the statistics of every period of a time, in order, gaps included."""

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from app.products.model import Product
from app.statistics.geometry import Polygonal
from app.statistics.summary import StatisticsRequestError, Summary, Wanted
from app.statistics.zonal import USUAL, ZonalEngine
from mosaics.catalogue import Catalogue
from mosaics.period import Cadence, Interval, Period, parse_when

MAX_ENTRIES = 3650
"""Entries of one series: ten years of days, or five months of hours."""

ENTRIES_AT_ONCE = 8
"""Entries under way together: enough to keep the render threads busy with small polygons."""

FINEST_FIRST = (Cadence.HOUR, Cadence.DAY, Cadence.MONTH, Cadence.YEAR)


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a series, before it is computed."""

    period: Period
    datetime: str
    """The part of the period that was asked for, as an interval."""
    gap: bool
    """Whether the collection has nothing in it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a series."""

    period: Period
    summary: Summary


def plan_series(
    catalogue: Catalogue, product: Product, when: str | None, cadence: Cadence | None = None
) -> tuple[Step, ...]:
    """The entries that a `datetime` parameter asks for, in order of time.

    Args:
        catalogue: What exists now.
        product: What is asked.
        when: A period, interval or instant; None for the latest period. An open interval ends where the
            collection does.
        cadence: How long an entry lasts, `month` for example; None for the collection's own cadence. All
            scenes in that time count, those of the latest period first, as in a tile of that interval.

    Raises:
        mosaics.period.PeriodError: If `when` makes no sense.
        StatisticsRequestError: If the step is finer than the collection's periods, or the entries would be
            too many.
    """
    own = catalogue.collection(product.collection).cadence
    step = own if cadence is None else cadence
    _refuse_finer(product, own, step)
    known = catalogue.periods(product.collection)
    asked = _asked(when, own, known)
    if asked is None:
        return ()
    begin, end = asked
    starts = [period.start for period in known]
    steps: list[Step] = []
    period = Period.containing(begin, step)
    while period.start < end:
        if len(steps) == MAX_ENTRIES:
            raise StatisticsRequestError(
                f"a series has {MAX_ENTRIES:,} entries at most, one a {step}; ask for a shorter interval "
                "or a longer step"
            )
        part = Interval(max(period.start, begin), min(period.end, end))
        first = bisect_left(starts, Period.containing(max(period.start, begin), own).start)
        steps.append(Step(period, part.text, gap=first == bisect_left(starts, min(period.end, end))))
        period = period.following()
    return tuple(steps)


async def series(
    engine: ZonalEngine, product: Product, polygon: Polygonal, steps: Iterable[Step], wanted: Wanted = USUAL
) -> AsyncGenerator[Entry]:
    """Compute entries, several at a time, and give them in their order as they are done.

    Entries before the first error are given. Close the iterator to stop what is under way.

    Raises:
        StatisticsRequestError, app.statistics.geometry.GeometryError, mosaics.storage.StorageError,
        app.rendering.renderer.RenderingOverloadError: As `ZonalEngine` does.
    """

    async def compute(step: Step) -> Summary:
        resolved = await engine.resolve(product, polygon, step.datetime, wanted, gap=step.gap)
        return await engine.summarise(resolved)

    under_way: deque[tuple[Period, asyncio.Task[Summary]]] = deque()
    ahead = iter(steps)
    try:
        while True:
            for step in islice(ahead, ENTRIES_AT_ONCE - len(under_way)):
                under_way.append((step.period, asyncio.create_task(compute(step))))
            if not under_way:
                return
            period, task = under_way[0]
            summary = await task
            under_way.popleft()
            yield Entry(period, summary)
    finally:
        for _, task in under_way:
            task.cancel()
        await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)


def _refuse_finer(product: Product, own: Cadence, step: Cadence) -> None:
    possible = FINEST_FIRST[FINEST_FIRST.index(own) :]
    if step not in possible:
        raise StatisticsRequestError(
            f"product '{product.id}' has one mosaic a {own}, so that steps of a {step} are too fine; "
            f"there are: {', '.join(possible)}"
        )


def _asked(when: str | None, own: Cadence, known: Sequence[Period]) -> tuple[datetime, datetime] | None:
    """Begin and end of what is asked; None where that is nothing."""
    if when is None:
        return (known[-1].start, known[-1].end) if known else None
    interval = parse_when(when, own)
    begin = interval.start or (known[0].start if known else None)
    end = interval.end or (known[-1].end if known else None)
    return (begin, end) if begin and end and begin < end else None
