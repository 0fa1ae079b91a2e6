"""Recorded answers of Earth Search and the Planetary Computer, played to the real client."""

import json
from collections import Counter
from pathlib import Path

import pytest

from ingest.archives.archive import Access, GranuleRefusedError, Wanted
from ingest.archives.discovery import discover
from ingest.archives.opening import open_archive
from ingest.encoding import decide_offset
from ingest.options import IngestOptions
from ingest.pending import band_files
from mosaics.bbox import Bbox
from mosaics.descriptions.sources import load_sources
from mosaics.period import Interval
from tests.ingest.archives.server import Answer

pytestmark = pytest.mark.real_data

EARTH_SEARCH = "https://earth-search.aws.element84.com"
PLANETARY_COMPUTER = "https://planetarycomputer.microsoft.com"
COGS = "https://sentinel-cogs.s3.us-west-2.amazonaws.com/sentinel-s2-l2a-cogs"
EVERYWHERE = Bbox(-180.0, -90.0, 180.0, 90.0)


@pytest.fixture
def recorded(shared_data, archive):
    """Reads a recorded answer, its API moved to the archive of the test."""

    def read(name):
        text = (shared_data / "api_fixtures" / name).read_text()
        for origin in (EARTH_SEARCH, f"{PLANETARY_COMPUTER}/api/stac"):
            text = text.replace(f'"{origin}', f'"{archive.url}')
        return Answer(200, text.encode(), {"content-type": "application/geo+json"})

    return read


@pytest.fixture
def play(archive, client):
    """A source whose API is the archive of the test."""

    def make(source_id):
        described = load_sources()[source_id]
        return open_archive(described.model_copy(update={"api": f"{archive.url}/v1"}), Access(client))

    return make


@pytest.fixture
def three_pages(archive, recorded):
    """The recorded pages 1 and 2, and as page 3 the recorded page without items or further link."""
    pages = [
        recorded("earthsearch_v1_search_page1.json"),
        recorded("earthsearch_v1_search_page2.json"),
        recorded("earthsearch_v1_empty_result.json"),
    ]
    archive.routes["/v1/search"] = lambda _: pages.pop(0)


def hrefs(granule):
    """Addresses of the files by wanted band."""
    return {band: granule.files[granule.layers[band].file].href for band in granule.bands}


def request(granule):
    """How the granule is landed."""
    paths = {name: Path(name) for name in granule.wanted_files}
    return IngestOptions().request(granule, band_files(granule, paths), None)


def wanted(interval="2025-07-31/2025-07-31", **given):
    return Wanted(EVERYWHERE, Interval.parse(interval), **given)


async def test_earth_search_pages_give_these_scenes(archive, three_pages, play, shared_data):
    found = await discover(play("earth-search-sentinel-2-l2a"), wanted(bands=("red", "nir", "scl")))
    # in the order of pages 1 and 2, without Sentinel-1, Level-1C and Collection 1, which they hold as well
    assert [(granule.id, round(granule.cloud_cover_percent or 0, 2)) for granule in found.granules] == [
        ("S2B_20EPT_20250731_0_L2A", 26.03),
        ("S2B_24MUV_20250731_0_L2A", 56.81),
        ("S2B_24MVV_20250731_0_L2A", 34.76),
        ("S2B_24MWV_20250731_0_L2A", 25.34),
        ("S2B_24MXV_20250731_0_L2A", 24.68),
        ("S2B_24MUA_20250731_0_L2A", 41.49),
    ]
    assert (found.found, found.elsewhere, found.duplicates) == (20, 14, 0)
    assert hrefs(found.granules[0]) == {
        "red": f"{COGS}/20/E/PT/2025/7/S2B_20EPT_20250731_0_L2A/B04.tif",
        "nir": f"{COGS}/20/E/PT/2025/7/S2B_20EPT_20250731_0_L2A/B08.tif",
        "scl": f"{COGS}/20/E/PT/2025/7/S2B_20EPT_20250731_0_L2A/SCL.tif",
    }
    assert found.granules[0].tile == "MGRS-20EPT"


