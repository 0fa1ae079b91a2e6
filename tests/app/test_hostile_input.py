"""Input that attacks: each is refused with a reason, whatever would have been behind the route."""

import base64
import json
import math
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.app.conftest import indexed
from tests.services.postgres import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = {"type": "Polygon", "coordinates": [[[5.236, 51.29], [5.25, 51.29], [5.25, 51.296], [5.236, 51.29]]]}
POINT = {"type": "Point", "coordinates": [5, 51]}
BOWTIE = {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}
LONE = "\ud800"
HUGE = 10**400
JSON = {"Content-Type": "application/json"}
LOCAL = "http://localhost"
SEARCH = "/stac/search"
ITEM = "/stac/collections/sentinel-2-l2a/items/S2A_MOL_20240610"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(
    two_months: str, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one application for all tests; its index has the two months."""
    async with indexed(two_months, postgres, tmp_path_factory.mktemp("nowhere"), refresh_s=0.05) as client:
        yield client


def reason(answer: httpx.Response, status: int = 400) -> str:
    """The reason of a refusal."""
    assert answer.status_code == status, answer.text[:500]
    return str(answer.json()["detail"])


async def post(client: httpx.AsyncClient, address: str, body: Any) -> httpx.Response:
    content = body if isinstance(body, str) else json.dumps(body)
    return await client.post(address, content=content, headers=JSON)


def collection(*members: Any) -> dict[str, Any]:
    return {"type": "GeometryCollection", "geometries": [*members]}


def nested(depth: int) -> Any:
    return collection(POINT, nested(depth - 1)) if depth else POINT


def ring(*positions: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[*positions]]}


def token(*values: Any, order: str = "-datetime,-collection,-id") -> str:
    return base64.urlsafe_b64encode(json.dumps([order, *values]).encode()).decode()


@pytest.mark.parametrize(
    ("part", "status"),
    [
        ("{}-", 416),
        ("0-{}", 206),  # RFC 9110, 14.1.2: an end past the last byte is the last byte
        ("-{}", 206),  # and a suffix longer than the file is all of it
    ],
)
async def test_ranges_of_thousands_of_digits_lie_beyond_the_file(client, part, status):
    href = (await client.get(ITEM)).json()["assets"]["red"]["href"]
    whole = await client.get(href)
    answer = await client.get(href, headers={"Range": f"bytes={part.format('9' * 5000)}"})
    assert answer.status_code == status
    assert status == 416 or answer.content == whole.content


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-00:01", f"../{'9' * 500}", LONE, "/", "a/b/c"],
)
async def test_times_at_the_edges_of_time(client, moment):
    assert reason(await post(client, SEARCH, {"datetime": moment}))
    tokens = {"token": token(moment, "sentinel-2-l2a", "a")}
    assert "the token is not valid" in reason(await post(client, SEARCH, tokens))
    if moment != LONE:
        assert reason(await client.get(SEARCH, params={"datetime": moment}))
        assert reason(await client.get("/stac/collections/sentinel-2-l2a/items", params={"datetime": moment}))


async def test_the_first_and_the_last_moment_are_moments(client):
    asked = {"datetime": "0001-01-01T00:00:00Z/9999-12-31T23:59:59.999999999Z"}
    assert (await post(client, SEARCH, asked)).json()["numberMatched"] == 2


@pytest.mark.parametrize(
    "body",
    [
        {"ids": [LONE]},
        {"collections": [LONE]},
        {"query": {LONE: {"eq": 1}}},
        {"query": {"platform": {"eq": LONE}}},
        {"query": {"platform": {"in": ["a", LONE]}}},
        {"query": {"platform": {"startsWith": LONE}}},
        {"token": token("2024-01-01T00:00:00Z", LONE, "a")},
        {"token": LONE},
        {"token": token(HUGE, "a", "b", order="-eo:cloud_cover,-collection,-id"), "sortby": []},
        {
            "token": token(HUGE, "a", "b", order="-eo:cloud_cover,-collection,-id"),
            "sortby": [{"field": "eo:cloud_cover", "direction": "desc"}],
        },
        {"bbox": [HUGE, 0, 1, 1]},
        {"sortby": [{"field": "id", "direction": "asc"}] * 2000},
        {"ids": ["a"] * 2000},
        *("null", "[]", "5", '"a"', "NaN", "{", "[" * 100_000, '{"limit":' + "9" * 5000 + "}"),
    ],
    ids=range(21),
)
async def test_searches_that_are_none(client, body):
    assert reason(await post(client, SEARCH, body))


async def test_surrogates_in_an_address_that_holds_json(client):
    for query in ('{"a":{"eq":"\\ud800"}}', '{"\\ud800":{"eq":1}}'):
        assert "unpaired surrogate" in reason(await client.get(SEARCH, params={"query": query}))


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        (collection(POINT, BOWTIE), "Self-intersection"),
        (nested(200), "nested"),
        (nested(20), "nested too deeply"),
        (ring([5, 51], [math.nextafter(5, 6), 51], [5, 51], [5, 51]), "not a valid"),
        (ring([5, 51], [6], [6, 52, 3], [5, 51]), "cannot be read"),
        (ring([5, 51], [HUGE, 51], [6, 52], [5, 51]), ""),
        ({"type": "Point", "coordinates": [[]]}, "not a valid"),
        ({"type": "GeometryCollection", "geometries": None}, "geometries must be a list"),
        (collection(None), "must be an object"),
        (collection(), "has no position"),
        ({"type": LONE, "coordinates": []}, "its type"),
    ],
    ids=range(11),
)
async def test_shapes_to_search_by(client, shape, why):
    assert why in reason(await post(client, SEARCH, {"intersects": shape}))
    for address in (SEARCH, "/areas"):
        assert reason(await client.get(address, params={"intersects": json.dumps(shape)}))


async def test_collections_are_searched_by_each_member(client):
    shape = collection(POINT, nested(7), {"type": "Point", "coordinates": [5.24, 51.291]})
    assert (await post(client, SEARCH, {"intersects": shape})).json()["numberMatched"] == 2


ODD = {
    "antimeridian": ring([180, -10], [-180, 10], [180, 10], [180, -10]),
    "one ulp": ring([5, 51], [math.nextafter(5, 6), 51], [math.nextafter(5, 6), 52], [5, 52], [5, 51]),
    "ragged": ring([5, 51], [6], [6, 52, 3], [5, 51]),
    "huge": ring([5, 51], [HUGE, 51], [6, 52], [5, 51]),
    "not a number": ring([math.nan, 51], [6, 51], [6, 52], [math.nan, 51]),
    "around half the globe": ring([-12.19, 47.56], [69.02, 67.69], [-85.93, 8.61], [-12.19, 47.56]),
    "hole at the pole": {
        "type": "Polygon",
        "coordinates": [
            [[-2.24, 90], [-105.38, 90], [-149.11, -74.39], [-2.24, 90]],
            [[-159.5, 90], [30.86, 90], [120.1, 90], [-159.5, 90]],
        ],
    },
    "one position over and over": {
        "type": "MultiPolygon",
        "coordinates": [HERE["coordinates"], [[[5.24, 51.29]] * 4]],
    },
    "nested": nested(30),
}


@pytest.mark.parametrize("name", ODD)
async def test_odd_polygons_have_an_answer_at_every_entry(client, name):
    feature = {"type": "Feature", "geometry": ODD[name], "properties": {"name": "odd"}}
    for repair in ("false", "true"):
        for address in (f"{LOCAL}/areas", "/products/ndvi/statistics"):
            answer = await post(client, f"{address}?repair={repair}", feature)
            assert answer.status_code < 300 or reason(answer)
    ringed = "/products/dnbr/statistics?offset=ring&datetime=2024-06&pre=2024-05"
    for address in (ringed, "/products/ndvi/feature.png"):
        if name != "nested":  # the model of the body warns of it, and warnings are errors here
            answer = await post(client, address, feature)
            assert answer.status_code < 300 or 400 <= answer.status_code < 500, answer.text


@pytest.mark.parametrize("edges", ["-1e308,1e308", "0,1e31", "1e400,2", "2,1", "1,1"])
async def test_histograms_wider_than_numbers_are(client, edges):
    asked = f"/products/ndvi/statistics?datetime=2024-06&histogram_range={edges}"
    assert reason(await post(client, asked, HERE))


@pytest.mark.parametrize("kind", ["ingest", "composites"])
async def test_areas_of_interest_beyond_all_numbers(client, kind):
    for number in (HUGE, 1e308, math.inf):
        body = {"aoi": [number, 0, 1, 1], "datetime": "2024-06"}
        assert reason(await post(client, f"{LOCAL}/{kind}", body), 422)


@pytest.mark.parametrize("name", ["a\0", LONE])
async def test_names_of_properties_that_no_database_can_hold(client, name):
    feature = {"type": "Feature", "geometry": HERE, "properties": {"name": "field"}}
    made = (await post(client, f"{LOCAL}/areas", feature)).json()["id"]
    for value in (None, 1):
        changes = json.dumps({"properties": {name: value}})
        address = f"{LOCAL}/areas/{made}"
        headers = {"Content-Type": "application/merge-patch+json"}
        assert "properties" in reason(await client.patch(address, content=changes, headers=headers))


@pytest.mark.parametrize("header", ["Host", "Origin"])
@pytest.mark.parametrize("value", ["[::1", "http://[::1", "]"])
async def test_a_bracket_that_is_not_closed_is_not_this_machine(client, header, value):
    headers = {"Host": "localhost", **JSON, header: value}
    answer = await client.post(f"{LOCAL}/areas", content="{}", headers=headers)
    assert "keys" in reason(answer, 403)


@pytest.mark.parametrize("path", ["/products/ndvi/statistics", SEARCH, "/products/ndvi/feature.png"])
async def test_bodies_that_would_cost_much_are_counted_first(client, path):
    pairs = 400_000 if path.endswith("statistics") else 100_000
    assert "values" in reason(await post(client, path, "[" + "[0,0]," * pairs + "0]"))
    assert "too deeply" in reason(await post(client, path, '{"a":' * 1000))


async def test_fields_are_bounded_in_number_and_depth(client):
    many = [f"properties.a{number}" for number in range(1200)]
    assert "at most 100" in reason(await post(client, SEARCH, {"fields": {"include": many, "exclude": many}}))
    assert "levels" in reason(await post(client, SEARCH, {"fields": {"exclude": ["a." * 20 + "b"]}}))
    asked = {"fields": {"include": ["assets.red.href"], "exclude": ["assets", "assets.red.href", "links"]}}
    (found, *_) = (await post(client, SEARCH, asked)).json()["features"]
    assert [*found["assets"]] == ["red"]
    assert [*found["assets"]["red"]] == ["href"]


@pytest.mark.parametrize("name", ["EPSG:7415", "EPSG:4978", "EPSG:5773", "EPSG:4979"])
async def test_systems_with_heights_are_no_maps(client, name):
    answer = await client.get(f"/products/ndvi/bbox/5.23,51.285,5.26,51.3.png?dst_crs={name}")
    assert "two coordinates" in reason(answer)


async def test_openapi_describes_what_is_answered(client):
    paths = (await client.get("/openapi.json")).json()["paths"]
    for path, status, content_type in (
        ("/areas", "200", "application/geo+json"),
        ("/coverage", "200", "application/geo+json"),
        ("/health", "503", "application/json"),
        ("/areas/{area}/timeseries", "200", "text/csv"),
    ):
        described = paths[path]["get"]["responses"][status]["content"][content_type]
        assert described.get("schema", {}).get("type") != ("string" if "geo" in content_type else "object")
    features = {"/areas", "/stac/search", "/catalog/scenes", "/stac/collections/{collection_id}/items"}
    for path in features:
        content = paths[path]["get"]["responses"]["200"]["content"]["application/geo+json"]
        assert "features" in content["schema"]["required"]
    series = paths["/products/{product}/statistics"]["post"]["responses"]["200"]["content"]
    assert len(series["application/geo+json"]["schema"]["anyOf"]) == 2
    maps = "/stac/collections/{collection_id}/items/{item_id}/products/{product}"
    assert "204" in paths[f"{maps}/tiles/{{z}}/{{x}}/{{y}}.{{format}}"]["get"]["responses"]
    assert [*paths[f"{maps}/preview.png"]["get"]["responses"]["200"]["content"]] == ["image/png"]
