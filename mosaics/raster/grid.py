"""The grid: where the pixels of a raster lie."""

from dataclasses import dataclass

from rasterio.crs import CRS


@dataclass(frozen=True, slots=True)
class Grid:
    """A north-up raster of square-edged pixels: where every value of an answer lies."""

    crs: CRS
    bounds: tuple[float, float, float, float]
    """Left, bottom, right, top, in units of `crs`."""
    width: int
    """Columns, in pixels."""
    height: int
    """Rows, in pixels."""
