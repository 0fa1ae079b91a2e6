"""Three years of monthly publications by a simulated clock, with leaders that die.

`feeding` says what is real in it: feeds, planning and the queue are; archive and landing are simulated.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path

from app.feeds.standing import standing_of
from tests.app.tasks.feeding import DAY, Production, World, moment, months, opened_world

ENDED, GOES_ON = "black-marble-monthly", "black-marble-monthly-noaa20"
FIRST, LAST = moment("2025-01-01"), moment("2028-01-01")
END_OF_SUOMI = moment("2026-11-01")
LATE_AFTER = timedelta(days=75)

PUBLISHED = {
    "2025-04": "2025-09-01",  # after May was: what is newer than April is there since 5 August
    "2025-05": "2025-08-05",
    "2025-10": "2026-03-20",
    "2025-11": "2026-03-20",
    "2025-12": "2026-04-02",
    "2026-01": "2026-04-10",
    "2026-06": "2026-12-24",
    "2026-07": "2026-10-01",
}
"""Months that are late; others are published 45 to 70 days after their end, in no order."""

LATE = [
    (
        moment("2025-07-15"),
        moment("2025-08-05"),
    ),  # 75 days after the end of April, until something newer is there
    (
        moment("2026-01-15"),
        moment("2026-04-02"),
    ),  # October, and before November is there December is late, too
    (moment("2026-09-14"), moment("2026-10-01")),  # June
]
"""From when to when a feed is late, by hand."""

OUTAGE = (moment("2027-05-01"), moment("2027-05-31"))
"""Days on which the archive does not answer."""

MONTHS = months("2023-07", "2027-12")

LOOKS_EVERY = timedelta(days=12)
"""How often each feed asks, which is how much later a change can be told."""


def plan(source: str, seed: int) -> list[Production]:
    """What a source publishes, the past before the feed begins among it; each seventh month twice."""
    fate, found = random.Random(seed), []
    for number, month in enumerate(MONTHS):
        if source == ENDED and month.start >= moment("2026-09-01"):
            continue  # delivery ceased before these came
        said = PUBLISHED.get(month.text)
        published = moment(said) if said else month.end + fate.randrange(45, 71) * DAY
        granule = f"{source}-{month.text}"
        found.append(Production(granule, month.interval(), published, 1))
        if number % 7 == 0:
            again = published + fate.randrange(5, 400) * DAY
            found.append(Production(granule, month.interval(), again, 2))
    return found


class Oracle:
    """What the state of a feed has to be on a day, from the plan alone and the days its archive was asked."""

    def __init__(self, source: str, productions: list[Production]) -> None:
        self.source = source
        self.productions = productions
        self.answered: datetime | None = None
        self.failures = 0
        self.newest: datetime | None = None

    def look(self, now: datetime, *, fails: bool) -> None:
        if fails:
            self.failures += 1
            return
        self.answered, self.failures = now, 0
        starts = [p.time.start for p in self.productions if p.published <= now and p.time.start]
        self.newest = max(starts, default=None)

    def state(self, now: datetime) -> str:
        if self.source == ENDED and now >= END_OF_SUOMI:
            return "discontinued"
        if self.failures >= 2:
            return "failing"
        assert self.answered is not None
        assert self.newest is not None
        over = [m.start for m in MONTHS if m.end + LATE_AFTER <= self.answered]
        return "late" if self.newest < over[-1] else "fresh"


async def test_three_years_whoever_leads(database_url: str, tmp_path: Path):
    fate = random.Random(13)
    async with opened_world(database_url, (tmp_path / "store").as_uri(), FIRST) as world:
        world.archive.plan = {source: plan(source, seed) for source, seed in ((ENDED, 1), (GOES_ON, 2))}
        feeds = {
            source: await world.create(source=source, every=LOOKS_EVERY, **{"from": "2023-07"})
            for source in world.archive.plan
        }
        oracles = {source: Oracle(source, world.archive.plan[source]) for source in feeds}
        descriptions = world.descriptions.current()
        red: dict[str, list[datetime]] = {source: [] for source in feeds}
        while world.now < LAST:
            world.archive.fails = OUTAGE[0] <= world.now < OUTAGE[1]
            if any((feed.progress.next_at or world.now) <= world.now for feed in feeds.values()):
                await world.settle(fate)
                feeds = {source: (await world.feeds.read(feed.id)).feed for source, feed in feeds.items()}
            for source, feed in feeds.items():
                if feed.done.polled_at == world.now:
                    oracles[source].look(world.now, fails=world.archive.fails)
                standing = standing_of(feed, descriptions, world.now)
                assert standing.freshness.state == oracles[source].state(world.now), (source, world.now)
                if standing.is_alarming:
                    red[source].append(world.now)
            world.now += DAY
        assert world.fate.deaths > 50
        everything_came_once(world)
        assert all(day < END_OF_SUOMI for day in red[ENDED])  # and never again
        for source, expected in ((GOES_ON, [*LATE, OUTAGE]), (ENDED, LATE)):
            found = stretches(red[source])
            assert len(found) == len(expected)
            for (first, last), (begin, end) in zip(found, expected, strict=True):
                assert begin <= first <= begin + LOOKS_EVERY + DAY
                assert end <= last + DAY <= end + LOOKS_EVERY


def stretches(days: list[datetime]) -> list[tuple[datetime, datetime]]:
    """Return the first and the last day of days in a row."""
    first = [day for day in days if day - DAY not in days]
    return list(zip(first, [day for day in days if day + DAY not in days], strict=True))


def everything_came_once(world: World) -> None:
    """Every granule is here in its newest production, and none was landed twice."""
    for productions in world.archive.plan.values():
        newest = {
            p.granule: p.number for p in sorted(productions, key=lambda p: p.number) if p.published < LAST
        }
        assert {name: world.archive.landed.get(name) for name in newest} == newest
    assert set(world.archive.landings.values()) == {1}
