"""CQL2 filters, held against sets worked out from the table at the head of `landed`."""

import json
import time
from typing import Any

import cql2
import httpx
import jsonschema
import pystac_client
import pytest

from app.stac.filter_sql import filter_sql
from app.stac.filters import QUERYABLES, read_filter
from app.stac.search import SearchError
from tests.app.stac.conftest import Served
from tests.app.stac.test_search import ALL, NORTH, RAINS, ask, ids, post

FILTERS: list[tuple[str, set[str]]] = [
    ("id = 'fiji'", {"fiji"}),
    ("'fiji' = id", {"fiji"}),
    ("id <> 'fiji'", ALL - {"fiji"}),
    ("id IN ('fiji', 'guinea')", {"fiji", "guinea"}),
    ("id NOT IN ('fiji', 'guinea')", ALL - {"fiji", "guinea"}),
    ("id LIKE '%-north'", NORTH),
    ("id NOT LIKE '%-north'", ALL - NORTH),
    ("collection = 'rain-monthly'", RAINS),
    ('"eo:cloud_cover" < 20', {"may-north", "fiji"}),
    ("eo:cloud_cover >= 10", NORTH),
    ("20 > eo:cloud_cover", {"may-north", "fiji"}),
    ("eo:cloud_cover BETWEEN 5 AND 15", {"may-north"}),
    ("eo:cloud_cover IS NULL", {"guinea", *RAINS}),
    ("eo:cloud_cover IS NOT NULL AND NOT id = 'fiji'", NORTH),
    ("NOT (eo:cloud_cover < 20)", {"june-north"}),  # unknown clouds are neither
    ("platform = 's2a' OR platform = 's2b'", {"may-north", "fiji"}),
    ("datetime >= TIMESTAMP('2024-06-20T00:00:00Z')", {"guinea", "fiji"}),
    ("datetime < DATE('2024-05-10')", {"rain-05"}),
    ("end_datetime < TIMESTAMP('2024-06-01T00:00:00Z')", {"may-north", "rain-05"}),
    ("datetime = '2024-05-10T10:00:00Z'", {"may-north"}),
    ("S_INTERSECTS(geometry, POINT(0 0))", {"guinea", *RAINS}),
    ("S_INTERSECTS(geometry, POLYGON((5.1 51.1, 5.2 51.1, 5.2 51.2, 5.1 51.1)))", {"may-north", *RAINS}),
    ("S_INTERSECTS(geometry, BBOX(6.2, 51, 7, 52))", {"june-north", *RAINS}),
    ("((S_INTERSECTS(geometry, MULTIPOLYGON(((-1 -1, 0 -1, 0 0, -1 -1))))))", {"guinea", *RAINS}),
    ("id = 'it''s'", set()),
    ("id = '%'' or 1=1 --'", set()),
    ("properties.platform = 's2a'", {"may-north"}),
]


@pytest.mark.parametrize(("text", "expected"), FILTERS, ids=[text for text, _ in FILTERS])
def test_a_filter_finds_the_same_by_text_and_json(
    client: httpx.Client, text: str, expected: set[str]
) -> None:
    document = cql2.Expr(text).to_json()
    by_address = ask(client, filter=text)
    assert {*ids(by_address)} == expected
    assert by_address["numberMatched"] == len(expected)
    by_json = ask(client, filter=json.dumps(document), **{"filter-lang": "cql2-json"})
    assert {*ids(by_json)} == expected
    assert {*ids(post(client, {"filter": document, "filter-lang": "cql2-json"}))} == expected
    assert {*ids(post(client, {"filter": text, "filter-lang": "cql2-text"}))} == expected


def test_a_filter_is_joined_with_the_other_criteria_and_kept_on_every_page(client: httpx.Client) -> None:
    asked: dict[str, Any] = {"filter": "eo:cloud_cover < 50", "collections": "sentinel-2-l2a", "limit": 1}
    page, seen = ask(client, **asked, bbox="5,51,7,52"), []
    while True:
        seen.extend(ids(page))
        following = [link["href"] for link in page["links"] if link["rel"] == "next"]
        if not following:
            break
        page = client.get(following[0]).json()
    assert seen == ["june-north", "may-north"]
    own = ask(client, "/stac/collections/rain-monthly/items", filter="id = 'rain-06'")
    assert ids(own) == ["rain-06"]


