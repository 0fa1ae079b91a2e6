"""The rotation: chooses the regions to refresh in a night, from days alone, without clock or storage.

A region waits since its last attempt, and is due when it has waited its pause: its interval after a success;
after consecutive attempts that failed or were partial 1, 2, 4, 8… nights, but at most its interval. It is
due at once when its box, or what else decides its scenes, has changed in the file. The night takes the two
due regions with the highest score, which is the wait in pauses divided by the priority. Missed nights are
not made up for: what was overdue before still is, two a night.

No region starves, however many there are and however often others fail. While a region of pause J and
priority p waits for the u-th night, another, of interval I and priority q, that was refreshed in the
meantime, comes before it again only after a wait v of at least I nights with v / (I q) >= u / (J p): its
turns lie further and further apart, while two turns are taken every night. `longest_wait` counts the turns
the others can have taken at most; once there are fewer than two for each night, the region itself has been
taken. Attempts that follow a failure are not bound by that, and are counted one by one (`retries`). With
equal priorities and intervals J, as long as the intervals can be kept at all (the sum of 1/I is at most 2),
that is less than two intervals.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

PER_NIGHT = 2
"""Regions refreshed per night at most; each may take hours of downloading."""


@dataclass(frozen=True, slots=True)
class RegionStanding:
    """The facts about a region that the rotation uses."""

    name: str
    interval: int
    """Nights from one refresh to the next."""
    priority: int
    """1 is the most important."""
    attempted: date | None = None
    """Night of the last attempt; None before the first."""
    failures: int = 0
    """Consecutive attempts, up to the last, that failed or were partial."""
    is_running: bool = False
    """Whether it is being refreshed now; it is then not chosen."""
    changed: tuple[str, ...] = ()
    """What has changed in the file since the last attempt and asks for other scenes."""

    @property
    def pause(self) -> int:
        """Nights from the last attempt until it is due."""
        return min(2 ** min(self.failures - 1, 16), self.interval) if self.failures else self.interval

    def waited(self, night: date) -> int | None:
        """Return the nights since the last attempt; None if there was none."""
        return None if self.attempted is None else (night - self.attempted).days

    def is_due(self, night: date) -> bool:
        """Return whether it is to be refreshed as soon as there is room."""
        waited = self.waited(night)
        is_waiting = waited is None or bool(self.changed) or waited >= self.pause
        return is_waiting and not self.is_running

    def score(self, night: date) -> Fraction | None:
        """Return the wait in pauses, divided by the priority; None ranks above every number."""
        waited = self.waited(night)
        return None if waited is None or self.changed else Fraction(waited, self.pause * self.priority)


def choose(
    standings: Iterable[RegionStanding], night: date, *, most: int = PER_NIGHT
) -> list[RegionStanding]:
    """Return the regions to refresh in a night, the most urgent first."""

    def urgency(standing: RegionStanding) -> tuple[bool, Fraction, int, int, str]:
        score = standing.score(night)
        waited = standing.waited(night) or 0
        return score is not None, -(score or Fraction(0)), standing.priority, -waited, standing.name

    return sorted((each for each in standings if each.is_due(night)), key=urgency)[:most]


def longest_wait(
    of: RegionStanding, others: Sequence[RegionStanding], *, retries: int = 0, most: int = PER_NIGHT
) -> int:
    """Return the most nights from one attempt of a region to the next if every night chooses.

    Args:
        of: The region.
        others: All other regions.
        retries: Attempts of others, in that time, that follow a failure of their own.
        most: Regions refreshed per night.
    """
    waited, taken = of.pause, retries
    alike = Counter((other.interval, other.priority) for other in others)
    turns: dict[tuple[int, int], int | None] = dict.fromkeys(alike, waited)
    while True:
        for kind, number in alike.items():
            turn = turns[kind]
            if turn is not None and turn <= waited:
                taken += number
                turns[kind] = _next_turn(turn, of, *kind)
        if most * (waited - of.pause + 1) > taken:
            return waited
        waited += 1


def _next_turn(turn: int, of: RegionStanding, interval: int, priority: int) -> int | None:
    """Return the earliest wait of a region at which another precedes it again, after a success at a turn.

    It is the least u > turn for which u - turn >= I and (u - turn) / (I q) >= u / (J p).
    """
    own, its = of.pause * of.priority, interval * priority
    if its >= own:
        return None
    return max(turn + interval, -(-turn * own // (own - its)))
