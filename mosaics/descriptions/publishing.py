"""Publishing: how often an archive gets something new of a place, how long that takes, in which light."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from mosaics.period import Cadence, Interval, Period

MAX_STEPS = 800
"""Steps that are gone back at most: two years of days, a month of hours."""


class Publishing(BaseModel):
    """When something new of a collection can be expected in its archive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: timedelta | None = None
    """Usual time between two acquisitions of a place; None where it is the collection's cadence."""
    lag: timedelta
    """Usual time from the end of a step to its publication."""
    late_after: timedelta
    """Time from the end of a step after which what has not been published is late."""
    every: timedelta
    """How often a feed asks the archive."""
    light: Literal["day", "night"] | None = None
    """Whether it takes the sun, or the dark, to have data; None where neither matters."""

    @model_validator(mode="after")
    def _runs_forward(self) -> "Publishing":
        if not timedelta(0) <= self.lag <= self.late_after:
            raise ValueError("late_after is not below lag, and neither is negative")
        if self.every <= timedelta(0) or (self.step is not None and self.step <= timedelta(0)):
            raise ValueError("every and step are longer than 0")
        return self

    def with_lag(self, lag: timedelta | None) -> "Publishing":
        """Return it with another usual lag, and late as long after it as before; None changes nothing."""
        if lag is None:
            return self
        return self.model_copy(update={"lag": lag, "late_after": lag + self.late_after - self.lag})

    def steps_before(self, moment: datetime, cadence: Cadence) -> Iterator[Interval]:
        """Yield steps back in time, the first of which is the latest that ends at a moment or before.

        Those that are no periods end at the beginning of a day, or of an hour if they are shorter than that.

        Args:
            moment: UTC.
            cadence: Of the collection.
        """
        if self.step is None:
            period = Period.containing(moment, cadence).preceding()
            for _ in range(MAX_STEPS):
                yield period.interval()
                period = period.preceding()
        else:
            unit = Cadence.DAY if self.step >= timedelta(days=1) else Cadence.HOUR
            last = Period.containing(moment, unit).start
            for number in range(MAX_STEPS):
                end = last - number * self.step
                yield Interval(end - self.step, end)


USUAL: Mapping[Cadence, Publishing] = MappingProxyType(
    {
        Cadence.HOUR: Publishing(
            lag=timedelta(hours=3), late_after=timedelta(hours=12), every=timedelta(minutes=30)
        ),
        Cadence.DAY: Publishing(
            lag=timedelta(days=2), late_after=timedelta(days=7), every=timedelta(hours=6)
        ),
        Cadence.MONTH: Publishing(
            lag=timedelta(days=10), late_after=timedelta(days=40), every=timedelta(days=1)
        ),
        Cadence.YEAR: Publishing(
            lag=timedelta(days=75), late_after=timedelta(days=150), every=timedelta(days=7)
        ),
    }
)
"""Of collections whose files do not say it."""
