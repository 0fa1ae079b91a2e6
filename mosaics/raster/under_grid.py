"""Which pixels of a file lie under a grid, roughly: for checking what a warp may read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.transform import Affine

from mosaics.raster.coordinates import Bounds, transformer_between

AROUND_PX = 2
"""Pixels around those under a grid that a warp by the nearest may read."""

BULGE = 0.02
"""Of a grid's width in the file: how far its edges may bulge out between points that are looked at."""

_ALONG = np.linspace(0.0, 1.0, 5)
EDGE = np.array(
    [
        np.concatenate([_ALONG, _ALONG, np.zeros(5), np.ones(5)]),
        np.concatenate([np.zeros(5), np.ones(5), _ALONG, _ALONG]),
    ]
)
"""Points of the edges of a box, in parts of its width and height."""


@dataclass(frozen=True, eq=False, slots=True)
class Move:
    """What moves coordinates from one system to another; the same for the same two systems."""

    transformer: Transformer


@lru_cache(maxsize=64)
def move_between(source: CRS, target: CRS) -> Move:
    """Return what moves coordinates from one system to another; infinite where there is no such place."""
    return Move(transformer_between(source, target))


@lru_cache(maxsize=256)
def rough_bounds(move: Move, bounds: Bounds) -> Bounds | None:
    """Return the box around some points of a box's edges in another system; None where one has no place.

    It takes a tenth of the time of `coordinates.moved_bounds`, and may lack what edges bulge out between
    the points. The bands of a scene are mostly asked for the same box, one after the other.
    """
    left, bottom, right, top = bounds
    xs, ys = move.transformer.transform(left + EDGE[0] * (right - left), bottom + EDGE[1] * (top - bottom))
    found = float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())
    return found if all(map(math.isfinite, found)) else None


def cells_of(placed: Affine, bounds: Bounds) -> tuple[Sequence[float], Sequence[float]]:
    """Return the columns and rows, with fractions, of the corners of a box in a file's system.

    Args:
        placed: The file's transform; it may be turned.
        bounds: Left, bottom, right, top.
    """
    left, bottom, right, top = bounds
    corners = [~placed @ corner for corner in ((left, bottom), (left, top), (right, bottom), (right, top))]
    return [corner[0] for corner in corners], [corner[1] for corner in corners]


def widened(ends: Sequence[float], length: int) -> tuple[int, int]:
    """Return where pixels begin and end, with what is around them, within a file's."""
    low, high = min(ends), max(ends)
    around = AROUND_PX + (high - low) * BULGE
    first = min(length, max(0, math.floor(low - around)))
    return first, max(first, min(length, math.ceil(high + around)))
