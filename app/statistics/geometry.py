"""Geometry: turns a caller's GeoJSON into the polygon to count, or says what is wrong with it.

Shapely is given arrays only: from lists that hold other things it raises errors of many kinds, and a ring
that is null or empty ends the process.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from app.statistics.seams import BENT, cut_at_seams
from mosaics.ellipsoid import WGS84, polygon_area_m2
from mosaics.raster.coordinates import moved

Polygonal: TypeAlias = Polygon | MultiPolygon

KINDS = ("Polygon", "MultiPolygon")

MAX_VERTICES = 200_000
"""A national border in full detail has about a hundred thousand."""

MAX_NEIGHBOURS = 200_000_000
"""Pairs of neighbouring edges that GEOS inspects to prove a polygon valid; this many take 1.5 s."""

MAX_AREA_KM2 = 20_000_000.0
"""Russia, the largest country, has 17.1 million."""

MAX_DENSIFIED = 1_000_000
"""Vertices an outline may have after densification for another coordinate system."""

BEYOND_PROJECTION = "the polygon extends beyond the domain of the scenes' projection; request a smaller one"


class GeometryError(ValueError):
    """A geometry that has no statistics; the message names the fault, and its place where it has one."""


class InvalidPolygonError(GeometryError):
    """A polygon whose outline crosses itself or is nested wrongly; a repair may help."""


def read_polygon(geojson: Mapping[str, Any]) -> Polygonal:
    """Read a GeoJSON Polygon or MultiPolygon in degrees of longitude and latitude.

    Heights are dropped. A polygon across the antimeridian is returned split there: one whose longitudes
    continue past 180 or -180, and one with an edge of more than 180 degrees, which is taken to run the short
    way round unless both its ends lie on the antimeridian.

    Args:
        geojson: The geometry object.

    Returns:
        A valid geometry with longitudes in -180..180, and with rings and parts in a normal order that does
        not depend on the caller's.

    Raises:
        InvalidPolygonError: If it is not valid.
        GeometryError: If the object is neither, or exceeds a limit.
    """
    kind = geojson.get("type")
    with np.errstate(invalid="ignore"):  # NaN is refused below, with its place
        polygon: BaseGeometry = spelled_out(geojson)
    _refuse_unlimited(polygon)
    _refuse_tangled(polygon)
    try:
        polygon = _split_at_antimeridian(polygon)
    except shapely.GEOSException as error:
        raise InvalidPolygonError(f"the {kind} cannot be cut at the antimeridian; cut it there") from error
    if polygon.is_empty:
        raise GeometryError(f"the {kind} has no area")
    if not polygon.is_valid:
        raise InvalidPolygonError(f"the {kind} is not valid: {shapely.is_valid_reason(polygon)}")
    area_km2 = polygon_area_m2(polygon) / 1e6
    if not area_km2 > 0:
        raise GeometryError(f"the {kind} has no area")
    if area_km2 > MAX_AREA_KM2:
        raise GeometryError(
            f"the {kind} has {area_km2:,.0f} km2; at most {MAX_AREA_KM2:,.0f} km2 are allowed"
        )
    return _polygonal(shapely.normalize(polygon))


def project(polygon: Polygonal, crs: CRS, tolerance: float, *, may_have_seams: bool = True) -> Polygonal:
    """Return a lon/lat polygon in another coordinate system; its edges stay straight in degrees.

    Args:
        polygon: In degrees.
        crs: The coordinate system to return it in.
        tolerance: How far the outline may deviate from the true one, in units of `crs`.
        may_have_seams: Whether maps in `crs` may be torn along meridians.

    Raises:
        GeometryError: If a part of it lies outside the domain of `crs`.
    """
    if crs == WGS84:
        return polygon
    length, may_be_torn = _segment_length(polygon, crs, tolerance)
    if may_be_torn and may_have_seams:
        cut = cut_at_seams(polygon, partial(_projected, crs=crs))
        if cut is None:
            raise GeometryError(BEYOND_PROJECTION)
        polygon = cut
        length, _ = _segment_length(polygon, crs, tolerance)
    rings, part = shapely.get_rings(shapely.get_parts(polygon), return_index=True)
    dense = shapely.segmentize(rings, length)  # for polygons GEOS would check the validity again
    projected = shapely.transform(dense, lambda lonlat: _projected(lonlat, crs))
    if not np.isfinite(shapely.get_coordinates(projected)).all():
        raise GeometryError(BEYOND_PROJECTION)
    by_part = np.split(projected, np.flatnonzero(np.diff(part)) + 1)
    polygons = [_outermost_first(part) for part in by_part]
    return polygons[0] if len(polygons) == 1 else MultiPolygon(polygons)


def _outermost_first(rings: NDArray[np.object_]) -> Polygon:
    """Return a polygon of rings; a hole around the point opposite to a map's middle is its rim there."""
    if len(rings) == 1:
        return Polygon(rings[0])
    outermost = int(np.argmax(shapely.area(shapely.polygons(rings))))
    return Polygon(rings[outermost], np.delete(rings, outermost))