async def test_page_2_is_asked_exactly_as_the_link_of_page_1_says(archive, three_pages, play, shared_data):
    await discover(play("earth-search-sentinel-2-l2a"), wanted())
    asked = json.loads((shared_data / "api_fixtures/earthsearch_v1_search_page2.request.json").read_text())
    assert archive.asked[1].method == asked["method"]
    assert archive.asked[1].body == asked["body"]
    # and page 3 as that of page 2
    assert archive.asked[2].body == {
        "next": "2025-07-31T13:03:19.635000Z,S2B_24MUA_20250731_0_L2A,sentinel-2-l2a"
    }
    assert len(archive.asked) == 3


async def test_clouds_of_earth_search(three_pages, play):
    found = await discover(play("earth-search-sentinel-2-l2a"), wanted(max_cloud_percent=40))
    assert [granule.tile for granule in found.granules] == [
        "MGRS-20EPT",
        "MGRS-24MVV",
        "MGRS-24MWV",
        "MGRS-24MXV",
    ]
    assert found.cloudy == 2


async def test_the_offset_of_earth_search_is_what_the_flag_says(three_pages, play, shared_data):
    source = play("earth-search-sentinel-2-l2a")
    granule = (await discover(source, wanted(bands=("red",)))).granules[0]
    items = json.loads((shared_data / "api_fixtures/earthsearch_v1_search_page1.json").read_text())[
        "features"
    ]
    item = next(item for item in items if item["id"] == granule.id)
    assert item["assets"]["red"]["raster:bands"][0]["offset"] == -0.1  # which is wrong
    order = request(granule)
    assert (order.baseline, order.removed, dict(order.declared)) == ("05.11", True, {})
    decided = decide_offset(baseline=order.baseline, sensed=order.start, low_dn=1100, removed=order.removed)
    assert decided.offset == 0.0


async def test_collection_1_has_sizes_checksums_and_an_offset_that_is_right(three_pages, play):
    source = play("earth-search-sentinel-2-c1-l2a")
    found = await discover(source, wanted(bands=("red", "scl")))
    assert [granule.id for granule in found.granules] == [
        "S2B_T20EPT_20250731T131905_L2A",
        "S2B_T24MUV_20250731T130245_L2A",
        "S2B_T24MVV_20250731T130245_L2A",
        "S2B_T24MWV_20250731T130245_L2A",
        "S2B_T24MXV_20250731T130245_L2A",
        "S2B_T24MUA_20250731T130245_L2A",
    ]
    red = found.granules[0].files["red.tif"]
    assert red.href == (
        "https://e84-earth-search-sentinel-data.s3.us-west-2.amazonaws.com/sentinel-2-c1-l2a/20/E/PT/2025/7/"
        "S2B_T20EPT_20250731T131905_L2A/B04.tif"
    )
    assert red.size_bytes == 4702862
    assert red.checksum == "1220788b8545c5fd72b4ee34271d43182b74aa423a4e3880bbe9ed7a4ec141e9a5ec"
    order = request(found.granules[0])
    assert dict(order.declared) == {"red": (0.0001, -0.1)}
    assert order.removed is None


