"""Edges: straight in the coordinate system of a file, and so curved in degrees, in which areas are kept."""

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS

from app.statistics.geometry import MAX_VERTICES, Polygonal
from mosaics.ellipsoid import WGS84
from mosaics.raster.coordinates import moved

TOLERANCE_DEG = 1e-6
"""How far an edge may leave the true one: 11 cm. Edges below some 3 km in UTM need no positions between."""

ROUNDS = 4
"""How often edges are cut until none leaves the true one; one round is enough for most."""

QUARTERS = np.array([0.25, 0.5, 0.75])

Positions = NDArray[np.float64]


class NowhereError(ValueError):
    """A place that the coordinate system does not have."""


def in_degrees(polygon: Polygonal, crs: CRS) -> Polygonal:
    """Return a polygon in degrees, with positions added where its edges are not straight in degrees.

    Args:
        polygon: In `crs`, valid or not.
        crs: Where its edges are straight.

    Raises:
        NowhereError: If a part of it lies outside the domain of `crs`.
    """
    if crs == WGS84 or polygon.is_empty:
        return polygon
    budget = MAX_VERTICES - int(shapely.get_num_coordinates(polygon))
    parts = [
        shapely.Polygon(*_rings(part, crs, max(0, budget))) for part in shapely.get_parts(polygon).tolist()
    ]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _rings(part: shapely.Polygon, crs: CRS, budget: int) -> tuple[Positions, list[Positions]]:
    shell, *holes = (
        _to_degrees(cut(shapely.get_coordinates(ring), crs, budget), crs) for ring in shapely.get_rings(part)
    )
    return shell, holes


def cut(ring: Positions, crs: CRS, budget: int) -> Positions:
    """Return a ring with positions added on edges that are not straight in degrees.

    Args:
        ring: In `crs`, (positions, 2).
        crs: The coordinate system.
        budget: How many positions may be added; edges leave the true ones by more if they need others.
    """
    for _ in range(ROUNDS):
        pieces = np.ceil(np.sqrt(_bulges(ring, crs) / TOLERANCE_DEG)).clip(1, 10_000)
        added = int(pieces.sum()) - len(pieces)
        if added > budget:
            pieces = np.maximum(pieces * budget // max(added, 1), 1)
            added = int(pieces.sum()) - len(pieces)
        if added <= 0:
            break
        ring, budget = _cut(ring, pieces.astype(int)), budget - added
    return ring


def _cut(ring: Positions, pieces: NDArray[np.int_]) -> Positions:
    edge = np.repeat(np.arange(len(pieces)), pieces)
    along = (np.arange(len(edge)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) / pieces[edge]
    positions = ring[:-1][edge] + along[:, None] * (ring[1:] - ring[:-1])[edge]
    return np.concatenate([positions, ring[-1:]])


def _bulges(ring: Positions, crs: CRS) -> NDArray[np.float64]:
    """Return how far each edge is from straight in degrees, at its middle and quarters."""
    ends = _to_degrees(ring, crs)
    start, step = ends[:-1], _short(ends[1:] - ends[:-1])
    farthest = np.zeros(len(start))
    for share in QUARTERS:
        there = _to_degrees(ring[:-1] + share * (ring[1:] - ring[:-1]), crs)
        farthest = np.maximum(farthest, np.hypot(*_short(there - start - share * step).T))
    return farthest


def _short(lonlat: Positions) -> Positions:
    """Return differences in degrees the short way around the Earth."""
    return np.column_stack([(lonlat[:, 0] + 180) % 360 - 180, lonlat[:, 1]])


def _to_degrees(xy: Positions, crs: CRS) -> Positions:
    lonlat = np.column_stack(moved(crs, WGS84, xy[:, 0], xy[:, 1]))
    if not np.isfinite(lonlat).all():
        raise NowhereError("it lies outside the domain of the layer's coordinate system")
    return lonlat
