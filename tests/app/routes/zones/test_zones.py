"""Zones over HTTP: what goes in comes out, whose it is, and where it is on a tile."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.keys import Scope, new_key
from tests.app.areas.conftest import SQUARE, feature, square_at
from tests.app.conftest import over_database
from tests.app.routes.areas.vector_tiles import read_layers
from tests.services.postgres import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANN, ANN_ENTRY = new_key("ann", Scope.WRITE, "ann")
OFFICE, OFFICE_ENTRY = new_key("office", Scope.WRITE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(
    two_months: str, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """A client, by itself with the office's key, of one application that has a key of an owner too."""
    folder, entries = tmp_path_factory.mktemp("zones"), (ANN_ENTRY, OFFICE_ENTRY)
    async with over_database(two_months, postgres, folder, jobs=False, api_keys=entries) as client:
        client.headers["X-API-Key"] = OFFICE
        yield client


def zone(geometry: Any = None, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def square(west: float, south: float = 51.0) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": square_at(west, south)}


async def make(client: httpx.AsyncClient, document: dict[str, Any], key: str = OFFICE) -> dict[str, Any]:
    answer = await client.post("/zones", json=document, headers={"X-API-Key": key})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def statuses(client: httpx.AsyncClient, address: str, key: str = OFFICE) -> list[int]:
    """Of reading, changing and deleting what is at an address."""
    headers = {"X-API-Key": key}
    asked = [await client.request(m, address, json={}, headers=headers) for m in ("GET", "PATCH", "DELETE")]
    return [answer.status_code for answer in asked]


async def test_a_zone_is_made_read_changed_and_deleted(client: httpx.AsyncClient) -> None:
    sent = zone({"type": "Polygon", "coordinates": SQUARE}, severity="high", note="by the river")
    created = await client.post("/zones", json=sent)
    assert (created.status_code, created.headers["content-type"]) == (201, "application/geo+json")
    made = created.json()
    address = f"/zones/{made['id']}"
    assert created.headers["location"] == f"http://tilewatch.test{address}"
    assert made["geometry"] == {"type": "MultiPolygon", "coordinates": [SQUARE]}
    properties = made["properties"]
    assert {name: properties[name] for name in ("kind", "severity", "state", "note", "areas", "called")} == {
        "kind": "anomaly", "severity": "high", "state": "new", "note": "by the river", "areas": [],
        "called": None,
    }  # fmt: skip
    assert properties["area_ha"] == pytest.approx(7801.040, abs=0.001)  # pyproj's, of short edges
    read = await client.get(address)
    assert read.json() == made
    assert (await client.get(address, headers={"If-None-Match": read.headers["etag"]})).status_code == 304

    changed = await client.patch(address, json={"properties": {"state": "confirmed", "note": None}})
    assert (changed.status_code, changed.json()["properties"]["state"]) == (200, "confirmed")
    assert "note" not in changed.json()["properties"]
    assert changed.json()["geometry"] == made["geometry"]
    assert (await client.delete(address)).status_code == 204
    assert [(await client.request(m, address, json={})).status_code for m in ("GET", "PATCH", "DELETE")] == [
        404
    ] * 3


async def test_a_circle_becomes_a_polygon_and_a_polygon_takes_its_place(client: httpx.AsyncClient) -> None:
    made = await make(client, zone(center=[5.5, 52.0], radius_m=500))
    # pi r^2 is 78.54 ha; 128 corners have 0.9996 of it
    assert made["properties"]["area_ha"] == pytest.approx(78.508, abs=0.002)
    assert (made["properties"]["center"], made["properties"]["radius_m"]) == ([5.5, 52.0], 500)
    address = f"/zones/{made['id']}"
    wider = (await client.patch(address, json={"properties": {"radius_m": 1000}})).json()
    assert wider["properties"]["area_ha"] == pytest.approx(314.03, abs=0.01)
    moved = (await client.patch(address, json={"geometry": square(9.0)})).json()
    assert (moved["properties"]["center"], moved["properties"]["radius_m"]) == (None, None)
    assert moved["geometry"]["coordinates"] == [square_at(9.0, 51.0)]
    assert (await client.delete(address)).status_code == 204


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (zone(), "needs a geometry"),
        (zone(square(5.0), center=[5, 5], radius_m=5), "not both"),
        (zone(square(5.0), kind="disease"), "must say which (called)"),
        (zone({"type": "Point", "coordinates": [5, 5]}), "Polygon or a MultiPolygon"),
        (zone(center=[5, 5], radius_m=0), "radius_m must be from 1"),
        ({"type": "Polygon", "coordinates": SQUARE}, "must be a GeoJSON Feature"),
    ],
)
async def test_what_is_not_a_zone_is_refused(
    client: httpx.AsyncClient, document: dict[str, Any], says: str
) -> None:
    answer = await client.post("/zones", json=document)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


