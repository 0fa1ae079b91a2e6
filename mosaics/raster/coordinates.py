"""Coordinates from one system to another; what a system has no place for is infinite, never an error.

rasterio raises an error of GDAL other than `RasterioError` for the first twenty calls with a place that a
projection does not have, gives none of their other coordinates, and returns infinity from then on.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS as PROJ_CRS
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.warp import transform, transform_bounds

from mosaics.ellipsoid import WGS84

GDAL_ERRORS = (RasterioError, CPLE_BaseError)
"""What rasterio raises for a file or place it cannot read; some of GDAL's errors pass as they are."""

Floats: TypeAlias = NDArray[np.float64]
Coordinates: TypeAlias = NDArray[np.floating[Any]] | Sequence[float]
Bounds: TypeAlias = tuple[float, float, float, float]
"""Left, bottom, right, top in units of some coordinate system."""


def moved(source: CRS, target: CRS, xs: Coordinates, ys: Coordinates) -> tuple[Floats, Floats]:
    """Return coordinates in another system.

    Args:
        source: The system they are in.
        target: The system wanted.
        xs: Eastings or longitudes, of shape (n,), in units of the source.
        ys: Northings or latitudes, the same.

    Returns:
        Both in units of the target, infinite where it has no such place.
    """
    try:
        there = transform(source, target, xs, ys)
    except GDAL_ERRORS:
        there = _through_proj(source, target, np.asarray(xs, float), np.asarray(ys, float))
    return np.asarray(there[0], float), np.asarray(there[1], float)


def moved_bounds(source: CRS, target: CRS, bounds: Bounds) -> Bounds | None:
    """Return the box around a box, its edges densified, in another system; None where it is nowhere."""
    try:
        left, bottom, right, top = transform_bounds(source, target, *bounds)
    except GDAL_ERRORS:
        return None
    return (left, bottom, right, top) if np.isfinite([left, bottom, right, top]).all() else None


def to_crs(crs: CRS, lons: Floats, lats: Floats) -> tuple[Floats, Floats]:
    """Return coordinates in a system; infinite where it has none, as on another planet everywhere."""
    return _through_proj(WGS84, crs, lons, lats)


def to_degrees(crs: CRS, xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
    """Return longitudes and latitudes; infinite where the coordinates are nowhere on Earth."""
    return _through_proj(crs, WGS84, xs, ys)


def _through_proj(source: CRS, target: CRS, xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
    try:
        there = _transformer(source, target).transform(xs, ys)
    except ProjError:
        return np.full(np.shape(xs), np.inf), np.full(np.shape(ys), np.inf)
    return np.asarray(there[0], float), np.asarray(there[1], float)


@lru_cache(maxsize=64)
def _transformer(source: CRS, target: CRS) -> Transformer:
    return Transformer.from_crs(_described(source), _described(target), always_xy=True)


def _described(crs: CRS) -> PROJ_CRS:
    return PROJ_CRS.from_wkt(crs.to_wkt(version="WKT2_2019"))
