"""Owners: what a key that is bound to one sees and writes."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from app.keys import Scope, new_key
from app.settings import Settings
from tests.app.areas.conftest import feature
from tests.app.conftest import serving
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
    postgres.start()
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(tmp_path_factory.mktemp("owners"))
        settings = Settings(
            storage=two_months,
            database_url=postgres.clone("tilewatch"),
            render_threads=1,
            jobs=False,
            api_keys=(ANN_ENTRY, BOB_ENTRY, OFFICE_ENTRY),
        )
        async with serving(settings) as client:
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
    described = (await client.get("/areas/tiles.json?kind=many", headers=by(ANN))).json()
    assert described["areas"] == 1
    zoomed = "/areas/tiles/8/131/85.pbf?kind=many"
    assert len((await client.get(zoomed, headers=by(OFFICE))).content) > 0
    hers = (await client.get(zoomed, headers=by(ANN))).content
    assert 0 < len(hers) < len((await client.get(zoomed, headers=by(OFFICE))).content)