def _segment_length(polygon: Polygonal, crs: CRS, tolerance: float) -> tuple[float, bool]:
    """Return the longest edge, in degrees, that may be drawn straight in another coordinate system.

    The bulge of an edge grows with the square of its length, so its middle shows how often to cut it.

    Returns:
        That length, and whether an edge bulges as only those do that a map is torn across, or very long ones.
    """
    coordinates, ring = shapely.get_coordinates(
        shapely.get_rings(shapely.get_parts(polygon)), return_index=True
    )
    along = ring[1:] == ring[:-1]
    starts, ends = coordinates[:-1][along], coordinates[1:][along]
    middles = (starts + ends) / 2
    there = _projected(coordinates, crs)
    with np.errstate(invalid="ignore"):  # infinite outside the domain; `project` refuses those
        chords = (there[:-1][along] + there[1:][along]) / 2
        bulges = np.nan_to_num(np.hypot(*(_projected(middles, crs) - chords).T), posinf=0.0)
        widths = np.hypot(*(there[1:] - there[:-1])[along].T)
    lengths = np.hypot(*(ends - starts).T)
    pieces = np.sqrt(bulges / tolerance)
    too_long = pieces > 1
    needed = float(np.min(lengths[too_long] / pieces[too_long], initial=np.inf))
    may_be_torn = bool((bulges > BENT * widths).any())
    return max(min(needed, float(lengths.max())), float(lengths.sum()) / MAX_DENSIFIED), may_be_torn


def _projected(lonlat: NDArray[np.float64], crs: CRS) -> NDArray[np.float64]:
    return np.column_stack(moved(WGS84, crs, lonlat[:, 0], lonlat[:, 1]))


def _refuse_unlimited(polygon: BaseGeometry) -> None:
    if polygon.is_empty:
        raise GeometryError("the geometry is empty")
    vertices = shapely.get_num_coordinates(polygon)
    if vertices > MAX_VERTICES:
        raise GeometryError(f"the geometry has {vertices:,} vertices; at most {MAX_VERTICES:,} are allowed")
    coordinates = shapely.get_coordinates(polygon)
    if not np.isfinite(coordinates).all():
        place = int(np.flatnonzero(~np.isfinite(coordinates).all(axis=1))[0])
        raise GeometryError(f"position {place} of the geometry is not a pair of finite numbers")
    far = (np.abs(coordinates[:, 0]) > 360) | (np.abs(coordinates[:, 1]) > 90)
    if far.any():
        lon, lat = coordinates[far][0].tolist()
        raise GeometryError(
            f"position {_number(lon)}, {_number(lat)} is not a longitude and latitude; give degrees "
            "(WGS 84), longitude first"
        )


def _refuse_tangled(polygon: BaseGeometry) -> None:
    """Raise `GeometryError` if more edges lie side by side, seen from any side, than on real maps."""
    coordinates, ring = shapely.get_coordinates(
        shapely.get_rings(shapely.get_parts(polygon)), return_index=True
    )
    along = ring[1:] == ring[:-1]
    starts, ends = coordinates[:-1][along], coordinates[1:][along]
    lows, highs = np.sort(np.minimum(starts, ends), axis=0), np.sort(np.maximum(starts, ends), axis=0)
    pairs = [
        int(np.sum(np.searchsorted(low, high, "right") - np.arange(1, len(high) + 1)))
        for low, high in zip(lows.T, highs.T, strict=True)
    ]
    if min(pairs) > MAX_NEIGHBOURS:
        raise GeometryError(
            f"the edges of the geometry are too tangled to check: {min(pairs):,} pairs of them lie side by "
            f"side; at most {MAX_NEIGHBOURS:,} are allowed; simplify it"
        )


