"""Many areas under one tile of an archive ask it once a turn, and each is told what came of that."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.feeds.feed import FeedRequest
from app.feeds.feed_store import create_feed
from app.feeds.orders import order_of
from mosaics.bbox import Bbox
from tests.app.tasks.feeding import DAY, Production, World, moment, months, opened_world

SOURCE = "black-marble-monthly-noaa20"
AREAS = 100
STARTED = moment("2026-02-01")


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """An archive whose months are published 60 days after their end, and areas in 30 to 40 E, 10 to 20 N."""
    async with opened_world(database_url, (tmp_path / "store").as_uri(), STARTED) as world:
        plan = [
            Production(f"m{month.text}", month.interval(), month.end + 60 * DAY, 1)
            for month in months("2025-01", "2026-12")
        ]
        world.archive.plan = {SOURCE: plan}
        await areas(world, AREAS)
        yield world


async def areas(world: World, count: int) -> None:
    """Feeds as areas of half a degree have them."""
    places = random.Random(5)
    request = FeedRequest.model_validate({"source": SOURCE, "aoi": [30, 10, 31, 11], "from": "2025-08"})
    descriptions = world.descriptions.current()
    async with world.database.transaction() as connection:
        for number in range(count):
            west, south = places.uniform(30.1, 39.3), places.uniform(10.1, 19.3)
            box = Bbox(west, south, west + 0.5, south + 0.5)
            given = {"descriptions": descriptions, "settings": world.settings, "now": world.now}
            order = order_of(request, box, f"area {number}", **given)  # type: ignore[arg-type]
            await create_feed(connection, replace(order, is_of_area=True))


async def test_many_areas_under_one_tile_make_one_search_a_turn(world: World):
    fate = random.Random(3)
    await world.settle(fate)
    (order,) = await world.jobs.last(10)
    assert order.request["aoi"] == pytest.approx([30, 10, 40, 20], abs=1e-5)
    assert set(world.archive.landings) == {(f"m{month.text}", 1) for month in months("2025-08", "2025-11")}
    feeds = await world.feeds.find(limit=1000)
    assert {feed.done.newest_acquired for feed in feeds} == {moment("2025-11-01")}
    assert {feed.progress.complete for feed in feeds} == {1}
    (due,) = {feed.progress.next_at for feed in feeds}  # all have the same turn
    assert due is not None
    world.now = due + timedelta(minutes=1)
    await areas(world, 1)  # which has its own past to ask for, in the same question
    await world.settle()
    assert len(await world.jobs.last(10)) == 2
    world.now = moment("2026-03-03")
    await world.settle(fate)
    assert len(await world.jobs.last(10)) == 3
    assert world.archive.landings["m2025-12", 1] == 1
    assert set(world.archive.landings.values()) == {1}
    assert world.fate.deaths > 0
