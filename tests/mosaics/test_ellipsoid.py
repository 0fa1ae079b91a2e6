"""Areas of outlines on the ellipsoid, beside PROJ's geodesic areas of the same outlines."""

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from mosaics.ellipsoid import EARTH_AREA_M2, polygon_area_m2, zone_area_m2

WGS84 = Geod(ellps="WGS84")


def geodesic_m2(polygon: shapely.Polygon, pieces: int = 2000) -> float:
    """Area by PROJ of an outline whose edges are cut so short that a geodesic is straight in degrees."""
    dense = shapely.segmentize(polygon, polygon.length / pieces)
    return abs(WGS84.geometry_area_perimeter(dense)[0])


def test_the_earth_has_its_published_area():
    assert (
        pytest.approx(510_065_621.724, abs=0.001) == EARTH_AREA_M2 / 1e6
    )  # Moritz 2000, GRS 80: 510 065 621


def test_a_square_second_at_the_equator():
    # a dlon times M dlat, M = a (1 - e2) at the equator: 30.9221 m by 30.7155 m
    second = math.radians(1 / 3600)
    wide, high = 6378137.0 * second, 6378137.0 * (1 - 0.00669437999014) * second
    assert second * float(zone_area_m2(np.array(second))) == pytest.approx(wide * high, rel=1e-9)


@settings(max_examples=150, deadline=None)
@given(
    st.floats(-170, 170),
    st.floats(-88, 88),
    st.floats(0, 4),
    st.lists(st.floats(0, 2 * math.pi), min_size=3, max_size=9, unique=True),
)
def test_outlines_have_the_area_that_proj_gives(lon, lat, size, turns):
    radius = min(10**size / 1000, 90 - abs(lat))
    angles = np.sort(turns)
    outline = shapely.Polygon(np.column_stack([lon + radius * np.cos(angles), lat + radius * np.sin(angles)]))
    if outline.area < 1e-3 * radius**2:
        return  # a sliver, whose area PROJ itself does not know to so many digits
    assert polygon_area_m2(outline) == pytest.approx(geodesic_m2(outline), rel=1e-5, abs=0.1)


def test_holes_and_parts():
    ring = shapely.box(0, 40, 4, 44) - shapely.box(1, 41, 2, 42)
    whole = polygon_area_m2(shapely.union(ring, shapely.box(1.2, 41.2, 1.7, 41.8)))
    parts = [shapely.box(0, 40, 4, 44), shapely.box(1, 41, 2, 42), shapely.box(1.2, 41.2, 1.7, 41.8)]
    large, hole, island = map(geodesic_m2, parts)
    assert whole == pytest.approx(large - hole + island, rel=1e-6)


def test_what_has_no_area_has_none():
    assert polygon_area_m2(shapely.Point(1, 2)) == polygon_area_m2(shapely.Polygon()) == 0
