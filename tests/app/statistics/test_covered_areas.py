"""Areas of polygons over coarse cells, in systems of the EPSG registry and at limbs, beside geodesic ones."""

import functools
import warnings

import numpy as np
import pytest
import shapely
from pyproj import CRS as PROJ_CRS
from pyproj import Transformer
from pyproj.database import query_crs_info
from pyproj.enums import PJType
from rasterio.crs import CRS

from app.statistics.map_edges import edge_of
from tests.app.statistics.counted import counted_km2, true_km2

GOES = "+proj=geos +lon_0=-75.2 +h=35786023 +ellps=GRS80 +sweep=x"
ORTHOGRAPHIC = "+proj=ortho +lat_0=40 +lon_0=20 +R=6371000"
FAR_SIDE = (-175, -57, -165, -47)  # opposite to the middle of EPSG:3035, 10 E 52 N


@functools.cache
def systems() -> list[str]:
    """Return the codes of the projected systems in use that have an area of use."""
    found = query_crs_info("EPSG", PJType.PROJECTED_CRS)
    return [info.code for info in found if info.area_of_use is not None]


def drawn_from(random: np.random.Generator) -> tuple[str, float, shapely.Polygon]:
    """Return a system, a side of cells in its units of 40 to 200 km, and a polygon in its area of use."""
    code = systems()[int(random.integers(len(systems())))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        crs = PROJ_CRS.from_epsg(code)
    area = crs.area_of_use
    assert area is not None
    east = area.east if area.east > area.west else area.east + 360
    lon, lat = random.uniform(area.west, east), random.uniform(max(area.south, -80), min(area.north, 80))
    lon = (lon + 180) % 360 - 180
    half = random.uniform(0.2, 2.0)
    corners = [(lon - half, lat - half), (lon + 0.7 * half, lat - 0.2 * half), (lon, lat + half)]
    side = random.uniform(40e3, 200e3) / crs.axis_info[0].unit_conversion_factor
    return f"EPSG:{code}", side, shapely.Polygon(np.clip(corners, [-180, -90], [180, 90]))


@pytest.mark.parametrize("seed", range(10))
def test_a_polygon_over_coarse_cells_of_any_system_has_its_geodesic_area(seed):
    system, side, polygon = drawn_from(np.random.default_rng(seed))
    lon, lat = polygon.centroid.coords[0]
    x, y = Transformer.from_crs("OGC:CRS84", system, always_xy=True).transform(lon, lat)
    found = counted_km2(system, polygon, side, left=x - 3.3 * side, top=y + 2.6 * side)
    assert found == pytest.approx(true_km2(polygon), rel=1e-5), system


@pytest.mark.parametrize(
    ("crs", "cell", "bounds"),
    [
        ("EPSG:3031", 100e3, (10, -70, 40, -60)),
        ("EPSG:3413", 200e3, (-50, 71, -49, 72)),  # a sixth of one cell
        ("ESRI:54030", 200e3, (-158, 61, -146, 73)),  # the map of Robinson has kinks every 5 degrees
        ("EPSG:3857", 6250.0, (10.01, 60.01, 10.03, 60.02)),  # within one cell
        ("+proj=vandg +R=6371000", 200e3, (116, 82, 120, 85)),
    ],
)
def test_parts_of_coarse_cells_have_their_own_area(crs, cell, bounds):
    polygon = shapely.box(*bounds)
    assert counted_km2(crs, polygon, cell) == pytest.approx(true_km2(polygon), rel=1e-5)


@pytest.mark.parametrize(
    ("cell", "bounds"),
    [
        (0.25, (10.1, 80.03, 10.2, 80.12)),
        (2.5, (3.0, 60.0, 4.0, 62.0)),
        (2.5, (-180, 86, 180, 90)),
        (10, (5, 5, 50, 59)),
    ],
)
def test_parts_of_coarse_cells_in_degrees_have_their_own_area(cell, bounds):
    polygon = shapely.box(*bounds)
    counted = counted_km2("EPSG:4326", polygon, cell, left=-180 - cell / 2, top=90 + cell / 2)
    assert counted == pytest.approx(true_km2(polygon), rel=1e-5)


@pytest.mark.parametrize(
    ("crs", "cell", "bounds", "on_map"),
    [
        (GOES, 40e3, (3, 0, 9, 6), 0.514),
        (GOES, 2e3, (-80, 76, -70, 84), 0.753),
        (ORTHOGRAPHIC, 40e3, (90, -10, 115, 10), 0.786),
    ],
    ids=["to the east, 40 km", "to the north, 2 km", "orthographic"],
)
def test_a_polygon_over_the_limb_counts_what_is_on_the_disc(crs, cell, bounds, on_map):
    polygon = shapely.box(*bounds)
    edge = edge_of(CRS.from_user_input(crs))
    assert edge is not None
    there = edge.cut(polygon)
    assert there is not None
    assert true_km2(there) / true_km2(polygon) == pytest.approx(on_map, abs=1e-3)
    assert counted_km2(crs, polygon, cell) == pytest.approx(true_km2(polygon), rel=2e-5)


def test_the_disc_of_a_satellite_ends_where_its_line_of_sight_touches_the_earth():
    edge = edge_of(CRS.from_user_input("+proj=geos +lon_0=0 +h=35785831 +R=6371000"))
    assert edge is not None
    assert edge.reach == pytest.approx(np.arccos(6371000 / (6371000 + 35785831)), abs=1e-6)
    assert edge.cut(shapely.box(100, -10, 120, 10)) is None
    beneath = shapely.box(-10, -10, 10, 10)
    assert edge.cut(beneath) is beneath


@pytest.mark.parametrize(
    ("crs", "bounds"),
    [
        ("EPSG:3035", FAR_SIDE),
        ("+proj=laea +lat_0=90 +datum=WGS84", (-180, -90, 180, -85)),
        ("+proj=aeqd +lat_0=90 +datum=WGS84", (-180, -90, 180, -85)),
    ],
)
def test_a_polygon_around_the_point_opposite_to_a_map_has_its_own_area(crs, bounds):
    polygon = shapely.box(*bounds)
    assert counted_km2(crs, polygon, 200e3) == pytest.approx(true_km2(polygon), rel=3e-5)


def test_a_stereographic_map_has_nothing_at_the_point_opposite_to_it():
    oblique = edge_of(CRS.from_user_input("+proj=stere +lat_0=52 +lon_0=10 +datum=WGS84"))
    polar = edge_of(CRS.from_epsg(3031))
    assert oblique is not None
    assert polar is not None
    assert oblique.cut(shapely.box(*FAR_SIDE)) is None
    around_the_pole = shapely.box(-180, 30, 180, 90)
    cut = polar.cut(around_the_pole)
    assert cut is not None
    assert cut.bounds == pytest.approx((-180, 30, 180, 38.4), abs=0.1)
    assert counted_km2("EPSG:3031", around_the_pole, 200e3) == pytest.approx(
        true_km2(around_the_pole), rel=1e-5
    )
