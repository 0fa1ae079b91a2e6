"""Feeds over HTTP: created, read, changed, listed and deleted."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from click.testing import CliRunner

from app.cli import main
from app.settings import Settings
from tests.app.areas.conftest import LOCAL, connection, feature, square_at
from tests.app.conftest import serving, settings

__all__ = ["connection", "settings"]

BOX = [32.0, 15.0, 33.0, 16.0]
MONTHLY: dict[str, Any] = {"source": "black-marble-monthly-noaa20", "aoi": BOX, "from": "2024-01"}


@pytest.fixture
async def client(settings: Settings, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client on the server's own machine, over an empty store and an empty database."""
    own = settings.model_copy(update={"database_url": database_url, "jobs": False})
    async with serving(own) as client:
        client.base_url = httpx.URL(LOCAL)
        yield client


def version_of(answer: httpx.Response) -> str:
    """The part of an ETag that is of the order."""
    return answer.headers["etag"].removeprefix("W/").strip('"').partition(".")[0]


async def test_a_feed_needs_a_place_and_an_archive_and_has_the_rest_by_itself(client: httpx.AsyncClient):
    created = await client.post("/feeds", json=MONTHLY)
    assert created.status_code == 201, created.text
    feed = created.json()
    assert created.headers["location"].endswith(f"/feeds/{feed['id']}")
    assert created.headers["etag"].startswith(f'"feed-{feed["id"]}-1.')
    said = {name: feed[name] for name in ("collection", "bands", "from", "to", "every", "lag", "clip", "aoi")}
    assert said == {
        "collection": "black-marble-monthly-noaa20",
        "bands": [],
        "from": "2024-01-01T00:00:00Z",
        "to": None,
        "every": "P1D",
        "lag": None,
        "clip": False,
        "aoi": BOX,
    }
    assert feed["name"] == "NASA Black Marble of NOAA-20, monthly: 32,15,33,16"
    read = await client.get(f"/feeds/{feed['id']}")
    assert (version_of(read), read.json()["polls"]) == (version_of(created), [])
    assert read.json()["progress"]["pieces"] == 0
    assert (read.json()["state"], read.json()["says"][:23]) == ("never_ingested", "Nothing has landed yet;")
    sentinel = await client.post(
        "/feeds", json={"collection": "sentinel-2-l2a", "aoi": [5.0, 51.0, 5.1, 51.1]}
    )
    assert (sentinel.json()["every"], sentinel.json()["clip"]) == ("PT12H", True)


async def test_the_same_key_gives_the_same_feed_and_another_body_is_refused(client: httpx.AsyncClient):
    key = {"Idempotency-Key": "mine"}
    first = (await client.post("/feeds", json=MONTHLY, headers=key)).json()["id"]
    assert (await client.post("/feeds", json=MONTHLY, headers=key)).json()["id"] == first
    other = await client.post("/feeds", json=MONTHLY | {"from": "2023-01"}, headers=key)
    assert other.status_code == 422
    assert f"belongs to feed {first}" in other.json()["detail"]
    assert len((await client.get("/feeds")).json()["feeds"]) == 1


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({"aoi": None}, 400, "either area"),
    ({"source": "nowhere"}, 400, "no source 'nowhere'"),
    ({"bands": ["red"]}, 400, "has no band red; there are: radiance"),
    ({"aoi": [-180.0, -60.0, 180.0, 60.0]}, 400, "pixels of 463 m may have at most 107,184,500"),
    ({"to": "2023-01"}, 400, "not after its beginning"),
    ({"from": "yesterday"}, 422, "from"),
    ({"from": "0001"}, 422, "from 1972 on"),
    ({"to": "1500-01"}, 422, "from 1972 on"),
    ({"every": "PT1S"}, 422, "a duration from 0:05:00"),
    ({"colour": "red"}, 422, "colour"),
    ({"aoi": None, "area": 9}, 404, "no area 9"),
    ({"collection": "sentinel-2-l2a"}, 400, "no source 'black-marble-monthly-noaa20' of sentinel-2-l2a"),
]


async def test_what_cannot_be_polled_is_refused(client: httpx.AsyncClient):
    for wrong, status, reason in WRONG:
        answer = await client.post("/feeds", json=MONTHLY | wrong)
        assert (answer.status_code, reason in answer.json()["detail"]) == (status, True), answer.text


