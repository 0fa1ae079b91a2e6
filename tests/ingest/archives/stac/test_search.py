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


@pytest.mark.parametrize("status", [413, 500, 502, 504])
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


async def test_a_page_that_names_itself_as_the_next_ends_the_search(archive, client, search, caplog):
    def answer(asked):
        link = {"rel": "next", "method": "POST", "href": f"{archive.url}/v1/search", "body": {"next": "a"}}
        return page(items("a"), link)

    archive.routes["/v1/search"] = answer
    assert set(await ids(search_items(client, search))) == {"a"}
    assert len(archive.asked) == 2
    assert caplog.messages == [f"the archive links a next page without end at {archive.url}/v1/search"]


@pytest.mark.parametrize(
    ("pages", "asked"),
    [
        ([["a", "b"], []], 4),  # empty ones for ever
        ([["a", "b"], ["b", "a"]], 4),  # the same again under other tokens
        ([["a", "b"], ["a"], ["b"]], 4),  # in parts
        ([["a"], [], ["b"], []], 6),  # one empty page is passed over
    ],
)
async def test_pages_without_anything_new_end_a_search(archive, client, search, pages, asked):
    def answer(_):
        at = len(archive.asked)
        link = {"rel": "next", "method": "POST", "href": f"{archive.url}/v1/search", "body": {"next": at}}
        return page(items(*pages[min(at, len(pages)) - 1]), link)

    archive.routes["/v1/search"] = answer
    assert set(await ids(search_items(client, search))) == {"a", "b"}
    assert len(archive.asked) == asked


async def test_pages_that_lead_in_a_circle_end_a_search(archive, client, search):
    def answer(asked):
        at = {"b": "c", "c": "b"}.get(asked.body.get("next"), "b")
        link = {"rel": "next", "method": "POST", "href": f"{archive.url}/v1/search", "body": {"next": at}}
        return page(items(asked.body.get("next", "a")), link)

    archive.routes["/v1/search"] = answer
    assert await ids(search_items(client, search)) == ["a", "b", "c"]


async def test_pages_are_bounded_where_an_api_ignores_the_limit(archive, client, search, monkeypatch):
    monkeypatch.setattr("ingest.archives.stac.search.MAX_PAGES", 5)

    def answer(_):
        at = len(archive.asked)
        return page(items(f"s{at}"), {"rel": "next", "href": f"{archive.url}/v1/search?token={at}"})

    archive.routes["/v1/search"] = answer
    with pytest.raises(ArchiveError, match="more than 5 pages for this search"):
        await ids(search_items(client, search))
    assert len(archive.asked) == 5


@pytest.mark.parametrize(
    "links",
    [None, {}, "next", 3, ["next"], [None], [{"rel": "next"}], [{"rel": "next", "href": None}]],
)
async def test_links_that_lead_nowhere_are_the_end(archive, client, search, links):
    archive.routes["/v1/search"] = lambda _: document({"features": items("a"), "links": links})
    assert await ids(search_items(client, search)) == ["a"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_headers_of_a_link_are_sent_with_the_next_request_alone(archive, client, search, method):
    """STAC API, item search, paging: `headers` of a next link; `merge` is with the first request's body."""

    def link(headers):
        return {"rel": "next", "method": method, "href": "/v1/more", "headers": headers, "merge": True}

    archive.routes["/v1/search"] = lambda _: page(
        items("a"), link({"Search-After": "LXX", "Host": "x", "Cookie": "y", "X-Page": 2})
    )
    archive.routes["/v1/more"] = lambda asked: page(
        items("b" if asked.headers.get("search-after") == "LXX" else "c"),
        *([link({"Search-After": "LXXI"})] if len(archive.asked) == 2 else []),
    )
    assert await ids(search_items(client, search)) == ["a", "b", "c"]
    first, second, third = archive.asked
    assert (second.headers["search-after"], second.headers["x-page"]) == ("LXX", "2")
    assert "cookie" not in second.headers
    assert second.headers["host"] == first.headers["host"]
    assert "x-page" not in third.headers
    assert (second.content == third.content == first.content) is (method == "POST")


@pytest.mark.parametrize(
    "link",
    [
        {"headers": "Search-After: LXX"},
        {"headers": {"a b": "c"}},
        {"headers": {"a": "b\r\nc: d"}},
        {"method": "POST", "body": ["next"]},
    ],
)
async def test_a_link_that_is_not_a_request_is_told(archive, client, search, link):
    archive.routes["/v1/search"] = lambda _: page(
        items("a"), {"rel": "next", "href": "/v1/search?p=2", **link}
    )
    with pytest.raises(ArchiveError, match="links a next page by a request that is not valid"):
        await ids(search_items(client, search))


async def test_a_merge_is_with_the_first_request_not_with_the_page_before(archive, client, search):
    def answer(asked):
        if asked.body["limit"] > 50:
            return Answer(504)
        at = asked.body.get("next", 0) + 1
        link = {"rel": "next", "method": "POST", "href": "/v1/search", "body": {"next": at, f"n{at}": 1}}
        return page(items(f"s{at}"), *([{**link, "merge": True}] if at < 3 else []))

    archive.routes["/v1/search"] = answer
    assert await ids(search_items(client, search)) == ["s1", "s2", "s3"]
    bodies = [asked.body for asked in archive.asked]
    assert [body["limit"] for body in bodies] == [100, 50, 50, 50]  # what was too much is not asked again
    assert bodies[-1] == {**bodies[1], "next": 2, "n2": 1}


async def test_what_is_not_an_item_is_handed_on_with_the_items(archive, client, search):
    archive.routes["/v1/search"] = lambda _: document({"features": [None, {"id": "a"}, "text"]})
    assert [item async for item in search_items(client, search)] == [None, {"id": "a"}, "text"]


async def test_a_next_page_elsewhere_is_not_asked_for(archive, client, search):
    archive.routes["/v1/search"] = lambda _: page([], {"rel": "next", "href": "https://169.254.169.254/x"})
    with pytest.raises(ArchiveError, match="not a public address"):
        await ids(search_items(client, search))
