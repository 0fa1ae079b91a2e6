"""Kept series follow what lands: what a scene touches is counted again, and nothing else."""

import json

import pytest

from app.areas.area import AreaChanges, Description
from app.areas.area_store import change_area, delete_area, replace_area
from app.areas.kept_areas import AreaSeries
from app.areas.series_tables import SubjectToCount
from app.products.registry import Registry
from app.statistics.geometry import read_polygon
from app.statistics.memory import DatabaseMemory
from app.statistics.service import StatisticsService
from app.statistics.zonal import ZonalEngine
from app.tasks.leader_election import LeadershipLostError
from app.tasks.series_refresh import SeriesRefresh, pages
from mosaics.log import commit_scenes
from tests.app.tasks.conftest import PRODUCTS, Kept, square, still_leading


async def test_a_scene_over_one_of_a_thousand_areas_has_one_counted_again(kept: Kept) -> None:
    await kept.land("first")
    squares = [square(2 + 6 * n, 66 + 5 * m) for n in range(37) for m in range(27)]
    *others, corner = await kept.register([*squares, square(240, 180)])
    filled = await kept.refresh()
    assert (len(others), filled.series, filled.computed) == (999, 1000, 1000)
    before = await kept.rows()
    assert len(before) == 1000

    idle = await kept.refresh()
    assert (idle.periods, idle.series, idle.checked, idle.computed) == (0, 0, 0, 0)

    await kept.land("second", column=232, row=170)
    news = await kept.refresh()
    assert (news.periods, news.series, news.checked, news.computed) == (1, 0, 1, 1)
    after = await kept.rows()
    assert {key for key in after if after[key] != before[key]} == {(corner, "2024-06")}
    assert set(json.loads((await kept.entries(corner))["2024-06"])["scenes"]) <= {"first", "second"}


async def test_only_areas_under_a_new_month_get_an_entry_for_it(kept: Kept) -> None:
    await kept.land("may", "2024-05")
    west, east = await kept.register([square(20, 100), square(240, 180)])
    await kept.refresh()
    await kept.land("june", "2024-06", column=232, row=170)
    news = await kept.refresh()
    assert news.computed == 1
    assert set(await kept.entries(west)) == {"2024-05"}
    entries = await kept.entries(east)
    assert set(entries) == {"2024-05", "2024-06"}
    # Eight columns and ten rows into the second scene there is cloud.
    assert json.loads(entries["2024-05"])["mean"] == pytest.approx(0, abs=1e-6)
    assert json.loads(entries["2024-06"])["status"] == "empty"


async def test_missed_commits_are_made_up_for_in_one_run(kept: Kept) -> None:
    (area,) = await kept.register([square(20, 100)])
    await kept.land("march", "2024-03")
    await kept.refresh()
    for month in ("2024-04", "2024-05", "2024-06"):
        await kept.land(f"s-{month}", month)
    await commit_scenes(kept.storage, "sentinel-2-l2a", remove=["march"])
    await kept.catalogue.refresh()
    caught_up = await kept.refresh()
    assert (caught_up.periods, caught_up.computed) == (4, 3)
    entries = await kept.entries(area)
    assert list(entries) == ["2024-04", "2024-05", "2024-06"]
    assert [json.loads(e)["mean"] for e in entries.values()] == pytest.approx([0.5] * 3, abs=1e-6)


async def test_a_removed_scene_is_counted_no_more(kept: Kept) -> None:
    both, west = await kept.register([square(240, 180), square(20, 100)])
    await kept.land("first")
    await kept.land("second", column=232, row=170)
    await kept.refresh()
    before = await kept.rows()
    await commit_scenes(kept.storage, "sentinel-2-l2a", remove=["first"])
    await kept.catalogue.refresh()
    news = await kept.refresh()
    assert (news.computed, news.removed) == (1, 1)
    after = await kept.rows()
    assert set(after) == {(both, "2024-06")}
    assert after[both, "2024-06"] != before[both, "2024-06"]
    assert (west, "2024-06") in before


async def test_new_and_changed_areas_are_filled(kept: Kept) -> None:
    await kept.land("may", "2024-05")
    await kept.land("june", "2024-06")
    (area,) = await kept.register([square(20, 100)], products=())
    assert (await kept.refresh()).computed == 0
    async with kept.database.transaction() as connection:
        await change_area(connection, area, AreaChanges(products=("ndvi",)))
    assert (await kept.refresh()).computed == 2
    async with kept.database.transaction() as connection:
        await change_area(connection, area, AreaChanges(name="Renamed"))
    renamed = await kept.refresh()
    assert (renamed.series, renamed.computed) == (1, 0)
    async with kept.database.transaction() as connection:
        moved = read_polygon(square(200, 100))
        await replace_area(connection, area, Description("Moved", None, ("ndvi",)), moved)
    assert (await kept.refresh()).computed == 2
    assert json.loads((await kept.entries(area))["2024-06"])["mean"] == pytest.approx(0, abs=1e-6)