async def test_a_change_takes_the_etag_and_other_bands_are_asked_for_from_the_start(
    client: httpx.AsyncClient, connection: asyncpg.Connection
):
    feed = (await client.post("/feeds", json=MONTHLY)).json()["id"]
    add = """insert into feed_pieces (feed_id, starts, ends, due_at, round)
        values ($1, '2024-01-01Z', '2025-01-01Z', now(), 3), ($1, '2025-01-01Z', '2026-01-01Z', now(), 1)"""
    await connection.execute(add, feed)
    pieces = "select to_char(starts, 'YYYY-MM'), to_char(ends, 'YYYY-MM'), round from feed_pieces order by 1"

    async def change(document: dict[str, Any], **headers: str) -> httpx.Response:
        return await client.patch(f"/feeds/{feed}", json=document, headers=headers)

    before = await client.get(f"/feeds/{feed}")
    again = {"If-None-Match": before.headers["etag"]}
    assert (await client.get(f"/feeds/{feed}", headers=again)).status_code == 304
    await connection.execute("update feeds set polled_at = now()")
    assert (await client.get(f"/feeds/{feed}", headers=again)).status_code == 200
    paused = await change({"paused": True, "name": "Khartoum"}, **{"If-Match": before.headers["etag"]})
    assert (paused.status_code, version_of(paused)) == (200, f"feed-{feed}-2")
    assert (await client.post(f"/feeds/{feed}/poll")).status_code == 400
    stale = await change({"paused": False}, **{"If-Match": before.headers["etag"]})
    assert (stale.status_code, "it has version 2 now" in stale.json()["detail"]) == (412, True)
    assert (await client.delete(f"/feeds/{feed}", headers={"If-Match": '"x"'})).status_code == 412
    await change({"to": "2025-06", "from": "2024-07"})
    assert [tuple(row) for row in await connection.fetch(pieces)] == [
        ("2024-07", "2025-01", 3),
        ("2025-01", "2025-07", 1),
    ]
    await connection.execute("update feed_pieces set due_at = null where starts < '2025-01-01Z'")
    await connection.execute("update feed_pieces set due_at = '2100-01-01Z' where due_at is not null")
    await change({"every": "PT6H"})
    due = "select due_at is null, due_at < '2100-01-01Z' from feed_pieces order by starts"
    assert [tuple(row) for row in await connection.fetch(due)] == [(True, None), (False, True)]
    unchanged = await change({"paused": True})
    assert unchanged.json()["version"] == 4
    assert (await change({"name": None})).status_code == 422
    assert "leave it out" in (await change({"from": None})).json()["detail"]
    await change({"bands": ["radiance"], "paused": False, "to": None})
    assert await connection.fetch(pieces) == []
    assert (await client.post(f"/feeds/{feed}/poll")).status_code == 202
    assert (await client.delete(f"/feeds/{feed}")).status_code == 204
    gone = await client.get(f"/feeds/{feed}")
    assert (gone.status_code, gone.json()["detail"]) == (404, f"no feed {feed}; GET /feeds lists the feeds")


async def test_feeds_are_listed_by_page_collection_and_area_and_go_with_their_area(client: httpx.AsyncClient):
    area = (await client.post("/areas", json=feature(square_at(5.0, 51.0)))).json()["id"]
    ids = [(await client.post("/feeds", json=MONTHLY)).json()["id"] for _ in range(2)]
    of_area = await client.post("/feeds", json={"collection": "sentinel-2-l2a", "area": area})
    assert of_area.json()["aoi"] == [5.0, 51.0, 5.1, 51.1]
    assert of_area.json()["name"] == "Sentinel-2 Level-2A: Square"

    async def listed(**query: Any) -> list[int]:
        return [feed["id"] for feed in (await client.get("/feeds", params=query)).json()["feeds"]]

    assert await listed(collection="black-marble-monthly-noaa20") == ids
    assert await listed(area=area) == [of_area.json()["id"]]
    first = (await client.get("/feeds", params={"limit": 2})).json()
    following = next(link["href"] for link in first["links"] if link["rel"] == "next")
    assert [feed["id"] for feed in (await client.get(following)).json()["feeds"]] == [of_area.json()["id"]]
    await client.delete(f"/areas/{area}")
    assert await listed() == ids


