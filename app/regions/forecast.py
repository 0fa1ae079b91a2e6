"""Forecast: the nights to come as the rotation will choose, and the intervals that cannot be kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction

from app.regions.rotation import PER_NIGHT, RegionStanding, choose, longest_wait

LOOKED_AHEAD = 400
"""Nights simulated to find intervals that are not kept: the longest interval and a month."""


@dataclass(frozen=True, slots=True)
class RegionTurn:
    """A region refreshed in a night."""

    standing: RegionStanding
    """Its standing before the refresh."""
    waited: int | None
    """Nights since its last attempt; None if there was none."""
    score: Fraction | None

    @property
    def why(self) -> str:
        """The reason, in words."""
        standing = self.standing
        if standing.changed:
            return f"{' and '.join(standing.changed)} changed since the last attempt"
        if self.waited is None or self.score is None:
            return "never refreshed"
        since = f"{standing.failures} failed in a row, retry after" if standing.failures else "interval"
        return (
            f"{counted(self.waited, 'night')} since the last attempt, {since} {standing.pause}: "
            f"overdue ratio {self.waited / standing.pause:.2f}, priority {standing.priority}, "
            f"score {float(self.score):.2f}"
        )


@dataclass(frozen=True, slots=True)
class Night:
    """A night to come."""

    date: date
    turns: tuple[RegionTurn, ...]


def plan(
    standings: Sequence[RegionStanding], first: date, nights: int, *, most: int = PER_NIGHT
) -> list[Night]:
    """Return the nights from a first one on, as they come if every refresh succeeds."""
    now: dict[str, RegionStanding] = {each.name: replace(each, is_running=False) for each in standings}
    found = []
    for night in (first + timedelta(days=n) for n in range(nights)):
        chosen = choose(now.values(), night, most=most)
        turns = tuple(RegionTurn(each, each.waited(night), each.score(night)) for each in chosen)
        found.append(Night(night, turns))
        for each in chosen:
            now[each.name] = replace(each, attempted=night, failures=0, changed=())
    return found


def warnings(standings: Sequence[RegionStanding], first: date, *, most: int = PER_NIGHT) -> list[str]:
    """Return warnings about intervals that cannot be kept with `most` regions per night."""
    load = float(sum(Fraction(1, each.interval) for each in standings))
    found = []
    if load > most:
        found.append(
            f"The intervals of {counted(len(standings), 'region')} need {load:.2f} refreshes a night, but "
            f"at most {most} are made. They can be kept if each is {load / most:.2f} times as long, or with "
            "fewer regions."
        )
    waits, most_of = longest_waits(standings, first, most=most), bounds(standings, most=most)
    return found + [
        f"{each.name} (priority {each.priority}) will wait {counted(waits[each.name], 'night')} instead of "
        f"{each.interval}, and at most {most_of[each.name]}."
        for each in standings
        if waits[each.name] > each.interval
    ]


def bounds(standings: Sequence[RegionStanding], *, most: int = PER_NIGHT) -> dict[str, int]:
    """Return the most nights between two refreshes of each region if nothing fails, by name."""
    return {
        each.name: longest_wait(
            replace(each, failures=0, changed=()),
            [other for other in standings if other is not each],
            most=most,
        )
        for each in standings
    }


def longest_waits(
    standings: Sequence[RegionStanding], first: date, *, most: int = PER_NIGHT
) -> Mapping[str, int]:
    """Return the longest time between refreshes of each region if all succeed; 0 for fewer than two."""
    last: dict[str, date] = {}
    longest = {each.name: 0 for each in standings}
    for night in plan(standings, first, LOOKED_AHEAD, most=most):
        for turn in night.turns:
            name = turn.standing.name
            if name in last:
                longest[name] = max(longest[name], (night.date - last[name]).days)
            last[name] = night.date
    return longest


def counted(number: int, thing: str) -> str:
    """Return a number of things, in words."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
