"""GeoJSON: reads the polygon that a caller's JSON describes, from numbers and nothing else.

Shapely is given arrays only: lists that contain other things make it raise errors of many kinds, and a ring
that is null or empty ends the process.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon

KINDS = ("Polygon", "MultiPolygon")


class GeometryError(ValueError):
    """A geometry that has no statistics; the message names the fault and, if it has one, its position."""


def spelled_out(geojson: Mapping[str, Any]) -> Polygon | MultiPolygon:
    """Read the Polygon or MultiPolygon of a GeoJSON object, valid or not, without heights.

    Raises:
        GeometryError: If the object is neither, or its coordinates are not rings of positions.
    """
    kind = geojson.get("type")
    if kind not in KINDS:
        raise GeometryError(f"statistics need a Polygon or a MultiPolygon, not {_shown(kind)}")
    try:
        coordinates = geojson["coordinates"]
        if kind == "Polygon":
            return _polygon(coordinates)
        return MultiPolygon([_polygon(part) for part in _listed(coordinates)])
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, shapely.GEOSException) as error:
        raise GeometryError(
            f"the {kind} cannot be read: its coordinates are not rings of positions"
        ) from error


def _polygon(rings: object) -> Polygon:
    read = [_ring(ring) for ring in _listed(rings)]
    return Polygon(read[0], read[1:]) if read else Polygon()


def _ring(positions: object) -> NDArray[np.float64]:
    """Return the longitudes and latitudes of a ring, (positions, 2)."""
    lonlats = [(_number(position[0]), _number(position[1])) for position in map(_listed, _listed(positions))]
    if not lonlats:
        raise ValueError("a ring must have positions")
    return np.array(lonlats)


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"a coordinate must be a number, not {type(value).__name__}")
    return float(value)


def _listed(value: object) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"coordinates must be lists, not {type(value).__name__}")
    return value


def _shown(kind: object) -> str:
    return kind if isinstance(kind, str) and kind.isalnum() and len(kind) <= 40 else "what was sent"
