"""Levels: the cells of a part parted by their areas, where these change slowly.

A part is cut into squares of which each has nearly one area, so that there are few areas for many cells. The
squares are put in the order of these, which copies whole rows, and those of one level of area lie together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.rendering.values import Mask
from app.statistics.distribution import Moments, Values
from app.statistics.tally import Tally
from mosaics.raster.cell_parts import SQUARE, Squares

CELLS = SQUARE**2
"""Of a square: 64, so that a mask of one is the bits of one number."""

Integers = NDArray[np.int64]
Areas = NDArray[np.floating[Any]]


def levelled_cells(plane: Values, inside: Mask, squares: Squares, marks: Mapping[str, Mask]) -> Tally:
    """Count the cells of a part that are covered wholly, by levels of area.

    Args:
        plane: The values of the part, (height, width); NaN is missing.
        inside: Which cells to count, at least one.
        squares: Of the part.
        marks: Cells of which something is known.
    """
    found = _ByLevel.of(plane, inside, squares)
    moments, pixel_sum = found.moments()
    ends = np.cumsum(found.counts).tolist()
    parts = [found.values[begin:end] for begin, end in pairwise([0, *ends])]
    return Tally(
        levels=tuple(zip(parts, found.levels_m2.tolist(), strict=True)),
        count=float(found.values.size),
        pixel_sum=pixel_sum,
        area_m2=found.covered_m2,
        moments=moments,
        marked={name: _area_m2(inside & mark, squares) for name, mark in marks.items()},
    )


@dataclass(frozen=True, slots=True)
class _ByLevel:
    """Values of a part, level by level."""

    values: Values
    counts: Integers
    """Values of each level, at least 1."""
    areas_m2: Areas
    """Of all cells of each level that have a value."""
    levels_m2: Areas
    """Each level, as the area of one cell."""
    covered_m2: float
    """Of all cells covered, with and without a value."""

    @classmethod
    def of(cls, plane: Values, inside: Mask, squares: Squares) -> "_ByLevel":
        """Put the squares that have covered cells in the order of their levels, and take their values."""
        areas_m2 = squares.areas_m2.ravel()
        kept = None if inside.all() and inside.size == areas_m2.size * CELLS else _in_squares(inside)
        counts = np.full(areas_m2.size, CELLS) if kept is None else _counts(kept)
        levels = np.rint(areas_m2 / squares.step_m2).astype(np.int64)
        touched = np.flatnonzero(counts)
        order = touched[np.argsort(levels[touched], kind="stable")]
        cells, kept = (
            _in_squares(plane).take(order, axis=0),
            None if kept is None else kept.take(order, axis=0),
        )
        counts, areas_m2, levels = counts[order], areas_m2[order], levels[order]
        covered_m2 = float((counts * areas_m2).sum())
        missing = np.isnan(cells)
        if missing.any():
            kept = ~missing if kept is None else kept & ~missing
            counts = _counts(kept)
        firsts = np.flatnonzero(np.diff(levels, prepend=-1))
        by_level = np.add.reduceat(counts, firsts)
        held = by_level > 0
        return cls(
            cells.ravel() if kept is None else cells[kept],
            by_level[held],
            np.add.reduceat(counts * areas_m2, firsts)[held],
            levels[firsts][held] * squares.step_m2,
            covered_m2,
        )

    def moments(self) -> tuple[Moments, float]:
        """Return moments of the values, all of a level with its mean area, and their plain sum."""
        if not self.values.size:
            return Moments(), 0.0
        begins, means_m2 = np.cumsum(self.counts) - self.counts, self.areas_m2 / self.counts
        exact = self.values.astype(np.float64)
        sums = np.add.reduceat(exact, begins)
        weight = float(self.areas_m2.sum())
        mean = float((means_m2 * sums).sum()) / weight
        exact -= mean
        np.square(exact, out=exact)
        deviation = float((means_m2 * np.add.reduceat(exact, begins)).sum())
        return Moments(weight, mean, deviation), float(sums.sum())


def _area_m2(cells: Mask, squares: Squares) -> float:
    return float((_counts(_in_squares(cells)) * squares.areas_m2.ravel()).sum())


def _counts(by_square: Mask) -> Integers:
    """Return how many cells of each square, (squares, `CELLS`), are marked."""
    return np.bitwise_count(np.packbits(by_square).view(np.uint64)).astype(np.int64)


def _in_squares(plane: NDArray[Any]) -> NDArray[Any]:
    """Return the cells of a part by squares, (squares, `CELLS`); what lies beyond the part is zero."""
    height, width = plane.shape
    rows, columns = -(-height // SQUARE), -(-width // SQUARE)
    if plane.shape != (rows * SQUARE, columns * SQUARE):
        whole = np.zeros((rows * SQUARE, columns * SQUARE), plane.dtype)
        whole[:height, :width] = plane
        plane = whole
    lines = plane.view(f"V{SQUARE * plane.itemsize}")  # a square's rows move as one thing each
    ordered = np.ascontiguousarray(lines.reshape(rows, SQUARE, columns).swapaxes(1, 2))
    return ordered.reshape(rows * columns, SQUARE).view(plane.dtype)
