"""Grids: where the pixels of a raster lie, as they are asked for and as a file has them."""

from dataclasses import dataclass
from typing import TypeAlias

from rasterio.crs import CRS
from rasterio.transform import Affine

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


@dataclass(frozen=True, slots=True)
class FileGrid:
    """Where the pixels of a file lie, to the bit as it says itself; it may be turned or mirrored."""

    crs: CRS
    transform: Affine
    """From column and row, of a pixel's upper left corner, to coordinates in units of `crs`."""
    width: int
    """Columns, in pixels."""
    height: int
    """Rows, in pixels."""

    @property
    def is_upright(self) -> bool:
        """Whether rows run from north to south and columns from west to east."""
        return bool(self.transform.a > 0 > self.transform.e and self.transform.b == self.transform.d == 0)
