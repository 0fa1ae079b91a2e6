"""Footprints: where a raster lies in longitude and latitude, whatever the edges of its map cut through."""

import functools
import math
import warnings
from dataclasses import dataclass
from typing import TypeAlias

import antimeridian
import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS

from mosaics.ellipsoid import WGS84
from mosaics.raster.coordinates import Bounds, Turn, to_crs, to_degrees, turn_of

SAMPLES = 129
"""Points a side of a raster at which it is found out what of it lies on the Earth."""

EARTH_SAMPLES = 61
"""Places in each direction around the Earth that are looked for on a map."""

BOXES = 60
"""Boxes of longitude and latitude to the height of an outline that is put together from them."""

WIDEST_BOX = 2.0
"""Degrees."""

LOOKS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Where a box is looked at in each direction, in parts of its side."""

POINTS_PER_SIDE = 21
"""A straight edge on the raster's grid is a curve in degrees; this keeps a 110 km edge within a metre."""

FARTHEST_M = 1e8
"""Metres from the origin of a projection, beyond which no map of the Earth reaches. Conic and stereographic
projections have a place near a pole for every point, however far; zones before an easting take 6e7."""

FARTHEST_LONGITUDE = 540
"""Degrees east or west that files of 0..360 and beyond 180 degrees reach at most."""

Floats = NDArray[np.float64]
Footprint: TypeAlias = shapely.Polygon | shapely.MultiPolygon


@functools.lru_cache(maxsize=256)
def footprint_of(crs: CRS, bounds: Bounds, pixel: tuple[float, float]) -> Footprint | None:
    """Return the outline of a raster in degrees, split at the antimeridian.

    Where columns are meridians and the raster goes around the Earth, or in a cylindrical projection, it is a
    box of longitudes and latitudes; else its edges with 21 points a side. A raster that is partly nowhere on
    Earth, as maps of the world are in their corners, is outlined by boxes around what is.

    Args:
        crs: Coordinate system of the raster.
        bounds: Left, bottom, right, top in units of the system.
        pixel: Width and height of its pixels in the same units.

    Returns:
        None if nothing of it lies on the Earth.
    """
    left, bottom, right, top = bounds
    if crs.is_geographic:
        if max(abs(bottom), abs(top)) > 90 + pixel[1] or max(abs(left), abs(right)) > FARTHEST_LONGITUDE:
            return None
        bounds = (left, max(bottom, -90.0), right, min(top, 90.0))  # rows by half a pixel beyond a pole
    elif max(map(abs, bounds)) * float(crs.linear_units_factor[1]) > FARTHEST_M:
        return None
    turn = turn_of(crs)
    if turn is None:
        return _of_edges(crs, bounds, pixel)
    if right - left > 2 * turn.period:
        return None
    if crs.is_geographic and right - left < turn.period - pixel[0] / 2:
        return _of_edges(crs, bounds, pixel)
    return around_turn(turn, crs, bounds, pixel[0])


def _of_edges(crs: CRS, bounds: Bounds, pixel: tuple[float, float]) -> Footprint | None:
    """Return the outline along the edges where they are on Earth, or else the boxes around what is."""
    left, bottom, right, top = bounds
    xs, ys = np.linspace(left, right, POINTS_PER_SIDE), np.linspace(bottom, top, POINTS_PER_SIDE)
    ring_x = np.array([*xs, *[right] * (len(ys) - 1), *xs[-2::-1], *[left] * (len(ys) - 1)])
    ring_y = np.array([*[bottom] * len(xs), *ys[1:], *[top] * (len(xs) - 1), *ys[-2::-1]])
    part = MapPart(crs, bounds, min(pixel))
    if crs.is_geographic:
        lons, lats = (ring_x, ring_y) if crs == WGS84 else to_degrees(crs, ring_x, ring_y)
        on_earth = np.isfinite(lons) & np.isfinite(lats)
    else:
        lons, lats, on_earth = part.on_earth(ring_x, ring_y)
    if on_earth.all():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", antimeridian.FixWindingWarning)
            fixed = antimeridian.fix_polygon(
                shapely.Polygon(np.column_stack([lons, np.clip(lats, -90.0, 90.0)]))
            )
        if fixed.is_valid:
            return fixed
    return part.outline()


def around_turn(turn: Turn, crs: CRS, bounds: Bounds, pixel: float) -> Footprint | None:
    """Return the outline of a raster whose columns are meridians and whose rows are parallels.

    Args:
        turn: Of the coordinate system.
        crs: The same.
        bounds: Of the raster, in units of the system.
        pixel: Width of its pixels.

    Returns:
        None if its upper or lower edge is nowhere on Earth.
    """
    left, bottom, right, top = bounds
    middle = np.full(2, turn.west + turn.period / 2)
    _, lats = to_degrees(crs, middle, np.array([bottom, top]))
    if not np.isfinite(lats).all() or lats[0] >= lats[1]:
        return None
    south, north = max(float(lats[0]), -90.0), min(float(lats[1]), 90.0)
    if right - left >= turn.period - pixel / 2:
        return shapely.box(-180.0, south, 180.0, north)
    return _split(turn.longitude(left), south, turn.longitude(right), north, 1e-3 * pixel / turn.period * 360)


