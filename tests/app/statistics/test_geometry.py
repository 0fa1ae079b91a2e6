"""What is read from GeoJSON, what is refused and in which words, and how a polygon is projected."""

import math
import time
from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Transformer
from rasterio.crs import CRS
from shapely.geometry import mapping

from app.statistics import geometry as subject
from app.statistics.geometry import GeometryError, project, read_polygon

SQUARE: list[list[float]] = [[5, 51], [5.1, 51], [5.1, 51.1], [5, 51.1], [5, 51]]
UTM_31N = CRS.from_epsg(32631)


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def test_heights_are_dropped_and_the_order_of_vertices_does_not_matter():
    high = polygon([[*place, 12.5] for place in SQUARE])
    turned = polygon([*SQUARE[2:], *SQUARE[1:3]])
    assert shapely.to_wkb(read_polygon(high)) == shapely.to_wkb(read_polygon(polygon(SQUARE)))
    assert shapely.to_wkb(read_polygon(turned)) == shapely.to_wkb(read_polygon(polygon(SQUARE)))


@pytest.mark.parametrize(
    ("geojson", "said"),
    [
        ({"type": "Point", "coordinates": [5, 51]}, "need a Polygon or a MultiPolygon, not Point"),
        ({"type": "LineString", "coordinates": SQUARE}, "not LineString"),
        ({"type": "GeometryCollection", "geometries": []}, "not GeometryCollection"),
        ({"type": "<script>"}, "not what was sent"),
        ({}, "not what was sent"),
        (polygon(), "empty"),
        ({"type": "MultiPolygon", "coordinates": []}, "empty"),
        ({"type": "Polygon"}, "cannot be read"),
        (polygon([[5, 51], ["a", 52], [6, 52], [5, 51]]), "cannot be read"),
        (polygon([[5, 51], [6, 52]]), "cannot be read"),
        (polygon([[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]), r"Self-intersection\[1 1\]"),
        (polygon([[0, 0], [1, 1], [2, 2], [0, 0]]), "not valid"),
        (polygon([[0, 0], [math.nan, 1], [2, 2], [0, 0]]), "position 1 .* finite"),
        (polygon([[0, 0], [1, 1], [math.inf, 2], [0, 0]]), "position 2 .* finite"),
        (polygon([[5e5, 5e6], [6e5, 5e6], [6e5, 5.1e6], [5e5, 5e6]]), "500000, 5e\\+06 is not a longitude"),
        (polygon([[-170, -60], [0, -60], [170, -60], [170, 80], [0, 80], [-170, 80], [-170, -60]]), "km2"),
    ],
)
def test_what_has_no_statistics_is_refused_with_the_fault(geojson, said):
    with pytest.raises(GeometryError, match=said):
        read_polygon(geojson)


STRANGE: tuple[Any, ...] = (
    10**400,
    -(10**400),
    1e308,
    math.inf,
    math.nan,
    None,
    True,
    "5",
    "",
    [],
    {},
    [5],
    [[5, 51]],
)


@pytest.mark.parametrize("strange", STRANGE, ids=lambda each: repr(each)[:12])
def test_what_is_not_a_coordinate_is_refused_wherever_it_stands(strange):
    corners = [[5, 51], [6, 51], [6, 52], [5, 51]]
    places = (
        strange,
        [strange],
        [[strange]],
        [corners, strange],  # where shapely would end the process
        [corners, [strange]],
        [[*corners[:2], strange, corners[3]]],
        [[*corners[:2], [strange, 52], corners[3]]],
        [[*corners[:2], [6, strange], corners[3]]],
        [[[strange, 51], *corners[1:3], [strange, 51]]],
    )
    for coordinates in places:
        for kind, nested in (("Polygon", coordinates), ("MultiPolygon", [coordinates])):
            with pytest.raises(GeometryError):
                read_polygon({"type": kind, "coordinates": nested})


def test_a_kind_that_is_not_a_text_is_refused():
    kinds: tuple[Any, ...] = ([], {}, ["Polygon"], 5, True)
    for kind in kinds:
        with pytest.raises(GeometryError, match="not what was sent"):
            read_polygon({"type": kind, "coordinates": [SQUARE]})


def test_a_hole_outside_its_shell_is_a_fault_with_a_place():
    hole = [[7, 51], [7.1, 51], [7.1, 51.1], [7, 51]]
    with pytest.raises(GeometryError, match=r"Hole lies outside shell\[7"):
        read_polygon(polygon(SQUARE, hole))


def test_too_many_vertices_are_refused(monkeypatch):
    monkeypatch.setattr(subject, "MAX_VERTICES", 100)
    circle = mapping(shapely.Point(5, 51).buffer(1, quad_segs=100))
    with pytest.raises(GeometryError, match="401 vertices; at most 100 are allowed"):
        read_polygon(circle)


def spokes(count: int, inner: float) -> list[list[float]]:
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    radii = np.where(np.arange(count) % 2, 1.0, inner)
    ring = np.column_stack([5 + radii * np.cos(angles), 51 + radii * np.sin(angles)]).tolist()
    return [*ring, ring[0]]


def test_100_000_spokes_are_refused_before_they_are_checked():
    # GEOS would take about a minute to prove this star valid.
    start = time.perf_counter()
    with pytest.raises(GeometryError, match="too tangled"):
        read_polygon(polygon(spokes(100_000, 0.01)))
    assert time.perf_counter() - start < 5
    assert read_polygon(polygon(spokes(100_000, 0.995))).area == pytest.approx(math.pi, rel=0.01)


ACROSS = [[-180, 10, -170, 20], [170, 10, 180, 20]]


@pytest.mark.parametrize(
    "ring",
    [
        [[170, 10], [190, 10], [190, 20], [170, 20], [170, 10]],
        [[-190, 10], [-170, 10], [-170, 20], [-190, 20], [-190, 10]],
        [[170, 10], [-170, 10], [-170, 20], [170, 20], [170, 10]],
    ],
)
def test_a_polygon_over_the_antimeridian_is_split_there(ring):
    parts = shapely.get_parts(read_polygon(polygon(ring)))
    assert sorted(list(part.bounds) for part in parts) == ACROSS


def test_a_hole_over_the_antimeridian_stays_a_hole():
    shell = [[170, 10], [-170, 10], [-170, 20], [170, 20], [170, 10]]
    hole = [[175, 12], [-175, 12], [-175, 14], [175, 14], [175, 12]]
    assert read_polygon(polygon(shell, hole)).area == pytest.approx(200 - 20)


def test_a_box_from_one_edge_of_the_world_to_the_other_is_as_wide():
    ring = [[-180, 0], [180, 0], [180, 2], [-180, 2], [-180, 0]]
    assert read_polygon(polygon(ring)).bounds == (-180, 0, 180, 2)


@pytest.mark.parametrize("tolerance", [0.1, 10.0])
def test_projected_edges_follow_the_parallel(tolerance):
    # The northern edge, 200 km along a parallel, bulges about a kilometre away from a straight line.
    wide = read_polygon(polygon([[2, 50], [5, 50], [5, 51], [2, 51], [2, 50]]))
    to_utm = Transformer.from_crs(4326, 32631, always_xy=True)
    dense = shapely.segmentize(wide, 0.0005)
    true = shapely.transform(dense, lambda lonlat: np.column_stack(to_utm.transform(*lonlat.T)))
    found = project(wide, UTM_31N, tolerance)
    assert shapely.hausdorff_distance(found, true) < tolerance + 20  # vertices of `true` are 35 m apart
    assert found.boundary.hausdorff_distance(true.boundary) < tolerance + 20
    off = shapely.distance(shapely.points(shapely.get_coordinates(true)), found.boundary)
    assert off.max() <= tolerance


def test_degrees_stay_as_they_are():
    square = read_polygon(polygon(SQUARE))
    assert project(square, CRS.from_epsg(4326), 0.1) is square


def test_a_place_the_projection_has_not_is_refused():
    southern = read_polygon(polygon([[0, -20], [10, -20], [10, -10], [0, -10], [0, -20]]))
    with pytest.raises(GeometryError, match="projection"):
        project(southern, CRS.from_string("+proj=gnom +lat_0=90"), 0.1)
