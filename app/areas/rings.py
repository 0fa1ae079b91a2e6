"""Rings of a shapefile's polygon: which are outlines and which are holes, and of which outline."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

from app.statistics.geometry import Polygonal

Ring: TypeAlias = NDArray[np.float64]
"""Positions, (positions, 2); closed or not."""

SAMPLED = 32
"""Positions of a ring that are looked at to tell whether it lies inside another."""


def assembled(rings: Sequence[Ring]) -> Polygonal:
    """Return the polygon of some rings, valid or not.

    Outlines run clockwise and holes counter-clockwise (ESRI Shapefile Technical Description, 1998, p. 8).
    Where that cannot be, since a hole lies in no outline, rings inside an odd number of others are the holes.

    Args:
        rings: Each of at least three positions.
    """
    signed = np.array([_signed_area(ring) for ring in rings])
    inside = _containment(rings, np.abs(signed))
    holes = signed > 0
    if not all(np.any(inside[hole] & ~holes) for hole in np.flatnonzero(holes)):
        holes = inside.sum(axis=1) % 2 == 1
    of_shell: dict[int, list[int]] = {int(shell): [] for shell in np.flatnonzero(~holes)}
    for hole in np.flatnonzero(holes):
        around = np.flatnonzero(inside[hole] & ~holes)
        of_shell[int(around[np.argmin(np.abs(signed[around]))])].append(int(hole))
    parts = [
        shapely.Polygon(rings[shell], [rings[hole] for hole in of_it]) for shell, of_it in of_shell.items()
    ]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _containment(rings: Sequence[Ring], areas: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return whether each ring (row) lies inside each other (column)."""
    inside = np.zeros((len(rings), len(rings)), bool)
    if len(rings) == 1:
        return inside
    outlines = np.array([shapely.Polygon(ring) for ring in rings])
    boxes = np.array([shapely.box(*outline.bounds) for outline in outlines])
    for outer, inner in shapely.STRtree(boxes).query(boxes, predicate="covers").T:
        if outer != inner and areas[outer] > areas[inner]:
            step = max(1, len(rings[inner]) // SAMPLED)
            points = shapely.points(rings[inner][::step])
            within = shapely.contains(outlines[outer], points).sum()
            without = (~shapely.intersects(outlines[outer], points)).sum()
            inside[inner, outer] = within > without
    return inside


def _signed_area(ring: Ring) -> float:
    """Return the area inside a ring, negative where it runs clockwise; about its first position."""
    with np.errstate(over="ignore", invalid="ignore"):  # such coordinates lie nowhere, which is told later
        x, y = (ring - ring[0]).T
        return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)
