"""GET /freshness, what it has in metrics, and when it turns `/health`."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from app.settings import Settings
from tests.app.areas.conftest import client, connection, local_settings
from tests.app.conftest import eventually, serving, settings, two_months

__all__ = ["client", "connection", "local_settings", "settings", "two_months"]

BOX = [32.0, 15.0, 33.0, 16.0]
ANSWERED = """
    update feeds set succeeded_at = now(), polled_at = now(), newest_acquired = now() - $2::interval,
        newest_seen = now() - $2::interval, newest_revision = now() - interval '3 days' where id = $1
"""
PIECE = """
    insert into feed_pieces (feed_id, starts, ends, due_at, round, failures)
    values ($1, now() - interval '1 year', now() + interval '1 day', now() + interval '1 hour', 5, $2)
"""


async def create(client: httpx.AsyncClient, source: str, **more: Any) -> int:
    answer = await client.post("/feeds", json={"source": source, "aoi": BOX, "from": "2024-01"} | more)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


async def collections(client: httpx.AsyncClient, **query: str) -> dict[str, Any]:
    answer = await client.get("/freshness", params=query)
    assert answer.status_code == 200, answer.text
    return {each["collection"]: each for each in answer.json()["collections"]}


async def test_collections_without_feeds_are_told_by_their_periods(client: httpx.AsyncClient):
    found = await collections(client)
    assert list(found) == ["sentinel-2-l2a"]
    sentinel = found["sentinel-2-l2a"]
    assert (sentinel["state"], sentinel["newest_period"], sentinel["feeds"]) == ("late", "2024-06", [])
    assert sentinel["says"].endswith("and the newest is of 2024-06-01; no feed asks for it.")
    assert (sentinel["lag"], sentinel["last_success"], sentinel["newest_revision"]) == ("P1D", None, None)
    never = (await collections(client, collection="naip"))["naip"]
    assert (never["state"], never["says"]) == (
        "never_ingested",
        "Nothing has landed, and no feed asks for it.",
    )
    gone = (await collections(client, collection="black-marble-monthly"))["black-marble-monthly"]
    assert (gone["state"], gone["ended"][:34]) == ("discontinued", "Suomi NPP's products ended on 2026")
    unknown = await client.get("/freshness", params={"collection": "nothing"})
    assert (unknown.status_code, "there are: black-marble" in unknown.json()["detail"]) == (404, True)
    assert "feeds" not in (await client.get("/health")).json()["failing"]


async def test_late_and_failing_feeds_turn_health_and_others_do_not(
    client: httpx.AsyncClient, connection: asyncpg.Connection
):
    good = await create(client, "black-marble-monthly-noaa20")
    ended = await create(client, "black-marble-monthly")
    await connection.execute(ANSWERED, good, timedelta(days=40))
    await connection.execute(ANSWERED, ended, timedelta(days=400))
    await connection.execute(PIECE, good, 0)
    await connection.execute(PIECE, ended, 7)

    async def health() -> dict[str, Any]:
        found: dict[str, Any] = (await client.get("/health")).json()["checks"]["feeds"]
        return found

    async def becomes(*, ok: bool) -> dict[str, Any]:
        async def is_so() -> bool:
            return bool((await health())["ok"]) is ok

        await eventually(is_so)
        return await health()

    fine = await becomes(ok=True)
    assert fine["states"] == {"discontinued": 1, "fresh": 1}
    found = await collections(client)
    monthly = found["black-marble-monthly-noaa20"]
    assert (monthly["state"], monthly["feeds"][0]["feed"]) == ("fresh", good)
    assert monthly["newest_acquisition"] == monthly["feeds"][0]["newest_acquisition"] is not None
    assert found["black-marble-monthly"]["feeds"][0]["state"] == "discontinued"
    await connection.execute("update feed_pieces set failures = 2 where feed_id = $1", good)
    await connection.execute("update feeds set failure = 'down', failed_at = now() where id = $1", good)
    failing = await becomes(ok=False)
    assert f"feed {good}, " in failing["says"]
    assert "could not be asked 2 times in a row: down" in failing["says"]
    assert (await collections(client))["black-marble-monthly-noaa20"]["state"] == "failing"
    metrics = (await client.get("/metrics")).text
    labels = f'collection="black-marble-monthly-noaa20",feed="{good}"'
    assert f'tilewatch_feed_state{{{labels},state="failing"}} 1.0' in metrics
    assert f'tilewatch_feed_state{{{labels},state="fresh"}} 0.0' in metrics
    assert 'tilewatch_collection_state{collection="black-marble-monthly",state="discontinued"} 1.0' in metrics
    for moment in ("newest_acquisition", "newest_revision", "last_success", "last_failure"):
        assert f"tilewatch_feed_{moment}_timestamp_seconds{{{labels}}}" in metrics
    assert 'tilewatch_health{part="feeds"} 0.0' in metrics
    await client.patch(f"/feeds/{good}", json={"paused": True})
    assert (await becomes(ok=True))["states"] == {"discontinued": 1}


@pytest.fixture
async def alone(settings: Settings, two_months: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service without a database."""
    async with serving(settings.model_copy(update={"storage": two_months})) as client:
        yield client


async def test_without_a_database_collections_are_told_all_the_same(alone: httpx.AsyncClient):
    assert list(await collections(alone)) == ["sentinel-2-l2a"]
    assert (await alone.get("/feeds")).status_code == 503
