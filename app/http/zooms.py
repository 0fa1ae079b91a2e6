"""The zooms and the place at which a layer is worth requesting."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from morecantile import TileMatrixSet
from rasterio.crs import CRS

from app.http.extents import Extent
from app.rendering.address import crs_of
from mosaics.bbox import Degrees
from mosaics.ellipsoid import WGS84
from mosaics.raster.coordinates import moved

METRES_A_DEGREE = 111_320.0
"""Length of a degree at the equator (WGS 84: 2 pi 6 378 137 m / 360)."""

COARSER_AND_STILL_NATIVE = 1.1
"""A zoom whose pixels are up to a tenth larger than the data's still shows all the detail."""

VIEW_PX = 512
"""Size of a view that shows a whole layer: a small map on a page."""

ABOUT = 1.1
"""A layer up to a tenth larger than the view still fits."""

HIGHEST_LATITUDE = 85.0
"""Beyond this latitude Mercator pixels say little about pixels on the ground."""


@dataclass(frozen=True, slots=True)
class ZoomRange:
    """The zooms of a layer."""

    lowest: int
    """Below it a tile would need more scenes than allowed, and there are no overviews in their place."""
    highest: int
    """At this zoom pixels are as fine as the finest data."""


def zoom_range(
    indexes: Sequence[Extent],
    tms: TileMatrixSet,
    *,
    tilesize: int,
    limit: int,
    overviews: bool = True,
) -> ZoomRange:
    """Return the zooms at which the scenes of some mosaics can be drawn and are worth drawing.

    Args:
        indexes: The mosaics.
        tms: The tile matrix set.
        tilesize: Pixels per side of a tile; twice as many reach the data's resolution one zoom earlier.
        limit: Number of scenes a tile may need.
        overviews: Whether overviews may replace scenes, as they do where whole periods are drawn.
    """
    finest_m = min(index.resolution_m for index in indexes)
    west, south, east, north = union_bounds(indexes)
    pixel = crs_units(finest_m, crs_of(tms.id), lon=(west + east) / 2, lat=(south + north) / 2)
    highest = _zoom_of_pixel(pixel, tms, tilesize)
    if tms.id == "WebMercatorQuad":
        lowest = max(index.minzoom(limit, size=tilesize, overviews=overviews) for index in indexes)
    else:
        lowest = _same_extent(max(index.minzoom(limit) for index in indexes), tms)
    return ZoomRange(min(lowest, highest), highest)


def whole_view_zoom(bounds: Degrees, tms: TileMatrixSet, *, tilesize: int, zooms: ZoomRange) -> int:
    """Return the highest zoom of a range at which a box fits `VIEW_PX`; the lowest if it fits at none.

    Args:
        bounds: West, south, east, north in degrees.
        tms: The tile matrix set.
        tilesize: Pixels per side of a tile.
        zooms: The zooms to choose from.
    """
    west, south, east, north = bounds
    lat = (south + north) / 2
    wide_m = (east - west) * METRES_A_DEGREE * math.cos(math.radians(lat))
    high_m = (north - south) * METRES_A_DEGREE
    side = max(wide_m, high_m) * crs_units(1.0, crs_of(tms.id), lon=(west + east) / 2, lat=lat)
    pixel = side / (VIEW_PX * ABOUT)
    fitting = [z for z in range(zooms.lowest, zooms.highest + 1) if _pixel(tms, z, tilesize) >= pixel]
    return max(fitting, default=zooms.lowest)


def union_bounds(indexes: Sequence[Extent]) -> Degrees:
    """Return the box around everything in some mosaics: west, south, east, north in degrees."""
    wests, souths, easts, norths = zip(*(index.bounds for index in indexes), strict=True)
    return (min(wests), min(souths), max(easts), max(norths))


@lru_cache(maxsize=256)
def crs_units(length_m: float, crs: CRS, *, lon: float, lat: float) -> float:
    """Return a ground length in units of a coordinate system at a place, averaged over both directions.

    Where the system does not have the place, a metre there is taken to be one on its map.
    """
    lat = max(-HIGHEST_LATITUDE, min(HIGHEST_LATITUDE, lat))
    north_deg = length_m / METRES_A_DEGREE
    east_deg = north_deg / math.cos(math.radians(lat))
    xs, ys = moved(WGS84, crs, [lon, lon + east_deg, lon], [lat, lat, lat + north_deg])
    east = math.hypot(xs[1] - xs[0], ys[1] - ys[0])
    north = math.hypot(xs[2] - xs[0], ys[2] - ys[0])
    units = (east + north) / 2
    return units if math.isfinite(units) else length_m / float(crs.units_factor[1])


def _zoom_of_pixel(pixel: float, tms: TileMatrixSet, tilesize: int) -> int:
    for zoom in range(tms.minzoom, tms.maxzoom + 1):
        if _pixel(tms, zoom, tilesize) <= pixel * COARSER_AND_STILL_NATIVE:
            return zoom
    return int(tms.maxzoom)


def _pixel(tms: TileMatrixSet, zoom: int, tilesize: int) -> float:
    """Return the side of a pixel in units of the grid."""
    matrix = tms.matrix(zoom)
    return float(matrix.cellSize * matrix.tileWidth / tilesize)


def _same_extent(web_mercator_zoom: int, tms: TileMatrixSet) -> int:
    """Return the first zoom whose tiles are no larger on the ground than Web Mercator's at a zoom."""
    extent_m = 360 * METRES_A_DEGREE / 2**web_mercator_zoom
    for zoom in range(tms.minzoom, tms.maxzoom + 1):
        matrix = tms.matrix(zoom)
        metres = matrix.cellSize * matrix.tileWidth * _metres_a_unit(tms)
        if metres <= extent_m * COARSER_AND_STILL_NATIVE:
            return zoom
    return int(tms.maxzoom)


def _metres_a_unit(tms: TileMatrixSet) -> float:
    return METRES_A_DEGREE if crs_of(tms.id).is_geographic else 1.0
