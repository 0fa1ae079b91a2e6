"""Circles: their corners on the geodesic circle, wherever the map tears."""

import numpy as np
import pytest
import shapely
from pyproj import Geod

from app.zones.circle import CORNERS, Circle, CircleError
from mosaics.ellipsoid import polygon_area_m2

GEOD = Geod(ellps="WGS84")


def true_area_m2(circle: Circle) -> float:
    """The area of 5,000 geodesic corners, edges geodesics too, by pyproj."""
    azimuths = np.linspace(0, 360, 5_000, endpoint=False)
    lon, lat, radius_m = (np.full(len(azimuths), each) for each in (circle.lon, circle.lat, circle.radius_m))
    lons, lats, _ = GEOD.fwd(lon, lat, azimuths, radius_m)
    return abs(float(GEOD.polygon_area_perimeter(lons, lats)[0]))


@pytest.mark.parametrize(
    ("circle", "parts"),
    [
        (Circle(5.0, 51.0, 500.0), 1),
        (Circle(-3.5, 6.7, 100.0), 1),
        (Circle(-179.99, 0.0, 5_000.0), 2),
        (Circle(180.0, 65.0, 3_000.0), 2),
        (Circle(20.0, 89.99, 500.0), 1),
        (Circle(20.0, 89.99, 2_000.0), 1),
        (Circle(0.0, -90.0, 1_000.0), 1),
        (Circle(100.0, 89.9, 11_169.0), 2),
        (Circle(0.0, 60.0, 1_000_000.0), 1),
    ],
    ids=[
        "field",
        "small",
        "antimeridian",
        "on it",
        "by a pole",
        "over a pole",
        "south pole",
        "just over",
        "wide",
    ],
)
def test_a_circle_lies_within_its_tolerance_of_the_geodesic_one(circle: Circle, parts: int) -> None:
    polygon = circle.polygon()
    assert polygon.is_valid
    assert len(shapely.get_parts(polygon)) == parts
    corners = shapely.get_coordinates(polygon)
    seams = (np.abs(corners[:, 0]) == 180) | (np.abs(corners[:, 1]) == 90)
    at = corners[~seams]
    lons, lats = np.full(len(at), circle.lon), np.full(len(at), circle.lat)
    distances_m = GEOD.inv(lons, lats, at[:, 0], at[:, 1])[2]
    assert len(at) >= CORNERS - 1
    assert distances_m == pytest.approx(circle.radius_m, rel=1e-7)
    # a regular 128-gon has sin(2 pi / 128) / (2 pi / 128) = 0.99960 of its circle; more corners only add
    assert 0.9995 < polygon_area_m2(polygon) / true_area_m2(circle) < 1.0001


@pytest.mark.parametrize(
    ("lon", "lat", "radius_m", "says"),
    [
        (181.0, 0.0, 10.0, "center 181, 0 is not a longitude and latitude"),
        (0.0, float("nan"), 10.0, "center 0, nan is not"),
        (0.0, 0.0, 0.0, "radius_m must be from 1 to 1,000,000 metres, not 0"),
        (0.0, 0.0, 1_000_001.0, "not 1e"),
    ],
)
def test_a_circle_that_is_not_valid_is_refused(lon: float, lat: float, radius_m: float, says: str) -> None:
    with pytest.raises(CircleError, match=says):
        Circle(lon, lat, radius_m)


def test_a_circle_exactly_through_a_pole_is_drawn() -> None:
    circle = Circle(0.0, 85.0, float(GEOD.inv(0, 85, 0, 90)[2]))
    assert 0.9995 < polygon_area_m2(circle.polygon()) / true_area_m2(circle) < 1.0001
