"""A task: something to be done again and again, at times all processes agree on."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol, TypeAlias
from zoneinfo import ZoneInfo

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Slots are counted from here."""

StillLeading: TypeAlias = Callable[[], Awaitable[None]]
"""Raises `app.tasks.leader_election.LeadershipLostError` where this process does not lead any more."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A time at which a job was due."""

    task: str
    due: datetime


class Rhythm(Protocol):
    """When a job is due."""

    def latest(self, now: datetime) -> datetime:
        """The latest time up to `now` at which it was due, UTC."""
        ...

    def following(self, now: datetime) -> datetime:
        """The first time after `now` at which it is due, UTC."""
        ...

    def document(self) -> dict[str, Any]:
        """What to tell about it, ready for JSON."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """Again and again after the same time, counted from `EPOCH`."""

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
    """Once on every day of a calendar.

    Where the clocks go forward over the hour it is due right after the gap; where the hour comes twice, the
    first time.
    """

    hour: int
    """0..23, by the clocks of the zone."""
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
        """When it is due on a day, UTC."""
        return datetime.combine(night, time(self.hour), self.zone).astimezone(UTC)

    def night(self, moment: datetime) -> date:
        """The day of the calendar a moment belongs to."""
        return moment.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class Task:
    """Something to be done again and again."""

    name: str
    rhythm: Rhythm
    run: Callable[[StillLeading], Awaitable[Mapping[str, Any]]]
    """Does it, and gives what is to be noted about it; makes sure before it writes that it still leads."""

    def slot(self, now: datetime) -> Slot:
        """The latest time at which it was due."""
        return Slot(self.name, self.rhythm.latest(now))
