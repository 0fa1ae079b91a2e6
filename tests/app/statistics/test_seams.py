"""Polygons over the meridian along which a map of the world is cut: true areas are PROJ's geodesic ones."""

import numpy as np
import pytest
import shapely
from pyproj import Geod
from rasterio.crs import CRS

from app.statistics.geometry import GeometryError, project
from app.statistics.pixel_grid import CELL_BUDGET, PixelGrid, plan_of

CELL_M = 20_000.0


def counted_km2(crs: str, polygon: shapely.Polygon) -> float:
    """Return the area of all cells of a map under a polygon, as statistics count it."""
    grid = PixelGrid(CRS.from_user_input(crs), -20_040_000.0, 9_060_000.0, CELL_M, CELL_M)
    plan = plan_of(polygon, (grid,), CELL_BUDGET)
    covered = [
        plan.coverage(block).array() * plan.areas.of(block.column, block.row, block.width, block.height)
        for block in plan.blocks
    ]
    return sum(float(cells.sum()) for cells in covered) / 1e6


def true_km2(polygon: shapely.Polygon) -> float:
    """Return its area on WGS 84, with edges straight in degrees."""
    outline = shapely.segmentize(polygon, 0.05)
    return abs(Geod(ellps="WGS84").geometry_area_perimeter(outline)[0]) / 1e6


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
    assert counted_km2(crs, polygon) == pytest.approx(true_km2(polygon), rel=2e-4)


def test_a_polygon_off_every_seam_stays_in_one_piece():
    around_the_pole = shapely.box(-180, 60, 180, 90)
    assert isinstance(project(around_the_pole, CRS.from_epsg(3413), 100.0), shapely.Polygon)


def test_a_polygon_that_a_map_tears_otherwise_than_along_meridians_is_refused():
    transverse = CRS.from_user_input("+proj=tmerc +lon_0=0 +approx +datum=WGS84")
    with pytest.raises(GeometryError, match="extends beyond the domain"):
        project(shapely.box(85, -5, 95, 5), transverse, 1.0)


def test_cells_at_the_edge_of_a_map_count_by_their_part_on_it():
    edge = shapely.box(176.0, 40.0, 180.0, 44.0)
    coarse = PixelGrid(CRS.from_user_input("ESRI:54009"), -18_041_000.0, 9_021_000.0, 2e5, 2e5)
    plan = plan_of(edge, (coarse,), CELL_BUDGET)
    (block,) = plan.blocks
    areas = plan.areas.of(block.column, block.row, block.width, block.height)
    counted = float(np.sum(plan.coverage(block).array() * areas)) / 1e6
    assert counted == pytest.approx(true_km2(edge), rel=1e-3)
