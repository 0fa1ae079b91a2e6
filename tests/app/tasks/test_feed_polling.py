"""Feeds on a real database: polled, filled and kept, whoever leads and whenever it dies."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.feeds.feed import FeedChanges, FeedError
from app.feeds.piece_store import forget_polls
from app.jobs.job import Job
from app.tasks.feed_polling import FeedPolling
from mosaics.period import Interval
from tests.app.tasks.feeding import DAY, MortalJobs, Production, World, moment, months, opened_world
from tests.app.tasks.rotating import still_leading

MONTHLY = "black-marble-monthly-noaa20"
ENDED = "black-marble-monthly"
STARTED = moment("2026-02-01")


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """An archive whose months are published 60 days after their end, and no feed yet."""
    async with opened_world(database_url, (tmp_path / "store").as_uri(), STARTED) as world:
        plan = [
            Production(f"m{month.text}", month.interval(), month.end + 60 * DAY, 1)
            for month in months("2023-01", "2026-12")
        ]
        world.archive.plan = {MONTHLY: plan, "earth-search-sentinel-2-l2a": []}
        yield world


async def test_the_newest_is_fetched_first_then_the_past_then_what_is_new(world: World):
    feed = await world.create(source=MONTHLY, **{"from": "2023-06"})
    assert await world.lead() == {"feeds": 1, "ended": 0, "ordered": 1}
    assert await world.lead() == {"feeds": 1, "ended": 0, "ordered": 0}  # it waits for the order
    orders = []
    while await world.work():
        orders.append(dict((await world.jobs.last(1))[0].request))
        await world.lead()
    assert [order["toi"] for order in orders] == [
        "2025-06-01T00:00:00Z/2026-06-01T00:00:00Z",
        "2024-06-01T00:00:00Z/2025-06-01T00:00:00Z",
        "2023-06-01T00:00:00Z/2024-06-01T00:00:00Z",
    ]
    assert sorted(world.archive.landed) == [f"m{month.text}" for month in months("2023-06", "2025-11")]
    assert (await world.jobs.last(1))[0].request["aoi"] == [32.0, 15.0, 32.5, 15.5]
    history = await world.feeds.read(feed.id)
    assert [(poll.status, poll.found, poll.landed) for poll in history.polls] == [("done", 12, 12)] * 2 + [
        ("done", 6, 6)
    ]
    progress = history.feed.progress
    assert (progress.pieces, progress.complete, progress.under_way, progress.failures) == (3, 3, None, 0)
    assert history.feed.done.newest_acquired == moment("2025-11-01")
    world.now = moment("2026-03-02")
    await world.settle()
    since = [job.request["revised_since"] for job in reversed(await world.jobs.last(3))]
    assert since == [
        "2026-01-29T00:00:00Z",  # November is of 30 January
        "2025-07-30T00:00:00Z",
        "2024-07-30T00:00:00Z",
    ]
    assert max(world.archive.landed) == "m2025-12"


async def test_many_missed_slots_are_one(world: World):
    await world.create(source=MONTHLY, **{"from": "2025-08"})
    await world.settle()
    before = (await world.jobs.last(1))[0].id
    world.now += 40 * DAY
    await world.settle()
    assert (await world.jobs.last(1))[0].id == before + 1
    await world.settle()
    assert (await world.jobs.last(1))[0].id == before + 1


async def test_a_poll_that_is_asked_for_while_one_is_under_way_comes_after_it(world: World):
    feed = await world.create(source=MONTHLY, **{"from": "2025-08"})
    await world.lead()
    await world.work()
    world.now += timedelta(seconds=10)
    await world.feeds.poll(feed.id)
    await world.settle()
    assert len((await world.feeds.read(feed.id)).polls) == 2


class Sleeping(MortalJobs):
    """A leader that sleeps after its first order, while another leads and everything is done."""

    def __init__(self, world: World) -> None:
        super().__init__(world.jobs, world.fate)
        self.world: World | None = world

    async def submit(self, kind: Any, request: Mapping[str, Any], *, key: str) -> Job:
        job = await super().submit(kind, request, key=key)
        world, self.world = self.world, None
        if world is not None:
            await world.settle()
        return job


async def test_a_leader_that_wakes_up_late_does_nothing_twice(world: World):
    feed = await world.create(source=MONTHLY, **{"from": "2025-08"})
    most_days = world.settings.order_days
    asleep = FeedPolling(
        world.database, world.descriptions, Sleeping(world), most_days=most_days, now=lambda: world.now
    )
    await asleep.run(still_leading)
    await world.settle()
    assert len(await world.jobs.last(10)) == 1
    history = await world.feeds.read(feed.id)
    assert [poll.status for poll in history.polls] == ["done"]
    assert history.feed.progress.under_way is None
    assert set(world.archive.landings.values()) == {1}


async def test_old_looks_are_forgotten_but_for_the_last_of_a_feed(world: World):
    feed = await world.create(source=MONTHLY, **{"from": "2025-08"})
    for _ in range(3):
        await world.settle()
        world.now += DAY
    async with world.database.connection() as connection:
        await forget_polls(connection, timedelta(days=1))
    assert len((await world.feeds.read(feed.id)).polls) == 1


async def test_failures_pause_longer_each_time_and_keep_their_reason(world: World):
    feed = await world.create(source=MONTHLY, **{"from": "2025-08"})
    world.archive.fails = True
    pauses = []
    for _ in range(4):
        await world.settle()
        found = (await world.feeds.read(feed.id)).feed
        assert found.progress.next_at is not None
        pauses.append((found.progress.next_at - world.now) / timedelta(minutes=1))
        world.now = found.progress.next_at
    assert pauses == [5, 10, 20, 40]
    assert (found.done.failure, found.progress.failures) == ("the archive does not answer", 4)
    standing = await world.standing(feed)
    assert standing.freshness.state == "failing"
    assert "4 times in a row: the archive does not answer" in standing.freshness.says
    world.archive.fails = False
    await world.settle()
    assert (await world.standing(feed)).freshness.state == "fresh"


async def test_a_scene_that_is_refused_costs_itself_and_is_asked_for_again(world: World):
    feed = await world.create(source=MONTHLY, **{"from": "2025-08"})
    world.archive.refuses = frozenset({"m2025-09"})
    await world.settle()
    polls = (await world.feeds.read(feed.id)).polls
    assert [(poll.status, poll.error) for poll in polls] == [
        ("partial", "1 refused; m2025-09: it is damaged")
    ]
    assert sorted(world.archive.landed) == ["m2025-08", "m2025-10", "m2025-11"]
    world.archive.refuses = frozenset()
    world.now += DAY
    await world.settle()
    assert "m2025-09" in world.archive.landed
    assert (await world.feeds.read(feed.id)).polls[0].status == "done"


async def test_more_than_an_order_may_land_is_asked_for_in_halves(world: World):
    hours = [moment("2026-01-01") + timedelta(hours=hour) for hour in range(24 * 31)]
    for number, hour in enumerate(hours):
        time = Interval(hour, hour + timedelta(minutes=59))
        world.archive.plan[MONTHLY].append(Production(f"h{number:03}", time, hour, 1))
    feed = await world.create(source=MONTHLY, **{"from": "2026-01", "to": "2026-01"})
    await world.settle()
    assert len([name for name in world.archive.landed if name.startswith("h")]) == 744  # 500 an order
    polls = (await world.feeds.read(feed.id)).polls
    assert [poll.status for poll in polls] == ["done", "done", "split"]


async def test_a_full_queue_lets_feeds_wait_and_users_come_first(world: World):
    await world.create(source=MONTHLY, **{"from": "2025-08"})
    request = {"aoi": [5.0, 51.0, 5.1, 51.1], "toi": "2025-06", "source": "earth-search-sentinel-2-l2a"}
    world.jobs._settings = world.settings.model_copy(update={"orders_queued": 1})
    users = await world.jobs.submit("ingest", request)
    assert (await world.lead())["ordered"] == 0
    world.jobs._settings = world.settings
    assert (await world.lead())["ordered"] == 1
    later = await world.jobs.submit("ingest", request | {"toi": "2025-07"})
    await world.work()
    started = {job.id: job.finished_at for job in await world.jobs.last(10)}
    assert sorted(started, key=lambda job: str(started[job])) == [users.id, later.id, later.id - 1]


async def test_no_more_than_four_orders_of_feeds_wait_at_once(world: World):
    for _ in range(6):
        await world.create(source=MONTHLY, **{"from": "2025-08"})
    assert (await world.lead())["ordered"] == 4
    assert (await world.lead())["ordered"] == 0
    await world.settle()
    assert len(await world.jobs.last(10)) == 6


async def test_a_feed_that_is_paused_orders_nothing_and_goes_on_where_it_was(world: World):
    feed = await world.create(source=MONTHLY, **{"from": "2025-08"})
    await world.lead()
    await world.feeds.change(feed.id, FeedChanges(paused=True))
    await world.settle()
    assert (await world.feeds.read(feed.id)).feed.progress.complete == 1  # what was ordered is recorded
    world.now += 30 * DAY
    await world.settle()
    assert len(await world.jobs.last(10)) == 1
    await world.feeds.change(feed.id, FeedChanges(paused=False))
    await world.settle()
    assert len(await world.jobs.last(10)) == 2


async def test_a_limit_that_was_lowered_is_told_or_kept_to(world: World):
    feed = await world.create(source=MONTHLY, **{"from": "2025-02"})
    await world.settle()
    world.settings = world.settings.model_copy(update={"order_days": 100, "order_area_km2": 1.0})
    world.jobs._settings = world.settings
    world.now += DAY
    await world.settle()
    found = await world.feeds.read(feed.id)
    assert found.feed.progress.pieces == 4  # halved twice
    assert (found.polls[0].status, found.polls[0].order_id) == ("failed", None)
    assert "order_area_km2" in (found.polls[0].error or "")


async def test_other_archives_are_looked_at_again_where_something_may_still_come(world: World):
    source = "earth-search-sentinel-2-l2a"
    days = [moment("2025-12-01") + 5 * number * DAY for number in range(20)]
    world.archive.plan[source] = [
        Production(f"s{day:%m%d}", Interval(day, day + DAY), day + DAY, 1) for day in days
    ]
    late = world.archive.plan[source][11]  # of 25 January, published on 3 February
    world.archive.plan[source][11] = Production(late.granule, late.time, moment("2026-02-03"), 1)
    feed = await world.create(source=source, aoi=[5.0, 51.0, 5.1, 51.1], **{"from": "2025-12"})
    for _ in range(20):
        await world.settle()
        world.now += DAY / 2
    asked = (await world.jobs.last(1))[0].request
    assert (asked["revised_since"], asked["clip"]) == (None, True)
    assert asked["toi"] == "2026-01-31T00:00:00Z/2026-12-01T00:00:00Z"  # of what was complete 12 hours ago
    assert late.granule in world.archive.landed
    assert (await world.standing(feed)).freshness.state == "fresh"


async def test_a_feed_of_tempo_without_a_place_takes_the_box_of_the_settings(world: World):
    edges = {"west": -77.5, "south": 38.5, "east": -73.5, "north": 41.0}
    with pytest.raises(FeedError, match=r"give either area.*or set TEMPO_BBOX_WEST, TEMPO_BBOX_SOUTH"):
        await world.create(source="tempo-no2", aoi=None)
    world.settings = world.settings.model_copy(
        update={f"tempo_bbox_{side}": edge for side, edge in edges.items()}
    )
    order = (await world.create(source="tempo-no2", aoi=None)).order
    assert (order.box.degrees, order.clip) == ((-77.5, 38.5, -73.5, 41.0), True)
    assert order.every == timedelta(minutes=30)
    with pytest.raises(FeedError, match="what part of black-marble-monthly is wanted"):
        await world.create(source=ENDED, aoi=None)
