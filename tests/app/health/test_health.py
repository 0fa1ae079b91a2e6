"""What /health says while a part is away, since when, and once it is back."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import botocore.session
import httpx
import pytest

from app.health import checks
from app.settings import Settings
from app.tasks.leader_election import Leadership
from tests.app.conftest import eventually, serving
from tests.app.landed import land_two_months
from tests.services.ceph import CephGateway
from tests.services.postgres import PostgresServer
from tests.services.redis_server import RedisServer

WITHIN_S = 60


async def failing(client: httpx.AsyncClient) -> list[str]:
    """The parts that are wrong; the status has to agree."""
    answer = await client.get("/health")
    found: list[str] = answer.json()["failing"]
    assert answer.status_code == (503 if found else 200)
    assert answer.headers["cache-control"] == "no-store"
    return found


async def becomes(client: httpx.AsyncClient, *parts: str) -> dict[str, Any]:
    """Wait until exactly these parts are wrong; gives the checks."""

    async def is_so() -> bool:
        return await failing(client) == list(parts)

    await eventually(is_so, within_s=WITHIN_S)
    found: dict[str, Any] = (await client.get("/health")).json()["checks"]
    return found


async def test_a_worker_by_itself_is_well_and_has_drawn_a_tile(settings: Settings, two_months: str) -> None:
    async with serving(settings.model_copy(update={"storage": two_months})) as client:
        found = await becomes(client)
        old = await client.get("/meta/health.json")
        metrics = (await client.get("/metrics")).text
    assert found["tiles"]["tried"] == ["ndvi"]
    assert found["storage"]["collections"] == 1
    assert 0 < found["storage"]["free_bytes"] < found["storage"]["total_bytes"]
    assert found["database"]["says"] == "No database is configured."
    assert all(part["ok"] and part["since"] is None for part in found.values())
    assert old.json()["status"] == "ok"
    assert 'tilewatch_health{part="storage"} 1.0' in metrics


async def test_redis_killed_and_back(
    settings: Settings, two_months: str, redis_server: RedisServer, redis_url: str
) -> None:
    async with serving(settings.model_copy(update={"storage": two_months, "redis_url": redis_url})) as client:
        await becomes(client)
        killed_at = datetime.now(UTC)
        redis_server.stop()
        first = (await becomes(client, "redis"))["redis"]
        again = (await becomes(client, "redis"))["redis"]
        metrics = (await client.get("/metrics")).text
        redis_server.start()
        await becomes(client)
    assert 'tilewatch_health{part="redis"} 0.0' in metrics
    assert abs(datetime.fromisoformat(first["since"]) - killed_at) < timedelta(seconds=10)
    assert again["since"] == first["since"]


async def test_postgres_killed_and_back(
    settings: Settings, two_months: str, postgres: PostgresServer, database_url: str
) -> None:
    chosen = settings.model_copy(update={"storage": two_months, "database_url": database_url})
    async with serving(chosen) as client:
        await becomes(client)
        postgres.stop()
        await becomes(client, "database", "scheduler")
        assert (await client.get("/tiles/ndvi/14/8430/5463.png")).status_code == 200
        postgres.start()
        await becomes(client)


async def test_the_bucket_gone_and_back(
    settings: Settings, s3: CephGateway, s3_address: str, tmp_path: Path
) -> None:
    bucket = s3_address.removeprefix("s3://").partition("/")[0]
    connection = botocore.session.Session().create_client("s3", endpoint_url=s3.endpoint)
    await land_two_months(s3_address, tmp_path)
    async with serving(settings.model_copy(update={"storage": s3_address})) as client:
        assert (await becomes(client))["storage"]["says"] == "The bucket answers."
        for stored in connection.list_objects_v2(Bucket=bucket)["Contents"]:
            connection.delete_object(Bucket=bucket, Key=stored["Key"])
        connection.delete_bucket(Bucket=bucket)
        assert "storage" in await failing(client)
        connection.create_bucket(Bucket=bucket)
        await land_two_months(s3_address, tmp_path)
        await becomes(client)
    connection.close()


async def test_the_folder_gone_and_back(settings: Settings, two_months: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(two_months.removeprefix("file://"), store)
    async with serving(settings.model_copy(update={"storage": store.as_uri()})) as client:
        await becomes(client)
        store.rename(tmp_path / "elsewhere")
        assert "storage" in await failing(client)
        (tmp_path / "elsewhere").rename(store)
        await becomes(client)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"this user may not mount a small disk: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


async def test_a_full_disk_is_said_before_a_landing_fails_on_it(
    settings: Settings, two_months: str, small_disk: Path
) -> None:
    store = small_disk / "store"
    shutil.copytree(two_months.removeprefix("file://"), store)
    async with serving(settings.model_copy(update={"storage": store.as_uri()})) as client:
        await becomes(client)
        disk = shutil.disk_usage(small_disk)
        (small_disk / "filling").write_bytes(bytes(disk.free - disk.total // 50))
        found = await becomes(client, "storage")
        (small_disk / "filling").unlink()
        await becomes(client)
    assert found["storage"]["says"] == "The storage disk is full: only 0 MB are free."
    assert found["storage"]["free_bytes"] < 0.05 * disk.total


async def test_a_file_that_cannot_be_read_is_found_by_the_tile(
    settings: Settings, two_months: str, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(two_months.removeprefix("file://"), store)
    for red in store.rglob("red.tif"):
        os.truncate(red, 100)
    async with serving(settings.model_copy(update={"storage": store.as_uri()})) as client:
        found = await becomes(client, "tiles", "files")
    assert found["files"]["damaged"] == 1
    assert found["tiles"]["says"] == "A tile cannot be drawn: ndvi: cannot read files of S2A_MOL_20240610"


async def test_a_leader_that_shows_itself_no_more_and_one_that_starts_nothing(
    settings: Settings, two_months: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "BEAT_S", 1.0)
    monkeypatch.setattr(checks, "OVERDUE", timedelta(seconds=2))
    other = Leadership(database_url, "another")
    assert await other.seek()
    chosen = settings.model_copy(update={"storage": two_months, "database_url": database_url})
    async with serving(chosen) as client:
        silent = (await becomes(client, "scheduler"))["scheduler"]
        assert silent["leader"] == "another"
        assert "another leads the tasks but has been silent for " in silent["says"]

        async def beats_and_is_found_idle() -> bool:
            await other.seek()
            says: str = (await client.get("/health")).json()["checks"]["scheduler"]["says"]
            return says.startswith("Tasks are due but were not started: ") and "kept-series" in says

        await eventually(beats_and_is_found_idle, within_s=WITHIN_S)
        await other.close()
        monkeypatch.undo()
        found = (await becomes(client))["scheduler"]
        assert found["leader"] != "another"


async def test_no_process_leads(
    settings: Settings, two_months: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings.model_copy(update={"storage": two_months, "database_url": database_url, "jobs": False})
    async with serving(chosen) as client:
        found = await becomes(client)
    assert found["scheduler"]["says"] == "No process leads the tasks."


async def test_many_who_ask_at_once_are_one_look(settings: Settings, two_months: str) -> None:
    async with serving(settings.model_copy(update={"storage": two_months})) as client:
        answers = await asyncio.gather(*(client.get("/health") for _ in range(20)))
    assert len({answer.json()["checked_at"] for answer in answers}) <= 2
    assert {answer.status_code for answer in answers} == {200}


RUN = """
    insert into region_runs (region, night, cause, asked, pre_start, pre_end, post_start, post_end,
        started_at, finished_at, status, error)
    values ('mol', current_date, 'request', '{}', '2024-05-01', '2024-05-31', '2024-06-01', '2024-06-30',
        now(), now(), $1, $2)
