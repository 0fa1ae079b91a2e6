"""Boxes and polygons of pictures across the antimeridian, whose longitudes continue past 180 degrees."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS

from app.statistics.geometry import Polygonal, unrolled
from mosaics.raster.coordinates import Bounds, moved_bounds, turn_of
from mosaics.raster.grid import Grid


def continued(box: Bounds, crs: CRS) -> Bounds:
    """Return a box in degrees whose east lies above its west: past 180 if it lies across the antimeridian.

    Args:
        box: West, south, east, north. Across the antimeridian its west is above its east by half a turn or
            more, as in GeoJSON, or one of them lies beyond 180 degrees.
        crs: Of the box; in a projected system it is returned as it is.
    """
    west, south, east, north = box
    turn = turn_of(crs) if crs.is_geographic else None
    if turn is None or not all(abs(number) <= turn.period for number in box):
        return (west, south, east, north)
    if west - east >= turn.period / 2:  # else it is a box whose sides were confused
        east += turn.period
    shift = -turn.period * math.floor((west - turn.west) / turn.period)
    return (west + shift, south, east + shift, north)


def moved_across(box: Bounds, source: CRS, target: CRS) -> Bounds | None:
    """Return the box around a box in degrees in another system, also if it lies across the antimeridian.

    Args:
        box: As `continued` gives it.
        source: The system it is in.
        target: The system wanted. If the antimeridian is at the edge of its maps, the box continues past it.

    Returns:
        None where it has no place there.
    """
    turn = turn_of(source) if source.is_geographic else None
    if turn is None or box[2] <= turn.east:
        return moved_bounds(source, target, box)
    west, south, east, north = box
    halves = ((west, south, turn.east, north), (turn.west, south, east - turn.period, north))
    left, right = (moved_bounds(source, target, half) for half in halves)
    if left is None or right is None:
        return None
    there = turn_of(target)
    if there is not None and right[0] < left[0]:
        right = (right[0] + there.period, right[1], right[2] + there.period, right[3])
    return (min(left[0], right[0]), min(left[1], right[1]), max(left[2], right[2]), max(left[3], right[3]))


def parts_on_turn(grid: Grid) -> tuple[Grid, ...]:
    """Return a grid as the parts, from west to east, whose columns have their middles on one turn."""
    turn = turn_of(grid.crs)
    if turn is None or grid.bounds[2] <= turn.east:
        return (grid,)
    left, bottom, right, top = grid.bounds
    pixel = (right - left) / grid.width
    before = min(max(math.ceil((turn.east - left) / pixel - 0.5), 0), grid.width)
    edge = left + before * pixel
    west = replace(grid, bounds=(left, bottom, edge, top), width=before)
    beyond = (edge - turn.period, bottom, right - turn.period, top)
    east = replace(grid, bounds=beyond, width=grid.width - before)
    return tuple(part for part in (west, east) if part.width)


def continued_polygon(polygon: Polygonal) -> Polygonal:
    """Return a polygon in degrees on the side of the antimeridian on which it is narrower as a whole.

    Raises:
        app.statistics.geometry.InvalidPolygonError: If it is not valid once it is taken across.
    """
    parts = [piece for part in shapely.get_parts(polygon) for piece in shapely.get_parts(unrolled(part))]
    eastern = [shapely.transform(part, _turned(360.0)) if part.bounds[2] <= 0 else part for part in parts]
    chosen = min((parts, eastern), key=_width)
    west = float(shapely.total_bounds(chosen)[0])
    whole = chosen[0] if len(chosen) == 1 else shapely.MultiPolygon(chosen)
    return shapely.transform(whole, _turned(-360.0 * math.floor((west + 180) / 360)))


def _width(parts: list[shapely.Polygon]) -> float:
    west, _, east, _ = shapely.total_bounds(parts)
    return float(east - west)


def _turned(degrees: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return what moves longitudes east."""
    return lambda lonlats: np.add(lonlats, [degrees, 0.0])
