"""What a search finds, held against sets worked out from the table at the head of `landed`."""

import base64
import json
from typing import Any

import httpx
import pytest

from app.settings import Settings
from tests.app.conftest import serving
from tests.app.stac.conftest import Served

NORTH = {"may-north", "june-north"}
RAINS = {"rain-05", "rain-06"}
SCENES = {*NORTH, "guinea", "fiji"}
ALL = SCENES | RAINS
NEWEST_FIRST = ["fiji", "guinea", "june-north", "rain-06", "may-north", "rain-05"]


def ask(client: httpx.Client, path: str = "/stac/search", **params: Any) -> dict[str, Any]:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json"
    found: dict[str, Any] = answer.json()
    assert found["numberReturned"] == len(found["features"])
    return found


def post(client: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/stac/search", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [feature["id"] for feature in found["features"]]


PLACES = [
    ("5.2,51.2,5.4,51.4", {"may-north", *RAINS}),
    ("5.2,51.2,6.4,51.4", {*NORTH, *RAINS}),
    ("6,51.2,7,51.4", {*NORTH, *RAINS}),  # a common border is enough
    ("5.2,51.2,-100,5.4,51.4,9000", {"may-north", *RAINS}),  # with heights
    ("179.5,-16.5,-179.5,-16.4", {"fiji", *RAINS}),  # over the antimeridian
    ("170,-80,-170,80", {"fiji", *RAINS}),
    ("-179.5,-16.5,179.5,-16.4", {"fiji", *RAINS}),  # all around the other way meets both halves
    ("-179,-50,-178.5,-49", RAINS),
    ("0,0,0,0", {"guinea", *RAINS}),  # a point
    ("-180,-90,180,90", ALL),
    ("0,70,10,80", set()),
]


@pytest.mark.parametrize(("bbox", "expected"), PLACES, ids=[bbox for bbox, _ in PLACES])
def test_a_box_finds_what_it_touches(client: httpx.Client, bbox: str, expected: set[str]) -> None:
    by_address = ask(client, bbox=bbox)
    by_body = post(client, {"bbox": [float(number) for number in bbox.split(",")]})
    assert {*ids(by_address)} == {*ids(by_body)} == expected
    assert by_address["numberMatched"] == len(expected)


GEOMETRIES: list[tuple[dict[str, Any], set[str]]] = [
    ({"type": "Point", "coordinates": [5.25, 51.5]}, {"may-north", *RAINS}),
    ({"type": "LineString", "coordinates": [[0, 0, 10], [5.75, 51.5, 10]]}, {"guinea", *NORTH, *RAINS}),
    ({"type": "MultiPoint", "coordinates": [[179.5, -16.5], [0, 80]]}, {"fiji", *RAINS}),
    ({"type": "Polygon", "coordinates": [[[2, 0], [3, 0], [3, 1], [2, 0]]]}, RAINS),
    (
        {
            "type": "GeometryCollection",
            "geometries": [
                {"type": "Point", "coordinates": [0.5, 0.5]},
                {"type": "LineString", "coordinates": [[90, 0], [91, 0]]},
            ],
        },
        {"guinea", *RAINS},
    ),
]


@pytest.mark.parametrize(("geometry", "expected"), GEOMETRIES, ids=[str(g["type"]) for g, _ in GEOMETRIES])
def test_a_geometry_finds_what_it_touches(
    client: httpx.Client, geometry: dict[str, Any], expected: set[str]
) -> None:
    assert {*ids(ask(client, intersects=json.dumps(geometry)))} == expected
    assert {*ids(post(client, {"intersects": geometry}))} == expected


TIMES = [
    ("2024-06-10T10:00:00Z", {"june-north", "rain-06"}),  # the very moment
    ("2024-06-10T12:00:00+02:00", {"june-north", "rain-06"}),
    ("2024-06-10T10:00:01Z", {"rain-06"}),
    ("2024-06-20T10:30:00.5Z", {"guinea", "rain-06"}),
    ("2024-05-31T23:59:59.999Z", {"rain-05"}),  # May ends where June begins
    ("2024-06-01T00:00:00Z", {"rain-06"}),
    ("2024-07-01T00:00:00Z", set()),
    ("2024-05-10T10:00:00Z/2024-06-10T10:00:00Z", {*NORTH, *RAINS}),
    ("2024-05-10T10:00:01Z/2024-06-10T09:59:59Z", RAINS),
    ("2024-06-20T00:00:00Z/..", {"guinea", "fiji", "rain-06"}),
    ("2024-06-25T22:00:00Z/", {"fiji", "rain-06"}),
    ("../2024-05-01T00:00:00Z", {"rain-05"}),
    ("/2024-04-30T23:59:59Z", set()),
]


@pytest.mark.parametrize(("datetime", "expected"), TIMES, ids=[text for text, _ in TIMES])
def test_a_time_finds_what_was_seen_then(client: httpx.Client, datetime: str, expected: set[str]) -> None:
    assert {*ids(ask(client, datetime=datetime))} == expected
    assert {*ids(post(client, {"datetime": datetime}))} == expected
    of_one = ask(client, "/stac/collections/rain-monthly/items", datetime=datetime)
    assert {*ids(of_one)} == expected & RAINS


CLOUDS = "eo:cloud_cover"
QUERIES: list[tuple[dict[str, Any], set[str]]] = [
    ({CLOUDS: {"lt": 40}}, {"may-north", "fiji"}),
    ({CLOUDS: {"lte": 40, "gt": 0}}, NORTH),
    ({"properties.eo:cloud_cover": {"eq": 0}}, {"fiji"}),
    ({CLOUDS: {"neq": 40}}, {"may-north", "fiji"}),  # unknown for the others
    ({CLOUDS: {"in": [0, 40]}}, {"fiji", "june-north"}),
    ({"platform": {"eq": "s2a"}}, {"may-north"}),
    ({"platform": {"startsWith": "s2"}}, {"may-north", "fiji"}),
    ({"platform": {"endsWith": "b"}, CLOUDS: {"gte": 0}}, {"fiji"}),
    ({"platform": {"contains": "2a"}}, {"may-north"}),
    ({"platform": {"contains": "%"}}, set()),
    ({CLOUDS: {"lt": "40"}}, {"may-north", "fiji"}),  # as pystac-client writes "eo:cloud_cover<40"
    ({"platform": {"lt": 5}}, set()),  # a text is not less than a number
    ({"tilewatch:synthetic": {"eq": True}}, RAINS),
    ({"id": {"eq": "fiji"}}, {"fiji"}),
    ({"no-such-property": {"eq": 1}}, set()),
]


@pytest.mark.parametrize(("query", "expected"), QUERIES, ids=[json.dumps(q) for q, _ in QUERIES])
def test_a_query_compares_properties(client: httpx.Client, query: dict[str, Any], expected: set[str]) -> None:
    assert {*ids(ask(client, query=json.dumps(query)))} == expected
    assert {*ids(post(client, {"query": query}))} == expected


def test_ids_collections_and_the_rest_narrow_together(client: httpx.Client) -> None:
    assert {*ids(ask(client, collections="rain-monthly"))} == RAINS
    assert {*ids(ask(client, collections="rain-monthly,no-such,sentinel-2-l2a"))} == ALL
    assert ids(ask(client, collections="no-such")) == []
    assert {*ids(post(client, {"collections": [], "ids": []}))} == ALL  # asks for nothing in particular
    assert {*ids(ask(client, ids="fiji,guinea,gone,rain-05"))} == {"fiji", "guinea", "rain-05"}
    assert ids(ask(client, ids="fiji,guinea,rain-05", bbox="5,51,6,52")) == ["rain-05"]
    everything = {
        "collections": ["sentinel-2-l2a"],
        "bbox": [5, 51, 6, 52],
        "datetime": "2024-06-01T00:00:00Z/..",
    }
    assert ids(post(client, everything)) == ["june-north"]


ORDERS = [
    ("", NEWEST_FIRST),
    ("-datetime", NEWEST_FIRST),
    ("properties.datetime", NEWEST_FIRST[::-1]),
    ("+id", sorted(ALL)),
    ("-id", sorted(ALL, reverse=True)),
    # Unknown clouds come last in both directions, then by collection and id in the same one.
    ("eo:cloud_cover", ["fiji", "may-north", "june-north", "rain-05", "rain-06", "guinea"]),
    ("-eo:cloud_cover", ["june-north", "may-north", "fiji", "guinea", "rain-06", "rain-05"]),
    ("-collection,eo:cloud_cover", ["fiji", "may-north", "june-north", "guinea", "rain-05", "rain-06"]),
    ("collection,-end_datetime", ["rain-06", "rain-05", "fiji", "guinea", "june-north", "may-north"]),
]


@pytest.mark.parametrize(("sortby", "expected"), ORDERS, ids=[text for text, _ in ORDERS])
def test_pages_of_any_order_leave_nothing_out_and_repeat_nothing(
    client: httpx.Client, sortby: str, expected: list[str]
) -> None:
    for size in (1, 2, 4, 6):
        page = ask(client, limit=size, **({"sortby": sortby} if sortby else {}))
        found = ids(page)
        while following := [link for link in page["links"] if link["rel"] == "next"]:
            assert page["numberReturned"] == size
            answer = client.get(following[0]["href"])
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found += ids(page)
        assert found == expected
    keys = [
        {"field": key.lstrip("+-"), "direction": "desc" if key[0] == "-" else "asc"}
        for key in sortby.split(",")
        if key
    ]
    body: dict[str, Any] = {"limit": 4, "sortby": keys} if keys else {"limit": 4}
    first = post(client, body)
    paging = next(link for link in first["links"] if link["rel"] == "next")
    assert (paging["method"], paging["merge"]) == ("POST", True)
    assert ids(first) + ids(post(client, body | paging["body"])) == expected


def test_fields_leave_out_and_take_in(client: httpx.Client) -> None:
    def keys(**params: Any) -> tuple[set[str], set[str]]:
        item = (ask(client, ids="may-north", **params))["features"][0]
        return set(item), set(item.get("properties", {}))

    always = {"id", "type", "collection"}
    plain = always | {"stac_version", "geometry", "bbox", "links", "assets", "properties"}
    assert keys(fields="") == (plain, {"datetime"})
    assert keys(fields="geometry") == (always | {"geometry"}, set())
    assert keys(fields="+properties.datetime,+properties.platform") == (
        always | {"properties"},
        {"datetime", "platform"},
    )
    whole, properties = keys()
    assert keys(fields="-geometry,-properties.renders") == (
        whole - {"geometry"},
        properties - {"renders"},
    )
    assert keys(fields="-properties,properties.platform") == (always | {"properties"}, {"platform"})
    assert keys(fields="-geometry,+geometry") == (always | {"geometry"}, set())
    chosen = {"fields": {"include": ["id"], "exclude": []}, "ids": ["fiji"]}
    assert (post(client, chosen))["features"] == [
        {"id": "fiji", "type": "Feature", "collection": "sentinel-2-l2a"}
    ]


REFUSED = [
    ({"bbox": "1,2,3"}, "4 or 6"),
    ({"bbox": "1,2,3,x"}, "bbox"),
    ({"bbox": "5,52,6,51"}, "above north"),
    ({"bbox": "5,51,9,6,52,8"}, "lowest height"),
    ({"bbox": "5,51,6,nan"}, "bbox"),
    ({"bbox": "5,51,6,152"}, "-90 to 90"),
    ({"bbox": "1,1,2,2", "intersects": '{"type":"Point","coordinates":[1,1]}'}, "exclude"),
    ({"intersects": "{"}, "JSON"),
    ({"intersects": '{"type":"Point","coordinates":[500,1]}'}, "degrees"),
    (
        {"intersects": '{"type":"Polygon","coordinates":[[[0,0],[1,1],[1,0],[0,1],[0,0]]]}'},
        "Self-intersection",
    ),
    ({"datetime": "2024-06"}, "RFC3339"),
    ({"datetime": "../.."}, "open"),
    ({"datetime": "2024-06-02T00:00:00Z/2024-06-01T00:00:00Z"}, "cannot be before"),
    ({"limit": "0"}, "limit"),
    ({"limit": "many"}, "limit"),
    ({"sortby": "colour"}, "eo:cloud_cover"),
    ({"query": '{"eo:cloud_cover": {"near": 4}}'}, "there are: eq"),
    ({"query": '{"eo:cloud_cover": 4}'}, "object"),
    ({"query": "[]"}, "object"),
    ({"query": '{"id": {"eq": "\\u0000"}}'}, "U+0000"),
    ({"query": '{"gsd": {"eq": NaN}}'}, "a value must be"),
    ({"query": '{"gsd": {"eq": {}}}'}, "a value must be"),
    ({"ids": "a\0b"}, "U+0000"),
    ({"token": "xyz"}, "next"),
    ({"token": "WyItZGF0ZXRpbWUiLDFd"}, "next"),
    ({"token": base64.urlsafe_b64encode(b"[" * 20_000).decode()}, "next"),
]


@pytest.mark.parametrize(("params", "word"), REFUSED, ids=[str(params) for params, _ in REFUSED])
def test_what_cannot_be_searched_is_refused_with_what_could(
    client: httpx.Client, params: dict[str, str], word: str
) -> None:
    answer = client.get("/stac/search", params=params)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert word in answer.json()["detail"]


def test_bodies_that_cannot_be_searched_are_refused(client: httpx.Client) -> None:
    bodies: list[dict[str, Any]] = [
        {"bbox": [5, 52, 6, 51]},
        {"bbox": [1, 1, 2, 2], "intersects": {"type": "Point", "coordinates": [1, 1]}},
        {"intersects": {"type": "Point", "coordinates": []}},
        {"intersects": {"type": "MultiPoint", "coordinates": [[0, 0]] * 10_001}},
        {"limit": -1},
        {"datetime": "2024"},
        {"fields": None},
        {"sortby": [{"field": "colour", "direction": "asc"}]},
        {"collections": "rain-monthly"},
    ]
    for body in bodies:
        answer = client.post("/stac/search", json=body)
        assert (body, answer.status_code) == (body, 400)
        assert answer.json()["detail"]
    answer = client.post("/stac/search", content="{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_a_token_belongs_to_its_order(client: httpx.Client) -> None:
    page = ask(client, limit=1)
    token = httpx.URL(next(link["href"] for link in page["links"] if link["rel"] == "next")).params["token"]
    answer = client.get("/stac/search", params={"limit": 1, "token": token, "sortby": "datetime"})
    assert (answer.status_code, "another order" in answer.text) == (400, True)


def test_what_is_not_there_is_not_found(client: httpx.Client) -> None:
    for path in (
        "/stac/collections/no-such",
        "/stac/collections/no-such/items",
        "/stac/collections/no-such/items/fiji",
        "/stac/collections/sentinel-2-l2a/items/gone",
        "/stac/collections/rain-monthly/items/fiji",
        "/stac/collections/sentinel-2-l2a/items/a%00b",
    ):
        answer = client.get(path)
        assert (path, answer.status_code) == (path, 404)
        assert answer.headers["content-type"] == "application/problem+json"


def test_the_short_form_finds_the_same(client: httpx.Client) -> None:
    def short(**params: Any) -> list[str]:
        return ids(ask(client, "/catalog/scenes", **params))

    assert short() == NEWEST_FIRST
    assert {*short(bbox="5,51,5.2,51.5")} == {"may-north", *RAINS}
    assert {*short(datetime="2024-05")} == {"may-north", "rain-05"}
    assert {*short(datetime="2024-06-20")} == {"guinea", "rain-06"}
    assert {*short(datetime="2024-05/2024-06")} == ALL
    assert {*short(datetime="2024-06-20T00:00:00Z/..")} == {"guinea", "fiji", "rain-06"}
    assert short(datetime="2024-06-25T22:00:00Z", collection="sentinel-2-l2a") == ["fiji"]
    assert {*short(max_cloud=10)} == {"may-north", "fiji"}
    page = ask(client, "/catalog/scenes", limit=4, max_cloud=100)
    assert ids(page) == ["fiji", "june-north", "may-north"]
    page = ask(client, "/catalog/scenes", limit=4)
    following = next(link["href"] for link in page["links"] if link["rel"] == "next")
    assert ids(page) + ids((client.get(following)).json()) == NEWEST_FIRST
    first = page["features"][0]
    assert first["properties"] == {
        "collection": "sentinel-2-l2a",
        "datetime": "2024-06-25T22:00:00Z",
        "period": "2024-06",
        "platform": "s2b",
        "eo:cloud_cover": 0,
        "tilewatch:synthetic": False,
    }
    for params, status in (
        ({"collection": "no-such"}, 404),
        ({"bbox": "1,2"}, 400),
        ({"max_cloud": 101}, 422),
    ):
        assert (client.get("/catalog/scenes", params=params)).status_code == status


async def test_without_a_database_there_is_a_sentence(settings: Settings, served: Served) -> None:
    async with serving(settings.model_copy(update={"storage": served.storage})) as client:
        assert (await client.get("/stac")).status_code == 200
        for path in ("/stac/search", "/stac/collections", "/catalog/scenes"):
            answer = await client.get(path)
            assert (path, answer.status_code) == (path, 503)
            assert "PostgreSQL" in answer.json()["detail"]
