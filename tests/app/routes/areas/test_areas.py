"""Areas over HTTP: what goes in comes out, and nothing else gets in."""

import json
import math

import asyncpg
import httpx
import pytest
import shapely
from pyproj import Geod

from tests.app.areas.conftest import SQUARE, feature, square_at

BOW_TIE = [[[5.0, 51.0], [5.2, 51.1], [5.2, 51.0], [5.0, 51.1], [5.0, 51.0]]]
"""Crosses itself at 5.1, 51.05."""


async def post(client: httpx.AsyncClient, document: object, **params: str) -> httpx.Response:
    body = json.dumps(document)
    return await client.post(
        "/areas", content=body, params=params, headers={"Content-Type": "application/geo+json"}
    )


async def test_an_area_is_registered_read_and_listed(client: httpx.AsyncClient) -> None:
    sent = feature(kind="Polygon") | {"bbox": [5, 51, 5.1, 51.1]}
    sent["properties"] |= {"kind": "field", "products": ["ndvi"], "crop": "wheat", "owner": {"id": 7}}
    created = await post(client, sent)
    assert (created.status_code, created.headers["content-type"]) == (201, "application/geo+json")
    area = created.json()
    assert created.headers["location"] == f"http://127.0.0.1/areas/{area['id']}"
    assert area["geometry"] == {"type": "MultiPolygon", "coordinates": [SQUARE]}
    own = {name: area["properties"][name] for name in ("name", "kind", "products", "crop", "owner")}
    assert own == {
        "name": "Square",
        "kind": "field",
        "products": ["ndvi"],
        "crop": "wheat",
        "owner": {"id": 7},
    }
    dense = shapely.segmentize(shapely.box(5.0, 51.0, 5.1, 51.1), 1e-4)
    geodesic_m2 = abs(Geod(ellps="WGS84").geometry_area_perimeter(dense)[0])
    assert area["properties"]["area_km2"] == pytest.approx(geodesic_m2 / 1e6, rel=1e-8)
    assert (await client.get(created.headers["location"])).json() == area
    listed = (await client.get("/areas")).json()
    assert (listed["type"], listed["features"], listed["numberReturned"]) == ("FeatureCollection", [area], 1)
    assert [link["rel"] for link in listed["links"]] == ["self"]


async def test_an_answer_can_be_sent_back_and_changes_nothing_but_the_time(client: httpx.AsyncClient) -> None:
    odd = [[[math.pi, 50 + math.e], [math.pi + 1 / 3, 50 + math.e], [math.pi + 0.1, 53.123456789012345]]]
    first = (await post(client, feature([[*odd[0], odd[0][0]]], note="kept"))).json()
    again = (await client.put(f"/areas/{first['id']}", json=first)).json()
    assert again["geometry"] == first["geometry"]
    assert again["properties"]["updated_at"] > first["properties"].pop("updated_at")
    again["properties"].pop("updated_at")
    assert again == first
    assert {tuple(place) for place in first["geometry"]["coordinates"][0][0]} == {tuple(p) for p in odd[0]}


async def test_replacing_gives_all_new_contents(client: httpx.AsyncClient) -> None:
    first = (await post(client, feature(kind="Polygon", crop="wheat", products=["ndvi"]))).json()
    answer = await client.put(f"/areas/{first['id']}", json=feature(square_at(6, 52), name="Moved"))
    moved = answer.json()
    assert (answer.status_code, moved["id"]) == (200, first["id"])
    assert moved["geometry"]["coordinates"] == [square_at(6, 52)]
    assert (moved["properties"]["name"], moved["properties"]["products"]) == ("Moved", [])
    assert "crop" not in moved["properties"]
    assert moved["properties"]["created_at"] == first["properties"]["created_at"]


async def test_a_patch_merges_properties(client: httpx.AsyncClient) -> None:
    area = (await post(client, feature(crop="wheat", season=2024, products=["ndvi"]))).json()
    address = f"/areas/{area['id']}"
    changed = await client.patch(
        address, json={"properties": {"crop": "barley", "season": None, "kind": "field", "new": [1]}}
    )
    wanted = area["properties"] | {"crop": "barley", "kind": "field", "new": [1]}
    del wanted["season"]
    wanted["updated_at"] = changed.json()["properties"]["updated_at"]
    assert changed.json()["properties"] == wanted
    cleared = await client.patch(address, json={"properties": {"kind": None, "products": []}})
    assert (cleared.json()["properties"]["kind"], cleared.json()["properties"]["products"]) == (None, [])
    assert cleared.json()["geometry"] == area["geometry"]
    refused = await client.patch(address, json={"properties": {}, "geometry": area["geometry"]})
    assert (refused.status_code, "PUT" in refused.json()["detail"]) == (400, True)


