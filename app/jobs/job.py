"""A job: something to be done again and again, at times all processes agree on."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Slots are counted from here."""

StillLeading: TypeAlias = Callable[[], Awaitable[None]]
"""Raises `app.jobs.leading.LeadershipLostError` where this process does not lead any more."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A time at which a job was due."""

    job: str
    due: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done again and again."""

    name: str
    every: timedelta
    run: Callable[[StillLeading], Awaitable[Mapping[str, Any]]]
    """Does it, and gives what is to be noted about it; makes sure before it writes that it still leads."""

    def slot(self, now: datetime) -> Slot:
        """The latest time at which it was due."""
        return Slot(self.name, EPOCH + (now - EPOCH) // self.every * self.every)
