"""Lines are split where they pass from cell to cell, and nothing of their length is lost.

The reference is independent: shapely cuts lines by the polygons of cells, pyproj's geodesics measure them.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod, Transformer
from rasterio.crs import CRS

from app.exposure.line import Line, LineError
from app.exposure.splitting import TooManyPiecesError, split
from app.statistics.pixel_grid import PixelGrid
from mosaics.ellipsoid import WGS84

GEOD = Geod(ellps="WGS84")
EVERYWHERE = [(-180.0, -90.0, 180.0, 90.0)]
UTM = CRS.from_epsg(32631)
POLAR = CRS.from_epsg(3413)


def line_of(*parts):
    return Line.read({"type": "MultiLineString", "coordinates": [[list(p) for p in part] for part in parts]})


def lengths_by_cell(pieces):
    found: dict[tuple[int, int], float] = {}
    for column, row, length in zip(pieces.columns, pieces.rows, pieces.lengths_m, strict=True):
        cell = int(column), int(row)
        found[cell] = found.get(cell, 0.0) + float(length)
    return found


def cells_of(line, grid):
    return split(line, grid, EVERYWHERE, limit=10**6)


def test_a_row_of_cells():
    pieces = cells_of(line_of([(0, 0.5), (3, 0.5)]), PixelGrid(WGS84, 0, 1, 1, 1))
    assert pieces.columns.tolist() == [0, 1, 2]
    assert pieces.rows.tolist() == [0, 0, 0]
    assert pieces.lengths_m.sum() == pytest.approx(333_945.84, rel=1e-8)
    assert pieces.begin_m.tolist() == pytest.approx([0, 333_945.84 / 3, 333_945.84 * 2 / 3], rel=1e-7)
    assert pieces.middles.tolist() == [[0.5, 0.5], [1.5, 0.5], [2.5, 0.5]]


def test_a_slanted_line_over_four_cells():
    pieces = cells_of(line_of([(0.25, 0), (2, 1.75)]), PixelGrid(WGS84, 0, 2, 1, 1))
    assert list(zip(pieces.columns, pieces.rows, strict=True)) == [(0, 1), (1, 1), (1, 0)]
    assert pieces.lengths_m.tolist() == pytest.approx([117_675.96, 39_223.61, 117_660.59], rel=1e-6)


@pytest.mark.parametrize(
    ("ends", "cell"),
    [
        (((0.1, 1), (0.9, 1)), (0, 1)),  # along a northern edge: the cell south of it
        (((1, 0.1), (1, 0.9)), (1, 1)),  # along a western edge: the cell east of it
    ],
)
def test_a_line_along_an_edge_lies_in_one_cell(ends, cell):
    pieces = cells_of(line_of(ends), PixelGrid(WGS84, 0, 2, 1, 1))
    assert list(lengths_by_cell(pieces)) == [cell]


def test_an_edge_stays_one_whatever_sums_have_rounded():
    # the western edge lies at column 4.00000000000017 in float64
    pieces = cells_of(line_of([(-86.7, 41.21), (-86.7, 41.23)]), PixelGrid(WGS84, -86.78, 41.76, 0.02, 0.02))
    assert set(pieces.columns.tolist()) == {4}


@st.composite
def ways(draw):
    lon, lat = draw(st.integers(-17_000, 17_000)) / 100, draw(st.integers(-6000, 6000)) / 100
    step = st.tuples(*[st.floats(-3, 3, allow_nan=False).map(lambda x: round(x, 6))] * 2)
    steps = draw(st.lists(step, min_size=1, max_size=6))
    places = np.cumsum([(lon, lat), *steps], axis=0)
    return [tuple(place) for place in places.clip([-179, -70], [179, 70]).tolist()]


@settings(max_examples=60, deadline=None)
@given(ways(), st.sampled_from([0.31, 0.5, 0.97]), st.sampled_from([0.0, 0.137]))
def test_random_lines_equal_cuts_by_cell_polygons(places, size, offset):
    if len(set(places)) < 2:
        return
    grid = PixelGrid(WGS84, -180 + offset, 90 + offset, size, size)
    line = line_of(places)
    found = lengths_by_cell(cells_of(line, grid))
    expected: dict[tuple[int, int], float] = {}
    for start, end in pairwise(places):
        edge = shapely.LineString([start, end])
        west, south, east, north = edge.bounds
        columns = range(math.floor((west - grid.left) / size), math.floor((east - grid.left) / size) + 1)
        rows = range(math.floor((grid.top - north) / size), math.floor((grid.top - south) / size) + 1)
        for column in columns:
            for row in rows:
                left, top = grid.left + column * size, grid.top - row * size
                part = edge.intersection(shapely.box(left, top - size, left + size, top))
                if part.length > 1e-6:
                    dense = shapely.segmentize(part, 0.02)
                    metres = GEOD.geometry_length(dense)
                    expected[column, row] = expected.get((column, row), 0.0) + metres
    assert sum(found.values()) == pytest.approx(line.length_m, rel=1e-9)
    for cell in expected.keys() | found.keys():
        if max(expected.get(cell, 0.0), found.get(cell, 0.0)) > 1:  # in metres; on an edge either may have it
            assert found.get(cell, 0.0) == pytest.approx(expected.get(cell, 0.0), rel=1e-5, abs=0.5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0.5, 5.5), st.floats(48, 54)), min_size=2, max_size=5, unique=True))
def test_random_lines_over_a_projected_grid_equal_cuts_in_the_projection(places):
    grid = PixelGrid(UTM, 100_000, 6_100_000, 5_000, 5_000)
    pieces = cells_of(line_of(places), grid)
    moved = Transformer.from_crs(4326, 32631, always_xy=True)
    dense = shapely.segmentize(shapely.LineString(places), 0.001)
    xs, ys = moved.transform(*shapely.get_coordinates(dense).T)
    lonlats = shapely.get_coordinates(dense)
    columns = np.floor(((xs[:-1] + xs[1:]) / 2 - grid.left) / 5_000).astype(int)
    rows = np.floor((grid.top - (ys[:-1] + ys[1:]) / 2) / 5_000).astype(int)
    _, _, metres = GEOD.inv(*lonlats[:-1].T, *lonlats[1:].T)
    expected: dict[tuple[int, int], float] = {}
    for column, row, each in zip(columns.tolist(), rows.tolist(), metres.tolist(), strict=True):
        expected[column, row] = expected.get((column, row), 0.0) + each
    found = lengths_by_cell(pieces)
    assert sum(found.values()) == pytest.approx(sum(expected.values()), rel=1e-6)
    for cell in expected.keys() | found.keys():
        assert found.get(cell, 0.0) == pytest.approx(expected.get(cell, 0.0), abs=240)  # a step on each side


def test_the_antimeridian_is_crossed_the_short_way():
    across = line_of([(179.5, 0.25), (-179.5, 0.25)])
    beyond = line_of([(179.5, 0.25), (180.5, 0.25)])
    grid = PixelGrid(WGS84, -180, 90, 0.5, 0.5)
    for line in (across, beyond):
        pieces = cells_of(line, grid)
        assert pieces.columns.tolist() == [719, 0]
        assert pieces.lengths_m.sum() == pytest.approx(111_319.5, rel=1e-4)
        assert [part.bounds for part in line.on_map.geoms] == [
            (179.5, 0.25, 180, 0.25),
            (-180, 0.25, -179.5, 0.25),
        ]


def test_a_line_over_the_pole_is_split_in_a_polar_projection():
    line = line_of([(-45, 85), (-45, 90), (135, 90), (135, 85)])
    pieces = cells_of(line, PixelGrid(POLAR, -1_000_000, 1_000_000, 100_000, 100_000))
    assert pieces.in_grid.all()
    moving = pieces.lengths_m > 0
    assert set(pieces.columns[moving].tolist()) == {10}  # along x = 0
    assert sorted(set(pieces.rows[moving].tolist())) == list(range(4, 16))
    assert line.length_m == pytest.approx(2 * GEOD.inv(-45, 85, -45, 90)[2], rel=1e-9)


def test_what_the_projection_has_no_place_for_is_left_whole():
    mercator = PixelGrid(CRS.from_epsg(3857), 0, 20_000_000, 10_000, 10_000)
    pieces = cells_of(line_of([(10, 89.9), (10, 90), (11, 89)]), mercator)
    assert pieces.lengths_m.sum() == pytest.approx(line_of([(10, 89.9), (10, 90), (11, 89)]).length_m)


def test_only_what_is_near_a_scene_is_split():
    line = line_of([(0, 0.55), (100, 0.55)])
    pieces = split(line, PixelGrid(WGS84, 0, 1, 0.1, 0.1), [(50.0, 0.0, 50.4, 1.0)], limit=100)
    assert pieces.count < 20
    assert pieces.in_grid.sum() >= 4
    assert pieces.lengths_m.sum() == pytest.approx(line.length_m, rel=1e-12)


def test_more_pieces_than_the_limit_are_refused():
    with pytest.raises(TooManyPiecesError):
        split(line_of([(0, 0.5), (10, 0.5)]), PixelGrid(WGS84, 0, 1, 0.1, 0.1), EVERYWHERE, limit=99)


def test_a_stop_is_a_piece_without_length():
    pieces = cells_of(line_of([(0.2, 0.5), (0.4, 0.5), (0.4, 0.5), (1.2, 0.5)]), PixelGrid(WGS84, 0, 1, 1, 1))
    assert pieces.edge.tolist() == [0, 1, 2, 2]
    assert pieces.lengths_m[1] == 0
    assert pieces.columns.tolist() == [0, 0, 0, 1]


def test_between_parts_there_is_nothing():
    line = line_of([(0.2, 0.5), (0.4, 0.5)], [(2.2, 0.5), (2.4, 0.5)])
    pieces = cells_of(line, PixelGrid(WGS84, 0, 1, 1, 1))
    assert pieces.columns.tolist() == [0, 2]
    assert pieces.part.tolist() == [0, 1]
    assert line.length_m == pytest.approx(0.4 * 111_319.49 * math.cos(math.radians(0.5)), rel=1e-5)


def test_a_parallel_is_as_long_as_it_is_and_not_as_a_geodesic():
    # 10 degrees of the parallel of 60 N: the radius of the parallel is a cos(u), tan(u) = (1 - f) tan(60)
    reduced = math.atan((1 - 1 / 298.257223563) * math.tan(math.radians(60)))
    assert line_of([(0, 60), (10, 60)]).length_m == pytest.approx(
        math.radians(10) * 6_378_137 * math.cos(reduced), rel=1e-12
    )


@pytest.mark.parametrize(
    ("geometry", "said"),
    [
        ({"type": "Polygon", "coordinates": []}, "needs a LineString or a MultiLineString, not Polygon"),
        ({"type": "LineString", "coordinates": [[0, 0]]}, "two positions or more"),
        ({"type": "LineString", "coordinates": []}, "two positions or more"),
        ({"type": "MultiLineString", "coordinates": []}, "two positions or more"),
        ({"type": "LineString", "coordinates": [[1, 1], [1, 1]]}, "has no length"),
        ({"type": "LineString", "coordinates": [[1, 1], [1, 91]]}, "is not a longitude and latitude"),
        ({"type": "LineString", "coordinates": [[1, 1], [361, 1]]}, "is not a longitude and latitude"),
        ({"type": "LineString", "coordinates": [[1, 1], [1, float("nan")]]}, "not a pair of finite"),
        ({"type": "LineString", "coordinates": [[1, 1], [True, 2]]}, "are not lists of positions"),
        ({"type": "LineString", "coordinates": [[1, 1], ["1", 2]]}, "are not lists of positions"),
        ({"type": "LineString", "coordinates": [[1], [2]]}, "are not lists of positions"),
        ({"type": "LineString", "coordinates": [[1, 2], None]}, "are not lists of positions"),
        ({"type": "LineString"}, "are not lists of positions"),
        ({"type": "MultiLineString", "coordinates": {}}, "are not lists of positions"),
        ({"type": "LineString", "coordinates": [[1, 2], [10**400, 2]]}, "are not lists of positions"),
        ({"type": "LineString", "coordinates": [[0, 0], [1, 1]] * 15_000}, "at most 25,000 are allowed"),
        ({"type": "MultiLineString", "coordinates": [[[0, 0], [1, 1]]] * 1_001}, "at most 1,000"),
        ({"type": "LineString", "coordinates": [[0, 0], [179, 0]] * 5}, "at most 50,000 km are allowed"),
    ],
)
def test_what_is_not_a_way_is_refused_with_the_reason(geometry, said):
    with pytest.raises(LineError, match=said):
        Line.read(geometry)
