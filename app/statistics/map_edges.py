"""Edges of maps around one point: the limb of a globe seen from afar, and the far side of a map of it all.

A satellite sees less than half of the Earth; a map of the whole Earth around a point has the opposite point
as its rim, and on a stereographic one that lies at infinity. A polygon is cut to what a map has before it is
drawn there; what is left over has no cells.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS

from app.statistics.geometry import Polygonal, on_world
from mosaics.ellipsoid import FLATTENING
from mosaics.raster.cell_areas import metres_of
from mosaics.raster.coordinates import named_terms, to_crs, to_degrees

AROUND_A_POINT = frozenset(
    {"geos", "ortho", "nsper", "tpers", "gnom", "laea", "aeqd", "stere", "ups", "sterea"}
)
"""PROJ's projections of which a map ends at about one distance from its middle in every direction."""

SEEN_FROM_AFAR = frozenset({"geos", "ortho", "nsper", "tpers"})
"""Those of them with a limb. On a sphere PROJ's geostationary one draws what lies behind it upon the rest."""

BACK_AGAIN = 1e-6
"""Radians: how near to itself a place comes from the map, if it is not drawn over another's."""

FARTHEST_M = 4 * 6_371_000.0
"""From the middle of a map: a stereographic one reaches 127 degrees there, a gnomonic one 76."""

BEFORE = 2e-7
"""Radians, 1.3 m: how far before a map's edge a polygon ends, so that all its outline is on the map."""

OPPOSITE = 3e-4
"""Radians, 2 km: how near to the opposite point a polygon ends. PROJ's coordinates are off by centimetres
there, and it takes none that are that far beyond the rim."""

CAUSTIC = 1.1 * math.pi * FLATTENING
"""Radians: how far from the opposite point geodesics from the middle meet, at the equator; an equidistant map
is folded there, by the square of the cosine of the middle's latitude."""

DIRECTIONS = 720
"""In which the edge is looked for; between them it is as smooth as that and interpolated."""

PLACES_ON_LIMB, PLACES_ON_RIM = 320 * DIRECTIONS, 20 * DIRECTIONS
"""Of the edge. On a limb 180 m of ground apart: its chords lose ground by the square of their lengths."""

HALVINGS = 48

MARGIN = 0.02
"""Radians from the edge in which a polygon is looked at by its outline, not by its corners."""

HALF = math.pi / 2

Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class MapEdge:
    """Where a map around a point ends."""

    middle: tuple[float, float]
    """Longitude and latitude of the map's middle, in radians."""
    reach: float
    """The least angle between the middle and the edge, in radians."""
    cap: Polygonal
    """In degrees: the map where it reaches less than 90 degrees, otherwise what is left out."""

    @property
    def cap_is_map(self) -> bool:
        """Whether the cap is the map, rather than what it lacks."""
        return self.reach < HALF

    def cut(self, polygon: Polygonal) -> Polygonal | None:
        """Return the part of a polygon in degrees that is on the map; None where nothing is.

        A polygon that is on it as a whole is returned as it is.
        """
        if self._is_far_from(polygon) or (not self.cap_is_map and not polygon.intersects(self.cap)):
            return polygon
        operation = shapely.intersection if self.cap_is_map else shapely.difference
        parts = shapely.get_parts(operation(polygon, self.cap))
        pieces = [part for part in parts if isinstance(part, shapely.Polygon) and part.area > 0]
        return shapely.MultiPolygon(pieces) if pieces else None

    def _is_far_from(self, polygon: Polygonal) -> bool:
        """Return whether all edges of a polygon are so near to the middle that it cannot reach the edge."""
        rings = shapely.get_rings(shapely.get_parts(polygon))
        lonlat, ring = shapely.get_coordinates(rings, return_index=True)
        steps = np.hypot(*np.diff(lonlat, axis=0).T)[ring[1:] == ring[:-1]]
        angles = _angles(self.middle, *np.radians(lonlat).T)
        within = float(angles.max() + np.radians(steps.max()) / 2) < self.reach - MARGIN
        return within and (self.cap_is_map or not polygon.intersects(self.cap))


