"""Searching STAC APIs: questions, pages, and answers that were not asked for."""

from dataclasses import replace
from urllib.parse import parse_qs

import pytest

from ingest.archives.archive import Wanted
from ingest.archives.http import ArchiveAnswerError, ArchiveError, ArchiveUnavailableError
from ingest.archives.stac.search import ItemSearch, search_items
from mosaics.bbox import Bbox
from mosaics.period import Interval
from tests.ingest.archives.server import Answer, document, page

JUNE = Interval.parse("2024-06/2024-06")
WANTED = Wanted(Bbox(5.0, 51.1, 5.3, 51.3), JUNE, bands=("red", "nir"))


@pytest.fixture
def search(archive):
    return ItemSearch(f"{archive.url}/v1", "sentinel-2-l2a", WANTED.bbox, JUNE)


async def ids(items):
    return [item["id"] async for item in items]


def items(*names):
    return [{"id": name} for name in names]


async def test_the_question_of_a_search(archive, client, search):
    archive.routes["/v1/search"] = lambda _: page(items("a", "b"))
    assert await ids(search_items(client, search)) == ["a", "b"]
    assert archive.asked[0].method == "POST"
    assert archive.asked[0].body == {
        "collections": ["sentinel-2-l2a"],
        "bbox": [5.0, 51.1, 5.3, 51.3],
        "datetime": "2024-06-01T00:00:00Z/2024-07-01T00:00:00Z",
        "limit": 100,
    }


async def test_the_question_of_a_search_by_get(archive, client, search):
    archive.routes["/v1/search"] = lambda _: page(items("a"))
    await ids(search_items(client, replace(search, method="GET")))
    assert parse_qs(archive.asked[0].query) == {
        "collections": ["sentinel-2-l2a"],
        "bbox": ["5.0,51.1,5.3,51.3"],
        "datetime": ["2024-06-01T00:00:00Z/2024-07-01T00:00:00Z"],
        "limit": ["100"],
    }


@pytest.mark.parametrize("merge", [False, True])
async def test_the_next_page_is_asked_for_as_its_link_says(archive, client, search, merge):
    link = {"rel": "next", "method": "POST", "href": f"{archive.url}/v1/search", "body": {"next": "b,1"}}

    def answer(asked):
        return page(items("c")) if "next" in asked.body else page(items("a"), {**link, "merge": merge})

    archive.routes["/v1/search"] = answer
    assert await ids(search_items(client, search)) == ["a", "c"]
    first = archive.asked[0].body
    assert archive.asked[1].body == ({**first, "next": "b,1"} if merge else {"next": "b,1"})


async def test_a_next_page_by_get_is_asked_for_as_its_link_says(archive, client, search):
    archive.routes["/v1/search"] = lambda _: page(
        items("a"), {"rel": "next", "href": "/items?token=next:landsat-c2-l2:LC09_1&limit=5"}
    )
    archive.routes["/items"] = lambda _: page(items("b"))
    assert await ids(search_items(client, search)) == ["a", "b"]
    assert archive.asked[1].method == "GET"
    assert archive.asked[1].target == "/items?token=next:landsat-c2-l2:LC09_1&limit=5"


async def test_a_short_page_is_not_the_last_and_a_full_one_may_be(archive, client, search):
    link = {"rel": "next", "href": f"{archive.url}/2"}
    archive.routes["/v1/search"] = lambda _: page([], link)
    archive.routes["/2"] = lambda _: page(items(*map(str, range(100))))
    assert len(await ids(search_items(client, search))) == 100


@pytest.mark.parametrize("status", [413, 500, 502])
async def test_an_api_that_chokes_is_asked_for_half_as_much(archive, client, search, status):
    def answer(asked):
        if asked.body["limit"] > 12:
            return Answer(status)
        link = {"rel": "next", "method": "POST", "href": f"{archive.url}/v1/search", "body": asked.body}
        link["body"] = {**asked.body, "next": "2"}
        return page(items("b")) if "next" in asked.body else page(items("a"), link)

    archive.routes["/v1/search"] = answer
    assert await ids(search_items(client, search)) == ["a", "b"]
    assert [asked.body["limit"] for asked in archive.asked] == [100, 50, 25, 12, 12]


async def test_halving_works_by_get_too(archive, client, search):
    def answer(asked):
        return Answer(500) if int(parse_qs(asked.query)["limit"][0]) > 30 else page(items("a"))

    archive.routes["/v1/search"] = answer
    assert await ids(search_items(client, replace(search, method="GET"))) == ["a"]
    assert len(archive.asked) == 3


async def test_an_api_that_fails_even_for_one_item_is_unavailable(archive, client, search):
    archive.routes["/v1/search"] = lambda _: Answer(500)
    with pytest.raises(ArchiveUnavailableError, match="failed 4 times"):
        await ids(search_items(client, search))
    assert [asked.body["limit"] for asked in archive.asked] == [100, 50, 25, 12, 6, 3, 1, 1, 1, 1]


async def test_a_refused_question_is_told(archive, client, search):
    archive.routes["/v1/search"] = lambda _: Answer(400)
    with pytest.raises(ArchiveAnswerError, match=r"answers 400 at .*/v1/search$"):
        await ids(search_items(client, search))


@pytest.mark.parametrize("answer", [[], "text", {"features": 3}, {"features": [3]}, {"links": []}])
async def test_an_answer_without_items_is_told(archive, client, search, answer):
    archive.routes["/v1/search"] = lambda _: document(answer)
    with pytest.raises(ArchiveError, match="does not answer a page of items"):
        await ids(search_items(client, search))


async def test_a_page_that_names_itself_as_the_next_ends_the_search(archive, client, search):
    def answer(asked):
        link = {"rel": "next", "method": "POST", "href": f"{archive.url}/v1/search", "body": {"next": "a"}}
        return page(items("a"), link)

    archive.routes["/v1/search"] = answer
    with pytest.raises(ArchiveError, match="the one it has just given"):
        await ids(search_items(client, search))
    assert len(archive.asked) == 2


async def test_a_next_page_elsewhere_is_not_asked_for(archive, client, search):
    archive.routes["/v1/search"] = lambda _: page([], {"rel": "next", "href": "https://169.254.169.254/x"})
    with pytest.raises(ArchiveError, match="not a public address"):
        await ids(search_items(client, search))
