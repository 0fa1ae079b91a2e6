"""Runs on a real database: started at night or on request, followed by any leader, never two of a region."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.database import Connection, Database
from app.jobs.job import (
    JobRequestError,
    QueueFullError,
)
from app.regions.file import RegionsFile
from app.regions.runs import Run, forget_runs, last_runs
from app.regions.service import RegionService, UnknownRegionError
from app.tasks.leader_election import LeadershipLostError
from app.tasks.region_rotation import RefreshUnderWayError
from mosaics.descriptions.folders import DescriptionFolders
from tests.app.tasks.rotating import NIGHTLY, OrdersInHand, World, still_leading


@pytest.fixture
async def world(database_url, write_regions, registry) -> AsyncIterator[World]:
    """Four regions, of which the first is the most important."""
    boxes: list[dict[str, Any]] = [
        {"bbox": [-120 + n, 38.0, -119.5 + n, 38.5], "name": name} for n, name in enumerate("abcd")
    ]
    boxes[0]["priority"] = 1
    path = write_regions(*boxes)
    database = Database(database_url, max_connections=8)

    regions = RegionService(
        RegionsFile(path, registry), database, zone=NIGHTLY.zone, descriptions=DescriptionFolders()
    )
    yield World(database, OrdersInHand(), regions, registry)
    await database.close()


async def test_a_night_begins_two_and_orders_both_windows_of_each(world: World):
    assert await world.night(0) == ["a", "b"]
    assert await world.night(0) == []  # a second leader of the same night
    await world.follow()
    await world.follow()
    run = await world.run("a")
    assert list(world.jobs.asked) == [
        f"region-run-{run.id}-post-2026-05-03/2026-06-01",
        f"region-run-{run.id}-pre-2025-05-03/2025-06-01",
        f"region-run-{run.id + 1}-post-2026-05-03/2026-06-01",
        f"region-run-{run.id + 1}-pre-2025-05-03/2025-06-01",
    ]
    assert next(iter(world.jobs.asked.values())) == {
        "source": "earth-search-sentinel-2-l2a",
        "aoi": [-120.0, 38.0, -119.5, 38.5],
        "toi": "2026-05-03/2026-06-01",
        "bands": ["nir08", "swir22", "scl"],
        "max_cloud": 60.0,
        "mode": "copy",
        "clip": True,
    }
    world.jobs.end("post", scenes=3)
    world.jobs.end("pre", scenes=2, known=4)
    await world.follow()
    run = await world.run("a")
    assert (run.status, run.scenes_landed, run.scenes_found, run.landed_bytes) == ("done", 5, 4, 5_000_000)
    assert run.night.isoformat() == "2026-06-01"


async def test_attempt_and_success_are_kept_apart_and_failures_back_off(world: World):
    assert await world.night(0) == ["a", "b"]
    await world.all_succeed()
    assert await world.night(1) == ["c", "d"]
    await world.follow()
    world.jobs.end("post", error="1 scene was not landed; see above.")
    world.jobs.end("pre")
    await world.follow()
    status = await world.regions.status("c")
    assert (status.last_status, status.failures, status.age_days) == ("failed", 1, None)
    job = status.last_run.jobs["post"] if status.last_run else 0
    assert status.error == f"post, job {job}: 1 scene was not landed; see above."
    assert [await world.night(n) for n in (2, 3)] == [["c", "d"], []]  # after one night, and then two
    await world.all_succeed()
    status = await world.regions.status("c")
    assert (status.last_status, status.failures, status.due) == ("done", 0, datetime(2026, 6, 10).date())  # noqa: DTZ001
    # Seven nights after their successes, and no sooner.
    assert [await world.night(n) for n in range(4, 8)] == [[], [], [], ["a", "b"]]


async def test_a_refresh_with_refused_scenes_is_shown_and_repeated_with_back_off(world: World):
    await world.night(0)
    await world.follow()
    world.jobs.end("post", scenes=2, refused=1)
    world.jobs.end("pre", scenes=3)
    await world.follow()
    run = await world.run("a")
    assert (run.status, run.scenes_landed, run.scenes_refused) == ("partial", 5, 1)
    assert run.refused == {"post-bad-0": "a dead link"}
    status = await world.regions.status("a")
    assert (status.last_status, status.failures, status.partial) == ("done", 0, run)
    assert status.shown == run
    assert status.due == datetime(2026, 6, 2).date()  # noqa: DTZ001
    assert await world.night(1) == ["c", "d"]  # never refreshed, so they come first
    await world.all_succeed()
    assert await world.night(2) == ["a", "b"]
    await world.follow()
    world.jobs.end("post", scenes=0, known=2, refused=1)
    world.jobs.end("pre", scenes=0, known=3)
    await world.follow()
    assert [await world.night(n) for n in (3, 4)] == [[], ["a", "b"]]  # two nights later
    await world.all_succeed()
    status = await world.regions.status("a")
    assert (status.partial, status.due) == (None, datetime(2026, 6, 12).date())  # noqa: DTZ001


async def test_a_window_with_too_few_good_scenes_does_not_replace_what_is_shown(world: World):
    async def refresh(*, scenes: int, refused: int) -> Run:
        await world.rotation.refresh("a")
        world.jobs.end("post", scenes=scenes, refused=refused)
        world.jobs.end("pre", scenes=4)
        await world.follow()
        return await world.run("a")

    first = await refresh(scenes=1, refused=5)  # better than nothing
    assert first.status == "partial"
    few = await refresh(scenes=1, refused=2)
    assert few.error == (
        f"post, job {few.jobs['post']}: 2 of 3 scenes were refused, so what is shown stays; "
        "post-bad-0: a dead link"
    )
    status = await world.regions.status("a")
    assert (status.last_status, status.failures, status.shown) == ("failed", 1, first)
    half = await refresh(scenes=2, refused=2)
    assert (half.status, (await world.regions.status("a")).shown) == ("partial", half)


async def test_a_region_that_moves_in_the_file_is_due_at_once_and_says_so(world: World, write_regions):
    box, moved = [-120.0, 38.0, -119.5, 38.5], [-121.0, 38.0, -120.5, 38.5]
    write_regions({"name": "a", "bbox": box})
    assert await world.night(0) == ["a"]
    await world.all_succeed()
    assert (await world.regions.status("a")).changed == ()
    write_regions({"name": "a", "bbox": box, "priority": 1, "zoom_max": 11, "update_interval_days": 3})
    assert (await world.regions.status("a")).changed == ()  # what is shown is still right
    assert await world.night(0) == []
    write_regions({"name": "a", "bbox": moved, "max_cloud_percent": 20})
    status = await world.regions.status("a")
    assert status.changed == ("bbox", "max_cloud_percent")
    assert status.due is not None
    assert status.due <= datetime.now(NIGHTLY.zone).date()
    assert await world.night(0) == ["a"]  # the same night, though it has been refreshed in it
    run = await world.run("a")
    assert (run.cause, run.asked["bbox"], run.night.isoformat()) == ("change", moved, "2026-06-01")
    assert (await world.regions.status("a")).changed == ()
    await world.all_succeed()
    write_regions({"name": "a", "bbox": box, "max_cloud_percent": 20})
    assert await world.night(0) == []  # two of the night are taken
    assert await world.night(1) == ["a"]


async def test_a_change_of_the_file_is_seen_by_day(world: World, write_regions):
    write_regions({"name": "a", "bbox": [1.0, 2.0, 1.5, 2.5]})
    rotation = world.rotation
    await rotation.choose(still_leading)
    await rotation.follow(still_leading)
    world.jobs.end("post")
    world.jobs.end("pre")
    await rotation.follow(still_leading)
    write_regions({"name": "a", "bbox": [3.0, 2.0, 3.5, 2.5]})
    await rotation.follow(still_leading)
    assert [(run.cause, run.status) for run in await world.runs("a")] == [
        ("change", "running"),
        ("rotation", "done"),
    ]


async def test_after_downtime_two_a_night_are_made_up_for(world: World):
    for number in (0, 1):
        await world.night(number)
        await world.all_succeed()
    assert await world.night(40) == ["a", "b"]
    assert await world.night(40) == []
    await world.all_succeed()
    assert await world.night(41) == ["c", "d"]


async def test_of_many_who_ask_at_once_one_begins_a_run(world: World):
    asked = [world.rotation.refresh("b") for _ in range(8)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(answer, Run) for answer in answers) == 1
    assert sum(isinstance(answer, RefreshUnderWayError) for answer in answers) == 7
    assert await world.night(0) == ["a", "c"]  # b is under way
    await world.all_succeed()
    assert [run.cause for run in await world.runs("b")] == ["request"]
    with pytest.raises(UnknownRegionError, match="no region 'e'; there are: a, b, c, d"):
        await world.rotation.refresh("e")


async def test_the_next_leader_goes_on_with_what_was_begun(world: World):
    await world.night(0)
    asked = 0

    async def lost_after_the_first() -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise LeadershipLostError("another leads")

    with pytest.raises(LeadershipLostError):
        await world.rotation.follow(lost_after_the_first)
    assert len(world.jobs.asked) == 2
    async with world.database.connection() as connection:  # killed before the order's id was noted
        await forget_jobs(connection)
    await world.all_succeed()
    assert len(world.jobs.asked) == 4
    assert {(await world.run(name)).status for name in "ab"} == {"done"}


async def forget_jobs(connection: Connection) -> None:
    await connection.execute("update region_runs set orders = '{}'")


async def test_where_the_year_before_has_no_scene_the_days_right_before_are_taken(world: World):
    await world.rotation.refresh("a")
    world.jobs.end("post")
    world.jobs.end("pre", scenes=0)
    await world.follow()
    run = await world.run("a")
    assert (run.status, run.pre_basis, run.pre.text) == ("running", "just-before", "2026-04-03/2026-05-02")
    await world.follow()
    assert [request["toi"] for request in world.jobs.asked.values()] == [
        *("2026-05-03/2026-06-01", "2025-05-03/2025-06-01", "2026-04-03/2026-05-02"),
    ]
    world.jobs.end("pre", scenes=0)
    await world.follow()
    run = await world.run("a")
    assert run.status == "empty"
    assert run.error == (
        "earth-search-sentinel-2-l2a has no scene of 2025-05-03/2025-06-01 over the region with at most "
        "60 % clouds, and none of 2026-04-03/2026-05-02"
    )


async def test_days_without_a_scene_are_told_and_tried_again_the_next_night(world: World):
    await world.night(0)
    await world.follow()
    world.jobs.end("post", scenes=0)
    world.jobs.end("pre")
    await world.follow()
    status = await world.regions.status("a")
    assert (status.last_status, status.failures) == ("empty", 1)
    assert "no scene of 2026-05-03/2026-06-01" in str(status.error)
    assert await world.night(1) == ["c", "d"]  # never refreshed, so they come first
    await world.all_succeed()
    assert await world.night(2) == ["a", "b"]


async def test_what_cannot_be_ordered_waits_or_is_told(world: World):
    world.jobs.refusal = QueueFullError("orders_queued: 100 jobs wait already")
    assert (await world.rotation.refresh("a")).status == "running"
    world.jobs.refusal = JobRequestError("source 'x' has no band swir22")
    assert (await world.rotation.refresh("b")).error == "source 'x' has no band swir22"
    world.jobs.refusal = QueueFullError("orders_queued: 100 jobs wait already")
    world.now = datetime.now(UTC) + timedelta(hours=21)
    await world.follow()
    run = await world.run("a")
    assert (run.status, run.error) == (
        "failed",
        "its jobs could not be submitted for 20 hours: orders_queued: 100 jobs wait already",
    )


async def test_a_run_that_takes_too_long_is_given_up_and_its_orders_cancelled(world: World):
    await world.rotation.refresh("a")
    world.jobs.end("post")
    world.now = datetime.now(UTC) + timedelta(hours=21)
    await world.follow()
    run = await world.run("a")
    assert (run.status, run.error) == ("failed", "it took longer than 20 hours and was given up")
    assert sorted(job.status for job in world.jobs.by_key.values()) == ["cancelled", "done"]


async def test_old_runs_are_forgotten_save_those_that_tell_how_a_region_stands(world: World):
    async def run(region: str, *, scenes: int) -> int:
        begun = await world.rotation.refresh(region)
        world.jobs.end("post", scenes=scenes)
        world.jobs.end("pre")
        await world.follow()
        return begun.id

    ids = [await run("a", scenes=scenes) for scenes in (1, 3, 0, 0)]  # done, done, empty, empty
    alone = await run("b", scenes=1)
    await world.rotation.refresh("c")
    async with world.database.connection() as connection:
        await connection.execute(
            "update region_runs set started_at = started_at - interval '11 days', "
            "finished_at = finished_at - interval '10 days'"
        )
        await forget_runs(connection, timedelta(days=11))
        assert [each.id for each in await last_runs(connection, "a", limit=9)] == ids[::-1]
        await forget_runs(connection, timedelta(days=10))
        kept = {name: await last_runs(connection, name, limit=9) for name in "abc"}
    assert [(each.id, each.status) for each in kept["a"]] == [(ids[3], "empty"), (ids[1], "done")]
    assert [each.id for each in kept["b"]] == [alone]
    assert [each.status for each in kept["c"]] == ["running"]
    status = await world.regions.status("a")
    assert status.shown is not None
    assert (status.shown.id, status.last_status, status.failures) == (ids[1], "empty", 1)
    assert status.history is not None
    assert status.history.landed_bytes == 4_000_000 + 1_000_000  # three after and one before, one before


async def test_a_run_goes_on_as_it_was_asked_although_the_file_changes(world: World, write_regions):
    await world.rotation.refresh("a")
    write_regions({"name": "b", "bbox": [1.0, 2.0, 1.5, 2.5]})
    await world.all_succeed()
    assert (await world.run("a")).status == "done"
    with pytest.raises(UnknownRegionError, match="there are: b"):
        await world.regions.status("a")
