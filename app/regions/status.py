"""The status of a region: the age of what it shows, when it is due, and how its last refreshes ended."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from app.regions.forecast import bounds
from app.regions.region import DayWindow, Region
from app.regions.rotation import RegionStanding
from app.regions.runs import History, Run

DECIDING = ("bbox", "source", "product", "pre_window_days", "post_window_days", "max_cloud_percent", "mode")
"""Fields of a region that decide which scenes it needs."""

LastStatus = Literal["unknown", "never", "running", "done", "empty", "failed"]


@dataclass(frozen=True, slots=True)
class RegionStatus:
    """A region and its state."""

    region: Region
    now: datetime
    history: History | None
    """None if there is no database."""
    due: date | None = None
    """Night from which the rotation refreshes it; None if unknown."""
    bound_days: int | None = None
    """Age the rotation promises not to exceed if nothing fails, in days; None as for `due`."""

    @property
    def shown(self) -> Run | None:
        """The refresh whose windows are shown: the last successful one."""
        return self.history.succeeded if self.history else None

    @property
    def last_run(self) -> Run | None:
        """The running refresh, or the last one."""
        return (self.history.running or self.history.ended) if self.history else None

    @property
    def last_status(self) -> LastStatus:
        """Status of the last run; `unknown` without a database, `never` before the first.

        A partial run is done: its windows are shown. `partial` says what was refused.
        """
        if self.history is None:
            return "unknown"
        if self.last_run is None:
            return "never"
        return "done" if self.last_run.status == "partial" else self.last_run.status

    @property
    def partial(self) -> Run | None:
        """The last finished run, if it is shown though some of its scenes were refused."""
        ended = self.history.ended if self.history else None
        return ended if ended is not None and ended.status == "partial" else None

    @property
    def changed(self) -> tuple[str, ...]:
        """What has changed in the file since the last run began and asks for other scenes."""
        return changed_since(self.region, self.history) if self.history else ()

    @property
    def failures(self) -> int:
        """Consecutive runs, up to the last, that brought nothing."""
        return self.history.failures if self.history else 0

    @property
    def error(self) -> str | None:
        """Why the last finished run brought nothing."""
        return self.history.ended.error if self.history and self.history.ended else None

    @property
    def age_days(self) -> float | None:
        """Days since the last successful refresh started; None if there was none."""
        if self.shown is None:
            return None
        return round((self.now - self.shown.started_at) / timedelta(days=1), 2)

    @property
    def is_late(self) -> bool:
        """Whether it is older than the rotation promises, with a tolerance of one night."""
        return (
            self.age_days is not None and self.bound_days is not None and self.age_days > self.bound_days + 1
        )

    @property
    def pre(self) -> DayWindow | None:
        """The window before that is shown."""
        return self.shown.pre if self.shown else None

    @property
    def post(self) -> DayWindow | None:
        """The window after that is shown."""
        return self.shown.post if self.shown else None


def changed_since(region: Region, history: History) -> tuple[str, ...]:
    """Return the fields that decide which scenes a region needs and are not as its last run began with."""
    last = history.running or history.ended
    asked = last.asked if last else {}
    now = json.loads(region.model_dump_json())
    return tuple(name for name in DECIDING if name in asked and asked[name] != now[name])


def standing_of(region: Region, history: History) -> RegionStanding:
    """Return the facts about a region that the rotation uses."""
    last = history.running or history.ended
    return RegionStanding(
        name=region.name,
        interval=region.update_interval_days,
        priority=region.priority,
        attempted=last.night if last else None,
        failures=history.incomplete,
        is_running=history.running is not None,
        changed=changed_since(region, history),
    )


def statuses_of(
    regions: Sequence[Region], known: Mapping[str, History] | None, *, now: datetime, tonight: date
) -> list[RegionStatus]:
    """Return the status of every region.

    Args:
        regions: All regions, since they wait for one another.
        known: Their histories; None if there is no database.
        now: The time, UTC.
        tonight: The latest night of the rotation.
    """
    if known is None:
        return [RegionStatus(region, now, None) for region in regions]
    standings = [standing_of(region, known[region.name]) for region in regions]
    most_of = bounds(standings)
    found = []
    for region, standing in zip(regions, standings, strict=True):
        due = tonight
        if standing.attempted is not None and not standing.changed:
            due = standing.attempted + timedelta(days=standing.pause)
        found.append(RegionStatus(region, now, known[region.name], due, most_of[region.name]))
    return found