"""


async def test_a_region_that_failed_twice_one_described_wrongly_and_a_tile_of_each(
    settings: Settings, two_months: str, database_url: str, tmp_path: Path
) -> None:
    regions = tmp_path / "regions.json"
    described = {"name": "mol", "bbox": [5.0, 51.1, 5.1, 51.2], "product": "ndvi-change"}
    regions.write_text(json.dumps([described]))
    chosen = {"storage": two_months, "database_url": database_url, "regions": regions, "jobs": False}
    connection = await asyncpg.connect(database_url)
    async with serving(settings.model_copy(update=chosen)) as client:
        before = (await becomes(client))["regions"]
        assert before["regions"]["mol"]["last_status"] == "never"
        assert before["says"] == "No region is late; not refreshed yet: mol."
        await connection.execute(RUN, "failed", "the archive does not answer")
        assert await failing(client) == []
        await connection.execute(RUN, "failed", "the archive does not answer")
        found = (await becomes(client, "regions"))["regions"]
        metrics = (await client.get("/metrics")).text.splitlines()
        assert not (await client.get("/meta/health.json")).json()["regions_ok"]
        await connection.execute(RUN, "done", None)
        assert (await becomes(client))["tiles"]["tried"] == ["mol"]
        regions.write_text(json.dumps([described, {"name": "other", "bbox": [5, 51, 4, 52, 1]}]))
        wrong = (await becomes(client, "regions"))["regions"]
    await connection.close()
    assert found["says"] == "mol: failed 2 times in a row, most recently: the archive does not answer."
    assert found["regions"]["mol"] == {
        "ok": False, "last_status": "failed", "age_days": None, "failures_in_a_row": 2
    }  # fmt: skip
    assert 'tilewatch_region_failures{region="mol"} 2.0' in metrics
    assert 'tilewatch_health{part="regions"} 0.0' in metrics
    assert "line 1, region 'other': " in wrong["says"]
    assert wrong["regions"]["mol"]["ok"]
