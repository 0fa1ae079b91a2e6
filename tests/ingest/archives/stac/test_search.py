"""Searching STAC APIs: questions, pages, and answers nobody asked for."""

from dataclasses import replace
from urllib.parse import parse_qs

import pytest
from shapely.geometry import box, mapping

from ingest.archives.archive import Access, Wanted, WantedError
from ingest.archives.discovery import discover
from ingest.archives.http import ArchiveAnswerError, ArchiveError, ArchiveUnavailableError
from ingest.archives.opening import open_archive
from ingest.archives.stac.search import ItemSearch, search_items
from mosaics.bbox import Bbox
from mosaics.descriptions.sources import load_sources
from mosaics.period import Interval
from tests.ingest.archives.scenes import sentinel_item
from tests.ingest.archives.server import Answer, document, page

JUNE = Interval.parse("2024-06/2024-06")
WANTED = Wanted(Bbox(5.0, 51.1, 5.3, 51.3), JUNE, bands=("red", "nir"))


@pytest.fixture
def search(archive):
    return ItemSearch(f"{archive.url}/v1", "sentinel-2-l2a", WANTED.bbox, JUNE)


@pytest.fixture
def source(archive, client):
    described = load_sources()["earth-search-sentinel-2-l2a"]
    return open_archive(described.model_copy(update={"api": f"{archive.url}/v1"}), Access(client))


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
    with pytest.raises(ArchiveError, match="answers no page of items"):
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
    with pytest.raises(ArchiveError, match="no public address"):
        await ids(search_items(client, search))


async def test_versions_of_one_scene_are_one(archive, source):
    root = archive.url
    archive.routes["/v1/search"] = lambda _: page(
        [
            sentinel_item(root, "S2A_31UFT_20240615_0_L2A", sequence="0"),
            sentinel_item(root, "S2B_31UFT_20240615_0_L2A", platform="sentinel-2b"),  # another satellite
            sentinel_item(root, "S2A_31UFT_20240615_1_L2A", sequence="1"),
            sentinel_item(root, "S2A_31UFT_20240616_0_L2A", day="2024-06-16"),  # another day
            sentinel_item(root, "S2A_31UFS_20240615_0_L2A", tile="31UFS"),  # another tile
            sentinel_item(root, "S2A_31UFS_20240615_1_L2A", tile="31UFS", sequence="1", baseline="04.00"),
        ]
    )
    found = await discover(source, WANTED)
    assert [granule.id for granule in found.granules] == [
        "S2A_31UFT_20240615_1_L2A",
        "S2B_31UFT_20240615_0_L2A",
        "S2A_31UFT_20240616_0_L2A",
        "S2A_31UFS_20240615_0_L2A",  # the higher baseline comes before the higher sequence
    ]
    assert found.duplicates == 2
    assert found.granules[0].supersedes == ("S2A_31UFT_20240615_0_L2A",)


async def test_the_second_part_of_a_tile_and_a_second_overpass_are_scenes_of_their_own(archive, source):
    """The tile 5.2..5.3 E is in two datastrips that share a twentieth of a degree, and in the next orbit."""

    def lies(item, west, east):
        return {**item, "geometry": mapping(box(west, 51.25, east, 51.32))}

    root = archive.url
    second = sentinel_item(root, "S2A_31UFT_20240615_1_L2A", sequence="1")
    later = sentinel_item(root, "S2A_31UFT_20240615_2_L2A", sequence="2", datetime="2024-06-15T12:29:05Z")
    again = sentinel_item(root, "S2A_31UFT_20240615_3_L2A", sequence="3", datetime="2024-06-15T10:50:31Z")
    archive.routes["/v1/search"] = lambda _: page(
        [
            lies(sentinel_item(root, "S2A_31UFT_20240615_0_L2A"), 5.2, 5.26),
            lies(second, 5.255, 5.3),
            later,
            lies(again, 5.2005, 5.2605),  # the first part, processed again: not quite the same outline
        ]
    )
    found = await discover(source, WANTED)
    assert [(granule.id[-5:], granule.supersedes) for granule in found.granules] == [
        ("3_L2A", ("S2A_31UFT_20240615_0_L2A",)),
        ("1_L2A", ()),
        ("2_L2A", ()),
    ]
    assert found.duplicates == 1


