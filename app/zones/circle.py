"""The circle: all places within a distance of a centre, as a polygon whose edges are straight in degrees."""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod
from shapely.geometry import Polygon, mapping

from app.statistics.geometry import GeometryError, Polygonal, read_polygon

Floats: TypeAlias = NDArray[np.float64]

GEOD = Geod(ellps="WGS84")

CORNERS = 128
"""Corners of a circle: its edges lie at most 0.0003 of the radius inside the true one, 1 - cos(pi / 128)."""

TOLERANCE = 1 - math.cos(math.pi / CORNERS)
"""How far the middle of an edge may lie from the true circle, as a share of the radius."""

MOST_CORNERS = 8_192
"""Near a pole, where edges that are straight in degrees bend, a circle gets more."""

RADII_M = (1.0, 1_000_000.0)


class CircleError(ValueError):
    """A circle that is not valid; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Circle:
    """A centre and a radius."""

    lon: float
    lat: float
    """In degrees."""
    radius_m: float
    """Along geodesics of the WGS 84 ellipsoid."""

    def __post_init__(self) -> None:
        if not (abs(self.lon) <= 180 and abs(self.lat) <= 90):
            raise CircleError(
                f"center {self.lon:g}, {self.lat:g} is not a longitude and latitude; give degrees, "
                "longitude first"
            )
        low, high = RADII_M
        if not low <= self.radius_m <= high:
            raise CircleError(f"radius_m must be from {low:g} to {high:,.0f} metres, not {self.radius_m:g}")

    def polygon(self) -> Polygonal:
        """Return the circle as a valid polygon, in parts where it crosses the antimeridian.

        Its corners lie on the geodesic circle, and its edges no farther from it than `TOLERANCE` of the
        radius; where it contains a pole it is closed along the pole's edge of the map.

        Raises:
            CircleError: If its outline runs through a pole too closely to be drawn.
        """
        azimuths = np.linspace(0, 360, CORNERS, endpoint=False)
        while len(bent := self._bent(azimuths)):
            if len(azimuths) + len(bent) > MOST_CORNERS:
                raise CircleError(
                    "the circle runs through a pole, where no outline can be drawn; change its radius"
                )
            azimuths = np.sort(np.concatenate([azimuths, bent]))
        try:
            return read_polygon(mapping(Polygon(self._corners(azimuths))))
        except GeometryError as error:
            raise CircleError(f"the circle cannot be drawn on a map: {error}") from error

    def _corners(self, azimuths: Floats) -> Floats:
        """Return longitudes and latitudes of corners by their direction from the centre, (n, 2)."""
        centres = [np.full(len(azimuths), place) for place in (self.lon, self.lat, self.radius_m)]
        lons, lats, _ = GEOD.fwd(centres[0], centres[1], azimuths, centres[2])
        return np.column_stack([lons, lats])

    def _bent(self, azimuths: Floats) -> Floats:
        """Return the directions between corners whose edge lies too far from the circle."""
        corners = self._corners(azimuths)
        following = np.roll(corners, -1, axis=0)
        steps = following - corners
        steps[:, 0] = (steps[:, 0] + 180) % 360 - 180
        middles = corners + steps / 2
        lons, lats = np.full(len(azimuths), self.lon), np.full(len(azimuths), self.lat)
        _, _, distances_m = GEOD.inv(lons, lats, middles[:, 0], middles[:, 1])
        is_bent = np.abs(distances_m / self.radius_m - 1) > 1.01 * TOLERANCE
        between = (azimuths + np.append(azimuths[1:], 360.0)) / 2
        return np.asarray(between[is_bent])
