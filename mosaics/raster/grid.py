"""Grids: where the pixels of a raster lie, as they are asked for and as a file has them."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from mosaics.ellipsoid import WGS84
from mosaics.raster.coordinates import Bounds, moved


class Cells(Hashable, Protocol):
    """Cells side by side, north up; columns and rows are counted from one corner."""

    @property
    def crs(self) -> CRS:
        """The coordinate system."""
        ...

    @property
    def left(self) -> float:
        """X of column 0's left edge."""
        ...

    @property
    def top(self) -> float:
        """Y of row 0's upper edge."""
        ...

    @property
    def cell_width(self) -> float:
        """In units of the coordinate system."""
        ...

    @property
    def cell_height(self) -> float:
        """In units of the coordinate system."""
        ...


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

    def lonlats(self, where: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the longitudes and latitudes of the middles of some of the pixels, row by row.

        Args:
            where: True for the pixels wanted, (height, width).

        Returns:
            Two arrays of shape (n,), in degrees; infinite where a pixel is nowhere on Earth.
        """
        rows, columns = np.nonzero(where)
        left, bottom, right, top = self.bounds
        xs = left + (columns + 0.5) * ((right - left) / self.width)
        ys = top - (rows + 0.5) * ((top - bottom) / self.height)
        return moved(self.crs, WGS84, xs, ys)


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
