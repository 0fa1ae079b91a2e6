"""Steps of time: the periods mosaics are made for, and the half-open intervals people ask about."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache, total_ordering

FORMS = "a period (2024, 2024-06, 2024-06-15, 2024-06-15T17) or an RFC 3339 instant (2024-06-15T17:30:00Z)"

_PERIOD = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d))?)?)?", re.ASCII)
_INSTANT = re.compile(
    r"(?P<second>\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?P<fraction>\.\d+)?(?P<zone>[Zz]|[+-]\d\d:\d\d)?",
    re.ASCII,
)
MICROSECONDS = 7
"""Characters of a fraction with its point; RFC 3339 sets no limit to its digits (time-secfrac)."""


class PeriodError(ValueError):
    """A text that names no time; its message is fit for the writer of the text."""


class Cadence(StrEnum):
    """How often a collection gets a new mosaic."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


# In the order of the groups a period's text may have: year, month, day, hour.
_CADENCES = (Cadence.YEAR, Cadence.MONTH, Cadence.DAY, Cadence.HOUR)
_FORMATS = {
    Cadence.YEAR: "{:%Y}",
    Cadence.MONTH: "{:%Y-%m}",
    Cadence.DAY: "{:%Y-%m-%d}",
    Cadence.HOUR: "{:%Y-%m-%dT%H}",
}


