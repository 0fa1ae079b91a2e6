"""Edges that are straight in a file's coordinate system, in degrees."""

import numpy as np
import pytest
import shapely
from pyproj import Geod, Transformer
from rasterio.crs import CRS

from app.areas.edges import NowhereError, in_degrees
from mosaics.ellipsoid import polygon_area_m2


def densely(box: shapely.Polygon, code: int) -> shapely.Polygon:
    """The same by pyproj, with a position every 50 m."""
    to_degrees = Transformer.from_crs(code, 4326, always_xy=True)
    dense = shapely.segmentize(box, 50)
    return shapely.transform(dense, lambda xy: np.column_stack(to_degrees.transform(*xy.T)))


@pytest.mark.parametrize("code", [32631, 3035, 2154])
def test_a_square_of_100_km_is_the_ground_it_covers(code: int) -> None:
    """With its corners alone 35 km2 lie on the wrong side (UTM); geodesic areas are PROJ's."""
    x, y = (4e5, 3e6) if code == 3035 else (4e5, 6.2e6)
    box = shapely.box(x, y, x + 1e5, y + 1e5)
    found, true = in_degrees(box, CRS.from_epsg(code)), densely(box, code)
    assert polygon_area_m2(shapely.symmetric_difference(found, true)) / 1e6 < 0.05
    geodesic = abs(Geod(ellps="WGS84").geometry_area_perimeter(true)[0])
    assert polygon_area_m2(found) == pytest.approx(geodesic, rel=1e-6)
    assert shapely.get_num_coordinates(found) < 500


def test_fields_have_the_positions_they_came_with() -> None:
    field = shapely.box(5e5, 5.9e6, 5.005e5, 5.9005e6)
    assert shapely.get_num_coordinates(in_degrees(field, CRS.from_epsg(32631))) == 5


def test_holes_and_parts_are_kept() -> None:
    ring, hole = shapely.box(4e6, 3e6, 4.2e6, 3.2e6), shapely.box(4.05e6, 3.05e6, 4.1e6, 3.1e6)
    parts = shapely.union_all([shapely.difference(ring, hole), shapely.box(5e6, 3e6, 5.1e6, 3.1e6)])
    assert isinstance(parts, shapely.MultiPolygon)
    found = in_degrees(parts, CRS.from_epsg(3035))
    assert isinstance(found, shapely.MultiPolygon)
    assert sorted(len(part.interiors) for part in found.geoms) == [0, 1]
    assert polygon_area_m2(found) == pytest.approx((200**2 - 50**2 + 100**2) * 1e6, rel=1e-5)  # equal-area


def test_an_edge_across_the_antimeridian_is_cut_on_both_sides() -> None:
    box = shapely.box(2e5, 8e6, 8e5, 8.2e6)  # UTM 60 S, 174 to 180 degrees and beyond
    lons = shapely.get_coordinates(in_degrees(box, CRS.from_epsg(32760)))[:, 0]
    assert np.abs((np.diff(lons) + 180) % 360 - 180).max() < 0.5


@pytest.mark.parametrize(("code", "x"), [(3035, 1e9), (32631, 1e12), (27700, 5e7)])
def test_places_that_are_none_are_refused(code: int, x: float) -> None:
    with pytest.raises(NowhereError, match="outside the domain of the layer's coordinate system"):
        in_degrees(shapely.Polygon([(x, x), (x + 100, x), (x, x + 100)]), CRS.from_epsg(code))
