"""Polygons by the pixels of the scene near Mol, and noise to count in them."""

import numpy as np
from rasterio.crs import CRS
from rasterio.warp import transform as transform_coordinates

from app.statistics.geometry import Polygonal, read_polygon
from tests.rasters import MOL, UTM_31N

UTM = CRS.from_string(UTM_31N)
RNG = np.random.default_rng(3)


def near_mol(columns: list[float], rows: list[float]) -> Polygonal:
    """A polygon by the pixels of the scene near Mol."""
    xs = [MOL[0] + 10 * column for column in columns]
    ys = [MOL[1] - 10 * row for row in rows]
    lons, lats = transform_coordinates(UTM, CRS.from_epsg(4326), xs, ys)
    ring = [list(place) for place in zip(lons, lats, strict=True)]
    return read_polygon({"type": "Polygon", "coordinates": [[*ring, ring[0]]]})


def noise(height: int, width: int, low: int = 1, high: int = 10_000) -> np.ndarray:
    return RNG.integers(low, high, (height, width)).astype("uint16")


DISTRICT_PIXELS = ([40.0, 700, 1190, 1100, 620, 100], [90.0, 15, 250, 1130, 1180, 900])
DISTRICT = near_mol(*DISTRICT_PIXELS)