async def test_what_nobody_asked_for_is_left_out(archive, source):
    root = archive.url
    far = {**sentinel_item(root, "far"), "geometry": {"type": "Point", "coordinates": [100, 0]}}
    archive.routes["/v1/search"] = lambda _: page(
        [
            sentinel_item(root, "may", day="2024-05-31"),
            sentinel_item(root, "july", day="2024-07-01"),
            sentinel_item(root, "other", collection="sentinel-2-l1c"),
            far,
            sentinel_item(root, "asked"),
        ]
    )
    found = await discover(source, WANTED)
    assert [granule.id for granule in found.granules] == ["asked"]
    assert (found.found, found.elsewhere) == (5, 4)


async def test_cloudy_scenes_are_left_out(archive, source):
    root = archive.url
    archive.routes["/v1/search"] = lambda _: page(
        [
            sentinel_item(root, "clear", tile="1", cloud_cover=20.0),
            sentinel_item(root, "cloudy", tile="2", cloud_cover=20.1),
            sentinel_item(root, "unknown", tile="3", cloud_cover=None),
        ]
    )
    found = await discover(source, replace(WANTED, max_cloud_percent=20.0))
    assert [granule.id for granule in found.granules] == ["clear"]
    assert found.cloudy == 2
    assert len((await discover(source, WANTED)).granules) == 3


async def test_a_cloudy_scene_does_not_give_way_to_a_lesser_version_of_it(archive, source):
    root = archive.url
    archive.routes["/v1/search"] = lambda _: page(
        [
            sentinel_item(root, "S2A_31UFT_20240615_0_L2A", cloud_cover=19.0),
            sentinel_item(root, "S2A_31UFT_20240615_1_L2A", sequence="1", cloud_cover=21.0),
        ]
    )
    found = await discover(source, replace(WANTED, max_cloud_percent=20.0))
    assert found.granules == ()
    assert (found.duplicates, found.cloudy) == (1, 1)
    assert set(archive.asked[0].body) == {"collections", "bbox", "datetime", "limit"}


async def test_a_limit_keeps_the_first(archive, source):
    archive.routes["/v1/search"] = lambda _: page(
        [sentinel_item(archive.url, str(n), tile=str(n)) for n in range(4)]
    )
    found = await discover(source, replace(WANTED, limit=3))
    assert [granule.id for granule in found.granules] == ["0", "1", "2"]
    assert found.over_limit == 1


async def test_items_that_are_none_are_told_and_cost_only_themselves(archive, source):
    broken = sentinel_item(archive.url, "broken")
    del broken["assets"]["nir"]
    lost = {**sentinel_item(archive.url, "lost", tile="x"), "geometry": {"type": "Polygon"}}
    bad = sentinel_item(archive.url, "bad", tile="y", datetime="yesterday")
    away = sentinel_item(archive.url, "../../away", tile="z")
    good = sentinel_item(archive.url, "good")
    archive.routes["/v1/search"] = lambda _: page([broken, lost, bad, away, good])
    found = await discover(source, WANTED)
    assert [granule.id for granule in found.granules] == ["good"]
    assert found.refused["broken"] == "it has no nir (asset nir)"
    assert "where it lies" in found.refused["lost"]
    assert "not a valid item of a scene" in found.refused["bad"]
    assert "its id is not one" in found.refused["../../away"]


async def test_a_band_the_source_lacks_is_answered_with_those_it_has(source):
    with pytest.raises(WantedError, match=r"no band swir in source .*; there are: blue, green, red"):
        await discover(source, replace(WANTED, bands=("swir",)))
