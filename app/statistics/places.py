"""Places: turns a caller's GeoJSON geometry of any kind into a shape to search by."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import shapely

from app.statistics.geometry import GeometryError

MAX_POINTS = 10_000
"""Points of a geometry to search by; everything near it is compared with all of them."""

MAX_PARTS = 1_000
"""Geometries in a collection."""

MAX_NESTED = 8
"""Collections inside one another; real ones are not nested at all (RFC 7946, 3.1.8 advises against it)."""

SINGLE = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon")
COLLECTION = "GeometryCollection"


def read_place(geojson: Mapping[str, Any]) -> shapely.Geometry:
    """Return the shape of a GeoJSON geometry of any kind; of a nested collection as a flat one.

    Raises:
        GeometryError: If it is not a valid geometry in degrees, or exceeds a limit; the message goes on from
            the name of the parameter.
    """
    parts = [_part(part) for part in _parts(geojson, MAX_NESTED)]
    points = sum(int(shapely.get_num_coordinates(part)) for part in parts)
    if not points:
        raise GeometryError("has no position; give a GeoJSON geometry in degrees, longitude first")
    if points > MAX_POINTS:
        raise GeometryError(f"has {points:,} points; at most {MAX_POINTS:,} are allowed")
    return parts[0] if len(parts) == 1 else shapely.GeometryCollection(parts)


def _parts(geojson: object, levels: int) -> list[Mapping[str, Any]]:
    """Return the geometries that are not collections, in order."""
    found = []
    for part in _walk(geojson, levels):
        found.append(part)
        if len(found) > MAX_PARTS:
            raise GeometryError(f"has more than {MAX_PARTS:,} geometries; send fewer")
    return found


def _walk(geojson: object, levels: int) -> Iterator[Mapping[str, Any]]:
    if not isinstance(geojson, Mapping):
        raise GeometryError("is not a valid GeoJSON geometry; each must be an object with a type")
    kind = geojson.get("type")
    if kind == COLLECTION:
        members = geojson.get("geometries")
        if not isinstance(members, list):
            raise GeometryError("is not a valid GeoJSON geometry; geometries must be a list")
        if not levels:
            raise GeometryError(f"is nested too deeply; at most {MAX_NESTED} collections may hold each other")
        for member in members:
            yield from _walk(member, levels - 1)
    elif isinstance(kind, str) and kind in SINGLE:
        yield geojson
    else:
        raise GeometryError(f"is not a valid GeoJSON geometry; its type must be one of {', '.join(SINGLE)}")


def _part(geojson: Mapping[str, Any]) -> shapely.Geometry:
    plain = {"type": geojson["type"], "coordinates": geojson.get("coordinates")}
    try:
        shape = shapely.force_2d(shapely.from_geojson(json.dumps(plain)))
    except (ValueError, TypeError, RecursionError, shapely.GEOSException) as error:
        raise GeometryError("is not a valid GeoJSON geometry; it cannot be read") from error
    if not (np.abs(shapely.get_coordinates(shape)) <= [180, 90]).all():  # NaN is not either
        raise GeometryError("must be a GeoJSON geometry in degrees, longitude first")
    if not shapely.is_valid(shape):
        raise GeometryError(f"is not a valid geometry: {shapely.is_valid_reason(shape)}")
    return shape
