"""Cutouts: grids that are laid along a file's own pixels, which need no warp."""

from dataclasses import dataclass

from rasterio.transform import Affine

from mosaics.raster.grid import Grid

ALIGNED = 1e-3
"""A grid follows a file's pixels when no cell lies further off than this, in cells."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """A grid laid along a dataset's pixels: every pixel holds a whole number of the grid's cells."""

    column: int
    """Of the grid's left edge, in cells from the dataset's."""
    row: int
    """Of the grid's upper edge, in cells from the dataset's."""
    cells_across: int
    """Cells in the width of a pixel, 1 or more."""
    cells_down: int
    """Cells in the height of a pixel, 1 or more."""


def cutout_of(transform: Affine, grid: Grid) -> Cutout | None:
    """Return where a grid lies among a dataset's pixels in its system; None where it does not follow them."""
    if transform.b or transform.d or transform.e >= 0:
        return None
    left, bottom, right, top = grid.bounds
    width, height = (right - left) / grid.width, (top - bottom) / grid.height
    across, down = transform.a / width, -transform.e / height
    column, row = (left - transform.c) / width, (transform.f - top) / height
    wholes = (round(across), round(down), round(column), round(row))
    if wholes[0] < 1 or wholes[1] < 1:
        return None
    drift = (abs(across - wholes[0]) * grid.width, abs(down - wholes[1]) * grid.height)
    offset = (abs(column - wholes[2]), abs(row - wholes[3]))
    if max(*drift, *offset) > ALIGNED:
        return None
    return Cutout(wholes[2], wholes[3], wholes[0], wholes[1])
