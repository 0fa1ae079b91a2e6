"""The index against brute force with shapely and morecantile, and at its edges."""

from datetime import UTC, datetime

import morecantile
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from mosaics.cells import cell_column_row, cell_number, cell_quadkey, cells_under, cells_within, tile_bounds
from mosaics.document import MosaicDocument, build_document
from mosaics.index import QuadkeyIndex, TooManyScenesError
from mosaics.minzooms import NO_ZOOM
from mosaics.period import Interval
from tests.mosaics.records import JUNE, scene

WEB_MERCATOR = morecantile.tms.get("WebMercatorQuad")


def index_of(*records):
    return QuadkeyIndex.from_document(MosaicDocument(build_document("m", records, lambda key: f"/{key}")))


def ids(refs):
    return [ref.id for ref in refs]


def split_at_antimeridian(polygon):
    """A polygon that may reach past 180 degrees, in the form a footprint has."""
    inside = polygon.intersection(shapely.box(-180, -90, 180, 90))
    outside = shapely.affinity.translate(polygon.intersection(shapely.box(180, -90, 540, 90)), -360)
    return shapely.union_all([inside, outside])


def random_footprint(rng):
    """A slanted quadrilateral anywhere between the poles, of a size between a field and a continent."""
    width, height = rng.uniform(0.02, 1) ** 3 * 40, rng.uniform(0.02, 1) ** 3 * 20
    longitude, latitude = rng.uniform(-180, 180 - width / 2), rng.uniform(-89 + height, 89 - height)
    quad = shapely.affinity.rotate(shapely.box(0, 0, width, height), rng.uniform(-30, 30))
    moved = shapely.affinity.translate(quad, longitude - quad.bounds[0], latitude)
    return split_at_antimeridian(moved.intersection(shapely.box(-180, -90, 400, 90)))


@pytest.mark.parametrize("seed", range(6))
def test_tiles_and_areas_give_what_brute_force_gives(seed):
    rng = np.random.default_rng(seed)
    records = [
        scene(f"s{n}", random_footprint(rng), cloud_cover_percent=float(rng.integers(0, 50)))
        for n in range(60)
    ]
    index = index_of(*records)
    best = sorted(records, key=lambda record: record.best_first)
    footprints = [(record.id, record.polygons()) for record in best]

    def brute_force(area):
        return [scene_id for scene_id, footprint in footprints if footprint.intersection(area).area > 1e-13]

    assert index.size == 60
    hits = 0
    for _ in range(300):
        zoom = int(rng.integers(0, 13))
        _, footprint = footprints[rng.integers(60)]
        point = shapely.get_parts(footprint)[0].representative_point()
        if abs(point.y) > 85:
            continue
        x, y, z = WEB_MERCATOR.tile(point.x, point.y, zoom)
        x = (x + int(rng.integers(-1, 2))) % (1 << z)
        found = ids(index.scenes_in_tile(x, y, z))
        assert found == brute_force(shapely.box(*tile_bounds(x, y, z)))
        hits += len(found)
        west, south = point.x - rng.uniform(0, 20), point.y - rng.uniform(0, 10)
        area = shapely.box(max(west, -180), south, west + rng.uniform(0.1, 30), south + rng.uniform(0.1, 10))
        assert ids(index.scenes_in(area)) == brute_force(area)
        hull = random_footprint(rng)
        assert ids(index.scenes_in(hull)) == brute_force(hull)
    assert hits > 100


def test_tile_edges_are_those_of_morecantile():
    for tile in [(0, 0, 0), (1, 0, 1), (133, 85, 8), (8529, 5974, 14), (2**20 - 1, 3, 20)]:
        assert tile_bounds(*tile) == pytest.approx(
            tuple(WEB_MERCATOR.bounds(morecantile.Tile(*tile))), abs=1e-9
        )


@settings(deadline=None)
@given(st.integers(1, 24), st.data())
def test_cells_are_numbered_by_their_quadkeys(zoom, data):
    x, y = (data.draw(st.integers(0, 2**zoom - 1)) for _ in "xy")
    number = cell_number(x, y)
    assert cell_quadkey(number, zoom) == WEB_MERCATOR.quadkey(x, y, zoom)
    assert cell_column_row(number) == (x, y)


@settings(max_examples=200, deadline=None)  # a busy machine is not a wrong index
@given(st.integers(2, 16), st.data())
def test_scenes_on_tile_borders_are_seen_in_their_tiles_alone(zoom, data):
    side = 2**zoom
    x, y = (data.draw(st.integers(1, side - 2)) for _ in "xy")
    index = index_of(scene("exact", shapely.box(*tile_bounds(x, y, zoom))))
    for column in (x - 1, x, x + 1):
        for row in (y - 1, y, y + 1):
            expected = ["exact"] if (column, row) == (x, y) else []
            assert ids(index.scenes_in_tile(column, row, zoom)) == expected


