"""Searching across the antimeridian, at APIs that take a box for that of the least and greatest longitude."""

import pytest
import shapely
from shapely.geometry import box, mapping, shape

from ingest.archives.archive import Access, Wanted
from ingest.archives.discovery import discover
from ingest.archives.opening import open_archive
from mosaics.bbox import Bbox
from mosaics.descriptions.sources import load_sources
from mosaics.period import Interval
from tests.ingest.archives.scenes import sentinel_item
from tests.ingest.archives.server import page

JUMPING = shapely.Polygon([(179.2, -17), (-179.6, -17), (-179.6, -16), (179.2, -16)])
PLACES = {
    "west": box(179.2, -17, 179.6, -16),
    "east": box(-179.6, -17, -179.2, -16),
    "beyond": box(179.2, -17, 180.4, -16),
    "jumping": JUMPING,
    "far": box(20, -17, 21, -16),
}


@pytest.mark.parametrize(
    ("bbox", "asked"),
    [
        ((179.0, -17.5, -179.0, -15.5), [[179.0, -17.5, 180.0, -15.5], [-180.0, -17.5, -179.0, -15.5]]),
        ((180.0, -17.5, -179.0, -15.5), [[-180.0, -17.5, -179.0, -15.5]]),
        ((179.0, -17.5, -180.0, -15.5), [[179.0, -17.5, 180.0, -15.5]]),
    ],
)
async def test_a_box_across_the_antimeridian_is_searched_for_on_both_sides(archive, client, bbox, asked):
    items = [sentinel_item(archive.url, name, tile=name) for name in PLACES]
    for item, place in zip(items, PLACES.values(), strict=True):
        item["geometry"] = mapping(place)

    def search(each):
        west, south, east, north = each.body["bbox"]
        least_and_greatest = box(min(west, east), south, max(west, east), north)  # as pgstac reads it
        return page([item for item in items if shape(item["geometry"]).intersects(least_and_greatest)])

    archive.routes["/v1/search"] = search
    source = load_sources()["earth-search-sentinel-2-l2a"].model_copy(update={"api": f"{archive.url}/v1"})
    wanted = Wanted(Bbox(*bbox), Interval.parse("2024-06/2024-06"), bands=("red",))
    found = await discover(open_archive(source, Access(client)), wanted)
    assert [each.body["bbox"] for each in archive.asked] == asked
    there = {179.0: {"west", "beyond"}, -180.0: {"east"}}  # an API without wrapping finds no more
    expected = {"jumping"}.union(*(there[west] for west, *_ in asked))
    assert {granule.id for granule in found.granules} == expected
    assert found.duplicates == 0
