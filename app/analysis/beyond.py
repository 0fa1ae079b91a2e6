"""Cells beyond a threshold: runs of one strip, and what is added up over them for their zones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.analysis.labelling import Mask, Runs, Sums

Floats = NDArray[np.floating[Any]]
Beside: TypeAlias = tuple[Floats | None, Floats | None]


class ThresholdError(ValueError):
    """A threshold that is not valid; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Which values are gathered: at most `low`, and at least `high`; None gathers none on that side."""

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise ThresholdError("give low, high or both: values at most low or at least high are gathered")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ThresholdError(f"low is {self.low:g}, which is not below high, {self.high:g}")

    @property
    def sides(self) -> tuple[int, ...]:
        """-1 for what is low, 1 for what is high, of those that are gathered."""
        return tuple(side for side, bound in ((-1, self.low), (1, self.high)) if bound is not None)

    def beyond(self, values: Floats, side: int) -> Mask:
        """Return where values are beyond the threshold on a side; nowhere where they are NaN."""
        bound = self.low if side < 0 else self.high
        if bound is None:
            return np.zeros(values.shape, bool)
        return np.asarray(values <= bound if side < 0 else values >= bound)


@dataclass(frozen=True, slots=True)
class Strip:
    """Some rows of cells of a region, and the row above and below them.

    All arrays are of shape (rows, columns), rows from the first to the last; NaN is missing.
    """

    first_row: int
    values: Floats
    areas_m2: Floats
    """(rows, columns), or (rows, 1) where the cells of a row have one area."""
    earlier: Sequence[Floats] = ()
    """Values of earlier periods, the latest first."""

    @property
    def last_row(self) -> int:
        """The last row."""
        return self.first_row + len(self.values) - 1


def gathered(strip: Strip, beside: Beside, threshold: Threshold, side: int) -> tuple[Runs, Sums]:
    """Return the runs of a strip that are beyond a threshold on a side, and the sums over their cells.

    Args:
        strip: The cells.
        beside: The values of the rows above and below it, each (columns,); None at the edge of the region.
        threshold: Which values are gathered.
        side: -1 for what is low, 1 for what is high.

    Returns:
        Runs, and by run `cells`, `area_m2`, `value_m2` (values times areas), `known` and `unknown` (cells
        across its edges with and without a value), and of each earlier period the area seen and beyond.
    """
    cells = threshold.beyond(strip.values, side)
    runs = Runs.of(cells, strip.first_row)
    by_run = _ByRun(strip, runs)
    areas = np.broadcast_to(strip.areas_m2, strip.values.shape).astype(np.float64)
    values = np.where(cells, strip.values, 0.0)
    known, unknown = _across_edges(strip, beside, threshold, side, cells)
    added = {
        "cells": runs.cells.astype(np.float64),
        "area_m2": by_run.sums(areas),
        "value_m2": by_run.sums(areas * values),
        "known": by_run.sums(known),
        "unknown": by_run.sums(unknown),
    }
    for number, before in enumerate(strip.earlier, 1):
        added[f"seen_{number}"] = by_run.sums(np.where(np.isnan(before), 0.0, areas))
        added[f"beyond_{number}"] = by_run.sums(np.where(threshold.beyond(before, side), areas, 0.0))
    least = {"low": by_run.least(strip.values)}
    largest = {"high": -by_run.least(-strip.values)}
    return runs, Sums(added, least, largest)


@dataclass(frozen=True, slots=True)
class _ByRun:
    """Reductions over the cells of runs of a strip."""

    strip: Strip
    runs: Runs

    @property
    def _bounds(self) -> NDArray[np.int64]:
        start = (self.runs.row - self.strip.first_row) * self.strip.values.shape[1]
        return np.column_stack([start + self.runs.first, start + self.runs.end]).ravel()

    def sums(self, cells: NDArray[np.generic]) -> NDArray[np.float64]:
        """Return the sum of each run."""
        return self._reduced(np.add, cells, 0.0)

    def least(self, cells: NDArray[np.generic]) -> NDArray[np.float64]:
        """Return the smallest cell of each run."""
        return self._reduced(np.minimum, cells, np.inf)

    def _reduced(self, reduction: np.ufunc, cells: NDArray[np.generic], rest: float) -> NDArray[np.float64]:
        if not len(self.runs):
            return np.zeros(0)
        padded = np.append(cells.astype(np.float64).ravel(), rest)  # the last run may end with the strip
        return np.asarray(reduction.reduceat(padded, self._bounds)[::2])


def _across_edges(
    strip: Strip,
    beside: Beside,
    threshold: Threshold,
    side: int,
    cells: Mask,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return of each cell how many beside it belong to no zone of its side: with a value, and without one."""
    missing = np.full((1, strip.values.shape[1]), np.nan, strip.values.dtype)
    rows = [missing if row is None else row[np.newaxis] for row in beside]
    around = np.vstack([rows[0], strip.values, rows[1]])
    around = np.pad(around, ((0, 0), (1, 1)), constant_values=np.nan)
    beyond, has_value = threshold.beyond(around, side), ~np.isnan(around)
    known, unknown = (np.zeros(cells.shape, np.uint8) for _ in range(2))
    height, width = cells.shape
    for down, right in ((0, 1), (2, 1), (1, 0), (1, 2)):
        across = slice(down, down + height), slice(right, right + width)
        edge = cells & ~beyond[across]
        known += edge & has_value[across]
        unknown += edge & ~has_value[across]
    return known, unknown
