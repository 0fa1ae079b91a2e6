"""GET /areas/{id}/timeseries: rows where they are kept, what is missing counted and marked."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.settings import Settings
from mosaics.storage import open_storage
from tests.app.conftest import eventually, serving
from tests.app.landed import land
from tests.app.tasks.conftest import square
from tests.services.postgres import PostgresServer

LOCAL = "http://127.0.0.1"


async def register(client: httpx.AsyncClient, *products: str, geometry: Any = None) -> int:
    properties = {"name": "Field", "products": list(products)}
    document = {"type": "Feature", "geometry": geometry or square(20, 100), "properties": properties}
    answer = await client.post("/areas", json=document)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


async def series(client: httpx.AsyncClient, area: int, query: str = "") -> Any:
    answer = await client.get(f"/areas/{area}/timeseries{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def all_kept(client: httpx.AsyncClient, area: int) -> None:
    async def is_kept() -> bool:
        found = await series(client, area)
        return bool(found["computed"] == found["pending"] == 0 and found["series"])

    await eventually(is_kept, within_s=60)


def marks(found: Any) -> dict[str, bool]:
    return {entry["period"]: entry["kept"] for entry in found["series"]}


@pytest.fixture
def choices(settings: Settings, database_url: str) -> Settings:
    """Settings with a database and jobs that run each second; nothing has landed."""
    return settings.model_copy(update={"database_url": database_url, "jobs_every_s": 1.0})


@pytest.fixture
async def idle(choices: Settings, two_months: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with the two months, which does no jobs."""
    async with serving(choices.model_copy(update={"storage": two_months, "jobs": False})) as client:
        client.base_url = httpx.URL(LOCAL)
        yield client