def _split_at_antimeridian(polygon: BaseGeometry) -> BaseGeometry:
    coordinates, ring = shapely.get_coordinates(
        shapely.get_rings(shapely.get_parts(polygon)), return_index=True
    )
    within = np.abs(coordinates[:, 0]).max() <= 180
    if within and not _jumps(coordinates[:, 0], ring).any():
        return polygon
    return shapely.union_all([on_world(unrolled(part)) for part in shapely.get_parts(polygon)])


def on_world(whole: BaseGeometry) -> BaseGeometry:
    """Return a polygon of any turns around the Earth on the one from -180 to 180 degrees."""
    if whole.is_empty:
        return whole
    west, _, east, _ = whole.bounds
    pieces: list[BaseGeometry] = []
    for turn in range(math.floor((west + 180) / 360), math.ceil((east + 180) / 360)):
        world = shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90)
        parts = shapely.get_parts(shapely.intersection(whole, world))
        pieces.extend(shapely.transform(parts[shapely.area(parts) > 0], _turned(turn)))
    return shapely.union_all(pieces)


def _turned(turn: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return a function that moves longitudes back by whole turns around the Earth."""
    return lambda lonlat: lonlat - [360.0 * turn, 0.0]


def unrolled(part: BaseGeometry) -> BaseGeometry:
    """Return a polygon whose longitudes continue where it crosses the antimeridian.

    A ring that goes around a pole is closed along the pole that is nearer to it.
    """
    rings = [_unrolled_ring(shapely.get_coordinates(ring)) for ring in shapely.get_rings(part)]
    if any(ring[0, 0] != ring[-1, 0] for ring in rings):
        shell, *holes = (on_world(_valid(Polygon(_closed(ring)))) for ring in rings)
        return shapely.difference(shell, shapely.union_all(holes))
    for hole in rings[1:]:
        hole[:, 0] += 360 * np.round((rings[0][:, 0].mean() - hole[:, 0].mean()) / 360)
    return _valid(Polygon(rings[0], rings[1:]))


def _unrolled_ring(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return positions of a ring, (n, 2) in degrees, whose longitudes continue across the antimeridian."""
    jumps = np.concatenate([[0], _jumps(lonlat[:, 0], np.zeros(len(lonlat)))])
    turned = np.column_stack([360 * np.cumsum(jumps), np.zeros(len(lonlat))])
    return np.asarray(lonlat - turned)


def _closed(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a ring, closed along the nearer pole if it ends a turn away from its beginning."""
    if ring[0, 0] == ring[-1, 0]:
        return ring
    pole = math.copysign(90.0, ring[:, 1].mean())
    return np.concatenate([ring, [[ring[-1, 0], pole], [ring[0, 0], pole], ring[0]]])


def _valid(polygon: Polygon) -> Polygon:
    if not polygon.is_valid:
        raise InvalidPolygonError(f"the polygon is not valid: {shapely.is_valid_reason(polygon)}")
    return polygon


def _jumps(lons: NDArray[np.float64], ring: NDArray[Any]) -> NDArray[np.float64]:
    """Return 1 or -1 where longitude jumps between neighbours on a ring across the antimeridian; else 0."""
    steps = np.diff(lons)
    is_jump = (np.abs(steps) > 180) & (np.abs(steps) < 360)  # a whole turn is an edge around the world
    jumps = np.where(is_jump, np.sign(steps), 0.0)
    return np.where(ring[1:] == ring[:-1], jumps, 0.0)


def _polygonal(geometry: BaseGeometry) -> Polygonal:
    assert isinstance(geometry, Polygon | MultiPolygon)  # noqa: S101 - operations above keep the type
    return geometry


def _number(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else str(value)


def spelled_out(geojson: Mapping[str, Any]) -> Polygon | MultiPolygon:
    """Return the Polygon or MultiPolygon of a GeoJSON object, valid or not, its heights dropped.

    Raises:
        GeometryError: If it is neither, or its coordinates are not rings of positions.
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
    """Longitudes and latitudes, (positions, 2)."""
    lonlats = [
        (_coordinate(position[0]), _coordinate(position[1])) for position in map(_listed, _listed(positions))
    ]
    if not lonlats:
        raise ValueError("a ring has positions")
    return np.array(lonlats)


def _coordinate(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"a coordinate is a number, not {type(value).__name__}")
    return float(value)


def _listed(value: object) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"coordinates are lists, not {type(value).__name__}")
    return value


def _shown(kind: object) -> str:
    return kind if isinstance(kind, str) and kind.isalnum() and len(kind) <= 40 else "what was sent"