@lru_cache(maxsize=16)
def edge_of(crs: CRS) -> MapEdge | None:
    """Return where maps in a coordinate system end; None where they are not maps around a point."""
    terms = named_terms(crs)
    if crs.is_geographic or terms.get("proj") not in AROUND_A_POINT:
        return None
    origin = [np.array([float(terms.get(name, 0)) / metres_of(crs)]) for name in ("x_0", "y_0")]
    lon, lat = (float(values[0]) for values in to_degrees(crs, *origin))
    if not math.isfinite(lon + lat):
        return None
    middle = math.radians(lon), math.radians(lat)
    reaches = _reaches(crs, middle, *(float(values[0]) for values in origin))
    if reaches is None:
        return None
    least = float(reaches.min())
    return MapEdge(middle, least, _cap(middle, reaches, around_middle=least < HALF))


def _reaches(crs: CRS, middle: tuple[float, float], x: float, y: float) -> Vectors | None:
    """Return how far a map reaches in every direction from its middle, in radians, (places,)."""
    bearings = 2 * math.pi * np.arange(DIRECTIONS) / DIRECTIONS
    folded = CAUSTIC * math.cos(middle[1]) ** 2 if named_terms(crs).get("proj") == "aeqd" else 0.0
    farthest = math.pi - max(OPPOSITE, folded)
    near, far = np.zeros(DIRECTIONS), np.full(DIRECTIONS, farthest)
    for halving in range(HALVINGS):
        between = (near + far) / 2 if halving else far
        lons, lats = _places(middle, bearings, between)
        xs, ys = to_crs(crs, np.degrees(lons), np.degrees(lats))
        with np.errstate(invalid="ignore"):
            on_map = np.hypot(xs - x, ys - y) * metres_of(crs) <= FARTHEST_M
        if named_terms(crs).get("proj") in SEEN_FROM_AFAR:
            on_map &= _come_back(crs, xs, ys, middle, between)
        near, far = np.where(on_map, between, near), np.where(on_map, far, between)
        if near.min() == farthest:
            break
    if not near.all():
        return None
    places = PLACES_ON_LIMB if near.min() < HALF else PLACES_ON_RIM
    finer = np.fft.irfft(np.fft.rfft(near), places) * (places / DIRECTIONS)
    return np.asarray(np.minimum(finer, farthest) - BEFORE)


def _come_back(
    crs: CRS, xs: Vectors, ys: Vectors, middle: tuple[float, float], angles: Vectors
) -> NDArray[np.bool_]:
    """Return which places on the map are those at angles from its middle."""
    lons, lats = to_degrees(crs, xs, ys)
    with np.errstate(invalid="ignore"):
        back = _angles(middle, np.radians(lons), np.radians(lats))
        return np.asarray(np.abs(back - angles) < BACK_AGAIN)


def _cap(middle: tuple[float, float], reaches: Vectors, *, around_middle: bool) -> Polygonal:
    """Return a cap of less than half of the Earth within an edge, in degrees."""
    bearings = 2 * math.pi * np.arange(len(reaches)) / len(reaches)
    lons, lats = np.degrees(_places(middle, bearings, reaches))
    lons = np.unwrap(np.append(lons, lons[0]), period=360.0)
    ring = np.column_stack([lons, np.append(lats, lats[0])])
    if abs(lons[-1] - lons[0]) > 180:  # around a pole, the one that the cap's own middle is nearer to
        pole = math.copysign(90.0, middle[1] if around_middle else -middle[1])
        ring = np.concatenate([ring, [[lons[-1], pole], [lons[0], pole], ring[0]]])
    else:
        ring[-1] = ring[0]
    cap = on_world(shapely.Polygon(ring))
    assert isinstance(cap, Polygonal)  # noqa: S101 - it has an area
    return cap


def _places(middle: tuple[float, float], bearings: Vectors, angles: Vectors) -> tuple[Vectors, Vectors]:
    """Return longitudes and latitudes in radians at angles from a place, in directions from north."""
    away = _vector(*middle)[:, np.newaxis] * np.cos(angles)
    north = _vector(middle[0], middle[1] + HALF)[:, np.newaxis] * (np.cos(bearings) * np.sin(angles))
    east = _vector(middle[0] + HALF, 0.0)[:, np.newaxis] * (np.sin(bearings) * np.sin(angles))
    x, y, z = away + north + east
    return np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))


def _vector(lon: float, lat: float) -> Vectors:
    return np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)], np.float64)


def _angles(middle: tuple[float, float], lons: Vectors, lats: Vectors) -> Vectors:
    """Return the angles between a place and others, in radians."""
    lon, lat = middle
    cosines = math.sin(lat) * np.sin(lats) + math.cos(lat) * np.cos(lats) * np.cos(lons - lon)
    return np.arccos(np.clip(cosines, -1, 1))
