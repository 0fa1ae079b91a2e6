"""Factors between the area of a place on the ellipsoid and on a plane, in any coordinate system."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from mosaics.ellipsoid import EARTH_AREA_M2, sphere_points

STEP_M = 2000.0
"""Half the distance over which derivatives are taken: the error of a difference is some 1e-8, and PROJ's
inverse projections are right to some 1e-10 radians, which this makes 3e-7 at most."""

SHORTEST_STEP_M = 50.0
"""The same where a factor is not smooth, and the step is half a cell, over a kink as the cell itself."""

SMALL_STEP = 1e-3
"""Of that step: how near to the edge of a projection a factor is still found."""

PARALLEL_ROWS = frozenset({"merc", "webmerc", "eqc", "cea", "mill"})
"""PROJ's cylindrical projections: a row of cells follows a parallel, so that its cells have one area."""

SAME_ELLIPSOID = frozenset({"WGS84", "NAD83", "GRS80"})
"""PROJ's names of datums and ellipsoids that are WGS 84's to a tenth of a millimetre."""

Floats = NDArray[np.floating[Any]]


def rows_are_parallels(crs: CRS) -> bool:
    """Return whether a row of cells follows a parallel, so that its cells have one area."""
    return _in_degrees(crs) or crs.to_dict().get("proj") in PARALLEL_ROWS


def _in_degrees(crs: CRS) -> bool:
    """Return whether coordinates are degrees from Greenwich on an ellipsoid that is WGS 84's to a metre."""
    if not crs.is_geographic:
        return False
    named = crs.to_dict()
    return named.get("datum") in SAME_ELLIPSOID or (
        named.get("ellps") in SAME_ELLIPSOID and "pm" not in named
    )


def factors_at(crs: CRS, xs: Floats, ys: Floats, unit_m: float, step_m: float) -> Floats:
    """Return the true area of a small square by its plane area, at places, any shape.

    The area is that of the parallelogram between the derivatives on the authalic sphere: on unit vectors
    neither a pole nor the antimeridian is a seam.
    """
    found = _factors_by(crs, xs, ys, unit_m, step_m)
    missing = ~np.isfinite(found)
    if missing.any():
        found[missing] = _factors_by(crs, xs[missing], ys[missing], unit_m, SMALL_STEP * step_m)
    return found


def extrapolated_factors(crs: CRS, xs: Floats, ys: Floats, unit_m: float, step_m: float) -> Floats:
    """Return what `factors_at` gives, without the error of its step, which grows with the square of it."""
    near, far = (factors_at(crs, xs, ys, unit_m, step) for step in (step_m, 2 * step_m))
    with np.errstate(invalid="ignore"):
        found = (4 * near - far) / 3
    return np.where(np.isfinite(found), found, near)


def factors_on_map(crs: CRS, xs: Floats, ys: Floats, unit_m: float) -> Floats:
    """Return the mean factors over those parts of rectangles that are on the map.

    Args:
        crs: Of the coordinates.
        xs: Where each rectangle is looked at, from its left to its right side, (rectangles, looks).
        ys: The same from its upper to its lower side.
        unit_m: Metres of a unit.

    Returns:
        Of shape (rectangles,), 0 where no corner is on the map.
    """
    found = np.zeros(len(xs))
    corners = sphere_points(crs, xs[:, [0, -1, 0, -1]], ys[:, [0, 0, -1, -1]])
    cut = np.isfinite(corners.sum(axis=0)).any(axis=1)
    across, down = np.broadcast_arrays(xs[cut, :, np.newaxis], ys[cut, np.newaxis, :])
    factors = factors_at(crs, across, down, unit_m, SHORTEST_STEP_M)
    on_map = np.isfinite(factors)
    found[cut] = np.where(on_map, factors, 0).sum(axis=(1, 2)) / np.maximum(on_map.sum(axis=(1, 2)), 1)
    return found


def _factors_by(crs: CRS, xs: Floats, ys: Floats, unit_m: float, step_m: float) -> Floats:
    step = step_m / unit_m
    around = sphere_points(
        crs,
        np.stack([xs - step, xs + step, xs, xs]),
        np.stack([ys, ys, ys - step, ys + step]),
    )
    with np.errstate(invalid="ignore"):
        across, up = around[:, 1] - around[:, 0], around[:, 3] - around[:, 2]
        area = np.linalg.norm(np.cross(across, up, axis=0), axis=0)
        return np.asarray(area * (EARTH_AREA_M2 / (4 * math.pi)) / (2 * step_m) ** 2)
