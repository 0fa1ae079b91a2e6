"""A fortnight of hourly scans by a simulated clock: nights, late and swapped ones, and who dies.

`feeding` says what is real in it. So are here the logs and mosaics of both collections, and what stands in
for what; SIMULATED are the scans, which have no pixels. The sun is that of the Astronomical Almanac's
low-precision formulas (0.01 degrees), not the one of the code.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from app.feeds.feed import FeedChanges
from app.feeds.standing import standing_of
from ingest.landing import put_item
from ingest.standing_in import bring_stand_ins
from mosaics.document import SceneRecord
from mosaics.log import commit_scenes, read_document, read_state
from mosaics.near_real_time import stand_in_id
from mosaics.period import Cadence, Interval, Period
from mosaics.storage import Storage, open_storage
from tests.app.tasks.feeding import Production, WorkerKilledError, World, moment, opened_world

STANDARD, EARLY = "tempo-hcho", "tempo-hcho-nrt"
NEW_YORK = (-77.5, 38.5, -73.5, 41.0)
BEGINS, DAYS = moment("2026-09-13"), 14
HOUR = timedelta(hours=1)
EVERY = timedelta(hours=3)
OFTEN = timedelta(minutes=30)
CLOSE = (moment("2026-09-20T06:00"), moment("2026-09-21T18:00"))
"""When feeds ask as often as the collection's file says; else seldom, which spares the test's time."""
SILENT = (moment("2026-09-20T13:00"), moment("2026-09-21T09:00"))
"""When nothing is published, so that what the day had is late."""
OUTAGE = (moment("2026-09-23T12:00"), moment("2026-09-23T20:00"))
"""When the archive does not answer."""


@cache
def highest(hour: datetime) -> float:
    """How high the sun stands at most in an hour somewhere in the box, in degrees."""
    moments = [hour + HOUR * part / 12 for part in range(13)]
    places = [(lon, lat) for lon in (-77.5, -73.5) for lat in (38.5, 41.0)]
    return max(elevation(each, lon, lat) for each in moments for lon, lat in places)


def elevation(when: datetime, lon: float, lat: float) -> float:
    days = (when - datetime(2000, 1, 1, 12, tzinfo=UTC)) / timedelta(days=1)
    anomaly = math.radians(357.528 + 0.9856003 * days)
    longitude = math.radians(
        280.460 + 0.9856474 * days + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly)
    )
    tilt = math.radians(23.439 - 4e-7 * days)
    ascension = math.atan2(math.cos(tilt) * math.sin(longitude), math.cos(longitude))
    declination = math.asin(math.sin(tilt) * math.sin(longitude))
    sidereal = math.radians((18.697374558 + 24.06570982441908 * days) % 24 * 15 + lon)
    place = math.radians(lat)
    sine = math.sin(place) * math.sin(declination)
    sine += math.cos(place) * math.cos(declination) * math.cos(sidereal - ascension)
    return math.degrees(math.asin(sine))


def is_lit(hour: datetime) -> bool:
    return highest(hour) >= 10


def hours() -> list[datetime]:
    return [BEGINS + number * HOUR for number in range(DAYS * 24)]


def plan(source: str, seed: int) -> list[Production]:
    """What is published of the scans: a median of 3 hours after it, one in fourteen after its neighbour."""
    fate, median = random.Random(seed), 3.0 if source == STANDARD else 1.0
    found: list[Production] = []
    lit = [hour for hour in hours() if is_lit(hour)]
    for number, hour in enumerate(lit):
        if source == EARLY and fate.random() < 0.03:
            continue  # never published in near real time
        start = hour + timedelta(minutes=4, seconds=35)
        lag = timedelta(hours=median * fate.uniform(0.6, 1.4))
        published = start + HOUR + lag
        if fate.random() < 0.07:
            published += HOUR * 1.2  # the next scan is there before
        if SILENT[0] <= published < SILENT[1]:
            published = SILENT[1] + fate.random() * HOUR
        granule = f"{source}-{hour:%Y%m%dT%H}"
        scan = Interval(start, start + HOUR - timedelta(seconds=1))
        found.append(Production(granule, scan, published, 1))
        if number % 250 == 77:  # 0.4 %, as the archive has it: one of a fortnight's
            found.append(Production(granule, scan, published + timedelta(hours=fate.uniform(3, 50)), 2))
    return found


def record(source: str, production: Production) -> SceneRecord:
    west, south, east, north = NEW_YORK
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    assert production.time.start is not None
    assert production.time.end is not None
    return SceneRecord(
        id=production.granule,
        item_key=f"collections/{source}/scenes/{production.granule}/{production.number}/item.json",
        start=production.time.start,
        end=production.time.end,
        period=Period.containing(production.time.start, Cadence.HOUR),
        cloud_cover_percent=None,
        footprint={"type": "Polygon", "coordinates": [ring]},
        synthetic=False,
        resolution_m=2200.0,
    )


class Landings:
    """Lands scans without pixels, as the command does: a commit, then what stands in; killed between."""

    def __init__(self, world: World, storage: Storage, fate: random.Random) -> None:
        self.storage, self.fate, self.kills, self.deadly = storage, fate, 0, 0.1
        self.is_undone = False
        """Whether one was killed, and what stands in is to be looked at by the next."""
        found = world.descriptions.current().collections
        self.early, self.standard = found[EARLY].collection, found[STANDARD].collection

    async def land(self, source: str, found: Sequence[Production], new: Sequence[str]) -> None:
        records = [record(source, each) for each in found]
        added = [each for each in records if each.id in new]
        for each in added:
            item = {"id": each.id, "collection": source, "properties": {}, "links": [], "assets": {}}
            await put_item(self.storage, each.item_key, item)
        if added:
            await commit_scenes(self.storage, source, add=added)
        if added and self.fate.random() < self.deadly:
            self.kills, self.is_undone = self.kills + 1, True
            raise WorkerKilledError
        if added or self.is_undone:  # else it would find nothing to do, which costs time
            await bring_stand_ins(self.storage, self.early, self.standard)
            self.is_undone = False

    async def shown(self, since: datetime) -> Counter[tuple[datetime, str]]:
        """What the standard layer shows of scans that begin since: start and item."""
        state = await read_state(self.storage, STANDARD)
        scenes = [
            scene
            for period, key in state.mosaics.items()
            if period.start >= since
            for scene in (await read_document(self.storage, STANDARD, key)).scenes()
        ]
        return Counter((scene.start, f"{scene.id}/{scene.item_key.split('/')[-2]}") for scene in scenes)


def to_be_shown(world: World, since: datetime) -> Counter[tuple[datetime, str]]:
    """The same from the plan: of each scan that has landed the standard one, else that in near real time."""
    found: dict[datetime, str] = {}
    for source in (EARLY, STANDARD):
        for each in world.archive.plan[source]:
            start, number = each.time.start, world.archive.landed.get(each.granule, 0)
            if start is not None and start >= since and number:
                name = each.granule if source == STANDARD else stand_in_id(each.granule)
                found[start] = f"{name}/{number}"
    return Counter(found.items())


class Oracle:
    """What the state of a feed has to be, from when its archive was asked, what it had then, and the sun."""

    def __init__(self, productions: Sequence[Production]) -> None:
        self.productions = productions
        self.answered = self.newest = BEGINS
        self.failures = 0

    def look(self, now: datetime, *, failed: bool) -> None:
        self.failures = self.failures + 1 if failed else 0
        if not failed:
            self.answered = now
            there = (each.time.start for each in self.productions if each.published <= now)
            self.newest = max((start for start in there if start), default=self.newest)

    def state(self, now: datetime) -> str | None:
        """The state; None where the sun is so near its bound that both would do."""
        if self.failures >= 2:
            return "failing"
        over = [hour for hour in hours() if hour + 13 * HOUR <= self.answered]
        last = (now - 3 * HOUR).replace(minute=0, second=0) - HOUR
        if any(abs(highest(hour) - 10) < 0.5 for hour in (*over[-24:], last)):
            recent = [hour for hour in (*over[-24:], last) if abs(highest(hour) - 10) < 0.5]
            if last in recent or (over and max(recent) >= self.newest):
                return None
        expected = max((hour for hour in over if is_lit(hour)), default=None)
        if expected is not None and self.newest < expected:
            return "late"
        return "fresh" if is_lit(last) else "no_data_expected"


async def test_a_fortnight_whoever_leads(database_url: str, tmp_path: Path):
    fate, address = random.Random(14), (tmp_path / "store").as_uri()
    states: Counter[str] = Counter()
    async with (
        opened_world(database_url, address, BEGINS) as world,
        await open_storage(address) as storage,
    ):
        landings = Landings(world, storage, random.Random(7))
        world.land = landings.land
        world.archive.plan = {source: plan(source, seed) for source, seed in ((STANDARD, 1), (EARLY, 2))}
        place = {"aoi": NEW_YORK, "from": "2026-09-13"}
        feeds = {
            source: await world.create(source=source, every=EVERY, **place) for source in world.archive.plan
        }
        oracles = {source: Oracle(world.archive.plan[source]) for source in feeds}
        descriptions = world.descriptions.current()
        looks: Counter[int] = Counter()
        while world.now < BEGINS + DAYS * 24 * HOUR:
            is_close = CLOSE[0] <= world.now < CLOSE[1]
            world.now += OFTEN if is_close else HOUR
            if world.now in CLOSE:
                every = FeedChanges(every=OFTEN if world.now == CLOSE[0] else EVERY)
                for feed in feeds.values():
                    await world.feeds.change(feed.id, every)
            world.archive.fails = OUTAGE[0] <= world.now < OUTAGE[1]
            if any((feed.progress.next_at or world.now) <= world.now for feed in feeds.values()):
                await world.settle(fate)
                feeds = {source: (await world.feeds.read(feed.id)).feed for source, feed in feeds.items()}
            for source, feed in feeds.items():
                if world.now in (feed.done.polled_at, feed.done.failed_at):
                    looks[world.now.hour] += 1
                    oracles[source].look(world.now, failed=feed.done.failed_at == world.now)
                state = standing_of(feed, descriptions, world.now).freshness.state
                expected = oracles[source].state(world.now)
                if world.now.minute == 0 and world.now > BEGINS + 24 * HOUR and expected is not None:
                    states[state] += 1
                    assert state == expected, (source, world.now)
            is_late = (world.now.hour, world.now.minute) == (22, 0)
            if is_late and all(feed.progress.failures == 0 for feed in feeds.values()):
                since = world.now - 48 * HOUR
                assert await landings.shown(since) == to_be_shown(world, since)
        landings.deadly = 0.0
        for _ in range(2):  # one that was killed at the end is made good
            world.now += EVERY
            await world.settle()
        assert states["fresh"] > 100 < states["no_data_expected"]
        assert min(states["late"], states["failing"]) > 5
        assert landings.kills > 5 < world.fate.deaths
        assert set(world.archive.landings.values()) == {1}  # nothing twice
        for productions in world.archive.plan.values():
            there = [each for each in productions if each.published < world.now - 4 * HOUR]
            assert all(world.archive.landed.get(each.granule, 0) >= each.number for each in there)
        assert await landings.shown(BEGINS) == to_be_shown(world, BEGINS)
        assert sum(each.number == 2 for plan in world.archive.plan.values() for each in plan) == 2
        # from 04:30 UTC, six hours after the sun was high enough, to 12:00 every other turn is left out
        by_night, by_day = (sum(looks[hour] for hour in span) for span in (range(5, 12), range(15, 22)))
        assert by_night < 0.7 * by_day
