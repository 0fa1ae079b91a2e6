"""A task: work to repeat at times on which all processes agree."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol, TypeAlias
from zoneinfo import ZoneInfo

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Slots are counted from this moment."""

StillLeading: TypeAlias = Callable[[], Awaitable[None]]
"""Raises `app.tasks.leader_election.LeadershipLostError` if this process no longer leads."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A time at which a task was due."""

    task: str
    due: datetime


class Rhythm(Protocol):
    """The times at which a task is due."""

    def latest(self, now: datetime) -> datetime:
        """Return the latest due time up to `now`, UTC."""
        ...

    def following(self, now: datetime) -> datetime:
        """Return the first due time after `now`, UTC."""
        ...

    def document(self) -> dict[str, Any]:
        """Return its description, ready for JSON."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """Due at a fixed interval, counted from `EPOCH`."""

    step: timedelta

    def latest(self, now: datetime) -> datetime:
        """See `Rhythm`."""
        return EPOCH + (now - EPOCH) // self.step * self.step

    def following(self, now: datetime) -> datetime:
        """See `Rhythm`."""
        return self.latest(now) + self.step

    def document(self) -> dict[str, Any]:
        """See `Rhythm`."""
        return {"every_s": self.step.total_seconds()}


@dataclass(frozen=True, slots=True)
class Nightly:
    """Due once on every day of a calendar.

    If the clocks skip the hour, it is due right after the gap; if the hour occurs twice, the first time.
    """

    hour: int
    """0..23, in the zone's local time."""
    zone: ZoneInfo

    def latest(self, now: datetime) -> datetime:
        """See `Rhythm`."""
        today = now.astimezone(self.zone).date()
        due = self.on(today)
        return due if due <= now else self.on(today - timedelta(days=1))

    def following(self, now: datetime) -> datetime:
        """See `Rhythm`."""
        return self.on(self.night(self.latest(now)) + timedelta(days=1))

    def document(self) -> dict[str, Any]:
        """See `Rhythm`."""
        return {"nightly_at": f"{self.hour:02}:00", "time_zone": self.zone.key}

    def on(self, night: date) -> datetime:
        """Return when it is due on a day, UTC."""
        return datetime.combine(night, time(self.hour), self.zone).astimezone(UTC)

    def night(self, moment: datetime) -> date:
        """Return the calendar day a moment belongs to."""
        return moment.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class Task:
    """Work to repeat."""

    name: str
    rhythm: Rhythm
    run: Callable[[StillLeading], Awaitable[Mapping[str, Any]]]
    """Does the work and returns what to record; it verifies that its process still leads before writing."""

    def slot(self, now: datetime) -> Slot:
        """Return the latest time at which the task was due."""
        return Slot(self.name, self.rhythm.latest(now))
