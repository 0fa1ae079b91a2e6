"""What is worth landing of what an archive has: versions, clouds and a limit, and what was not asked for."""

from dataclasses import replace

import pytest
from shapely.geometry import box, mapping

from ingest.archives.archive import Access, Wanted, WantedError
from ingest.archives.discovery import discover
from ingest.archives.opening import open_archive
from mosaics.bbox import Bbox
from mosaics.descriptions.sources import load_sources
from mosaics.period import Interval
from tests.ingest.archives.scenes import sentinel_item
from tests.ingest.archives.server import page

JUNE = Interval.parse("2024-06/2024-06")
WANTED = Wanted(Bbox(5.0, 51.1, 5.3, 51.3), JUNE, bands=("red", "nir"))


@pytest.fixture
def source(archive, client):
    described = load_sources()["earth-search-sentinel-2-l2a"]
    return open_archive(described.model_copy(update={"api": f"{archive.url}/v1"}), Access(client))


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


async def test_the_newest_of_what_is_too_cloudy_is_told(archive, source):
    archive.routes["/v1/search"] = lambda _: page(
        [
            sentinel_item(archive.url, "S2A_31UFT_20240610_0_L2A", day="2024-06-10", cloud_cover=90),
            sentinel_item(archive.url, "S2A_31UFT_20240615_0_L2A", day="2024-06-15", cloud_cover=80),
            sentinel_item(archive.url, "S2A_31UFT_20240605_0_L2A", day="2024-06-05", cloud_cover=5),
        ]
    )
    found = await discover(source, replace(WANTED, max_cloud_percent=20))
    assert [granule.id for granule in found.granules] == ["S2A_31UFT_20240605_0_L2A"]
    assert found.newest_cloudy is not None
    assert found.newest_cloudy.date().isoformat() == "2024-06-15"
    assert (await discover(source, WANTED)).newest_cloudy is None


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