def test_pystac_client_filters_by_text_and_json(served: Served) -> None:
    catalogue = pystac_client.Client.open(served.stac)
    assert {one.id for one in catalogue.search(filter="id LIKE 'rain%'").items()} == RAINS
    document = {"op": "<", "args": [{"property": "eo:cloud_cover"}, 5]}
    assert {one.id for one in catalogue.search(filter=document).items()} == {"fiji"}
    assert {*catalogue.get_merged_queryables(["rain-monthly"])["properties"]} == {*QUERYABLES}


@pytest.mark.parametrize("path", ["", "/collections/rain-monthly"])
def test_queryables_are_a_schema_of_what_filters_may_name(client: httpx.Client, path: str) -> None:
    answer = client.get(f"/stac{path}/queryables")
    assert answer.headers["content-type"] == "application/schema+json"
    document = answer.json()
    jsonschema.Draft202012Validator.check_schema(document)
    assert document["$id"].endswith(f"/stac{path}/queryables")
    assert "eo:cloud_cover" in document["properties"]
    home = client.get(f"/stac{path}").json()
    (href,) = (link["href"] for link in home["links"] if link["rel"].endswith("/queryables"))
    assert client.get(href).status_code == 200


REFUSED: list[tuple[Any, str]] = [
    ("id =", "is not valid CQL2"),
    ("", "is not valid CQL2"),
    ("gsd = 10", "'gsd' is not a property to filter by; there are: id, collection"),
    ("id = 7", "is compared with a text"),
    ("eo:cloud_cover = 'x'", "is compared with a number"),
    ("eo:cloud_cover = 1e301", "is compared with a number"),
    ("datetime > 'yesterday'", "TIMESTAMP"),
    ("datetime > DATE('2024-02-30')", "TIMESTAMP"),
    ("id = platform", "is compared with a text"),
    ("1 = 1", "between a property and a value"),
    ("geometry = 'x'", "by s_intersects"),
    ("eo:cloud_cover LIKE '1%'", "compares texts"),
    ("S_INTERSECTS(geometry, POINT(200 0))", "in degrees"),
    ("S_WITHIN(geometry, POINT(0 0))", "'s_within' is not available"),
    ("T_AFTER(datetime, DATE('2024-01-01'))", "'t_after' is not available"),
    ("eo:cloud_cover + 1 < 5", "between a property and a value"),
    ("id = 'a\0'", "is compared with a text"),
    (" OR ".join(["id = 'a'"] * 21), "at most 20 comparisons, not 21"),
    ("id IN (" + ",".join(["'a'"] * 21) + ")", "at most 20 comparisons, not 21"),
    ("(" * 7 + "id = 'a'" + ")" * 7, "more than 6 parentheses"),
    ("(" * 200, "more than 6 parentheses"),
    ("(a = ')' AND " * 200, "more than 6 parentheses"),
    ("not " * 900 + "id = 'a'", "nested too deeply"),
    ("id = '" + "a" * 4000 + "'", "characters"),
    ({"op": "and"}, "is not valid CQL2"),
    ({"op": "and", "args": []}, "other arguments"),
    ({"op": "=", "args": [{"property": "id"}]}, "other arguments"),
    ({"op": "in", "args": [{"property": "id"}, "a"]}, "takes a list of values"),
    ({"op": "pg_sleep", "args": [10]}, "'pg_sleep' is not available"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "said"), REFUSED, ids=[str(given)[:30] for given, _ in REFUSED])
def test_other_filters_are_refused_at_once(given: Any, said: str) -> None:
    begun = time.perf_counter()
    values: list[Any] = []

    def value(one: Any) -> str:
        values.append(one)
        return f"${len(values)}"

    with pytest.raises(SearchError, match=said):
        filter_sql(read_filter(given, None, None), value)
    assert time.perf_counter() - begun < 2


def test_json_nested_beyond_all_measure_is_refused() -> None:
    node: dict[str, Any] = {"op": "=", "args": [{"property": "id"}, "a"]}
    for _ in range(500):
        node = {"op": "not", "args": [node]}
    with pytest.raises(SearchError, match="nested too deeply"):
        read_filter(node, None, None)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("filter=id%20%3D", "is not valid CQL2"),
        ("filter=gsd%3D10", "not a property to filter by"),
        ("filter=id%3D%27a%27&filter-lang=cql", "filter-lang"),
        ("filter=id%3D%27a%27&filter-lang=cql2-json", "not valid JSON"),
        ("filter=id%3D%27a%27&filter-crs=EPSG:3857", "filter-crs"),
    ],
)
def test_a_filter_that_is_not_valid_is_a_bad_request(client: httpx.Client, query: str, said: str) -> None:
    answer = client.get(f"/stac/search?{query}")
    assert (answer.status_code, said in answer.text) == (400, True), answer.text