@pytest.fixture
async def busy(choices: Settings, two_months: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with the two months, which does its jobs."""
    async with serving(choices.model_copy(update={"storage": two_months})) as client:
        client.base_url = httpx.URL(LOCAL)
        yield client


async def test_what_no_job_has_kept_is_counted_and_marked(idle: httpx.AsyncClient) -> None:
    area = await register(idle, "ndvi")
    found = await series(idle, area)
    facts = {name: found[name] for name in ("area", "name", "product", "unit", "kept", "computed", "pending")}
    assert facts == {
        "area": area, "name": "Field", "product": "ndvi", "unit": "1", "kept": 0, "computed": 2, "pending": 0,
    }  # fmt: skip
    assert marks(found) == {"2024-05": False, "2024-06": False}
    assert [entry["mean"] for entry in found["series"]] == pytest.approx([0.5, 0.5], abs=1e-6)


async def test_jobs_keep_the_series_and_rows_are_the_same_entries(
    busy: httpx.AsyncClient, database_url: str
) -> None:
    area = await register(busy, "ndvi")
    computed = (await busy.post("/products/ndvi/statistics?datetime=2024", json=square(20, 100))).json()
    await all_kept(busy, area)
    found = await series(busy, area)
    assert marks(found) == {"2024-05": True, "2024-06": True}
    there = {entry["period"]: entry for entry in computed["properties"]["series"]}
    for entry in found["series"]:
        entry.pop("kept")
        entry.pop("computed_at")
        assert entry == there[entry["period"]]
    jobs = (await busy.get("/jobs")).json()
    (kept,) = [task for task in jobs["tasks"] if task["name"] == "kept-series"]
    assert jobs["leader"] == jobs["this_worker"]
    assert sum(slot["detail"].get("computed", 0) for slot in kept["last"]) <= 2


async def test_a_landed_scene_is_seen_at_once_and_kept_soon(choices: Settings, tmp_path: Path) -> None:
    async with await open_storage(choices.storage) as storage:
        await land(storage, tmp_path, "march", month="2024-03")
        async with serving(choices) as client:
            client.base_url = httpx.URL(LOCAL)
            under = await register(client, "ndvi")
            beside = await register(client, "ndvi", geometry=square(-100, -100))
            await all_kept(client, under)
            await land(storage, tmp_path, "june", month="2024-06")
            await eventually(lambda: _has(client, under, 4))
            fresh = marks(await series(client, under))
            for area in (under, beside):
                await all_kept(client, area)
            found, empty = await series(client, under), await series(client, beside)
    assert list(fresh) == ["2024-03", "2024-04", "2024-05", "2024-06"]
    assert fresh["2024-03"]
    assert [entry["status"] for entry in found["series"]] == ["ok", "empty", "empty", "ok"]
    assert [entry["status"] for entry in empty["series"]] == ["empty"] * 4
    assert set(marks(empty).values()) == {True}
    assert empty["series"][0]["reason"] == "No scene covers the area at this time."
    assert empty["series"][0]["area_km2"] == pytest.approx(0.0016, rel=0.01)


async def _has(client: httpx.AsyncClient, area: int, entries: int) -> bool:
    return len((await series(client, area))["series"]) == entries


async def test_start_and_end_choose_the_periods_they_touch(busy: httpx.AsyncClient) -> None:
    area = await register(busy, "ndvi")
    await all_kept(busy, area)
    asked = {
        "": ["2024-05", "2024-06"],
        "?start=2024-06": ["2024-06"],
        "?end=2024-05": ["2024-05"],
        "?start=2024-05-31T00:00:00Z&end=2024-06-01T00:00:00Z": ["2024-05"],
        "?start=2024-05-31&end=2024-06-01": ["2024-05", "2024-06"],
        "?start=2024-07": [],
        "?start=2023&end=2023": [],
        "?product=ndvi": ["2024-05", "2024-06"],
    }
    for query, periods in asked.items():
        assert list(marks(await series(busy, area, query))) == periods, query


async def test_csv_has_the_same_columns_whatever_is_there(busy: httpx.AsyncClient) -> None:
    area = await register(busy, "ndvi")
    await all_kept(busy, area)
    answer = await busy.get(f"/areas/{area}/timeseries?f=csv")
    nothing = await busy.get(f"/areas/{area}/timeseries?f=csv&start=2030")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="area-{area}-ndvi.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["period"] for row in rows] == ["2024-05", "2024-06"]
    assert (rows[0]["kept"], rows[0]["unit"], rows[0]["status"]) == ("true", "1", "ok")
    assert float(rows[0]["mean"]) == pytest.approx(0.5, abs=1e-6)
    assert float(rows[0]["area_km2"]) == pytest.approx(0.0016, rel=0.01)
    assert rows[0]["scenes"] == "S2A_MOL_20240510"
    assert nothing.text.splitlines() == answer.text.splitlines()[:1]
    assert "area_km2" in nothing.text


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/areas/{area}/timeseries?product=ndvx", 404, "there are:"),
        ("/areas/{area}/timeseries?product=true-color", 400, "statistics need one value"),
        ("/areas/{area}/timeseries?start=2024-06&end=2024-05", 400, "the interval ends"),
        ("/areas/{area}/timeseries?f=xml", 422, "json"),
        ("/areas/{area}/timeseries?from=2024", 400, "there are: end, f, lit_above, product, start"),
        ("/areas/999999/timeseries?product=ndvi", 404, "no area 999999"),
        ("/areas/999999/timeseries", 404, "no area 999999"),
        ("/areas/0/timeseries", 422, "area"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    idle: httpx.AsyncClient, path: str, status: int, says: str
) -> None:
    answer = await idle.get(path.format(area=await register(idle, "ndvi")))
    assert (answer.status_code, says in answer.json()["detail"]) == (status, True)


async def test_the_product_must_be_said_where_there_are_several(idle: httpx.AsyncClient) -> None:
    none, several = await register(idle), await register(idle, "ndvi", "no2")
    for area, kept in ((none, "no product"), (several, "ndvi, no2")):
        answer = await idle.get(f"/areas/{area}/timeseries")
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith(f"area {area} keeps {kept}; name the product")
    assert (await series(idle, none, "?product=ndvi"))["computed"] == 2
    assert (await series(idle, several, "?product=no2"))["series"] == []


async def test_more_than_the_bound_is_left_for_the_jobs(
    idle: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.areas.timeseries.MAX_COMPUTED", 1)
    found = await series(idle, await register(idle, "ndvi"))
    assert (found["computed"], found["pending"], list(marks(found))) == (1, 1, ["2024-06"])


async def test_equal_questions_are_answered_from_the_cache(
    idle: httpx.AsyncClient, database_url: str
) -> None:
    path = "/products/ndvi/statistics?datetime=2024-06"
    first = await idle.post(path, json=square(20, 100))
    connection = await asyncpg.connect(database_url)
    inputs = first.json()["properties"]["series"][0]["inputs"]
    assert await connection.fetchval("select count(*) from statistics_cache where inputs = $1", inputs) == 1
    marked = "update statistics_cache set entry = entry || '{\"mean\": 42}' where inputs = $1"
    await connection.execute(marked, inputs)
    # in other bytes, since the same ones are answered by their hash before the cache is asked
    spaced, headers = json.dumps(square(20, 100), indent=1), {"Content-Type": "application/json"}
    again = await idle.post(path, content=spaced, headers=headers)
    other = await idle.post(path + "&percentiles=5", json=square(20, 100))
    await connection.close()
    assert again.json()["properties"]["series"][0]["mean"] == 42
    assert other.json()["properties"]["series"][0]["mean"] == pytest.approx(0.5, abs=1e-6)


async def test_without_a_database_polygons_are_counted_and_areas_are_not(
    settings: Settings, two_months: str
) -> None:
    async with serving(settings.model_copy(update={"storage": two_months})) as client:
        for path in ("/areas/1/timeseries?product=ndvi", "/jobs"):
            answer = await client.get(path)
            assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
            assert "TILEWATCH_DATABASE_URL" in answer.json()["detail"]
        assert (await client.post("/products/ndvi/statistics", json=square(20, 100))).status_code == 200


@pytest.mark.parametrize(
    ("outage", "statistics"),
    [("stopped", 503), ("hanging", 200)],  # a slow database is done without, one that is away is told
)
async def test_an_outage_of_the_database_costs_series_and_leaves_tiles_unharmed(
    busy: httpx.AsyncClient, postgres: PostgresServer, outage: str, statistics: int
) -> None:
    area = await register(busy, "ndvi")
    await all_kept(busy, area)
    path = f"/areas/{area}/timeseries"
    pause, resume = (
        (postgres.stop, postgres.start) if outage == "stopped" else (postgres.pause, postgres.resume)
    )
    loads = [asyncio.create_task(_ask_again(busy, path)) for _ in range(4)]
    pause()
    try:
        refused = await busy.get(path)
        tile = await busy.get("/tiles/ndvi/14/8430/5463.png")
        counted = [
            await asyncio.wait_for(busy.post("/products/ndvi/statistics", json=square(40 + n, 100)), 10)
            for n in range(3)
        ]
    finally:
        resume()
    await eventually(lambda: _is_answered(busy, path), within_s=60)
    for load in loads:
        load.cancel()
    await asyncio.gather(*loads, return_exceptions=True)
    state = (await busy.get("/readyz")).json()["database"]
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert tile.status_code == 200
    assert {answer.status_code for answer in counted} == {statistics}
    assert all("retry-after" in answer.headers for answer in counted if answer.status_code == 503)
    assert state["connections"]["open"] <= state["connections"]["limit"]
    await all_kept(busy, area)


async def _ask_again(client: httpx.AsyncClient, path: str) -> None:
    while True:
        assert (await client.get(path)).status_code in {200, 503}
        await asyncio.sleep(0.05)


async def _is_answered(client: httpx.AsyncClient, path: str) -> bool:
    return (await client.get(path)).status_code == 200


async def test_three_thousand_kept_periods_are_rows_only(idle: httpx.AsyncClient, database_url: str) -> None:
    area = await register(idle, "ndvi")
    entry = (await series(idle, area))["series"][0]
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        """
        insert into area_statistics (area_id, product, period, starts, entry, inputs)
        select $1, 'ndvi', to_char(day, 'YYYY-MM-DD'), day at time zone 'UTC', $2::jsonb, 'x'
        from generate_series(timestamp '2010-01-01', timestamp '2018-03-19', interval '1 day') day
        """,
        area,
        json.dumps(entry),
    )
    await connection.close()
    found = await series(idle, area, "?end=2019")
    assert (len(found["series"]), found["computed"]) == (3000, 0)