def _split(west: float, south: float, east: float, north: float, slack: float) -> Footprint:
    """Return a box of longitudes of any turn on the one of -180 to 180."""
    parts = []
    for number in range(math.floor((west + 180) / 360), math.ceil((east + 180) / 360)):
        left, right = max(west - 360 * number, -180.0), min(east - 360 * number, 180.0)
        if right - left > slack:
            parts.append(shapely.box(left, south, right, north))
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


@dataclass(frozen=True, slots=True)
class MapPart:
    """A rectangle of a map, some of which may lie nowhere on Earth."""

    crs: CRS
    bounds: Bounds
    tolerance: float
    """In units of the system: how near a place comes back to itself that is on the map."""

    def on_earth(self, xs: Floats, ys: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Return longitudes, latitudes, and where they lead back: others are beyond the map."""
        lons, lats = to_degrees(self.crs, xs, ys)
        back_x, back_y = to_crs(self.crs, lons, lats)
        with np.errstate(invalid="ignore"):
            off = np.hypot(back_x - xs, back_y - ys)
        return lons, lats, np.isfinite(lons) & np.isfinite(lats) & (off <= self.tolerance)

    def holds(self, lons: Floats, lats: Floats) -> NDArray[np.bool_]:
        """Return which places lie in the rectangle."""
        left, bottom, right, top = self.bounds
        xs, ys = to_crs(self.crs, lons, lats)
        within = (xs >= left) & (xs <= right) & (ys >= bottom) & (ys <= top)
        back_lons, back_lats = to_degrees(
            self.crs, np.where(within, xs, np.inf), np.where(within, ys, np.inf)
        )
        with np.errstate(invalid="ignore"):
            apart = np.abs((back_lons - lons + 180) % 360 - 180) * np.cos(np.radians(lats))
            return within & (apart < 1e-3) & (np.abs(back_lats - lats) < 1e-3)

    def outline(self) -> Footprint | None:
        """Return an outline of boxes that holds all of it that is on Earth; None if nothing is."""
        left, bottom, right, top = self.bounds
        xs, ys = np.meshgrid(np.linspace(left, right, SAMPLES), np.linspace(bottom, top, SAMPLES))
        lons, lats, found = self.on_earth(xs.ravel(), ys.ravel())
        of_earth = np.meshgrid(np.linspace(-180, 180, EARTH_SAMPLES), np.linspace(-90, 90, EARTH_SAMPLES))
        places = np.stack([axis.ravel() for axis in of_earth])
        places = places[:, self.holds(*places)]  # where a map ends in a point its own samples may miss it
        lons, lats = np.append(lons[found], places[0]), np.append(lats[found], places[1])
        return self._boxes((lons + 180) % 360 - 180, lats) if lons.size else None

    def _boxes(self, lons: Floats, lats: Floats) -> Footprint:
        """Return the boxes that hold places or lie in the rectangle, and those beside them."""
        south, north = float(lats.min()), float(lats.max())
        side = min(WIDEST_BOX, max((north - south) / BOXES, 1e-6))
        south, north = max(south - 2 * side, -90.0), min(north + 2 * side, 90.0)
        west, east = float(lons.min()) - 2 * side, float(lons.max()) + 2 * side
        if east - west > 180:
            west, east = -180.0, 180.0
        columns = min(math.ceil((east - west) / side), round(360 / WIDEST_BOX) * 2)
        rows = math.ceil((north - south) / side)
        width, height = (east - west) / columns, (north - south) / rows
        full = np.zeros((rows, columns), bool)
        column = np.clip(((lons - west) / width).astype(int), 0, columns - 1)
        full[np.clip(((lats - south) / height).astype(int), 0, rows - 1), column] = True
        for up in LOOKS:
            for across in LOOKS:
                grid = np.meshgrid(
                    west + (np.arange(columns) + across) * width, south + (np.arange(rows) + up) * height
                )
                full |= self.holds(*(axis.ravel() for axis in grid)).reshape(full.shape)
        full = _with_neighbours(full, east - west == 360)
        return _united(full, west, south, width, height)


def _with_neighbours(full: NDArray[np.bool_], closed: bool) -> NDArray[np.bool_]:
    """Return a mask one cell wider to all sides, around the Earth if it is closed."""
    edges = np.pad(full, ((1, 1), (0, 0)))
    edges = np.pad(edges, ((0, 0), (1, 1)), mode="wrap" if closed else "constant")
    rows, columns = full.shape
    wider = np.zeros_like(full)
    for down in range(3):
        for across in range(3):
            wider |= edges[down : down + rows, across : across + columns]
    return wider


def _united(full: NDArray[np.bool_], west: float, south: float, width: float, height: float) -> Footprint:
    """Return the union of the boxes of a mask, split at the antimeridian."""
    boxes = []
    for row, line in enumerate(full):
        steps = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(np.int8), [0]])))
        for first, last in steps.reshape(-1, 2):
            low, high = south + row * height, south + (row + 1) * height
            boxes.append(_split(west + first * width, low, west + last * width, high, 0.0))
    union = shapely.union_all(boxes)
    assert isinstance(union, shapely.Polygon | shapely.MultiPolygon)  # noqa: S101 - of boxes
    return union
