"""The grid: where the pixels of a raster lie."""

from dataclasses import dataclass
from typing import TypeAlias

from rasterio.crs import CRS

Bounds: TypeAlias = tuple[float, float, float, float]
"""Left, bottom, right, top in units of some coordinate system."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A north-up raster of square-edged pixels: where every value of an answer lies."""

    crs: CRS
    bounds: Bounds
    """Left, bottom, right, top, in units of `crs`."""
    width: int
    """Columns, in pixels."""
    height: int
    """Rows, in pixels."""