async def test_news_of_an_earlier_window_reaches_the_entries_that_compare_it(kept: Kept) -> None:
    west, east = await kept.register([square(20, 100), square(240, 180)], products=("ndvi-change",))
    await kept.land("june-23", "2023-06")
    await kept.land("june-24", "2024-06")
    await kept.land("july-24", "2024-07")
    await kept.refresh()
    # 2023-06 has nothing before it; 2024-07 lacks 2023-07, and another basis would not be like the others.
    before = await kept.rows()
    assert set(before) == {(area, "2024-06") for area in (west, east)}
    windows = {p: json.loads(e)["windows"]["pre"]["period"] for p, e in (await kept.entries(west)).items()}
    assert windows == {"2024-06": "2023-06"}

    await kept.land("june-23-east", "2023-06", column=232, row=170)
    await kept.refresh()
    after = await kept.rows()
    assert {key for key in after if after[key] != before[key]} == {(east, "2024-06")}

    # With a July of the year before there is an entry, where its scene lies.
    await kept.land("july-23-east", "2023-07", column=232, row=170)
    await kept.refresh()
    assert set(await kept.rows()) == {*((area, "2024-06") for area in (west, east)), (east, "2024-07")}
    await commit_scenes(kept.storage, "sentinel-2-l2a", remove=["july-23-east"])
    await kept.catalogue.refresh()
    await kept.refresh()
    assert set(await kept.rows()) == set(before)


async def test_a_first_period_a_year_before_changes_the_basis_of_all(kept: Kept) -> None:
    (area,) = await kept.register([square(20, 100)], products=("ndvi-change",))
    for month in ("2024-05", "2024-06", "2024-07"):
        await kept.land(f"s-{month}", month)
    await kept.refresh()

    async def compared() -> dict[str, str]:
        entries = await kept.entries(area)
        return {p: json.loads(e)["windows"]["pre"]["period"] for p, e in entries.items()}

    assert await compared() == {"2024-06": "2024-05", "2024-07": "2024-06"}
    await kept.land("s-2023-06", "2023-06")
    await kept.refresh()
    assert await compared() == {"2024-06": "2023-06"}
    await commit_scenes(kept.storage, "sentinel-2-l2a", remove=["s-2023-06"])
    await kept.catalogue.refresh()
    await kept.refresh()
    assert await compared() == {"2024-06": "2024-05", "2024-07": "2024-06"}


async def test_a_run_that_loses_the_lead_notes_nothing_and_the_next_goes_on(kept: Kept) -> None:
    await kept.land("may", "2024-05")
    await kept.land("june", "2024-06")
    await kept.register([square(20, 100)])
    asked = 0

    async def lost_in_june() -> None:
        nonlocal asked
        asked += 1
        if asked > 3:  # two periods are noted as seen, then comes May
            raise LeadershipLostError("another leads")

    with pytest.raises(LeadershipLostError):
        await kept.series_refresh.refresh(lost_in_june)
    assert {period for _, period in await kept.rows()} == {"2024-05"}
    again = await kept.refresh()
    assert (again.checked, again.computed) == (2, 1)


async def test_an_area_deleted_meanwhile_is_not_an_error(kept: Kept) -> None:
    await kept.land("june")
    gone, stays = await kept.register([square(20, 100), square(40, 100)])
    deleted = False

    async def delete_once() -> None:
        nonlocal deleted
        if not deleted:
            deleted = True
            async with kept.database.connection() as connection:
                await delete_area(connection, gone)

    await kept.land("may", "2024-05")
    await kept.series_refresh.refresh(delete_once)
    assert {area for area, _ in await kept.rows()} == {stays}


async def test_what_cannot_be_counted_says_why(kept: Kept) -> None:
    await kept.land("first")
    await kept.land("second")
    (area,) = await kept.register([square(20, 100)])
    narrow = ZonalEngine(kept.catalogue, kept.renderer, max_scenes=1)
    statistics = StatisticsService(narrow, DatabaseMemory(kept.database))
    series_refresh = SeriesRefresh(
        kept.database, kept.catalogue, Registry.load([PRODUCTS]), [AreaSeries(statistics)]
    )
    await series_refresh.refresh(still_leading)
    entry = json.loads((await kept.entries(area))["2024-06"])
    assert entry["status"] == "empty"
    assert "more than 1 scenes lie under the area" in entry["reason"]


def test_pages_are_bounded_in_areas_and_vertices() -> None:
    small = [SubjectToCount(n, 5) for n in range(5)]
    assert [len(page) for page in pages(small, 2)] == [2, 2, 1]
    large = [SubjectToCount(n, 100_000) for n in range(5)]
    assert [len(page) for page in pages(large, 200)] == [2, 2, 1]
    assert [len(page) for page in pages([SubjectToCount(1, 900_000), *small], 200)] == [1, 5]
    assert pages([], 200) == []
