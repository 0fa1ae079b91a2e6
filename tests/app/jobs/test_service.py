"""Jobs over HTTP while no server runs them: what is accepted, what is refused, and in which words."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.database import Database
from app.jobs.job_store import (
    LEASE,
    ReportedWork,
    beat,
    claim_job,
    create_job,
    finish_job,
    forget_jobs,
    hand_back_job,
)
from app.settings import Settings
from mosaics.descriptions.sources import SHIPPED as SOURCES
from mosaics.storage import open_storage
from tests.app.areas.conftest import LOCAL
from tests.app.conftest import serving
from tests.app.landed import land
from tests.services.postgres import PostgresServer

ASKED = {"aoi": [5.2, 51.2, 5.3, 51.3], "toi": "2024-06-01/2024-06-30", "bands": ["red", "nir"]}


@pytest.fixture
def chosen(settings: Settings, two_months: str, database_url: str) -> Settings:
    """Settings of a worker that runs no jobs, with a database; Sentinel-2 has red, nir and scl."""
    changes = {"storage": two_months, "database_url": database_url, "jobs": False, "orders_queued": 3}
    return settings.model_copy(update=changes)


@pytest.fixture
async def client(chosen: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(chosen) as client:
        client.base_url = httpx.URL(LOCAL)
        yield client


async def test_an_order_is_taken_listed_and_cancelled(client: httpx.AsyncClient) -> None:
    taken = await client.post("/composites", json=ASKED)
    assert taken.status_code == 202
    job = taken.json()
    assert taken.headers["location"] == f"{LOCAL}/jobs/{job['id']}"
    assert (job["kind"], job["status"], job["progress"], job["error"]) == ("composite", "queued", None, None)
    assert job["request"]["collection"] == "sentinel-2-l2a"
    assert (await client.get(taken.headers["location"])).json() == job
    listed = (await client.get("/jobs")).json()
    assert [each["id"] for each in listed["jobs"]] == [job["id"]]
    assert (listed["tasks"], listed["this_worker"]) == ([], None)  # this worker runs none
    cancelled = await client.delete(f"/jobs/{job['id']}")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (await client.delete(f"/jobs/{job['id']}")).json() == cancelled.json()
    for method in (client.get, client.delete):
        missing = await method("/jobs/999")
        assert (missing.status_code, "GET /jobs lists" in missing.text) == (404, True)


async def test_a_key_gives_the_same_job_for_the_same_body_alone(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "a-1"}
    answers = await asyncio.gather(*(client.post("/composites", json=ASKED, headers=key) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {202}
    (job,) = {answer.json()["id"] for answer in answers}
    written_otherwise = {**ASKED, "aoi": [5.20, 51.20, 5.3, 51.3], "method": "median"}
    assert (await client.post("/composites", json=written_otherwise, headers=key)).json()["id"] == job
    other = await client.post("/composites", json={**ASKED, "bands": ["red"]}, headers=key)
    assert other.status_code == 422
    assert other.json()["detail"] == (
        f"the idempotency key belongs to job {job}, sent with another body; send a new key"
    )
    assert (await client.post("/composites", json=ASKED)).json()["id"] != job
    long = await client.post("/composites", json=ASKED, headers={"Idempotency-Key": "x" * 201})
    assert (long.status_code, "1 to 200 printable" in long.text) == (400, True)


async def test_a_key_gives_its_job_when_the_order_could_be_given_no_more(
    client: httpx.AsyncClient, chosen: Settings, tmp_path: Path
) -> None:
    key = {"Idempotency-Key": "a-2"}
    job = (await client.post("/composites", json=ASKED, headers=key)).json()["id"]
    fetching = {"Idempotency-Key": "a-3"}
    ingestion = (await client.post("/ingest", json=ASKED, headers=fetching)).json()
    nowhere = chosen.model_copy(update={"storage": (tmp_path / "empty").as_uri(), "order_area_km2": 1e-3})
    async with serving(nowhere) as other:
        other.base_url = httpx.URL(LOCAL)
        again = await other.post("/composites", json=ASKED, headers=key)
        assert (again.status_code, again.json()["id"]) == (202, job)
        named = ASKED | {"source": ingestion["request"]["source"]}
        for body in (ASKED, named):
            assert (await other.post("/ingest", json=body, headers=fetching)).json()["id"] == ingestion["id"]
        assert "order_area_km2" in (await other.post("/composites", json=ASKED)).text
        another = await other.post("/composites", json=ASKED | {"ingest": True}, headers=key)
        assert "order_area_km2" in another.text  # the first was to fetch nothing


async def test_limits_are_refused_by_their_names(client: httpx.AsyncClient) -> None:
    async def refused(**larger: Any) -> tuple[int, str]:
        answer = await client.post("/composites", json=ASKED | larger)
        return answer.status_code, answer.json()["detail"].partition(":")[0]

    assert await refused(aoi=[0, 40, 10, 50]) == (400, "order_area_km2")
    assert await refused(toi="2020/2024") == (400, "order_days")
    assert await refused(bands=[f"b{number}" for number in range(17)]) == (400, "order_bands")
    answers = await asyncio.gather(*(client.post("/composites", json=ASKED) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [429] * 5
    full = next(answer for answer in answers if answer.status_code == 429)
    assert full.json()["detail"].startswith("orders_queued: 3 jobs wait already")
    assert full.headers["retry-after"] == "60"


async def test_what_cannot_be_made_is_answered_with_what_could(client: httpx.AsyncClient) -> None:
    async def said(path: str = "/composites", **asked: Any) -> str:
        answer = await client.post(path, json=ASKED | asked)
        assert answer.status_code == 400, answer.text
        detail: str = answer.json()["detail"]
        return detail

    assert "no band 'swir22' in collection 'sentinel-2-l2a'; there are: " in await said(bands=["swir22"])
    not_landed = (
        "no collection 'landsat-c2-l2'; there are: sentinel-2-l2a; \"ingest\": true fetches scenes first"
    )
    assert await said(collection="landsat-c2-l2", bands=["red"]) == not_landed
    for collection in ("naip", "sentinel-2-monthly", "nowhere"):  # no clouds are told, composites, nothing
        assert await said(collection=collection, ingest=True) == (
            f"no composites are made of '{collection}'; they are of: black-marble-daily, "
            "black-marble-daily-noaa20, landsat-c2-l2, sentinel-2-l2a"
        )
    numbers = "blue, green, red, rededge1, rededge2, rededge3, nir, nir08, nir09, swir16, swir22"
    assert await said(bands=["red", "scl"]) == (
        f"composites of sentinel-2-l2a have no band 'scl', whose numbers are names, but: {numbers}"
    )
    assert await said(bands=["count"], ingest=True) == (
        f"composites of sentinel-2-l2a have no band 'count' but: {numbers}"
    )
    unknown = await said("/ingest", source="landsat")
    assert unknown.startswith("no source 'landsat'; there are: black-marble-daily, ")
    other = await said(ingest="earth-search-landsat-c2-l2")
    assert other.startswith("no source 'earth-search-landsat-c2-l2' of sentinel-2-l2a; there are: earth-s")
    band = await said("/ingest", bands=["thermal"])
    assert band.startswith("source 'earth-search-sentinel-2-c1-l2a' has no band thermal; there are: blue, ")


async def test_a_source_can_be_ordered_from_as_soon_as_its_file_is_there(
    chosen: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    own = (SOURCES / "earth-search-sentinel-2-l2a.toml").read_text()
    async with serving(chosen.model_copy(update={"sources": folder})) as client:
        client.base_url = httpx.URL(LOCAL)

        async def ordered() -> httpx.Response:
            return await client.post("/ingest", json=ASKED | {"source": "local"})

        unknown = await ordered()
        assert (unknown.status_code, "no source 'local'" in unknown.text) == (400, True)
        (folder / "local.toml").write_text(own)
        assert (await ordered()).status_code == 202
        (folder / "local.toml").write_text(own + "wrong =")
        assert (await ordered()).status_code == 202  # by what was read before
        (folder / "local.toml").write_text(own.replace('\nred = "red"', ""))
        lacking = await ordered()
        assert (lacking.status_code, "'local' has no band red" in lacking.text) == (400, True)


async def test_a_source_file_that_is_wrong_is_left_out_with_its_reason(
    chosen: Settings, tmp_path: Path
) -> None:
    (tmp_path / "local.toml").write_text('title = "Mine"')
    async with serving(chosen.model_copy(update={"sources": tmp_path})) as client:
        client.base_url = httpx.URL(LOCAL)
        refused = await client.post("/ingest", json=ASKED | {"source": "local"})
        others = await client.post("/ingest", json=ASKED)
    assert (refused.status_code, others.status_code) == (400, 202)
    assert "source 'local' is left out: local.toml: collection: Field required" in refused.json()["detail"]


async def test_a_composite_of_no_scene_is_refused_until_one_lands(
    client: httpx.AsyncClient, chosen: Settings, tmp_path: Path
) -> None:
    async def said(**asked: Any) -> str:
        answer = await client.post("/composites", json=ASKED | asked)
        assert answer.status_code == 400, answer.text
        detail: str = answer.json()["detail"]
        return detail

    there = 'scenes are of 2024-05 to 2024-06; "ingest": true fetches scenes first'
    nothing = "no scene of sentinel-2-l2a lies over the box in"
    assert await said(aoi=[5.3, 51.3, 5.4, 51.4]) == f"{nothing} {ASKED['toi']}; {there}"
    assert await said(toi="2024-08") == f"{nothing} 2024-08; {there}"
    assert (
        await said(toi="2024-06-11/2024-06-30") == f"{nothing} 2024-06-11/2024-06-30; {there}"
    )  # it is of the 10th

    bare = (tmp_path / "bare").as_uri()
    async with serving(chosen.model_copy(update={"storage": bare, "refresh_s": 3600.0})) as other:
        other.base_url = httpx.URL(LOCAL)
        assert (await other.post("/composites", json=ASKED)).status_code == 400
        async with await open_storage(bare) as storage:
            await land(storage, tmp_path, "blind", without=["scl"])
            blind = await other.post("/composites", json=ASKED)
            lacking = "has all bands and scl: blind has no band scl; "
            assert blind.status_code == 400
            assert blind.json()["detail"].startswith(f"no scene over the box in {ASKED['toi']} {lacking}")
            await land(storage, tmp_path)
        assert (
            await other.post("/composites", json=ASKED)
        ).status_code == 202  # looked up again, not known at once


async def test_a_composite_may_be_ordered_behind_the_ingestion_of_its_scenes(
    client: httpx.AsyncClient,
) -> None:
    later = ASKED | {"toi": "2024-08", "ingest": False}
    assert (await client.post("/composites", json=later)).status_code == 400
    fetching = await client.post("/ingest", json=ASKED | {"toi": "2024-08"})
    assert fetching.status_code == 202, fetching.text
    assert (await client.post("/composites", json=later)).status_code == 202
    elsewhere, earlier = later | {"aoi": [0, 0, 0.1, 0.1]}, later | {"toi": "2024-07"}
    assert (await client.post("/composites", json=elsewhere)).status_code == 400  # that brings none of it
    assert (await client.post("/composites", json=earlier)).status_code == 400
    assert (await client.delete(f"/jobs/{fetching.json()['id']}")).json()["status"] == "cancelled"
    assert (await client.post("/composites", json=later)).status_code == 400


NO_ORDERS = [
    (json.dumps(ASKED | {"aoi": [float("nan")] * 4}), 422, "aoi: give [west, south, east, north]"),
    (json.dumps(ASKED | {"toi": "2024-07/2024-06"}), 422, "toi: the interval ends at 2024-07-01"),
    (json.dumps(ASKED | {"bands": ["red'); drop table orders; --"]}), 422, "bands.0: String should match"),
    (json.dumps(ASKED | {"collection": "a; rm -rf /"}), 422, "collection: String should match"),
    (json.dumps(ASKED | {"area": 1}), 422, "area: Extra inputs are not permitted"),
    (json.dumps({"aoi": ASKED["aoi"]}), 422, "toi: Field required; bands: Field required"),
    ("[1, 2]", 422, "Input should be"),
    ("{", 422, "body: not valid JSON: Expecting property name enclosed in double quotes at character 1"),
    ("[" * 100_000, 400, "the body is nested too deeply"),
    ("x" * 50_000_000, 413, "the body is larger than 2097152 bytes"),
]


async def test_bodies_that_are_no_orders(client: httpx.AsyncClient) -> None:
    for body, status, said in NO_ORDERS:
        answer = await client.post("/composites", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert said in answer.json()["detail"]
    assert (await client.get("/jobs")).json()["jobs"] == []


async def test_ordering_needs_leave(client: httpx.AsyncClient) -> None:
    elsewhere = {"X-Forwarded-For": "203.0.113.7"}
    for path in ("/ingest", "/composites"):
        assert (await client.post(path, json=ASKED, headers=elsewhere)).status_code == 403
        plain = {"Content-Type": "text/plain"}
        assert (await client.post(path, content=json.dumps(ASKED), headers=plain)).status_code == 415
    job = (await client.post("/composites", json=ASKED)).json()["id"]
    assert (await client.delete(f"/jobs/{job}", headers=elsewhere)).status_code == 403
    assert (await client.get(f"/jobs/{job}", headers=elsewhere)).status_code == 200


async def test_without_a_database_orders_are_told_to_wait(
    client: httpx.AsyncClient, chosen: Settings, postgres: PostgresServer
) -> None:
    async with serving(chosen.model_copy(update={"database_url": None})) as bare:
        bare.base_url = httpx.URL(LOCAL)
        for answer in (await bare.post("/composites", json=ASKED), await bare.get("/jobs/1")):
            assert answer.status_code == 503
            assert "TILEWATCH_DATABASE_URL" in answer.json()["detail"]
    postgres.stop()
    try:
        away = await client.post("/composites", json=ASKED)
    finally:
        postgres.start()
    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    assert away.json()["detail"].startswith("The database does not answer at the moment")


async def test_an_order_is_held_by_one_at_a_time(database_url: str) -> None:
    database = Database(database_url, max_connections=8)
    nothing = ReportedWork(None, ["a line"], [])

    async def claim(holder: str, at_once: int = 2) -> int | None:
        async with database.transaction() as connection:
            job = await claim_job(connection, holder, at_once=at_once, but=[])
        return None if job is None else job.id

    async with database.transaction() as connection:
        ids = [(await create_job(connection, "ingest", "{}", None, max_queued=9)).id for _ in range(3)]
    claimed = await asyncio.gather(*(claim(f"holder {number}") for number in range(8)))
    assert sorted(filter(None, claimed)) == ids[:2]  # two at once, whichever process asks, the oldest first
    holders = [f"holder {claimed.index(job)}" for job in ids[:2]]
    async with database.connection() as connection:
        assert await beat(connection, ids[0], holders[0], nothing) is False
        assert await beat(connection, ids[0], "another", nothing) is None
        await hand_back_job(connection, ids[1], holders[1])
    assert await claim("third") == ids[1]
    assert await claim("third") is None

    async with database.connection() as connection:
        await connection.execute(
            "update orders set seen_at = seen_at - $1::interval where id = $2", LEASE, ids[0]
        )
    assert await claim("fourth") == ids[0]  # whose holder was silent
    async with database.connection() as connection:
        await finish_job(connection, ids[0], holders[0], "done", nothing, result={}, error=None)
        rows = await connection.fetch("select holder, status, attempts, log from orders order by id")
        await finish_job(connection, ids[0], "fourth", "done", nothing, result={}, error=None)
        await connection.execute("update orders set finished_at = finished_at - interval '30 days'")
        await forget_jobs(connection, timedelta(days=31))
        assert await connection.fetchval("select count(*) from orders") == 3
        await forget_jobs(connection, timedelta(days=30))
        assert await connection.fetchval("select count(*) from orders") == 2  # those that have not ended stay
    assert [tuple(row) for row in rows] == [
        ("fourth", "running", 2, ["a line"]),
        ("third", "running", 1, []),
        (None, "queued", 0, []),
    ]
    await database.close()


async def test_the_interface_is_described(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    for path in ("/ingest", "/composites"):
        operation = paths[path]["post"]
        assert operation["responses"]["202"]["headers"]["Location"]
        assert "Idempotency-Key" in {each["name"] for each in operation["parameters"]}
    assert {"get", "delete"} <= paths["/jobs/{job}"].keys()
