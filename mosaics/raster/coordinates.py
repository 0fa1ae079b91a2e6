"""Coordinates: from one system to another, and which systems close around the Earth.

What a system has no place for is infinite, never an error. Rasterio raises an error of GDAL other than
`RasterioError` for the first twenty calls with a place that a projection does not have, gives none of their
other coordinates, and returns infinity from then on.

Longitude is a circle. A file may say 0 to 360 degrees, reach half a pixel beyond 180, or lie on both sides
of it. Transformations give longitudes of one turn alone, so that a file is seen as often as it has places on
that turn.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
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

CYLINDRICAL = frozenset({"merc", "webmerc", "eqc", "cea", "mill"})
"""PROJ's projections whose x is a longitude times a constant."""

LOCAL = frozenset({"utm", "tmerc", "etmerc"})
"""PROJ's projections that no file of the whole world is in."""

WITHIN = 1e-3
"""Of a pixel: what reaches no further beyond the edge of the turn than this ends there."""

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


def transformer_between(source: CRS, target: CRS) -> Transformer:
    """Return what moves coordinates from one system to another; infinite where there is no such place."""
    return _transformer(source, target)


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


@dataclass(frozen=True, slots=True)
class Turn:
    """The x coordinates of one turn around the Earth, those that transformations give."""

    west: float
    """In units of the coordinate system, like the others."""
    period: float
    """From a meridian to itself."""
    meridian: float
    """In the middle, in degrees east."""

    @property
    def east(self) -> float:
        """The end of the turn."""
        return self.west + self.period

    def longitude(self, x: float) -> float:
        """Return a longitude in degrees east, beyond 180 for what lies beyond."""
        return self.meridian + ((x - self.west) / self.period - 0.5) * 360

    def shifts(self, left: float, right: float, pixel: float) -> tuple[float, ...]:
        """Return by how much a file is moved so that each part of it is seen on the turn, nearest first.

        Args:
            left: X of the file's left edge.
            right: X of its right edge.
            pixel: Width of its pixels.
        """
        slack = WITHIN * pixel
        first = math.floor((self.west - right + slack) / self.period) + 1
        last = math.ceil((self.east - left - slack) / self.period) - 1
        turns = sorted(range(first, last + 1), key=lambda turn: (abs(turn), turn))
        return tuple(turn * self.period for turn in turns) or (0.0,)


@lru_cache(maxsize=256)
def turn_of(crs: CRS) -> Turn | None:
    """Return the turn of a coordinate system; None where x is not a longitude times a constant."""
    if crs.is_geographic:
        period = 2 * math.pi / crs.units_factor[1]
        return Turn(-period / 2, period, _number(crs, "pm"))
    if _named(crs, "proj") not in CYLINDRICAL:
        return None
    meridian = _number(crs, "lon_0")
    xs, _ = to_crs(crs, np.array([meridian, meridian + 90.0]), np.zeros(2))
    if not np.isfinite(xs).all():
        return None
    period = 4 * float(xs[1] - xs[0])
    return Turn(float(xs[0]) - period / 2, period, meridian)


@lru_cache(maxsize=256)
def is_local(crs: CRS) -> bool:
    """Return whether no file in a coordinate system reaches around the Earth or a pole."""
    return _named(crs, "proj") in LOCAL


@lru_cache(maxsize=256)
def is_wgs84(crs: CRS) -> bool:
    """Return whether a system is of WGS 84, so that moving to another such one is plain geometry."""
    return _named(crs, "datum") == "WGS84" or _named(crs, "nadgrids") == "@null"


@lru_cache(maxsize=256)
def poles_in(crs: CRS) -> tuple[tuple[float, float, float], ...]:
    """Return x, y and latitude of the poles that are points of a coordinate system, if any."""
    found = []
    for latitude in (90.0, -90.0):
        lons, lats = np.array([-135.0, -45.0, 45.0, 135.0]), np.full(4, latitude)
        xs, ys = to_crs(crs, lons, lats)
        back = to_degrees(crs, xs[:1], ys[:1])[1]
        one_point = np.ptp(xs) + np.ptp(ys) < 1.0 if np.isfinite([xs, ys]).all() else False
        if one_point and abs(float(back[0]) - latitude) < 1e-3:
            found.append((float(xs[0]), float(ys[0]), latitude))
    return tuple(found)


def holds_pole(crs: CRS, bounds: Bounds) -> tuple[float, ...]:
    """Return the latitudes of the poles within bounds in a projected coordinate system."""
    left, bottom, right, top = bounds
    if crs.is_geographic or turn_of(crs) is not None:
        return ()
    return tuple(lat for x, y, lat in poles_in(crs) if left <= x <= right and bottom <= y <= top)


@lru_cache(maxsize=256)
def named_terms(crs: CRS) -> dict[str, str]:
    """Return what PROJ's text of a coordinate system says."""
    try:
        text = str(crs.to_proj4())
    except (ProjError, ValueError):
        return {}
    return dict(term.lstrip("+").partition("=")[::2] for term in text.split())


def _named(crs: CRS, term: str) -> str:
    return named_terms(crs).get(term, "")


def _number(crs: CRS, term: str) -> float:
    try:
        return float(_named(crs, term))
    except ValueError:
        return 0.0
