"""Repair: makes an invalid polygon valid and says what that changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from app.database import Connection
from app.statistics.geometry import MAX_VERTICES, GeometryError, Polygonal, read_polygon, spelled_out
from mosaics.ellipsoid import polygon_area_m2

MAKE_VALID = """
    select st_asbinary(made) as wkb, st_area(given::geography) / 1e6 as before
    from (select st_geomfromwkb($1, 4326) as given) as sent,
        lateral (select st_collectionextract(st_makevalid(given), 3) as made) as repaired
"""
"""Keeps the whole outline; parts that become lines or points are dropped."""


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

    def document(self) -> dict[str, Any]:
        """Return the changes as an object for JSON."""
        return {
            "reason": self.reason,
            "area_km2": {"before": self.area_km2_before, "after": self.area_km2_after},
            "parts": {"before": self.parts_before, "after": self.parts_after},
        }


async def repair_polygon(
    geojson: Mapping[str, Any], fault: GeometryError, connection: Connection
) -> tuple[Polygonal, Repair]:
    """Make a polygon valid that `read_polygon` refused.

    Args:
        geojson: The geometry that was refused.
        fault: Why it was refused.
        connection: To PostGIS, whose ST_MakeValid does the repair.

    Raises:
            GeometryError: If no repair can help; `fault` itself, or a message that begins with it.
    """
    broken = _broken(geojson, fault)
    row = await connection.fetchrow(MAKE_VALID, shapely.to_wkb(broken))
    made = shapely.from_wkb(row["wkb"])
    if made.is_empty:
        raise GeometryError(f"{fault}; a repair leaves nothing that has an area") from fault
    polygon = read_polygon(mapping(made))
    return polygon, Repair(
        reason=shapely.is_valid_reason(broken),
        area_km2_before=row["before"],
        area_km2_after=polygon_area_m2(polygon) / 1e6,
        parts_before=len(shapely.get_parts(broken)),
        parts_after=len(shapely.get_parts(polygon)),
    )


def _broken(geojson: Mapping[str, Any], fault: GeometryError) -> BaseGeometry:
    """Return the polygon as it was sent; raise `fault` unless it is merely invalid."""
    try:
        with np.errstate(invalid="ignore"):
            polygon = spelled_out(geojson)
    except GeometryError:
        raise fault from None
    coordinates = shapely.get_coordinates(polygon)
    if not 0 < len(coordinates) <= MAX_VERTICES or not np.isfinite(coordinates).all() or polygon.is_valid:
        raise fault
    if _spans_antimeridian(polygon):
        raise GeometryError(f"{fault}; polygons across the antimeridian are not repaired; cut it") from fault
    return polygon


def _spans_antimeridian(polygon: BaseGeometry) -> bool:
    rings = shapely.get_rings(shapely.get_parts(polygon))
    if np.abs(shapely.get_coordinates(rings)[:, 0]).max() > 180:
        return True
    return any(np.abs(np.diff(shapely.get_coordinates(ring)[:, 0])).max(initial=0) > 180 for ring in rings)
