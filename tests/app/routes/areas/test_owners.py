"""Owners: what a key that is bound to one sees and writes."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.keys import Scope, new_key
from tests.app.areas.conftest import feature
from tests.app.conftest import over_database
from tests.services.postgres import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANN, ANN_ENTRY = new_key("ann", Scope.WRITE, "ann@farm")
BOB, BOB_ENTRY = new_key("bob", Scope.WRITE, "bob")
OFFICE, OFFICE_ENTRY = new_key("office", Scope.WRITE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(
    two_months: str, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one application with keys of two owners and one of none."""
    folder, entries = tmp_path_factory.mktemp("owners"), (ANN_ENTRY, BOB_ENTRY, OFFICE_ENTRY)
    async with over_database(two_months, postgres, folder, jobs=False, api_keys=entries) as client:
        yield client


def by(key: str) -> dict[str, str]:
    return {"X-API-Key": key}


async def register(client: httpx.AsyncClient, key: str, **properties: object) -> int:
    """The id of a new area."""
    document = feature()
    document["properties"] |= properties
    answer = await client.post("/areas", json=document, headers=by(key))
    assert answer.status_code == 201, answer.text
    found: int = answer.json()["id"]
    return found


async def test_a_bound_key_lists_and_writes_its_own_areas_only(client: httpx.AsyncClient) -> None:
    anns = await register(client, ANN, products=["ndvi"])
    bobs = await register(client, OFFICE, owner_id="bob", products=["ndvi"])
    free = await register(client, OFFICE, products=["ndvi"])

    async def listed(key: str) -> dict[int, str | None]:
        found = (await client.get("/areas", headers=by(key))).json()["features"]
        return {each["id"]: each["properties"]["owner_id"] for each in found}

    assert await listed(ANN) == {anns: "ann@farm"}
    assert await listed(BOB) == {bobs: "bob"}
    assert await listed(OFFICE) == {anns: "ann@farm", bobs: "bob", free: None}
    assert (await client.get("/areas")).status_code == 401

    for others in (bobs, free, 999_999):
        answer = await client.delete(f"/areas/{others}", headers=by(ANN))
        assert (answer.status_code, answer.json()["detail"]) == (
            404,
            f"no area {others}; GET /areas lists the areas",
        )
    renamed = await client.patch(f"/areas/{anns}", json={"properties": {"name": "Hill"}}, headers=by(ANN))
    assert renamed.json()["properties"]["name"] == "Hill"
    for given_away in ("bob", None):
        patch = {"properties": {"owner_id": given_away}}
        refused = await client.patch(f"/areas/{anns}", json=patch, headers=by(ANN))
        assert (refused.status_code, "'ann@farm'" in refused.json()["detail"]) == (400, True)
    replaced = await client.put(f"/areas/{anns}", json=feature(), headers=by(ANN))
    assert replaced.json()["properties"]["owner_id"] == "ann@farm"
    refused = await client.post("/areas", json=feature(owner_id="bob"), headers=by(ANN))
    assert refused.status_code == 400


async def test_many_areas_at_once_are_those_of_the_owner(client: httpx.AsyncClient) -> None:
    anns = await register(client, ANN, products=["ndvi"], kind="many")
    bobs = await register(client, BOB, products=["ndvi"], kind="many")
    asked = {"product": "ndvi", "kind": "many"}

    series = (await client.get("/areas/timeseries", params=asked, headers=by(ANN))).json()
    assert series["areas"] == 1
    counted = await client.post("/areas/statistics?product=ndvi", json={"kind": "many"}, headers=by(ANN))
    assert [row["area"] for row in counted.json()["series"]] == [anns]
    named = await client.post("/areas/statistics?product=ndvi", json={"ids": [bobs]}, headers=by(ANN))
    assert named.status_code == 404
    for body, found in (
        ({"ids": [anns, bobs]}, [anns]),
        ({"owner_id": "bob"}, []),
        ({"kind": "many"}, [anns]),
    ):
        searched = (await client.post("/areas/search", json=body, headers=by(ANN))).json()
        assert [each["id"] for each in searched["features"]] == found
    around = {"within_m": 50.0, "area": anns}
    assert (await client.get("/areas", params=around, headers=by(ANN))).json()["numberReturned"] == 1
    around["area"] = bobs
    assert (await client.get("/areas", params=around, headers=by(ANN))).status_code == 404
    described = (await client.get("/areas/tiles.json?kind=many", headers=by(ANN))).json()
    assert described["areas"] == 1
    zoomed = "/areas/tiles/8/131/85.pbf?kind=many"
    assert len((await client.get(zoomed, headers=by(OFFICE))).content) > 0
    hers = (await client.get(zoomed, headers=by(ANN))).content
    assert 0 < len(hers) < len((await client.get(zoomed, headers=by(OFFICE))).content)


PUBLIC = frozenset(
    {
        *("product", "collection", "collection_id", "item_id", "version", "name", "region", "colorMapId"),
        *("tms", "tileMatrixSetId", "z", "x", "y", "format", "lon", "lat", "minx", "miny", "maxx", "maxy"),
        *("width", "height", "band"),
    }
)
"""What addresses may name that has no owner."""

UNKNOWN_ID = 987_654_321

LINE = {"type": "LineString", "coordinates": [[5.0, 51.0], [5.05, 51.02], [5.1, 51.0]]}


async def test_what_an_owner_is_told_is_for_no_cache_of_others(client: httpx.AsyncClient) -> None:
    for path in ("/areas", "/areas/tiles/8/131/85.pbf"):
        for asked in (client.get, client.head):
            hers = (await asked(path, headers=by(ANN))).headers
            assert hers["cache-control"] == "private, no-cache"
            assert "X-API-Key" in hers.get_list("vary", split_commas=True)
    assert (await client.get("/areas", headers=by(OFFICE))).headers["cache-control"] == "no-cache"


