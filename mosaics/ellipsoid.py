"""The ellipsoid WGS 84: areas of outlines in degrees and of the cells of any grid, and lengths of edges.

Edges of outlines are straight in longitude and latitude everywhere, as RFC 7946 has them, so that a parallel
is an edge. Areas follow from the authalic formulas of Snyder (1987, Map Projections: A Working Manual, eq.
3-11 and 3-12), which are exact.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.crs import CRS

SEMI_MAJOR_M = 6_378_137.0
"""NGA.STND.0036, table 3.1."""

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the Earth (IUGG R1): for lengths along a meridian that are told, not counted with."""

FLATTENING = 1 / 298.257223563
"""The same."""

ECCENTRICITY = math.sqrt(FLATTENING * (2 - FLATTENING))

WGS84 = CRS.from_epsg(4326)

LONGEST_EDGE_DEG = 2.0
"""Edges are integrated in pieces no longer than this: with three nodes each to about 1e-12."""

NODES = (0.5 - math.sqrt(0.15), 0.5, 0.5 + math.sqrt(0.15))
WEIGHTS = (5 / 18, 8 / 18, 5 / 18)
"""Of Gauss and Legendre's quadrature on 0..1 with three nodes."""

Floats = NDArray[np.floating[Any]]


def zone_area_m2(latitudes: Floats) -> Floats:
    """Return the area between the equator and parallels, for each radian of longitude.

    Args:
        latitudes: In radians, any shape; positive to the north.

    Returns:
        Square metres, the same shape; negative to the south.
    """
    sines = np.sin(latitudes)
    polar_m = SEMI_MAJOR_M * (1 - FLATTENING)
    curved = sines / (1 - (ECCENTRICITY * sines) ** 2)
    return np.asarray(polar_m**2 / 2 * (curved + np.arctanh(ECCENTRICITY * sines) / ECCENTRICITY))


EARTH_AREA_M2 = 4 * math.pi * float(zone_area_m2(np.array(math.pi / 2)))
"""510,065,621.7 km2."""


def polygon_area_m2(geometry: shapely.Geometry) -> float:
    """Return the area of an outline whose edges are straight in longitude and latitude.

    Args:
        geometry: Polygons in degrees, longitude first; 0 for anything without an area.
    """
    parts = shapely.get_parts(geometry)
    parts = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
    if not parts.size:
        return 0.0
    shells = _ring_areas_m2(shapely.get_exterior_ring(parts)).sum()
    if not shapely.get_num_interior_rings(parts).any():
        return float(shells)
    return float(2 * shells - _ring_areas_m2(shapely.get_rings(parts)).sum())


def _ring_areas_m2(rings: NDArray[np.object_]) -> Floats:
    """Return the area inside each ring that has one, whichever way it runs."""
    rings = rings[shapely.length(rings) > 0]  # GEOS refuses to segmentize one position over and over
    dense = shapely.segmentize(rings, LONGEST_EDGE_DEG)
    coordinates, ring = shapely.get_coordinates(dense, return_index=True)
    lons, lats = np.radians(coordinates).T
    along = ring[1:] == ring[:-1]
    turns = np.diff(lons)[along]
    starts, rises = lats[:-1][along], np.diff(lats)[along]
    middle = zone_area_m2(lats.mean()) if lats.size else 0.0  # taken off, since a small ring lies far from 0
    strips = sum(
        weight * (zone_area_m2(starts + node * rises) - middle)
        for node, weight in zip(NODES, WEIGHTS, strict=True)
    )
    return np.abs(np.bincount(ring[:-1][along], turns * strips, minlength=len(rings)))


def curve_lengths_m(starts: Floats, ends: Floats) -> NDArray[np.float64]:
    """Return the lengths on the ellipsoid of edges that are straight in longitude and latitude.

    Args:
        starts: Longitudes and latitudes in degrees, (n, 2).
        ends: The same; a longitude may go on past 180.

    Returns:
        Metres along each edge, (n,).
    """
    if not len(starts):
        return np.zeros(0)
    steps = np.radians(ends - starts)
    bits = np.maximum(np.ceil(np.abs(ends - starts).max(axis=1) / LONGEST_EDGE_DEG), 1).astype(int)
    edge = np.repeat(np.arange(len(starts)), bits)
    first = np.arange(len(edge)) - np.repeat(np.cumsum(bits) - bits, bits)
    lengths = np.zeros(len(edge))
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        tilt = np.radians(starts[edge, 1]) + (first + node) / bits[edge] * steps[edge, 1]
        curved = 1 - (ECCENTRICITY * np.sin(tilt)) ** 2
        north = SEMI_MAJOR_M * (1 - ECCENTRICITY**2) / curved**1.5 * steps[edge, 1]
        east = SEMI_MAJOR_M / np.sqrt(curved) * np.cos(tilt) * steps[edge, 0]
        lengths += weight * np.hypot(north, east) / bits[edge]
    return np.asarray(np.bincount(edge, lengths, minlength=len(starts)), np.float64)


def sphere_points(crs: CRS, xs: Floats, ys: Floats) -> Floats:
    """Return where places lie on the authalic sphere: the unit sphere on which areas are in proportion.

    Args:
        crs: Of the coordinates.
        xs: Any shape.
        ys: The same shape.

    Returns:
        Unit vectors, (3, *shape); not finite where a place lies outside the projection.
    """
    lons, lats = _to_degrees(crs.to_wkt()).transform(xs.ravel(), ys.ravel())
    turn, tilt = np.radians(lons), np.radians(np.clip(lats, -90.0, 90.0))
    with np.errstate(invalid="ignore"):
        sines = zone_area_m2(tilt) / (EARTH_AREA_M2 / (4 * math.pi))
        radii = np.sqrt(np.maximum(1 - sines**2, 0.0))
        vectors = np.stack([radii * np.cos(turn), radii * np.sin(turn), sines])
    return vectors.reshape(3, *xs.shape)


@lru_cache(64)
def _to_degrees(wkt: str) -> Transformer:
    """Return what takes coordinates to WGS 84, and gives infinity, not an error, outside a projection."""
    return Transformer.from_crs(wkt, "OGC:CRS84", always_xy=True)
