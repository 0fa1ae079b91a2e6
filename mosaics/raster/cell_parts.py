"""Parts of blocks of cells, of which one area may stand for all cells, or one for those of each square."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNIFORM = 1e-5
"""How far a cell's area may lie off the one that stands for all cells of a part."""

PART = 256
"""Cells a side of the largest parts that may have one area: a block of a COG."""

WIDE = 2 * PART
"""Columns of the largest parts of squares, in which there is less to do for each cell."""

SQUARE = 8
"""Cells a side of the squares that may have one area where parts do not."""

SIMPSON = np.array([1, 4, 1]) / 6
"""Weights of both ends and the middle of a line in its mean."""

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Squares:
    """Squares of `SQUARE` cells a side, from a part's upper left corner; the last ones may be cut off."""

    areas_m2: Floats
    """The area that stands for the cells of each square, (rows, columns) of squares."""
    step_m2: float
    """Between levels of area: the multiple of it nearest to a square's area stands for its cells too."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a block of cells."""

    rows: slice
    """Within the block."""
    columns: slice
    """Within the block."""
    area_m2: float | None = None
    """The area that stands for every cell, as nearly as `UNIFORM` says; None if they differ too much."""
    squares: Squares | None = None
    """Otherwise, squares of which the same can be said; None if cells differ too much within these too."""


def standing(least: Floats, most: Floats, middle: Floats) -> Floats:
    """Return middles where extremes are near enough to stand for all between them; otherwise NaN."""
    return np.where(most - least <= 2 * UNIFORM * least, middle, np.nan)


def simpson_means(ends: Floats) -> Floats:
    """Return means over rectangles from corners, middles of sides and middle, (..., 3, 3)."""
    return np.asarray(SIMPSON @ ends @ SIMPSON)


def bends_of(factors: Floats) -> Floats:
    """Return how far each cell's mean may lie off its middle's factor, as a share of it, (rows, columns).

    That is a 24th of the second difference to the cells around; infinite in fewer than three rows or columns.
    """
    if min(factors.shape) < 3:
        return np.full(factors.shape, np.inf)
    across, down = (np.abs(np.diff(factors, 2, axis)) for axis in (1, 0))
    bends = np.pad(across, ((0, 0), (1, 1)), "edge") + np.pad(down, ((1, 1), (0, 0)), "edge")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(factors > 0, bends / 24 / factors, 0.0))


def cut_into(count: int, longest: int = PART) -> list[slice]:
    """Return parts of cells in a row."""
    return [slice(start, min(start + longest, count)) for start in range(0, count, longest)]


def ends_of(parts: list[slice]) -> Floats:
    """Return where parts begin, their middles and where they end."""
    return np.array([(part.start, (part.start + part.stop) / 2, part.stop) for part in parts]).ravel()


def middles_of(count: int) -> Floats:
    """Return the middles of squares along cells; the last square may be cut off."""
    begins = np.arange(0, count, SQUARE)
    return (begins + np.minimum(begins + SQUARE, count)) / 2


def by_square(cells: slice) -> slice:
    """Return the squares that cells of a part lie in."""
    return slice(cells.start // SQUARE, -(-cells.stop // SQUARE))