async def test_one_idempotency_key_of_two_owners_makes_two_routes(client: httpx.AsyncClient) -> None:
    async def route(key: str, name: str) -> httpx.Response:
        document = {"type": "Feature", "geometry": LINE, "properties": {"name": name}}
        return await client.post("/routes", json=document, headers=by(key) | {"Idempotency-Key": "k"})

    anns, bobs = await route(ANN, "Way"), await route(BOB, "Way")
    assert anns.json()["id"] != bobs.json()["id"]
    assert (await route(ANN, "Way")).json()["id"] == anns.json()["id"]
    assert (await route(BOB, "Another")).status_code == 422
    assert anns.json()["properties"]["owner_id"] == "ann@farm"


async def test_feeds_belong_to_the_owner_of_their_area(client: httpx.AsyncClient) -> None:
    bobs = await register(client, OFFICE, owner_id="bob", name="Secret field", products=["ndvi"], feed=True)
    everyones = await client.get("/freshness?collection=sentinel-2-l2a")
    assert (everyones.status_code, "Secret field" in everyones.text) == (200, False)
    assert "Secret field" in (await client.get("/freshness", headers=by(BOB))).text
    assert "Secret field" not in (await client.get("/freshness", headers=by(ANN))).text
    refused = await client.post(
        "/feeds", json={"source": "earth-search-sentinel-2-l2a", "area": bobs}, headers=by(ANN)
    )
    assert (refused.status_code, refused.json()["detail"][:7]) == (404, "no area")
    (feed,) = (await client.get("/feeds", headers=by(BOB))).json()["feeds"]
    assert (feed["area"], feed["owner_id"]) == (bobs, "bob")
    assert (await client.get("/feeds", headers=by(ANN))).json()["feeds"] == []
    await client.patch(f"/areas/{bobs}", json={"properties": {"owner_id": "ann@farm"}}, headers=by(OFFICE))
    assert (await client.get(f"/feeds/{feed['id']}", headers=by(BOB))).status_code == 404
    assert (await client.get(f"/feeds/{feed['id']}", headers=by(ANN))).status_code == 200


async def ids_of_bob(client: httpx.AsyncClient) -> dict[str, int]:
    """An id of everything that addresses name and that can have an owner, of things of Bob."""
    area = await register(client, OFFICE, owner_id="bob", products=["ndvi"], kind="parcel")
    line = {"type": "Feature", "geometry": LINE, "properties": {"name": "Bob's way", "products": ["ndvi"]}}
    ordered = {"source": "earth-search-sentinel-2-l2a", "aoi": [5.0, 51.0, 5.1, 51.1], "toi": "2024-05"}
    feed = {"source": "earth-search-sentinel-2-l2a", "area": area, "from": "2024-05"}
    made = {
        name: await client.post(path, json=document, headers=by(BOB))
        for name, path, document in (
            ("route", "/routes", line),
            ("job", "/ingest", ordered),
            ("feed", "/feeds", feed),
            ("zone", "/zones", feature()),
        )
    }
    assert all(answer.status_code in {201, 202} for answer in made.values()), made
    made["analysis"] = await client.post(f"/analyze/parcel/{area}", json=OF_JUNE, headers=by(BOB))
    return {"area": area} | {name: answer.json()["id"] for name, answer in made.items()}


OF_JUNE = {"product": "ndvi", "period": "2024-06"}

OF_KIND = feature(products=["ndvi"])
OF_KIND["properties"]["kind"] = "parcel"

BODIES: dict[str, Any] = {
    "post /analyze/parcel/{area}": OF_JUNE,
    "put /areas/{area}": OF_KIND,
    "patch /areas/{area}": {"properties": {}},
    "put /parcels/{area}": feature(products=["ndvi"]),
    "patch /parcels/{area}": {"properties": {}},
    "patch /routes/{route}": {"properties": {}},
    "patch /zones/{zone}": {"properties": {}},
    "patch /feeds/{feed}": {"paused": False},
}
"""What is sent; nothing where it is not said."""


async def test_no_address_tells_of_what_another_owner_has(client: httpx.AsyncClient) -> None:
    ids = await ids_of_bob(client)
    paths = (await client.get("/openapi.json")).json()["paths"]
    asked = 0
    for path, operations in paths.items():
        named = set(re.findall(r"\{([^}]+)\}", path)) - PUBLIC
        assert named <= ids.keys(), f"{path}: say whether it is public, or make one of Bob's"
        if not named:
            continue
        for method in sorted(operations.keys() & {"get", "put", "patch", "post", "delete"}, reverse=True):
            body = BODIES.get(f"{method} {path}")

            async def answer(key: str, path: str, method: str = method, body: Any = body) -> httpx.Response:
                return await client.request(method, path, json=body, headers=by(key))

            hers = await answer(ANN, path.format(**ids))
            absent = await answer(ANN, path.format(**dict.fromkeys(ids, UNKNOWN_ID)))
            ours = ",".join(str(ids[name]) for name in named)
            told = absent.json()["detail"].replace(str(UNKNOWN_ID), ours)
            assert (hers.status_code, hers.json()["detail"]) == (404, told), (method, path)
            if method != "delete":
                assert (await answer(BOB, path.format(**ids))).status_code < 300, (method, path)
            asked += 1
    assert asked >= 22
    for path in ("/areas", "/routes", "/feeds", "/jobs", "/zones"):
        found = (await client.get(path, headers=by(ANN))).json()
        (listed,) = (value for name, value in found.items() if name in {"features", "feeds", "jobs"})
        assert not {each["id"] for each in listed} & {ids[path[1:-1]]}, path
