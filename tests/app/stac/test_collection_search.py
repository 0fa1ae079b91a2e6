"""Searches of collections, by address and by pystac-client, and boxes without width or height."""

from typing import Any

import httpx
import pystac_client
import pytest
import shapely

from app.http.paging import Page
from app.stac.collection_search import CollectionSearch, read_box, read_terms
from app.stac.search import SearchError, box_shape
from tests.app.landed import COLLECTION as SENTINEL
from tests.app.stac.conftest import Served
from tests.app.stac.landed import RAIN
from tests.app.stac.test_search import ids, post

BOTH = ["rain-monthly", "sentinel-2-l2a"]

SEARCHES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, BOTH),
    ({"bbox": [5, 51, 6, 52]}, BOTH),
    ({"bbox": [0, 85, 10, 89]}, []),
    ({"datetime": "2024"}, BOTH),
    ({"datetime": "2024-05-02/2024-05-09"}, ["rain-monthly"]),
    ({"datetime": "2025"}, []),
    ({"q": "rain"}, ["rain-monthly"]),
    ({"q": "RAIN OF A"}, ["rain-monthly"]),
    ({"q": "sentinel"}, ["sentinel-2-l2a"]),
    ({"q": "sentinel,rain"}, BOTH),
    ({"q": "snow"}, []),
    ({"limit": 1}, BOTH),
    ({"q": "rain", "bbox": [0, 85, 10, 89]}, []),
]


@pytest.mark.parametrize(("asked", "expected"), SEARCHES, ids=str)
def test_pystac_client_searches_collections(
    served: Served, asked: dict[str, Any], expected: list[str]
) -> None:
    catalogue = pystac_client.Client.open(served.stac)
    assert [each.id for each in catalogue.collection_search(**asked).collections()] == expected


def test_pages_of_collections_lead_through_all(client: httpx.Client) -> None:
    for path in ("/stac/collections", "/collections"):
        first = client.get(path, params={"limit": 1}).json()
        (following,) = (link["href"] for link in first["links"] if link["rel"] == "next")
        second = client.get(following).json()
        assert [one["id"] for page in (first, second) for one in page["collections"]] == BOTH
        assert not [link for link in second["links"] if link["rel"] == "next"]


@pytest.mark.parametrize(
    "query",
    [
        "bbox=1,2",
        "bbox=x",
        "bbox=1,2,3,nan",
        "datetime=2024",
        "limit=0",
        "limit=x",
        "datetime=2025-01-01T00:00:00Z/x",
    ],
)
def test_searches_of_collections_that_are_not_valid_are_refused(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/stac/collections?{query}")
    assert (answer.status_code, answer.json()["status"]) == (400, 400), answer.text


def test_terms_are_bounded() -> None:
    with pytest.raises(SearchError, match="at most 20 terms"):
        read_terms(",".join(["a"] * 21))
    assert read_terms(" Sea Ice , ,b") == ("sea ice", "b")
    assert CollectionSearch(read_box("0,0,1,1"), terms=("rain",)).among([RAIN, SENTINEL], {}) == [RAIN]


def test_pages_of_a_thousand_lose_and_repeat_none() -> None:
    found = sorted((RAIN.model_copy(update={"id": f"c{n}"}) for n in range(1000)), key=lambda one: one.id)
    token, seen = None, []
    for _ in range(10):
        here, token = Page(100, token).of(found)
        seen.extend(here)
    assert (seen, token) == (found, None)


LINES = [
    ([5.7, 50, 5.7, 53], ["june-north", "may-north"]),
    ([4, 51.5, 7, 51.5], ["june-north", "may-north"]),
    ([180, -17, 180, -16], ["fiji"]),
    ([-180, -17, -180, -16], ["fiji"]),
    ([10, 10, 10, 20], []),
    ([0, 0, 0, 0], ["guinea"]),
]


@pytest.mark.parametrize(("bbox", "expected"), LINES, ids=str)
def test_a_box_without_width_or_height_finds_what_lies_on_it(
    client: httpx.Client, bbox: list[float], expected: list[str]
) -> None:
    found = {*ids(post(client, {"bbox": bbox}))}
    assert found == {*expected, "rain-05", "rain-06"}
    assert shapely.is_valid(box_shape(bbox))
    listed = client.get("/catalog/scenes", params={"bbox": ",".join(map(str, bbox))}).json()
    assert {scene["id"] for scene in listed["features"]} == {*expected, "rain-05", "rain-06"}


@pytest.mark.parametrize(
    "media_type",
    ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", None, ""],
)
def test_a_search_that_is_not_sent_as_json_is_refused(client: httpx.Client, media_type: str | None) -> None:
    headers = {} if media_type is None else {"content-type": media_type}
    answer = client.post("/stac/search", content=b'{"limit":1}', headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")
    assert "application/json" in answer.json()["detail"]