def test_slanted_footprints_that_touch_a_tile_in_a_corner_are_not_seen_there():
    # The diamond's right corner lies at 0, 0, where four tiles of every zoom meet.
    index = index_of(scene("diamond", shapely.Polygon([(0, 0), (-1, 1), (-2, 0), (-1, -1)])))
    for zoom in range(1, 16):
        half = 2 ** (zoom - 1)
        assert ids(index.scenes_in_tile(half, half, zoom)) == []
        assert ids(index.scenes_in_tile(half, half - 1, zoom)) == []
        assert ids(index.scenes_in_tile(half - 1, half - 1, zoom)) == ["diamond"]


def test_a_sliver_is_seen_wherever_it_reaches():
    # A millionth of a degree high and sixty degrees long.
    index = index_of(scene("sliver", shapely.box(0.5, 10, 60.5, 10.000001)), scene("other"))
    for longitude in np.arange(0.6, 60, 0.9):
        for zoom in (3, 8, 12, 18):
            tile = WEB_MERCATOR.tile(longitude, 10.0000005, zoom)
            assert "sliver" in ids(index.scenes_in_tile(*tile))


def test_a_scene_across_the_antimeridian_is_seen_on_both_sides_and_not_between():
    parts = [shapely.box(178, -18, 180, -16), shapely.box(-180, -18, -179, -16)]
    index = index_of(scene("fiji", shapely.MultiPolygon(parts)))
    for longitude, expected in [(179.5, ["fiji"]), (-179.5, ["fiji"]), (0, []), (177, []), (-178.5, [])]:
        for zoom in (9, 14):
            assert ids(index.scenes_in_tile(*WEB_MERCATOR.tile(longitude, -17, zoom))) == expected
        assert ids(index.scenes_in(shapely.Point(longitude, -17))) == expected
    assert ids(index.scenes_in(shapely.box(-170, -20, 170, 20))) == []


def test_scenes_near_a_pole_are_found_by_area_and_not_by_tile():
    index = index_of(
        scene("pole", shapely.box(-180, 86, 180, 90)),
        scene("edge", shapely.box(10, 80, 20, 88)),
        scene("south", shapely.box(-180, -90, 180, -85.5)),
    )
    assert ids(index.scenes_in_tile(0, 0, 0)) == ["edge"]
    assert sorted(ids(index.scenes_in(shapely.box(12, 85.5, 13, 89)))) == ["edge", "pole"]
    assert ids(index.scenes_in(shapely.box(12, 89, 13, 90))) == ["pole"]
    assert ids(index.scenes_in(shapely.box(12, -90, 13, -85.2))) == ["south"]
    assert index.bounds == (-180, -90, 180, 90)


def test_points_on_a_border_are_seen_and_areas_beside_it_are_not():
    index = index_of(scene("a", shapely.box(0, 0, 1, 1)), scene("b", shapely.box(1, 0, 2, 1)))
    assert ids(index.scenes_in(shapely.Point(1, 0.5))) == ["a", "b"]
    assert ids(index.scenes_in(shapely.box(2, 0, 3, 1))) == []
    assert ids(index.scenes_in(shapely.box(0.5, 0, 1, 1))) == ["a"]


def test_nothing_is_seen_outside_the_grid_or_in_nothing():
    index = index_of(scene("world", shapely.box(-180, -85, 180, 85)))
    assert ids(index.scenes_in_tile(0, 0, 0)) == ["world"]
    for x, y, z in [(1, 0, 0), (-1, 0, 2), (0, 4, 2), (2**31, 0, 30)]:
        assert index.scenes_in_tile(x, y, z) == ()
    assert index.scenes_in(shapely.Polygon()) == ()


def test_a_scene_is_told_as_it_was_recorded():
    record = scene("ä", cloud_cover_percent=None, synthetic=True)
    index = index_of(record, scene("b", cloud_cover_percent=0.0, resolution_m=2.5))
    b, a = index.scenes_in_tile(0, 0, 0)
    assert (a.id, a.item_key, a.start, a.end, a.period) == (
        "ä",
        record.item_key,
        record.start,
        record.end,
        JUNE,
    )
    assert (a.cloud_cover_percent, a.synthetic) == (None, True)
    assert (b.cloud_cover_percent, b.synthetic) == (0.0, False)
    assert index.resolution_m == 2.5


def test_more_scenes_than_the_limit_are_refused_with_the_zoom_that_works():
    # 64 scenes side by side, one in each column of zoom 6: 2**(6 - z) of them in a tile of zoom z.
    records = [
        scene(f"s{column}", shapely.box(*tile_bounds(column, 31, 6)), cloud_cover_percent=1.0)
        for column in range(64)
    ]
    index = index_of(*records)
    assert [index.minzoom(limit) for limit in (64, 63, 32, 16, 15, 1)] == [0, 1, 1, 2, 3, 6]
    with pytest.raises(TooManyScenesError) as caught:
        index.scenes_in_tile(0, 0, 1, limit=16)
    assert (caught.value.count, caught.value.limit, caught.value.minzoom) == (32, 16, 2)
    assert str(caught.value) == "32 scenes are seen here and 16 is the limit; zoom 2 and deeper work"
    assert len(index.scenes_in_tile(0, 1, 2, limit=16)) == 16
    with pytest.raises(TooManyScenesError):
        index.scenes_in(shapely.box(-180, 0, 180, 10), limit=16)
    assert len(index.scenes_in(shapely.box(-180, 0, 180, 10))) == 64


