"""Freshness: whether what an archive was to have published is there, in a word and in a sentence.

Everything follows from facts and a time; nothing is remembered between two answers.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.feeds.daylight import has_light
from mosaics.bbox import Bbox
from mosaics.collection import Ended
from mosaics.descriptions.publishing import Publishing
from mosaics.period import Cadence, Interval, Period

FAILURES = 2
"""Consecutive failures from which on checks count as failing: one may be an archive's bad hour."""

UNCHECKED_EVERY = 3
UNCHECKED_LEAST = timedelta(hours=6)
"""A feed that was not checked for so many of its turns, and at least so long, is failing: a leader that is
gone, or a queue that is full, must not look fresh."""

NOT_YET = timedelta(hours=1)
"""How long a new feed may take until its archive is asked for the first time."""


class State(StrEnum):
    """How fresh something is."""

    FRESH = "fresh"
    LATE = "late"
    NO_DATA_EXPECTED = "no_data_expected"
    DISCONTINUED = "discontinued"
    NEVER_INGESTED = "never_ingested"
    FAILING = "failing"


ALARMING = frozenset({State.LATE, State.FAILING})
"""States that somebody should look at."""


@dataclass(frozen=True, slots=True)
class Checks:
    """How often a feed's archive was asked, and what came of that."""

    every: timedelta
    since: datetime
    """When the feed was created."""
    answered_at: datetime | None
    """When the archive last answered, and what it has new was landed or refused."""
    failures: int = 0
    """Consecutive ones."""
    reason: str | None = None
    """Of the last failure."""
    is_filling: bool = False
    """Whether parts of its time were not asked for yet."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What freshness follows from."""

    publishing: Publishing
    cadence: Cadence
    box: Bbox
    newest_acquired: datetime | None
    """Beginning of the newest that has landed."""
    newest_seen: datetime | None = None
    """The same, that among it that was too cloudy to be wanted."""
    ended: Ended | None = None
    """Since when the archive gives nothing new."""
    starts: datetime | None = None
    ends: datetime | None = None
    """The time that is wanted, where it has an end."""
    checks: Checks | None = None
    """None where no feed asks."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """A state, with a sentence for people."""

    state: State
    says: str
    expected: Interval | None = None
    """The latest step that was to be there by now."""

    @property
    def is_alarming(self) -> bool:
        """Whether somebody should look at it."""
        return self.state in ALARMING


WORLD = Bbox(-180, -90, 180, 90)


def freshness_of(facts: Facts, now: datetime) -> Freshness:
    """Return how fresh something is at a time, UTC.

    An archive that has ended is discontinued, whatever else is wrong. Something is late where a look at the
    archive, after the time by which a step was to be published, found nothing as new as that.
    """
    newest = _text(facts, facts.newest_acquired)
    if facts.ended is not None and now >= facts.ended.moment:
        kept = f" The newest here is of {newest}." if newest else ""
        return Freshness(State.DISCONTINUED, f"{facts.ended.note}{kept}")
    if (trouble := _trouble(facts, now)) is not None:
        return Freshness(State.FAILING, trouble)
    looked_at = now if facts.checks is None else facts.checks.answered_at
    expected = None if looked_at is None else expected_step(facts, looked_at, facts.publishing.late_after)
    seen = max(filter(None, (facts.newest_acquired, facts.newest_seen)), default=None)
    if seen is None:
        return _nothing(facts, expected, now)
    if expected is not None and expected.start is not None and seen < expected.start:
        return Freshness(State.LATE, _late(facts, expected, newest), expected)
    if is_dark(facts, now):
        return Freshness(State.NO_DATA_EXPECTED, _dark(facts, newest), expected)
    said = f"Up to date; the newest is of {newest or _text(facts, seen)}."
    if newest is None:
        said = f"Up to date; what there is, of {_text(facts, seen)}, was too cloudy."
    if facts.checks is None:
        said = f"The newest is of {newest}; no feed asks for more."
    elif facts.ends is not None and now >= facts.ends:
        said = f"Complete; the newest is of {newest}."
    return Freshness(State.FRESH, said, expected)


def expected_step(facts: Facts, moment: datetime, delay: timedelta) -> Interval | None:
    """Return the latest step that was to be published by a moment; None if none was.

    Args:
        facts: Of a feed or collection.
        moment: UTC.
        delay: From the end of a step to its publication.
    """
    for step in facts.publishing.steps_before(moment - delay, facts.cadence):
        if step.end is None or step.start is None or (facts.starts and step.end <= facts.starts):
            return None
        is_over = (facts.ends is not None and step.start >= facts.ends) or (
            facts.ended is not None and step.start >= facts.ended.moment
        )
        if not is_over and has_light(facts.publishing.light, step, facts.box):
            return step
    return None


def is_dark(facts: Facts, now: datetime) -> bool:
    """Return whether the latest step that is usually there by now had not the light that data take."""
    if facts.publishing.light is None or (facts.ends is not None and now >= facts.ends):
        return False
    step = next(facts.publishing.steps_before(now - facts.publishing.lag, facts.cadence))
    return not has_light(facts.publishing.light, step, facts.box)


def _trouble(facts: Facts, now: datetime) -> str | None:
    """Return what is wrong with the checks; None if nothing is."""
    checks = facts.checks
    if checks is None:
        return None
    if checks.failures >= FAILURES:
        return f"The archive could not be asked {checks.failures} times in a row: {checks.reason}"
    if facts.ends is not None and checks.answered_at is not None and checks.answered_at >= facts.ends:
        return None  # the rest is looked at seldom, or never again
    allowed = max(UNCHECKED_EVERY * checks.every, UNCHECKED_LEAST)
    if checks.answered_at is None:
        since = max(filter(None, (checks.since, facts.starts)))
        is_overdue = now - since > max(NOT_YET, allowed)
        return "The archive has not been asked yet, though that is overdue." if is_overdue else None
    if now - checks.answered_at > allowed:
        return f"The archive has not been asked with success since {checks.answered_at:%Y-%m-%d %H:%M}Z."
    return None


def _nothing(facts: Facts, expected: Interval | None, now: datetime) -> Freshness:
    """Return the freshness of something of which nothing has landed."""
    checks = facts.checks
    if checks is None:
        return Freshness(State.NEVER_INGESTED, "Nothing has landed, and no feed asks for it.")
    if facts.starts is not None and facts.starts > now:
        return Freshness(State.NEVER_INGESTED, f"Nothing is asked for before {facts.starts:%Y-%m-%d}.")
    if checks.answered_at is None or checks.is_filling:
        return Freshness(State.NEVER_INGESTED, "Nothing has landed yet; the archive is being asked.")
    if expected is None:
        return Freshness(State.NEVER_INGESTED, "Nothing has landed yet, and nothing is to be there by now.")
    return Freshness(State.LATE, f"Nothing has landed; {_step(facts, expected)} is late.", expected)


def _late(facts: Facts, expected: Interval, newest: str | None) -> str:
    known = f"the newest is of {newest}" if newest else "nothing has landed"
    asked = "" if facts.checks is not None else "; no feed asks for it"
    return f"Late: {_step(facts, expected)} was to be published by now, and {known}{asked}."


def _dark(facts: Facts, newest: str | None) -> str:
    why = "it is night there" if facts.publishing.light == "day" else "the nights are too bright there"
    if facts.publishing.light == "day" and facts.cadence is not Cadence.HOUR:
        why = "the sun is too low there"
    return f"No data expected: {why}. The newest is of {newest or 'earlier, too cloudy'}."


def _step(facts: Facts, step: Interval) -> str:
    if facts.publishing.step is not None and step.start is not None and step.end is not None:
        return f"something since {step.start:%Y-%m-%d}"
    return _text(facts, step.start) or ""


def _text(facts: Facts, moment: datetime | None) -> str | None:
    """Return a moment as its period is written, or as its day where several lie in one."""
    if moment is None:
        return None
    if facts.publishing.step is not None:
        return f"{moment:%Y-%m-%d}"
    return Period.containing(moment, facts.cadence).text
