"""Polygons counted over a grid in which every cell has a value, beside PROJ's geodesic areas of them."""

from typing import Any

import numpy as np
import shapely
from pyproj import Geod
from rasterio.crs import CRS

from app.rendering.values import Mask, Values
from app.statistics.counting import count_block
from app.statistics.pixel_grid import CELL_BUDGET, PixelGrid, plan_of
from mosaics.raster.grid import Grid

LEFT, TOP = -20_040_000.0, 9_060_000.0


def ones(grid: Grid, wanted: Mask) -> Values:
    """Return 1 everywhere."""
    return Values(np.ones((1, *wanted.shape), np.float32), (), (), (), (), {}, 0, ())


def counted_km2(
    crs: str, polygon: Any, cell: float, left: float = LEFT, top: float = TOP, height: float | None = None
) -> float:
    """Return the area of all cells under a polygon as statistics count it, with what has no cells.

    Args:
        crs: Of the grid.
        polygon: In degrees.
        cell: Width of the cells in its units.
        left: X of the grid's left edge.
        top: Y of its upper edge.
        height: Of the cells, if that is not their width.
    """
    grid = PixelGrid(CRS.from_user_input(crs), left, top, cell, height or cell)
    plan = plan_of(polygon, (grid,), CELL_BUDGET)
    assert plan is not None
    counted = [
        count_block(ones, plan.lattice, plan.areas, plan.coverage(block), block).area_m2
        for block in plan.blocks
    ]
    return (sum(counted) + plan.off_map_m2) / 1e6


def true_km2(polygon: Any) -> float:
    """Return its area on WGS 84, with edges straight in degrees."""
    outline = shapely.segmentize(polygon, 0.02)
    return abs(Geod(ellps="WGS84").geometry_area_perimeter(outline)[0]) / 1e6
