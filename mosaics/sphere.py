"""The sphere: areas of outlines in degrees, whose edges are straight in longitude and latitude."""

import numpy as np
import shapely
from numpy.typing import NDArray

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the Earth (IUGG R1), of a sphere of nearly the same surface."""


def spherical_area(geometry: shapely.Geometry, *, longest_deg: float = 0.5) -> float:
    """Return the area on the unit sphere, in steradians.

    Longitude times the sine of latitude is Lambert's cylindrical equal-area projection, in which an edge is
    straight where it follows a parallel or a meridian.

    Args:
        geometry: In degrees, longitude first.
        longest_deg: Other edges are cut into pieces no longer than this.
    """
    dense = shapely.segmentize(geometry, longest_deg)
    return float(shapely.area(shapely.transform(dense, _equal_area)))


def _equal_area(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    radians = np.radians(lonlat)
    return np.column_stack([radians[:, 0], np.sin(radians[:, 1])])