async def test_a_key_sent_again_makes_no_second_zone(client: httpx.AsyncClient) -> None:
    sent = [
        await client.post("/zones", json=zone(square(5.0), note=note), headers={"Idempotency-Key": "k"})
        for note in ("a", "a", "b")
    ]
    assert [answer.status_code for answer in sent] == [201, 201, 422]
    assert sent[0].json() == sent[1].json()
    await client.delete(f"/zones/{sent[0].json()['id']}")


async def test_zones_are_found_and_drawn_by_what_they_are(client: httpx.AsyncClient) -> None:
    field = feature(square_at(20.0, 40.0))
    field["properties"] |= {"kind": "parcel"}
    parcel = (await client.post("/areas", json=field)).json()["id"]
    near = await make(client, zone(square(20.05, 40.0), called="frost", called_by="person", caller="Ann"))
    far = await make(client, zone(square(21.0, 40.0), kind="other", state="dismissed", source_analysis="a1"))
    assert (near["properties"]["areas"], far["properties"]["areas"]) == ([parcel], [])

    async def found(query: str) -> list[int]:
        answer = await client.get(f"/zones?{query}")
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["features"]]

    assert await found(f"parcel={parcel}") == [near["id"]]
    assert await found("state=dismissed") == [far["id"]]
    assert await found("kind=other&source_analysis=a1") == [far["id"]]
    assert await found("bbox=20,40,20.5,41") == [near["id"]]
    assert await found('intersects={"type":"Point","coordinates":[21.05,40.05]}') == [far["id"]]
    first = (await client.get("/zones?limit=1&bbox=20,40,22,41")).json()
    following = next(link["href"] for link in first["links"] if link["rel"] == "next")
    assert [each["id"] for each in (await client.get(following)).json()["features"]] == [far["id"]]
    assert (await client.get("/zones?state=old")).status_code == 422

    described = (await client.get("/zones/tiles.json?state=new&bbox=19,39,22,42")).json()
    assert (described["zones"], described["bounds"]) == (1, pytest.approx([20.05, 40.0, 20.15, 40.1]))
    assert described["tiles"] == [
        "http://tilewatch.test/zones/tiles/{z}/{x}/{y}.pbf?bbox=19%2C39%2C22%2C42&state=new"
    ]
    drawn = read_layers((await client.get("/zones/tiles/7/71/48.pbf")).content)["zones"]
    assert {each.id: each.properties for each in drawn} == {
        near["id"]: {"kind": "anomaly", "called": "frost", "state": "new"},
        far["id"]: {"kind": "other", "state": "dismissed"},
    }


async def test_an_owner_sees_its_own_zones_and_parcels_only(client: httpx.AsyncClient) -> None:
    ann = {"X-API-Key": ANN}
    for owner in ("ann", "bob"):
        field = feature(square_at(30.0, 10.0))
        field["properties"] |= {"kind": "parcel", "owner_id": owner}
        assert (await client.post("/areas", json=field)).status_code == 201
    own = (await client.get("/areas", headers=ann)).json()["features"][0]["id"]
    others = own + 1
    made = await make(client, zone(square(30.0, 10.0)), ANN)
    free = await make(client, zone(square(30.0, 10.0)))
    assert (made["properties"]["owner_id"], made["properties"]["areas"]) == ("ann", [own])
    assert free["properties"]["areas"] == [own, others]
    mine = (await client.get("/zones", headers=ann)).json()["features"]
    assert mine == [made]
    assert (await client.get(f"/zones?parcel={others}", headers=ann)).json()["features"] == []
    drawn = read_layers((await client.get("/zones/tiles/6/37/30.pbf", headers=ann)).content)["zones"]
    assert [each.id for each in drawn] == [made["id"]]
    address = f"/zones/{free['id']}"
    assert [
        (await client.request(m, address, json={}, headers=ann)).status_code
        for m in ("GET", "PATCH", "DELETE")
    ] == [404] * 3
    taken = await client.patch(f"/zones/{made['id']}", json={"properties": {"owner_id": "bob"}}, headers=ann)
    assert (taken.status_code, "owner_id must be 'ann'" in taken.json()["detail"]) == (400, True)
    assert (
        await client.post("/zones", json=zone(square(1.0), owner_id="bob"), headers=ann)
    ).status_code == 400