def test_the_zoom_that_works_may_be_deeper_than_the_quadkeys():
    # A hundred fields of 10 m in a row 0.001 degrees apart: quadkeys end at zoom 14, 0.022 degrees.
    fields = [scene(f"s{n}", shapely.box(n / 1000 + 1e-5, 0, n / 1000 + 1e-4, 1e-4)) for n in range(100)]
    index = index_of(*fields)
    assert index.quadkey_zoom == 14
    # A tile of zoom z is 360 / 2**z degrees wide: 0.0027 at 17 holds three fields at most, 0.0014 at 18 two.
    assert index.minzoom(3) == 17
    assert index.minzoom(2) == 18
    for limit in (2, 3):
        zoom = index.minzoom(limit)
        fullest = max(
            len(index.scenes_in_tile(x, 2 ** (zoom - 1) - 1, zoom))
            for x in range(2 ** (zoom - 1), 2 ** (zoom - 1) + 80)
        )
        assert fullest == limit


def test_scenes_upon_one_another_have_no_zoom_that_works():
    index = index_of(*(scene(f"s{n}") for n in range(5)))
    assert index.minzoom(5) == 0
    assert index.minzoom(4) == NO_ZOOM
    with pytest.raises(TooManyScenesError, match="no zoom has fewer everywhere"):
        index.scenes_in_tile(*WEB_MERCATOR.tile(0.5, 0.5, 18), limit=4)


def test_the_covered_share_is_by_area_on_the_ellipsoid():
    index = index_of(
        scene("west", shapely.box(0, 0, 10, 60)),
        scene("again", shapely.box(0, 0, 10, 60)),
        scene("part", shapely.box(5, 0, 12, 60)),
    )
    assert index.covered_fraction(shapely.box(0, 0, 10, 60)) == 1.0
    assert index.covered_fraction(shapely.box(0, 0, 24, 60)) == pytest.approx(0.5)
    assert index.covered_fraction(shapely.box(20, 0, 24, 60)) == 0.0
    below, whole = (shapely.segmentize(shapely.box(0, 0, 12, north), 0.01) for north in (60, 90))
    areas = [abs(Geod(ellps="WGS84").geometry_area_perimeter(outline)[0]) for outline in (below, whole)]
    assert index.covered_fraction(shapely.box(0, 0, 12, 90)) == pytest.approx(areas[0] / areas[1], rel=1e-8)
    assert index.covered_fraction(shapely.Point(1, 1)) == 1.0
    assert index.covered_fraction(shapely.Point(30, 1)) == 0.0


def test_the_covered_part_is_that_of_the_scenes_in_time():
    late = datetime(2024, 6, 28, 10, tzinfo=UTC)
    index = index_of(
        scene("west", shapely.box(0, 0, 2, 4)),  # 15 June
        scene("south", shapely.box(0, 0, 4, 1)),
        scene("late", shapely.box(2, 2, 8, 4), start=late, end=late),
    )
    area = shapely.box(1, 0, 4, 4)
    covered = index.covered_part(area, Interval.parse("2024-06-01/2024-06-20"))
    # A column one wide and four high, and beside it two of the southern row.
    assert shapely.equals(covered, shapely.union(shapely.box(1, 0, 2, 4), shapely.box(1, 0, 4, 1)))
    assert shapely.area(index.covered_part(area, Interval.parse("2024-06/2024-06"))) == 4 + 2 + 4
    assert shapely.is_empty(index.covered_part(area, Interval.parse("2024-06-16/2024-06-20")))
    assert shapely.is_empty(index.covered_part(shapely.box(20, 0, 21, 1), Interval.parse("2024-06/2024-06")))


@given(
    st.floats(-180, 180),
    st.floats(-85, 85),
    st.floats(0, 40),
    st.floats(0, 30),
    st.integers(min_value=0, max_value=14),
)
def test_a_box_reaches_the_tiles_of_its_corners(west, south, width, height, zoom):
    east, north = min(west + width, 180.0), min(south + height, 85.0)
    left, top, right, bottom = cells_under((west, south, east, north), zoom)
    upper, lower = WEB_MERCATOR.tile(west, north, zoom), WEB_MERCATOR.tile(east, south, zoom)
    assert upper.x - 1 <= left <= upper.x
    assert upper.y - 1 <= top <= upper.y
    assert lower.x <= right <= lower.x + 1
    assert lower.y <= bottom <= lower.y + 1
    of_many = cells_within(np.array([(west, south, east, north)]), zoom)
    assert tuple(edges.item() for edges in of_many) == (left, top, right, bottom)
