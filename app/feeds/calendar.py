"""Calendar: which periods have data, and why others have none."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from enum import StrEnum

from app.feeds.daylight import has_light
from mosaics.bbox import Bbox
from mosaics.descriptions.publishing import Publishing
from mosaics.period import Period


class Expectation(StrEnum):
    """What there is of a period."""

    DATA = "data"
    NO_LIGHT = "no_light"
    """It takes the sun, or the dark, to have data, and there was none."""
    AWAITED = "awaited"
    """It is not over, or not so long that it is usually published."""
    MISSING = "missing"


def calendar_of(
    periods: Iterable[Period], landed: Collection[Period], publishing: Publishing, box: Bbox, now: datetime
) -> Iterator[tuple[Period, Expectation]]:
    """Yield what there is of each period.

    Args:
        periods: Those asked about.
        landed: Those that have data somewhere.
        publishing: Of the collection.
        box: Where light is looked for, in degrees.
        now: UTC.
    """
    for period in periods:
        if period in landed:
            yield period, Expectation.DATA
        elif not has_light(publishing.light, period.interval(), box):
            yield period, Expectation.NO_LIGHT
        elif period.end + publishing.lag > now:
            yield period, Expectation.AWAITED
        else:
            yield period, Expectation.MISSING
