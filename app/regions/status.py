"""The status of a region: how old what it shows is, when it is due, and what its last refreshes came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from app.regions.forecast import bounds
from app.regions.region import DayWindow, Region
from app.regions.rotation import RegionStanding
from app.regions.runs import History, Run

LastStatus = Literal["unknown", "never", "running", "done", "empty", "failed"]


@dataclass(frozen=True, slots=True)
class RegionStatus:
    """A region as it stands."""

    region: Region
    now: datetime
    history: History | None
    """None where there is no database to know it from."""
    due: date | None = None
    """Night from which the rotation takes it; None where that is not known."""
    bound_days: int | None = None
    """Age beyond which the rotation has not done what it promises, where nothing fails; None as for `due`."""

    @property
    def shown(self) -> Run | None:
        """The refresh whose windows are shown: the last that succeeded."""
        return self.history.succeeded if self.history else None

    @property
    def last_run(self) -> Run | None:
        """The refresh under way, or the last one."""
        return (self.history.running or self.history.ended) if self.history else None

    @property
    def last_status(self) -> LastStatus:
        """Of the last run; `unknown` without a database, `never` before the first."""
        if self.history is None:
            return "unknown"
        return self.last_run.status if self.last_run else "never"

    @property
    def failures(self) -> int:
        """Runs in a row, up to the last, that brought nothing."""
        return self.history.failures if self.history else 0

    @property
    def error(self) -> str | None:
        """Why the last run that has ended brought nothing."""
        return self.history.ended.error if self.history and self.history.ended else None

    @property
    def age_days(self) -> float | None:
        """Days since the last refresh that succeeded began; None where there was none."""
        if self.shown is None:
            return None
        return round((self.now - self.shown.started_at) / timedelta(days=1), 2)

    @property
    def is_late(self) -> bool:
        """Whether it is older than the rotation promises (a night is what it counts in)."""
        return (
            self.age_days is not None and self.bound_days is not None and self.age_days > self.bound_days + 1
        )

    @property
    def pre(self) -> DayWindow | None:
        """The days before that are shown."""
        return self.shown.pre if self.shown else None

    @property
    def post(self) -> DayWindow | None:
        """The days after that are shown."""
        return self.shown.post if self.shown else None


def standing_of(region: Region, history: History) -> RegionStanding:
    """A region as the rotation sees it."""
    last = history.running or history.ended
    return RegionStanding(
        name=region.name,
        interval=region.update_interval_days,
        priority=region.priority,
        attempted=last.night if last else None,
        failures=history.failures,
        is_running=history.running is not None,
    )


def statuses_of(
    regions: Sequence[Region], known: Mapping[str, History] | None, *, now: datetime, tonight: date
) -> list[RegionStatus]:
    """The status of every region.

    Args:
        regions: All of them, since they wait for one another.
        known: Their histories; None where there is no database.
        now: UTC.
        tonight: The latest night of the rotation.
    """
    if known is None:
        return [RegionStatus(region, now, None) for region in regions]
    standings = [standing_of(region, known[region.name]) for region in regions]
    most_of = bounds(standings)
    found = []
    for region, standing in zip(regions, standings, strict=True):
        due = tonight
        if standing.attempted is not None:
            due = standing.attempted + timedelta(days=standing.pause)
        found.append(RegionStatus(region, now, known[region.name], due, most_of[region.name]))
    return found
