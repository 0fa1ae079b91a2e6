"""Seams: the meridians along which maps of the Earth are cut, and polygons cut along them as well.

A map is torn along the meridian opposite to its middle, an interrupted one along several. What lies to both
sides of a seam lies at two ends of the map, and an edge drawn between them would hold all of it.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

Places: TypeAlias = NDArray[np.float64]
"""Of shape (n, 2)."""

BENT = 0.03
"""Of an edge's length: how far off the straight line its middle lies only where the map is torn, or the edge
is very long."""

PIECE = 0.5
"""Degrees, the length of pieces: few of these are bent where the map is not torn."""

HALVINGS = 30
"""Of a piece, after which 1e-9 degrees are left."""

APART = 1.0
"""In units of the map: how far ends of what is left lie from each other only at a tear."""

BESIDE = 1e-8
"""Degrees, 1 mm: how far from a seam a polygon ends, so that its outline is on one side of it."""


def cut_at_seams(
    polygon: shapely.Polygon | shapely.MultiPolygon, projected: Callable[[Places], Places]
) -> shapely.Polygon | shapely.MultiPolygon | None:
    """Return a polygon cut along the meridians at which its outline is torn.

    Args:
        polygon: In degrees.
        projected: Returns places in degrees on the map; infinite where it has none.

    Returns:
        None if it is torn by something else than meridians.
    """
    lons = _tears(polygon, projected)
    if not lons.size:
        return polygon
    west, _, east, _ = polygon.bounds
    pieces = []
    for left, right in pairwise([west - 1, *lons.tolist(), east + 1]):
        if right - left > 2 * BESIDE:
            strip = shapely.box(left + BESIDE, -90, right - BESIDE, 90)
            parts = shapely.get_parts(shapely.intersection(polygon, strip))
            pieces += [part for part in parts if isinstance(part, shapely.Polygon) and part.area > 0]
    cut = shapely.MultiPolygon(pieces)
    return None if cut.is_empty or _tears(cut, projected).size else cut


def _tears(polygon: shapely.Geometry, projected: Callable[[Places], Places]) -> NDArray[np.float64]:
    """Return the longitudes at which an outline is torn on the map, each once."""
    rings = shapely.segmentize(shapely.get_rings(shapely.get_parts(polygon)), PIECE)
    places, ring = shapely.get_coordinates(rings, return_index=True)
    along = ring[1:] == ring[:-1]
    first, last, there = places[:-1][along], places[1:][along], projected(places)
    ends = there[:-1][along], there[1:][along]
    with np.errstate(invalid="ignore"):  # of places that the map does not have
        bent = _is_bent(ends[0], projected((first + last) / 2), ends[1])
        first, last = _halved(first[bent], last[bent], projected)
        torn = _distance(projected(first), projected(last)) > APART
    return np.unique(np.round(last[torn, 0], 9))


def _halved(first: Places, last: Places, projected: Callable[[Places], Places]) -> tuple[Places, Places]:
    """Return the ends of what is left of pieces of edges, whose longer half on the map is kept each time."""
    before, after = projected(first), projected(last)
    for _ in range(HALVINGS):
        middle = (first + last) / 2
        there = projected(middle)
        in_first = (_distance(before, there) >= _distance(there, after))[:, np.newaxis]
        first, before = np.where(in_first, first, middle), np.where(in_first, before, there)
        last, after = np.where(in_first, middle, last), np.where(in_first, there, after)
    return first, last


def _is_bent(first: Places, middle: Places, last: Places) -> NDArray[np.bool_]:
    return np.asarray(_distance(middle, (first + last) / 2) > BENT * _distance(first, last))


def _distance(one: Places, other: Places) -> NDArray[np.float64]:
    return np.asarray(np.hypot(*(one - other).T))
