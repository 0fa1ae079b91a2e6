"""The footprint of a STAC item: its ground between -180 and 180 degrees, however its archive writes it.

GeoJSON splits what crosses the antimeridian there (RFC 7946, section 3.1.9). Archives also write longitudes
beyond 180 degrees, and rings that jump from one side to the other.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import translate
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from ingest.archives.archive import GranuleRefusedError

Ring: TypeAlias = NDArray[np.float64]
"""Longitudes and latitudes in degrees, (points, 2); the last point is the first."""

FULL_TURN = 360.0
MOST_LON = 540.0
"""Degrees; half a turn beyond the antimeridian."""
MOST_LAT = 90.001
"""Degrees; a pole with the error of rounding."""
OF_THE_WORLD = 90.0
"""Degrees of latitude: a ring higher than this, with an edge longer than half a turn, is around the world and
does not jump over the antimeridian."""
WORLD = shapely.box(-180, -90, 180, 90)


def read_footprint(geometry: Any) -> BaseGeometry:
    """Return the ground of an item, in degrees; parts on both sides of the antimeridian are apart.

    Args:
        geometry: GeoJSON, as an archive gives it.

    Raises:
        GranuleRefusedError: If it is not a geometry, or not in degrees.
    """
    try:
        found = shape(geometry)
        points = shapely.get_coordinates(found)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, ShapelyError) as error:
        raise GranuleRefusedError("it says nothing usable of where it lies") from error
    if found.is_empty or not np.isfinite(points).all():
        raise GranuleRefusedError("it says nothing usable of where it lies")
    if (np.abs(points) > (MOST_LON, MOST_LAT)).any():
        raise GranuleRefusedError("its footprint is not in degrees, longitude first")
    if _is_plain(found, points):
        return _valid(found)
    polygons = [part for part in shapely.get_parts(found) if isinstance(part, shapely.Polygon)]
    if not polygons:
        return found
    parts = [part for each in polygons for part in _split(_valid(_unrolled(each)))]
    return shapely.union_all(parts)


def _is_plain(found: BaseGeometry, points: Ring) -> bool:
    """Return whether a geometry is between -180 and 180 degrees and has no long edge."""
    within = np.abs(points[:, 0]).max() <= 180
    return bool(within) and not any(
        (np.abs(np.diff(shapely.get_coordinates(ring)[:, 0])) > FULL_TURN / 2).any()
        for ring in shapely.get_rings(shapely.get_parts(found))
    )


def _valid(geometry: BaseGeometry) -> BaseGeometry:
    return geometry if shapely.is_valid(geometry) else shapely.make_valid(geometry)


def _unrolled(polygon: shapely.Polygon) -> shapely.Polygon:
    """Return a polygon whose rings do not jump; its longitudes may lie beyond 180 degrees."""
    outline = _without_jumps(shapely.get_coordinates(polygon.exterior))
    middle = outline[:, 0].mean()
    holes = []
    for interior in polygon.interiors:
        hole = _without_jumps(shapely.get_coordinates(interior))
        turns = np.round((middle - hole[:, 0].mean()) / FULL_TURN)
        holes.append(np.column_stack([hole[:, 0] + FULL_TURN * turns, hole[:, 1]]))
    return shapely.Polygon(outline, holes)


def _without_jumps(ring: Ring) -> Ring:
    steps = np.diff(ring[:, 0])
    jumps = (np.abs(steps) > FULL_TURN / 2) & (np.abs(steps) < FULL_TURN)
    if not jumps.any() or np.ptp(ring[:, 1]) > OF_THE_WORLD:
        return ring
    turns = np.concatenate([[0.0], np.cumsum(-np.sign(steps) * jumps)])
    whole = np.column_stack([ring[:, 0] + FULL_TURN * turns, ring[:, 1]])
    if not turns[-1]:
        return whole
    pole = np.copysign(90.0, ring[:, 1].mean())  # the ring goes around it
    return np.vstack([whole, [whole[-1, 0], pole], [whole[0, 0], pole], whole[:1]])


def _split(polygon: BaseGeometry) -> Sequence[Any]:
    """Return the parts of a polygon between -180 and 180 degrees, those beyond moved by a turn."""
    pieces = [
        shapely.intersection(translate(polygon, turns * FULL_TURN), WORLD) for turns in (-2, -1, 0, 1, 2)
    ]
    return [
        part
        for part in shapely.get_parts(shapely.get_parts(pieces))
        if isinstance(part, shapely.Polygon) and part.area > 0
    ]
