"""Series: the entries of a time, in order, including gaps."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.products.product import Product
from app.statistics.summary import StatisticsRequestError
from mosaics.catalogue import Catalogue
from mosaics.period import Cadence, Interval, Period, parse_when

MAX_ENTRIES = 3650
"""Entries of one series: ten years of days, or five months of hours."""

FINEST_FIRST = (Cadence.HOUR, Cadence.DAY, Cadence.MONTH, Cadence.YEAR)


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a series, before it is computed."""

    period: Period
    datetime: str
    """The part of the period that was requested, as an interval."""
    gap: bool
    """Whether the collection has nothing in it."""


def plan_series(
    catalogue: Catalogue, product: Product, when: str | None, cadence: Cadence | None = None
) -> tuple[Step, ...]:
    """Return the entries that a `datetime` parameter selects, in order of time.

    Args:
        catalogue: What exists now.
        product: The product.
        when: A period, interval or instant; None for the latest period. An open interval ends where the
            collection does.
        cadence: How long an entry lasts, for example `month`; None for the collection's own cadence. All
            scenes in that time count, those of the latest period first, as in a tile of that interval.

    Raises:
        mosaics.period.PeriodError: If `when` is not valid.
        StatisticsRequestError: If the step is finer than the collection's periods, or there would be too
            many entries.
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
                f"a series has at most {MAX_ENTRIES:,} entries, one per {step}; ask for a shorter interval "
                "or a longer step"
            )
        part = Interval(max(period.start, begin), min(period.end, end))
        first = bisect_left(starts, Period.containing(max(period.start, begin), own).start)
        steps.append(Step(period, part.text, gap=first == bisect_left(starts, min(period.end, end))))
        period = period.following()
    return tuple(steps)


def _refuse_finer(product: Product, own: Cadence, step: Cadence) -> None:
    possible = FINEST_FIRST[FINEST_FIRST.index(own) :]
    if step not in possible:
        raise StatisticsRequestError(
            f"product '{product.id}' has one mosaic per {own}, so steps of a {step} are too fine; "
            f"there are: {', '.join(possible)}"
        )


def _asked(when: str | None, own: Cadence, known: Sequence[Period]) -> tuple[datetime, datetime] | None:
    """Return the start and end of what is requested; None if that is nothing."""
    if when is None:
        return (known[-1].start, known[-1].end) if known else None
    interval = parse_when(when, own)
    begin = interval.start or (known[0].start if known else None)
    end = interval.end or (known[-1].end if known else None)
    return (begin, end) if begin and end and begin < end else None