async def test_landsat_of_earth_search_is_read_only_by_who_pays(archive, recorded, play):
    archive.routes["/v1/search"] = in_turn(
        recorded("earthsearch_v1_s2_and_landsat_same_point_20231008.json"),
        recorded("earthsearch_v1_empty_result.json"),
    )
    source = play("earth-search-landsat-c2-l2")
    found = await discover(source, wanted("2023-10-08/2023-10-08", bands=("red", "nir08", "qa_pixel")))
    assert [granule.id for granule in found.granules] == ["LC08_L2SP_033032_20231008_02_T1"]
    granule = found.granules[0]
    folder = "LC08_L2SP_033032_20231008_20231017_02_T1"
    stem = f"s3://usgs-landsat/collection02/level-2/standard/oli-tirs/2023/033/032/{folder}/{folder}"
    assert hrefs(granule) == {
        "red": f"{stem}_SR_B4.TIF",
        "nir08": f"{stem}_SR_B5.TIF",
        "qa_pixel": f"{stem}_QA_PIXEL.TIF",
    }
    with pytest.raises(GranuleRefusedError, match=r"bills its readers\. Give --requester-pays"):
        await source.size_bytes(granule.files["red.tif"])


async def test_landsat_of_the_planetary_computer(archive, recorded, play):
    first = recorded("planetarycomputer_landsat_c2_l2_10items.json")
    archive.routes["/v1/search"] = lambda _: first
    archive.routes["/v1/collections/landsat-c2-l2/items"] = lambda _: recorded(
        "earthsearch_v1_empty_result.json"
    )
    source = play("planetary-computer-landsat-c2-l2")
    found = await discover(source, wanted("2025-07-22/2025-07-22", bands=("red", "nir08", "qa_pixel")))
    assert [granule.tile for granule in found.granules] == [
        f"WRS2-084{row}" for row in ("082", "074", "073", "072", "069", "068", "067", "060", "057", "056")
    ]
    assert archive.asked[1].method == "GET"
    assert archive.asked[1].query == (
        "collections=landsat-c2-l2&token=next:landsat-c2-l2:LC09_L2SR_084056_20250722_02_T1"
    )
    granule = found.granules[0]
    folder = "LC09_L2SR_084082_20250722_20250725_02_T1"
    assert hrefs(granule)["nir08"] == (
        "https://landsateuwest.blob.core.windows.net/landsat-c2/level-2/standard/oli-tirs/2025/084/082/"
        f"{folder}/{folder}_SR_B5.TIF"
    )
    order = request(granule)
    assert dict(order.declared) == {"red": (2.75e-05, -0.2), "nir08": (2.75e-05, -0.2)}
    assert order.baseline is None


async def test_sentinel_2_of_the_planetary_computer(archive, recorded, play):
    archive.routes["/v1/search"] = lambda _: recorded("planetarycomputer_sentinel2_l2a_33items.json")
    source = play("planetary-computer-sentinel-2-l2a")
    found = await discover(source, wanted("2019-01-01/2019-01-01", bands=("red", "scl")))
    assert len(found.granules) == 33
    assert found.granules[0].id == "S2A_MSIL2A_20190101T000001_R116_T60VUK_20201007T214652"
    assert found.granules[-1].id == "S2A_MSIL2A_20190101T000001_R116_T58UFE_20201007T214651"
    assert Counter(str(granule.tile)[:7] for granule in found.granules) == {
        "MGRS-60": 2,
        "MGRS-59": 25,
        "MGRS-58": 6,
    }
    granule = found.granules[0]
    assert hrefs(granule)["red"].endswith("/IMG_DATA/R10m/T60VUK_20190101T000001_B04_10m.tif")
    assert hrefs(granule)["scl"].endswith("/IMG_DATA/R20m/T60VUK_20190101T000001_SCL_20m.tif")
    order = request(granule)
    assert (order.baseline, order.removed, dict(order.declared)) == ("02.12", None, {})
    decided = decide_offset(baseline=order.baseline, sensed=order.start, low_dn=None, removed=order.removed)
    assert decided.offset == 0.0


async def test_a_search_that_finds_nothing(archive, recorded, play):
    archive.routes["/v1/search"] = lambda _: recorded("earthsearch_v1_empty_result.json")
    assert (await discover(play("earth-search-sentinel-2-l2a"), wanted())).granules == ()


def in_turn(*answers):
    left = list(answers)
    return lambda _: left.pop(0)
