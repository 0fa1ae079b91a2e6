"""Polygons over the meridian along which a map of the world is cut: true areas are PROJ's geodesic ones."""

import pytest
import shapely
from rasterio.crs import CRS

from app.statistics.geometry import GeometryError, project
from tests.app.statistics.counted import counted_km2, true_km2


@pytest.mark.parametrize(
    ("crs", "bounds"),
    [
        ("EPSG:8859", (-31.5, -30.0, -28.5, -27.0)),  # Equal Earth for Asia and the Pacific, cut at 30 W
        ("EPSG:8859", (-30.0, -30.0, -28.5, -27.0)),
        ("EPSG:8859", (-31.5, -30.0, -30.0, -27.0)),
        ("+proj=robin +lon_0=150 +datum=WGS84", (-31.5, 10.0, -28.5, 13.0)),
        ("+proj=moll +lon_0=-90 +datum=WGS84", (60.0, -20.0, 110.0, 13.0)),
        ("+proj=igh +datum=WGS84", (-41.5, 10.0, -38.5, 13.0)),  # interrupted, in the north at 40 W
        ("+proj=igh +datum=WGS84", (-21.5, -13.0, -18.5, -10.0)),  # and in the south at 20 W
        ("+proj=eqc +lon_0=180 +datum=WGS84", (-1.0, 40.0, 2.0, 41.0)),
        ("ESRI:54030", (178.5, 10.0, 180.0, 13.0)),
    ],
)
def test_a_polygon_over_the_seam_of_a_map_has_its_own_area(crs, bounds):
    polygon = shapely.box(*bounds)
    assert counted_km2(crs, polygon, 20_000.0) == pytest.approx(true_km2(polygon), rel=1e-5)


def test_a_polygon_off_every_seam_stays_in_one_piece():
    around_the_pole = shapely.box(-180, 60, 180, 90)
    assert isinstance(project(around_the_pole, CRS.from_epsg(3413), 100.0), shapely.Polygon)


def test_a_polygon_that_a_map_tears_otherwise_than_along_meridians_is_refused():
    transverse = CRS.from_user_input("+proj=tmerc +lon_0=0 +approx +datum=WGS84")
    with pytest.raises(GeometryError, match="extends beyond the domain"):
        project(shapely.box(85, -5, 95, 5), transverse, 1.0)


def test_cells_at_the_edge_of_a_map_count_by_their_part_on_it():
    edge = shapely.box(176.0, 40.0, 180.0, 44.0)
    assert counted_km2("ESRI:54009", edge, 2e5) == pytest.approx(true_km2(edge), rel=2e-5)