async def test_a_deleted_area_is_gone(client: httpx.AsyncClient) -> None:
    area = (await post(client, feature())).json()
    address = f"/areas/{area['id']}"
    assert (await client.delete(address)).status_code == 204
    body = feature()
    gone = [
        await client.get(address),
        await client.delete(address),
        await client.put(address, json=body),
        await client.patch(address, json={"properties": {}}),
    ]
    assert [answer.status_code for answer in gone] == [404] * 4
    assert gone[0].json()["detail"] == f"no area {area['id']}; GET /areas lists the areas"


async def test_searches_find_what_they_name(client: httpx.AsyncClient) -> None:
    west = (await post(client, feature(square_at(5, 51), name="West field", kind="Polygon"))).json()["id"]
    east_feature = feature(square_at(6, 51), name="East 100% FIELD", products=["ndvi"])
    east_feature["properties"]["kind"] = "field"
    east = (await post(client, east_feature)).json()["id"]
    fiji = (await post(client, feature(square_at(179.95, -17), name="Fiji"))).json()["id"]

    async def found(**params: str) -> list[int]:
        answer = await client.get("/areas", params=params)
        assert answer.status_code == 200, answer.text
        return [area["id"] for area in answer.json()["features"]]

    assert await found(bbox="5.05,51,5.5,52") == [west]
    assert await found(bbox="4,50,7,52") == [west, east]
    assert await found(bbox="179,-18,-179,-16") == [fiji]
    assert await found(bbox="5.05,50,5.05,53") == [west]  # a line, and a point
    assert await found(bbox="4,50,4,50") == []
    assert await found(kind="field") == [east]
    assert await found(name="field") == [west, east]
    assert await found(name="100%") == [east]
    assert await found(name="%") == [east]
    assert await found(product="ndvi") == [east]
    assert await found(intersects='{"type":"Point","coordinates":[5.05,51.05]}') == [west]
    assert await found(intersects='{"type":"LineString","coordinates":[[5,51.05],[7,51.05]]}') == [west, east]
    triangle = {"type": "Polygon", "coordinates": [[[5.2, 51], [6.3, 51], [6.3, 52], [5.2, 51]]]}
    assert await found(intersects=json.dumps(triangle)) == [east]
    # The split part of Fiji's square east of the antimeridian.
    assert await found(intersects='{"type":"Point","coordinates":[-179.97,-16.95]}') == [fiji]
    assert await found(kind="nothing' or '1'='1") == []


