"""Repair: from an invalid polygon to a valid one, and what that changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from app.database import Connection
from app.statistics.geojson import GeometryError, spelled_out
from app.statistics.geometry import MAX_VERTICES, Polygonal, read_polygon
from mosaics.ellipsoid import polygon_area_m2

MAKE_VALID = """
    select st_asbinary(made) as wkb, st_area(given::geography) / 1e6 as before
    from (select st_geomfromwkb($1, 4326) as given) as sent,
        lateral (select st_collectionextract(st_makevalid(given), 3) as made) as repaired
"""
"""Keeps all of the outline; what has become a line or a point is dropped."""


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair changed."""

    reason: str
    """The fault, and its place."""
    area_km2_before: float
    """On the WGS 84 ellipsoid; what an outline that crosses itself runs round the other way is subtracted."""
    area_km2_after: float
    parts_before: int
    parts_after: int

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "reason": self.reason,
            "area_km2": {"before": self.area_km2_before, "after": self.area_km2_after},
            "parts": {"before": self.parts_before, "after": self.parts_after},
        }


async def repair_polygon(
    geojson: Mapping[str, Any], fault: GeometryError, connection: Connection
) -> tuple[Polygonal, Repair]:
    """Make the polygon valid that `read_polygon` refused.

    Args:
        geojson: The geometry refused.
        fault: Why it was; raised again where no repair can help.
        connection: To PostGIS, whose ST_MakeValid does it.
    """
    broken = _broken(geojson, fault)
    row = await connection.fetchrow(MAKE_VALID, shapely.to_wkb(broken))
    made = shapely.from_wkb(row["wkb"])
    if made.is_empty:
        raise GeometryError(f"{fault}; nothing with an area is left when it is repaired") from fault
    polygon = read_polygon(mapping(made))
    return polygon, Repair(
        reason=shapely.is_valid_reason(broken),
        area_km2_before=row["before"],
        area_km2_after=polygon_area_m2(polygon) / 1e6,
        parts_before=len(shapely.get_parts(broken)),
        parts_after=len(shapely.get_parts(polygon)),
    )


def _broken(geojson: Mapping[str, Any], fault: GeometryError) -> BaseGeometry:
    """The polygon as it was sent; raises `fault` unless being invalid is all that is wrong with it."""
    try:
        with np.errstate(invalid="ignore"):
            polygon = spelled_out(geojson)
    except GeometryError:
        raise fault from None
    coordinates = shapely.get_coordinates(polygon)
    if not 0 < len(coordinates) <= MAX_VERTICES or not np.isfinite(coordinates).all() or polygon.is_valid:
        raise fault
    if _spans_antimeridian(polygon):
        raise GeometryError(f"{fault}; across the antimeridian nothing is repaired, cut it there") from fault
    return polygon


def _spans_antimeridian(polygon: BaseGeometry) -> bool:
    rings = shapely.get_rings(shapely.get_parts(polygon))
    if np.abs(shapely.get_coordinates(rings)[:, 0]).max() > 180:
        return True
    return any(np.abs(np.diff(shapely.get_coordinates(ring)[:, 0])).max(initial=0) > 180 for ring in rings)