async def test_an_area_has_feeds_for_what_its_products_read_as_long_as_it_wants_them(
    client: httpx.AsyncClient,
):
    asked = feature(square_at(32.0, 15.0), products=["nightlights", "nightlights-noaa20", "ndvi"], feed=True)
    answer = await client.post("/areas", json=asked)
    assert (answer.status_code, answer.json()["properties"]["feed"]) == (201, True), answer.text
    area = answer.json()["id"]

    async def feeds() -> dict[str, dict[str, Any]]:
        found = (await client.get("/feeds", params={"area": area})).json()["feeds"]
        return {feed["collection"]: feed for feed in found}

    async def change(**properties: Any) -> httpx.Response:
        return await client.patch(f"/areas/{area}", json={"properties": properties})

    before = await feeds()
    assert {name: feed["bands"] for name, feed in before.items()} == {
        "black-marble-monthly": ["radiance", "num_observations"],
        "black-marble-monthly-noaa20": ["radiance", "num_observations"],
        "sentinel-2-l2a": ["nir", "red", "scl"],
    }
    assert all(feed["aoi"] == [32.0, 15.0, 32.1, 15.1] for feed in before.values())
    assert before["sentinel-2-l2a"]["to"] is None
    ended = before["black-marble-monthly"]
    assert (ended["from"], ended["to"]) == ("2025-11-01T00:00:00Z", "2026-11-01T00:00:00Z")
    assert before["sentinel-2-l2a"]["of_area"]

    await change(products=["nightlights-noaa20"], feed={"from": "2023-01"})
    (left,) = (await feeds()).values()
    assert (left["id"], left["from"]) == (before["black-marble-monthly-noaa20"]["id"], "2023-01-01T00:00:00Z")
    own = (await client.post("/feeds", json=MONTHLY | {"aoi": None, "area": area})).json()["id"]
    moved = feature(square_at(33.0, 15.0), products=["nightlights-noaa20"], feed=True)
    await client.put(f"/areas/{area}", json=moved)
    found = (await client.get("/feeds")).json()["feeds"]
    assert [(feed["id"], feed["aoi"]) for feed in found] == [
        (left["id"], [33.0, 15.0, 33.1, 15.1]),
        (own, [33.0, 15.0, 33.1, 15.1]),
    ]
    assert found[0]["from"] == "2023-01-01T00:00:00Z"
    assert (
        "the box is that of area" in (await client.patch(f"/feeds/{own}", json={"aoi": BOX})).json()["detail"]
    )
    assert (await change(name="Renamed")).json()["properties"]["feed"]
    assert not (await change(feed=None)).json()["properties"]["feed"]
    assert [feed["id"] for feed in (await client.get("/feeds")).json()["feeds"]] == [own]
    await change(feed=True)
    await client.delete(f"/areas/{area}")
    assert (await client.get("/feeds")).json()["feeds"] == []


async def test_an_area_whose_feeds_cannot_be_is_not_registered(client: httpx.AsyncClient):
    for properties, reason in (
        ({"feed": "yes"}, "properties.feed must be true, false"),
        ({"feed": {"from": "soon"}}, "properties.feed.from: 'soon'"),
        (
            {"feed": {"to": "0001"}, "products": ["ndvi"]},
            "properties.feed.to: give a period or an instant from",
        ),
        ({"feed": True}, "those of this area read: none, since it keeps no products"),
        ({"feed": True, "products": ["ndvi-monthly"]}, "those of this area read: sentinel-2-monthly"),
    ):
        answer = await client.post("/areas", json=feature(**properties))
        assert (answer.status_code, reason in answer.json()["detail"]) == (400, True), answer.text
    wide = feature(square_at(10.0, 10.0, side=5.0), products=["ndvi"], feed=True)
    assert "order_area_km2" in (await client.post("/areas", json=wide)).json()["detail"]
    assert (await client.get("/areas")).json()["features"] == []


def test_feeds_by_command(database_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TILEWATCH_DATABASE_URL", database_url)

    def run(*words: str, status: int = 0) -> str:
        done = CliRunner().invoke(main, ["feeds", *words])
        assert done.exit_code == status, done.output
        return done.output

    added = run(
        "add", "black-marble-monthly-noaa20", "--bbox", "32,15,33,16", "--from", "2024-01", "--name", "K"
    )
    feed = added.split()[0]
    assert added == (
        f"{feed}  K  black-marble-monthly-noaa20  2024-01-01 to now on  0 of 0 pieces  nothing yet\n"
    )
    assert run("list") == added
    said = "    never_ingested: Nothing has landed yet; the archive is being asked.\n"
    assert run("show", feed) == added + said
    assert "is due now" in run("poll", feed)
    assert "No source 'x'" in run("add", "x", "--bbox", "32,15,33,16", status=2)
    assert "either area" in run("add", "black-marble-monthly", status=2)
    assert run("remove", feed) == "Deleted 1 feed.\n"
    assert f"No feed {feed}" in run("show", feed, status=2)