async def test_pages_are_stable_while_areas_come_and_go(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    ids = [(await post(client, feature(name=f"Number {number}"))).json()["id"] for number in range(7)]
    page = (await client.get("/areas", params={"limit": 3, "name": "number"})).json()
    seen = [area["id"] for area in page["features"]]
    await client.delete(f"/areas/{ids[1]}")
    await client.delete(f"/areas/{ids[4]}")
    late = (await post(client, feature(name="Number late"))).json()["id"]
    while following := [link["href"] for link in page["links"] if link["rel"] == "next"]:
        page = (await client.get(following[0])).json()
        seen += [area["id"] for area in page["features"]]
    assert seen == [*ids[:3], ids[3], ids[5], ids[6], late]


async def test_a_page_of_large_outlines_is_shorter(client: httpx.AsyncClient) -> None:
    def rough(vertices: int, lon: float) -> list[list[list[float]]]:
        angles = [2 * math.pi * number / vertices for number in range(vertices)]
        ring = [[lon + 0.1 * math.cos(a), 51 + 0.1 * math.sin(a)] for a in angles]
        return [[*ring, ring[0]]]

    for lon in (3.0, 4.0, 5.0, 6.0):
        assert (await post(client, feature(rough(99_999, lon)))).status_code == 201
    first = (await client.get("/areas")).json()
    # 100 000 vertices each and 250 000 a page: the third passes the bound and is still on it.
    assert (first["numberReturned"], first["links"][-1]["rel"]) == (3, "next")
    second = (await client.get(first["links"][-1]["href"])).json()
    assert (second["numberReturned"], second["links"][-1]["rel"]) == (1, "self")


async def test_a_repair_says_what_it_changed(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    refused = await post(client, feature(BOW_TIE))
    assert refused.status_code == 400
    assert "Self-intersection[5.1 51.05]" in refused.json()["detail"]
    created = await post(client, feature(BOW_TIE), repair="true")
    assert created.status_code == 201
    repair = created.json()["repair"]
    assert repair["reason"] == "Self-intersection[5.1 51.05]"
    assert repair["parts"] == {"before": 1, "after": 2}
    # Two triangles of a quarter of a box 0.2 by 0.1 degrees each, which run round opposite ways.
    # The sphere of the Earth's mean radius is 0.4 % off the ellipsoid here.
    box_km2 = math.radians(0.2) * (math.sin(math.radians(51.1)) - math.sin(math.radians(51))) * 6371.0088**2
    assert repair["area_km2"]["before"] == pytest.approx(0, abs=box_km2 * 0.005)
    assert repair["area_km2"]["after"] == pytest.approx(box_km2 / 2, rel=0.005)
    valid = "select st_isvalid(geom) and st_numgeometries(geom) = 2 from areas"
    assert await connection.fetchval(valid)
    untouched = await post(client, feature(), repair="true")
    assert "repair" not in untouched.json()


@pytest.mark.parametrize(
    ("coordinates", "reason"),
    [
        ([[[5, 51], [6, 51], [5, 51], [5, 51]]], "leaves nothing that has an area"),
        ([[[170, 0], [-170, 10], [-170, 0], [170, 10], [170, 0]]], "antimeridian"),
    ],
)
async def test_what_no_repair_can_help_is_refused(
    client: httpx.AsyncClient, coordinates: object, reason: str
) -> None:
    answer = await post(client, feature(coordinates), repair="true")
    assert (answer.status_code, reason in answer.json()["detail"]) == (400, True), answer.text


@pytest.mark.parametrize(
    ("geometry", "reason"),
    [
        ('{"type":"Point","coordinates":[5,51]}', "need a Polygon or a MultiPolygon, not Point"),
        ('{"type":"Polygon","coordinates":[]}', "empty"),
        ('{"type":"MultiPolygon","coordinates":[]}', "empty"),
        ('{"type":"Polygon","coordinates":[[[5,51],[6,NaN],[6,52],[5,51]]]}', "finite"),
        ('{"type":"Polygon","coordinates":[[[NaN,51],[6,51],[6,52],[NaN,51]]]}', "cannot be read"),
        ('{"type":"Polygon","coordinates":[[[1e999,51],[6,51],[6,52],[1e999,51]]]}', "finite"),
        ('{"type":"Polygon","coordinates":[[[500000,51],[6,51],[6,52],[500000,51]]]}', "degrees"),
        ('{"type":"Polygon","coordinates":[["a","b"],["c"]]}', "cannot be read"),
        ('{"type":"Polygon","coordinates":[[[5,51],[6,1e400],[6,52],[5,51]]]}', "finite"),
        (f'{{"type":"Polygon","coordinates":[[[5,51],[6,{10**400}],[6,52],[5,51]]]}}', "cannot be read"),
        (f'{{"type":"MultiPolygon","coordinates":[[[[{-(10**400)},51],[6,51],[6,52]]]]}}', "cannot be read"),
        ('{"type":"Polygon","coordinates":[[[5,51],[6,51],[6,52],[5,51]],null]}', "cannot be read"),
        ('{"type":"Polygon","coordinates":[[[5,51],[6,51],[6,52],[5,51]],[]]}', "cannot be read"),
        ('{"type":["Polygon"],"coordinates":[[[5,51],[6,51],[6,52],[5,51]]]}', "not what was sent"),
        ('{"type":"Polygon","coordinates":null}', "cannot be read"),
        ('{"type":"Polygon"}', "cannot be read"),
        ('{"type":"Polygon","coordinates":[[[5,51],[6,51],[5,51]]]}', "Polygon"),
        ("null", "geometry must be a GeoJSON Polygon or MultiPolygon"),
        ('"Polygon"', "geometry must be a GeoJSON Polygon or MultiPolygon"),
    ],
)
@pytest.mark.parametrize("repair", ["false", "true"])
async def test_bad_geometries_are_refused_in_words(
    client: httpx.AsyncClient, connection: asyncpg.Connection, geometry: str, reason: str, repair: str
) -> None:
    body = f'{{"type":"Feature","properties":{{"name":"a"}},"geometry":{geometry}}}'
    answer = await client.post(
        "/areas", content=body, params={"repair": repair}, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert reason in answer.json()["detail"]
    assert await connection.fetchval("select count(*) from areas") == 0


async def test_heights_are_dropped(client: httpx.AsyncClient) -> None:
    answer = await post(client, feature([[[*place, 12.5] for place in SQUARE[0]]]))
    assert (answer.status_code, answer.json()["geometry"]["coordinates"]) == (201, [SQUARE])


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({}, "needs a name"),
        ({"name": ""}, "properties.name must be a string, not an empty one"),
        ({"name": 7}, "properties.name must be a string"),
        ({"name": None}, "properties.name must be a string, not null"),
        ({"name": "x" * 201}, "at most 200 are allowed"),
        ({"name": "a\0b"}, "control character"),
        ({"name": "a\ud800"}, "an unpaired surrogate"),
        ({"name": "a", "note": "\0"}, "U+0000"),
        ({"name": "a", "note": "\ud800"}, "not valid Unicode"),
        ({"name": "a", "note": math.nan}, "not finite"),
        ({"name": "a", "note": "x" * 70_000}, "at most 65,536 are allowed"),
        ({"name": "a", "products": "ndvi"}, "list of product ids"),
        ({"name": "a", "products": ["ndvx"]}, "no product 'ndvx'; there are:"),
        ({"name": "a", "products": ["true-color"]}, "picture of three bands"),
        ({"name": "a", "products": ["ndvi"] * 51}, "at most 50 products"),
        ([], "properties must be an object"),
    ],
)
async def test_bad_properties_are_refused_in_words(
    client: httpx.AsyncClient, properties: object, reason: str
) -> None:
    answer = await post(client, feature() | {"properties": properties})
    assert (answer.status_code, reason in answer.json()["detail"]) == (400, True), answer.text


@pytest.mark.parametrize(
    "name",
    [
        "Robert'); drop table areas; --",
        '"; delete from areas where "1"="1',
        "100 % \\ $1 {} ''",
        "Поле №7, 北の畑",
        "a\u200cb",
        "back\\u0000slash",
    ],
)
async def test_a_name_is_just_a_name(
    client: httpx.AsyncClient, connection: asyncpg.Connection, name: str
) -> None:
    area = (await post(client, feature(name=name, note=name))).json()
    assert (area["properties"]["name"], area["properties"]["note"]) == (name, name)
    found = (await client.get("/areas", params={"name": name})).json()["features"]
    assert [each["id"] for each in found] == [area["id"]]
    assert await connection.fetchval("select count(*) from areas") == 1


@pytest.mark.parametrize(
    ("body", "media_type", "status", "reason"),
    [
        ("{", "application/json", 400, "not valid JSON: Expecting property name"),
        ("[]", "application/json", 400, "not a JSON object"),
        ("[" * 100_000, "application/json", 400, "nested too deeply"),
        (
            '{"type":"Feature","properties":{"name":"a","n":' + "9" * 5000 + "}}",
            "application/json",
            400,
            "digits",
        ),
        (b'{"a":"\xff"}', "application/json", 400, "not UTF-8"),
        ('{"type":"FeatureCollection","features":[]}', "application/json", 400, "GeoJSON Feature"),
        ("{}", "text/plain", 415, "Content-Type"),
    ],
)
async def test_bad_bodies_are_refused_in_words(
    client: httpx.AsyncClient, body: str | bytes, media_type: str, status: int, reason: str
) -> None:
    answer = await client.post("/areas", content=body, headers={"Content-Type": media_type})
    assert (answer.status_code, reason in answer.json()["detail"]) == (status, True), answer.text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"bbox": "1,2,3"}, 400),
        ({"intersects": "{"}, 400),
        ({"intersects": '{"type":"Point","coordinates":[1e999,0]}'}, 400),
        ({"intersects": '{"type":"Point","coordinates":[]}'}, 400),
        ({"intersects": '{"type":"Point","coordinates":[200,0]}'}, 400),
        ({"intersects": '{"type":"Polygon","coordinates":[[[0,0],[1,1],[1,0],[0,1],[0,0]]]}'}, 400),
        ({"intersects": "[]"}, 400),
        ({"name": "\0"}, 400),
        ({"limit": "0"}, 422),
        ({"limit": "1001"}, 422),
        ({"after": "9223372036854775808"}, 422),
        ({"kinds": "field"}, 400),
    ],
)
async def test_bad_searches_are_refused_in_words(
    client: httpx.AsyncClient, query: dict[str, str], status: int
) -> None:
    answer = await client.get("/areas", params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("area", ["0", "-1", "x", "9223372036854775808", "1.5"])
async def test_an_id_that_cannot_be_is_refused(client: httpx.AsyncClient, area: str) -> None:
    assert (await client.get(f"/areas/{area}")).status_code == 422


async def test_bodies_up_to_the_largest_polygon_are_taken(client: httpx.AsyncClient) -> None:
    geojson = {"Content-Type": "application/geo+json"}
    too_large = await client.post("/areas", content=b" " * 50_000_000, headers=geojson)
    assert too_large.status_code == 413
    assert too_large.json()["detail"] == "the body is larger than 16777216 bytes"
    elsewhere = await client.post("/products", content=b" " * 3_000_000)
    assert elsewhere.status_code in {405, 413}
    ring = [
        [5 + 0.1 * math.cos(a / 1e5 * 2 * math.pi), 51 + 0.1 * math.sin(a / 1e5 * 2 * math.pi)]
        for a in range(100_000)
    ]
    taken = await post(client, feature([[*ring, ring[0]]]))
    assert taken.status_code == 201
    assert len(taken.json()["geometry"]["coordinates"][0][0]) == 100_001
