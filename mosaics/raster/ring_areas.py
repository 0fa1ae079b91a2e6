"""Areas inside outlines given in any coordinate system: where factors change too fast to interpolate them.

Places are followed on the authalic sphere, where areas are in proportion and neither a pole nor the
antimeridian is a seam. Sides of cells are followed at places that lie closer together towards both ends:
beside the limb of a globe seen from afar, ground goes by the square root of the distance on the map.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from mosaics.ellipsoid import EARTH_AREA_M2, sphere_points

PLACES = 32
"""On each side of a cell; with areas by half as many the error is extrapolated to some 1e-6."""

GRADED = (1 - np.cos(math.pi * np.arange(PLACES) / PLACES)) / 2
"""Where they lie along a side, from 0 to 1, its end left out."""

Floats = NDArray[np.floating[Any]]


def ring_areas_m2(crs: CRS, xs: Floats, ys: Floats, rings: NDArray[np.intp]) -> Floats:
    """Return the areas inside rings of places, between which the way is straight on the sphere.

    Args:
        crs: Of the coordinates.
        xs: Of the places of all rings, one ring after the other, each closed, (places,).
        ys: The same.
        rings: Number of the ring of each place, ascending from 0, (places,).

    Returns:
        Of shape (rings,); positive whichever way a ring runs, not finite where a place lies off the map.
    """
    points = sphere_points(crs, xs, ys)
    first = points[:, np.searchsorted(rings, rings[:-1])]
    along = rings[1:] == rings[:-1]
    excess = _triangle_areas(first[:, along], points[:, :-1][:, along], points[:, 1:][:, along])
    return np.abs(np.bincount(rings[:-1][along], excess)) * (EARTH_AREA_M2 / (4 * math.pi))


def cell_areas_m2(crs: CRS, lefts: Floats, tops: Floats, width: float, height: float) -> Floats:
    """Return the areas of whole cells by their four sides, in square metres.

    Args:
        crs: Of the coordinates.
        lefts: X of each cell's left side, (cells,).
        tops: Y of each cell's upper side, (cells,).
        width: Of the cells, in units of `crs`.
        height: The same.

    Returns:
        Of shape (cells,), not finite where a cell reaches beyond the map.
    """
    ahead, none, whole = GRADED, np.zeros(PLACES), np.ones(PLACES)
    across = np.concatenate([ahead, whole, 1 - ahead, none, [0.0]])
    down = np.concatenate([none, ahead, whole, 1 - ahead, [0.0]])
    by_all, by_half = (
        _by_outline(crs, lefts, tops, width * across[::step], height * down[::step]) for step in (1, 2)
    )
    return (4 * by_all - by_half) / 3


def _by_outline(crs: CRS, lefts: Floats, tops: Floats, across: Floats, down: Floats) -> Floats:
    xs, ys = lefts[:, np.newaxis] + across, tops[:, np.newaxis] - down
    return ring_areas_m2(crs, xs.ravel(), ys.ravel(), np.repeat(np.arange(len(lefts)), across.size))


def _triangle_areas(first: Floats, second: Floats, third: Floats) -> Floats:
    """Return the areas of triangles on the unit sphere, positive where they run counterclockwise.

    By van Oosterom and Strackee (1983); differences are taken first, since a small triangle's sides are
    nearly parallel vectors.
    """
    with np.errstate(invalid="ignore"):
        volume = (first * np.cross(second - first, third - first, axis=0)).sum(axis=0)
        beside = 1 + (first * second).sum(axis=0) + (second * third).sum(axis=0) + (third * first).sum(axis=0)
        return np.asarray(2 * np.arctan2(volume, beside))
