"""Seasons: which periods of a series are the same season of earlier years."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

from mosaics.period import Cadence, Period

WINDOW_DAYS = 15
"""How far periods shorter than a month may lie from the same day of another year and be the same season."""


def earlier_years(
    periods: Sequence[Period], tested: int, *, window_days: int = WINDOW_DAYS
) -> list[list[int]]:
    """Return the periods of the same season in each earlier year, the latest year first.

    Of months and years it is the same one. Of days and hours it is those at most `window_days` from the same
    day, also across the turn of the year; of hours, at the same hour.

    Args:
        periods: Of a series, in order, all of one cadence.
        tested: Index of the period whose season is meant.
        window_days: Days before and after the same day that are its season.

    Returns:
        Indices of periods, a list for each year from one before on; empty where a year has none.
    """
    period = periods[tested]
    years: list[list[int]] = []
    back = 1
    while (same := years_before(period.start, back)) is not None and same >= periods[0].start - timedelta(
        days=window_days
    ):
        years.append(_within(periods, period, same, tested, window_days))
        back += 1
    return years


def years_before(moment: datetime, years: int) -> datetime | None:
    """Return the same moment some years earlier, 28 February for the 29th; None before there are years."""
    if moment.year <= years:
        return None
    day = 28 if (moment.month, moment.day) == (2, 29) else moment.day
    return moment.replace(year=moment.year - years, day=day)


def _within(
    periods: Sequence[Period], period: Period, same: datetime, tested: int, window_days: int
) -> list[int]:
    is_long = period.cadence in {Cadence.MONTH, Cadence.YEAR}
    window = timedelta(days=0 if is_long else window_days)
    first = bisect_left(periods, same - window, hi=tested, key=lambda each: each.start)
    last = bisect_right(periods, same + window, hi=tested, key=lambda each: each.start)
    return [n for n in range(first, last) if is_long or periods[n].start.hour == same.hour]
