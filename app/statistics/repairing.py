"""Repair: makes an invalid polygon valid and says what that changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from app.statistics.geometry import GeometryError, InvalidPolygonError, Polygonal, read_polygon, spelled_out
from mosaics.ellipsoid import polygon_area_m2

HINT = "; repair=true makes it valid and says what that changed"
"""What a request is told whose geometry a repair could help."""

MAX_CROSSINGS = 100_000
"""Pairs of edges that cross; making this many valid takes 2 s (20 us each)."""

FEW_EDGES, MANY_EDGES = 64, 8192
"""Edges looked at together where they cross many others, and where they do not."""


@dataclass(frozen=True, slots=True)
class Repair:
    """The changes a repair made."""

    reason: str
    """The fault and where it is."""
    area_km2_before: float
    """On the WGS 84 ellipsoid; parts that a self-crossing outline runs round the other way are subtracted."""
    area_km2_after: float
    parts_before: int
    parts_after: int

    @property
    def sentence(self) -> str:
        """The changes, for people."""
        return (
            f"repaired ({self.reason}): {self.area_km2_before:.6g} km2 in {_parts(self.parts_before)} became "
            f"{self.area_km2_after:.6g} km2 in {_parts(self.parts_after)}"
        )

    def document(self) -> dict[str, Any]:
        """Return the changes as an object for JSON."""
        return {
            "reason": self.reason,
            "area_km2": {"before": self.area_km2_before, "after": self.area_km2_after},
            "parts": {"before": self.parts_before, "after": self.parts_after},
        }


def read_repaired(
    geojson: Mapping[str, Any], *, repair: bool, hint: str = HINT
) -> tuple[Polygonal, Repair | None]:
    """Read a polygon as `read_polygon` does, repaired if that is requested and needed.

    Args:
        geojson: The geometry object.
        repair: Whether an invalid polygon is made valid.
        hint: Ends the message where a repair that was not requested may help.

    Raises:
        GeometryError: If it is not a valid polygon.
    """
    try:
        return read_polygon(geojson), None
    except InvalidPolygonError as fault:
        return repaired_polygon(geojson, fault, repair=repair, hint=hint)


def repaired_polygon(
    geojson: Mapping[str, Any], fault: InvalidPolygonError, *, repair: bool, hint: str = HINT
) -> tuple[Polygonal, Repair]:
    """Repair a polygon that `read_polygon` refused, if that is requested; arguments as of `read_repaired`.

    Raises:
        GeometryError: If it is not requested, or not possible.
    """
    if not repair:
        raise GeometryError(f"{fault}{hint}") from fault
    return repair_polygon(geojson, fault)


def repair_polygon(geojson: Mapping[str, Any], fault: InvalidPolygonError) -> tuple[Polygonal, Repair]:
    """Make a polygon valid that `read_polygon` refused.

    Rings are made valid one by one, then shells are joined and holes taken off, so that parts that overlap
    count once; what becomes lines or points is dropped.

    Args:
        geojson: The geometry that was refused.
        fault: Why it was refused.

    Raises:
        GeometryError: If no repair can help; the message begins with `fault`.
    """
    with np.errstate(invalid="ignore"):
        broken: BaseGeometry = spelled_out(geojson)
    if _spans_antimeridian(broken):
        raise GeometryError(f"{fault}; polygons across the antimeridian are not repaired; cut it") from fault
    if _is_tangled(broken):
        raise GeometryError(
            f"{fault}; its edges cross each other more than {MAX_CROSSINGS:,} times, which is not repaired"
        ) from fault
    try:
        made = shapely.make_valid(broken, method="structure", keep_collapsed=False)
    except shapely.GEOSException as error:
        raise GeometryError(f"{fault}; it cannot be repaired, draw it again") from error
    if not made.is_valid:  # faces that touch along an edge, which GEOS may leave apart
        made = shapely.union_all(shapely.get_parts(made))
    if made.is_empty or not isinstance(made, shapely.Polygon | shapely.MultiPolygon):
        raise GeometryError(f"{fault}; a repair leaves nothing that has an area") from fault
    polygon = read_polygon(mapping(made))
    return polygon, Repair(
        reason=shapely.is_valid_reason(broken),
        area_km2_before=polygon_area_m2(broken) / 1e6,
        area_km2_after=polygon_area_m2(polygon) / 1e6,
        parts_before=len(shapely.get_parts(broken)),
        parts_after=len(shapely.get_parts(polygon)),
    )


def _is_tangled(polygon: BaseGeometry) -> bool:
    """Return whether more pairs of edges cross than a repair takes time for.

    Each edge of a ring meets its two neighbours and itself, which does not count.
    """
    coordinates, ring = shapely.get_coordinates(
        shapely.get_rings(shapely.get_parts(polygon)), return_index=True
    )
    along = ring[1:] == ring[:-1]
    edges = np.asarray(
        shapely.linestrings(np.stack([coordinates[:-1][along], coordinates[1:][along]], axis=1))
    )
    tree = shapely.STRtree(edges)
    at, met, step = 0, 0, FEW_EDGES
    while at < len(edges):
        met += tree.query(edges[at : at + step], predicate="intersects").shape[1]
        at += step
        if met - 3 * at > 2 * MAX_CROSSINGS:  # each pair is met from both sides
            return True
        step = MANY_EDGES if met <= 8 * at else FEW_EDGES
    return False


def _spans_antimeridian(polygon: BaseGeometry) -> bool:
    rings = shapely.get_rings(shapely.get_parts(polygon))
    if np.abs(shapely.get_coordinates(rings)[:, 0]).max() > 180:
        return True
    return any(np.abs(np.diff(shapely.get_coordinates(ring)[:, 0])).max(initial=0) > 180 for ring in rings)


def _parts(count: int) -> str:
    return f"{count} part" if count == 1 else f"{count} parts"