@total_ordering
@dataclass(frozen=True, slots=True)
class Period:
    """One step of a cadence: an hour, a day, a month or a year, in UTC; ordered by start."""

    cadence: Cadence
    start: datetime
    """First moment of the period, UTC; always a whole hour, day, month or year."""

    def __post_init__(self) -> None:
        if self.start.tzinfo is not UTC or _floor(self.start, self.cadence) != self.start:
            raise PeriodError(f"a {self.cadence} does not begin at {self.start.isoformat()}")
        if self.start.year > 9998:
            raise PeriodError("years after 9998 cannot be counted")

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, text: str) -> "Period":
        """Read a period as it is written: ``2024``, ``2024-06``, ``2024-06-15`` or ``2024-06-15T17``.

        Raises:
            PeriodError: If the text is not a period, or a date that does not exist.
        """
        match = _PERIOD.fullmatch(text)
        if match is None:
            raise PeriodError(
                f"{text!r} is not a valid period; periods are 2024, 2024-06, 2024-06-15 or 2024-06-15T17"
            )
        numbers = [int(group) for group in match.groups() if group is not None]
        year, month, day, hour = numbers + [1, 1, 0][len(numbers) - 1 :]
        try:
            start = datetime(year, month, day, hour, tzinfo=UTC)
        except ValueError as error:
            raise PeriodError(f"{text!r} does not exist: {error}") from error
        return cls(_CADENCES[len(numbers) - 1], start)

    @classmethod
    @lru_cache(maxsize=4096)
    def containing(cls, moment: datetime, cadence: Cadence) -> "Period":
        """Return the period of a cadence that a timezone-aware moment falls into."""
        return cls(cadence, _floor(_utc(moment), cadence))

    @property
    def end(self) -> datetime:
        """First moment after the period, UTC."""
        start = self.start
        match self.cadence:
            case Cadence.HOUR:
                return start + timedelta(hours=1)
            case Cadence.DAY:
                return start + timedelta(days=1)
            case Cadence.MONTH:
                return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
            case Cadence.YEAR:
                return start.replace(year=start.year + 1)

    @property
    def text(self) -> str:
        """The period as it is written in addresses, keys and answers."""
        return _FORMATS[self.cadence].format(self.start).rjust(4, "0")

    def following(self) -> "Period":
        """Return the next period of the same cadence."""
        return Period(self.cadence, self.end)

    def preceding(self) -> "Period":
        """Return the period of the same cadence just before."""
        return Period(self.cadence, _floor(self.start - timedelta(hours=1), self.cadence))

    def interval(self) -> "Interval":
        """Return the period's time as an interval."""
        return Interval(self.start, self.end)

    def __lt__(self, other: "Period") -> bool:
        return (self.start, self.cadence) < (other.start, other.cadence)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Interval:
    """Time from a start up to, not including, an end; either may be open."""

    start: datetime | None
    """First moment, UTC; None where the interval has no beginning."""
    end: datetime | None
    """First moment after, UTC; None where the interval has no end."""

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise PeriodError(
                f"the interval ends at {self.end.isoformat()}, not after its start {self.start.isoformat()}"
            )

    @classmethod
    def parse(cls, text: str) -> "Interval":
        """Read ``A/B``: each a period, an RFC 3339 instant or ``..`` for open.

        A period as the end is included whole; an instant as the end is the first moment outside.

        Raises:
            PeriodError: If a side cannot be read, or the interval is empty or reversed.
        """
        first, slash, last = text.partition("/")
        if not slash or "/" in last:
            raise PeriodError(
                f"{text!r} is not a valid interval; write A/B, where A and B are {FORMS} or '..'"
            )
        return cls(_side(first, at_end=False), _side(last, at_end=True))

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Return whether something lasting from `start` up to `end` has a moment in common with the interval.

        A thing of no length (`start` equal to `end`) counts where its moment is inside.
        """
        begins_before = self.end is None or start < self.end
        ends_after = self.start is None or end > self.start or start >= self.start
        return begins_before and ends_after

    def covers(self, period: Period) -> bool:
        """Return whether every moment of a period is inside."""
        begins_before = self.start is None or self.start <= period.start
        return begins_before and (self.end is None or self.end >= period.end)

    @property
    def text(self) -> str:
        """The interval as ``A/B`` of RFC 3339 instants, ``..`` where open."""
        return f"{_instant_text(self.start)}/{_instant_text(self.end)}"


def parse_when(text: str, cadence: Cadence) -> Interval:
    """Read what a caller gives as time: a period, an interval, or one instant.

    Args:
        text: A period of any cadence, ``A/B`` (see `Interval.parse`), or one RFC 3339 instant.
        cadence: The collection's; an instant means the period of this cadence that contains it.

    Raises:
        PeriodError: If the text has another form; the message names the forms that work.
    """
    if "/" in text:
        return Interval.parse(text)
    if _PERIOD.fullmatch(text):
        return Period.parse(text).interval()
    return Period.containing(parse_instant(text), cadence).interval()


@lru_cache(maxsize=1024)
def parse_instant(text: str) -> datetime:
    """Read an RFC 3339 instant as a UTC datetime; what is below a microsecond is cut off.

    Raises:
        PeriodError: If it is not an instant, does not exist, or does not say its offset from UTC.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise PeriodError(f"{text!r} names no time; write {FORMS}, or two of them as A/B")
    if match["zone"] is None:
        raise PeriodError(f"{text!r} does not say its offset from UTC; end it with Z or +hh:mm")
    try:
        fraction = (match["fraction"] or "")[:MICROSECONDS]
        whole = f"{match['second']}{fraction}{match['zone']}"
        return datetime.fromisoformat(whole.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PeriodError(f"{text!r} does not exist: {error}") from error


def instant_text(moment: datetime) -> str:
    """Return a UTC moment as RFC 3339, with ``Z``."""
    return _utc(moment).isoformat().replace("+00:00", "Z")


def _side(text: str, *, at_end: bool) -> datetime | None:
    if text in {"..", ""}:
        return None
    if _PERIOD.fullmatch(text):
        period = Period.parse(text)
        return period.end if at_end else period.start
    return parse_instant(text)


def _instant_text(moment: datetime | None) -> str:
    return ".." if moment is None else instant_text(moment)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise PeriodError(f"{moment.isoformat()} does not say its offset from UTC")
    return moment.astimezone(UTC)


def _floor(moment: datetime, cadence: Cadence) -> datetime:
    moment = moment.replace(minute=0, second=0, microsecond=0)
    match cadence:
        case Cadence.HOUR:
            return moment
        case Cadence.DAY:
            return moment.replace(hour=0)
        case Cadence.MONTH:
            return moment.replace(day=1, hour=0)
        case Cadence.YEAR:
            return moment.replace(month=1, day=1, hour=0)
