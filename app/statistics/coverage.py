"""Coverage: the exact fraction of every grid cell that a polygon covers.

Every edge is cut at the grid lines. A piece within one cell covers the part of that cell to its right, and
all cells further right, by its height; summed with the sign of its direction this gives the covered area, as
font rasterisers compute it. The cost is linear in the number of cells that edges cross. The fractions equal
those of exactextract (Baston, https://github.com/isciences/exactextract), except for its rounding to float32.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import shapely
from numpy.typing import NDArray

ROUNDING = 1e-10
"""Fractions this close to 0 or 1 count as 0 or 1: float64 does not hold projected coordinates better."""

PIECES_AT_ONCE = 1 << 19
"""Pieces of edges cut at a time; this limits the memory to about 60 MB."""

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Block:
    """A rectangle of cells; columns and rows count from the grid's upper left corner, possibly negative."""

    column: int
    row: int
    width: int
    """Columns, at least 1."""
    height: int
    """Rows, at least 1."""

    @property
    def cells(self) -> int:
        """Number of cells."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Coverage:
    """The covered cells of a block."""

    inside: NDArray[np.bool_]
    """(height, width); True where a cell is completely covered."""
    edge_cells: Integers
    """The partly covered cells, as positions in the block read row by row, ascending."""
    fractions: Floats
    """The covered fraction of each partly covered cell, between 0 and 1."""

    def array(self) -> Floats:
        """Return the fractions of all cells, (height, width), 0 to 1."""
        fractions = self.inside.astype(np.float64)
        fractions.flat[self.edge_cells] = self.fractions
        return fractions

    def touched(self) -> NDArray[np.bool_]:
        """Return where a cell is covered at all, (height, width)."""
        touched = self.inside.copy()
        touched.flat[self.edge_cells] = True
        return touched


@dataclass(frozen=True, slots=True)
class Outline:
    """The edges of a polygon in cell coordinates: x in columns to the right, y in rows downwards.

    Each edge is stored from its upper end to its lower; horizontal edges cover nothing and are left out.
    """

    x_top: Floats
    y_top: Floats
    x_bottom: Floats
    y_bottom: Floats
    sign: Floats
    """1 where the polygon lies to the right of an edge, -1 where it lies to the left."""

    @classmethod
    def of(cls, polygon: shapely.Geometry, left: float, top: float, width: float, height: float) -> Self:
        """Return the outline of a valid polygon or multipolygon, whatever the direction of its rings.

        Args:
            polygon: The polygon, in the grid's coordinates.
            left: x of the grid's left edge.
            top: y of the grid's upper edge.
            width: Width of a cell, in units of x.
            height: Height of a cell, in units of y; positive.
        """
        parts = shapely.get_parts(polygon)
        rings, part_of = shapely.get_rings(parts, return_index=True)
        coordinates, ring_of = shapely.get_coordinates(rings, return_index=True)
        x = (coordinates[:, 0] - left) / width
        y = (top - coordinates[:, 1]) / height
        along = ring_of[1:] == ring_of[:-1]
        x0, y0, x1, y1 = x[:-1][along], y[:-1][along], x[1:][along], y[1:][along]
        ring = ring_of[:-1][along]

        first_row = y.min(initial=0.0)
        first_column = x.min(initial=0.0)
        doubled = (x0 - first_column) * (y1 - first_row) - (x1 - first_column) * (y0 - first_row)
        clockwise = np.bincount(ring, doubled, minlength=len(rings)) > 0  # y points down
        shell = np.ones(len(rings), bool)
        shell[1:] = part_of[1:] != part_of[:-1]
        runs_right = clockwise == shell  # the polygon lies to the right of the ring's direction

        sloping = y0 != y1
        x0, y0, x1, y1 = x0[sloping], y0[sloping], x1[sloping], y1[sloping]
        down = y0 < y1
        sign = np.where(runs_right[ring[sloping]] == down, -1.0, 1.0)
        return cls(
            np.where(down, x0, x1),
            np.where(down, y0, y1),
            np.where(down, x1, x0),
            np.where(down, y1, y0),
            sign,
        )

    def coarser(self, factor: int) -> "Outline":
        """Return the outline on a grid of the same corner with cells `factor` times as wide and high."""
        return Outline(
            self.x_top / factor,
            self.y_top / factor,
            self.x_bottom / factor,
            self.y_bottom / factor,
            self.sign,
        )

    @property
    def area(self) -> float:
        """Area of the polygon, in cells."""
        middle = (self.x_top + self.x_bottom) / 2
        return -float(np.sum(self.sign * (self.y_bottom - self.y_top) * (middle - middle.min(initial=0.0))))

    @property
    def crossings(self) -> float:
        """Approximate number of grid lines that the edges cross."""
        across = np.abs(self.x_bottom - self.x_top)
        return float(np.sum(across + self.y_bottom - self.y_top))

    @property
    def extent(self) -> Block:
        """The smallest block that contains the outline."""
        left = int(np.floor(min(self.x_top.min(), self.x_bottom.min())))
        right = int(np.ceil(max(self.x_top.max(), self.x_bottom.max())))
        top = int(np.floor(self.y_top.min()))
        bottom = int(np.ceil(self.y_bottom.max()))
        return Block(left, top, max(1, right - left), max(1, bottom - top))

    def touched(self, block: Block, least: float) -> list[tuple[int, int, int]]:
        """Return where cells of a block are covered by more than a fraction `least`, however large the block.

        Returns:
            Row, first column and the column after the last, for every run of such cells, row by row.
        """
        runs = self._runs(block)
        is_touched = np.abs(runs.fraction) > least
        row, first = np.divmod(runs.first[is_touched], block.width + 1)
        last = np.minimum(first + runs.length[is_touched], block.width)
        begins = np.ones(len(row), bool)
        begins[1:] = (row[1:] != row[:-1]) | (first[1:] != last[:-1])
        ends = np.append(begins[1:], True)[: len(row)]
        found = np.column_stack([row[begins], first[begins], last[ends]])
        return [(row, first, last) for row, first, last in found.tolist() if first < block.width]

    def coverage(self, block: Block) -> Coverage:
        """Return the covered cells of a block."""
        runs = self._runs(block)
        whole = runs.fraction > 1 - ROUNDING
        by_row = np.repeat(whole, runs.length).reshape(block.height, block.width + 1)
        partly = (runs.fraction > ROUNDING) & ~whole
        run, position = _spread(runs.first[partly], runs.length[partly])
        row, column = np.divmod(position, block.width + 1)
        seen = column < block.width
        cells = row[seen] * block.width + column[seen]
        return Coverage(by_row[:, :-1].copy(), cells, runs.fraction[partly][run[seen]])

    def _runs(self, block: Block) -> "_Runs":
        """Return the cells of a block, row by row, as runs of equal coverage that start at the edges."""
        stride = block.width + 1
        rows = np.arange(block.height) * stride
        first: Integers = rows
        change: Floats = np.zeros(block.height)
        for portion in self._reaching(block):
            parts = list(portion.cut_at_rows(block.height).increments(block.width))
            positions = np.concatenate([first, *(cells for cells, _ in parts)])
            amounts = np.concatenate([change, *(changes for _, changes in parts)])
            first, run = np.unique(positions, return_inverse=True)
            change = np.bincount(run, amounts).astype(np.float64, copy=False)
        running = np.cumsum(change)
        row, begins = first // stride, np.searchsorted(first, rows)
        before = np.concatenate([[0.0], running])[begins]  # the running sum at the end of the row above
        return _Runs(first, np.diff(first, append=block.height * stride), running - before[row])

    def within(self, block: Block) -> "Outline":
        """Return the edges that cover part of a block, relative to its corner."""
        return self._some(self._reach(block), block)

    def _reach(self, block: Block) -> Integers:
        return np.flatnonzero(
            (self.y_top < block.row + block.height)
            & (self.y_bottom > block.row)
            & (np.minimum(self.x_top, self.x_bottom) < block.column + block.width)
        )

    def _some(self, part: Integers, block: Block) -> "Outline":
        return Outline(
            self.x_top[part] - block.column,
            self.y_top[part] - block.row,
            self.x_bottom[part] - block.column,
            self.y_bottom[part] - block.row,
            self.sign[part],
        )

    def _reaching(self, block: Block) -> Iterator["Outline"]:
        """Yield the edges that cover part of a block, relative to its corner, in bounded portions."""
        edges = self._reach(block)
        high = np.minimum(self.y_bottom[edges] - self.y_top[edges], block.height)
        wide = np.minimum(np.abs(self.x_bottom[edges] - self.x_top[edges]), block.width)
        pieces = np.cumsum(high + wide + 2)
        total = pieces[-1] if len(edges) else 0
        cuts = np.searchsorted(pieces, np.arange(PIECES_AT_ONCE, total, PIECES_AT_ONCE))
        for part in np.split(edges, cuts):
            yield self._some(part, block)

    def cut_at_rows(self, height: int) -> "_Pieces":
        """Return the edges cut at the rows 0 to `height`, without what lies beyond."""
        upper, lower = np.maximum(self.y_top, 0.0), np.minimum(self.y_bottom, float(height))
        first = np.floor(upper).astype(np.intp)
        edge, row = _spread(first, np.ceil(lower).astype(np.intp) - first)
        y_upper, y_lower = np.maximum(row, upper[edge]), np.minimum(row + 1, lower[edge])

        slope = ((self.x_bottom - self.x_top) / (self.y_bottom - self.y_top))[edge]
        x_top, y_top = self.x_top[edge], self.y_top[edge]
        ends = np.minimum(self.x_top, self.x_bottom)[edge], np.maximum(self.x_top, self.x_bottom)[edge]
        x_upper = np.clip(x_top + (y_upper - y_top) * slope, *ends)
        x_lower = np.clip(x_top + (y_lower - y_top) * slope, *ends)
        x_lower = np.where(y_lower == self.y_bottom[edge], self.x_bottom[edge], x_lower)
        return _Pieces(
            row,
            np.minimum(x_upper, x_lower),
            np.maximum(x_upper, x_lower),
            (y_lower - y_upper) * self.sign[edge],
        )


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Pieces of edges, each within one row."""

    row: Integers
    left: Floats
    """x of the left end."""
    right: Floats
    """x of the right end."""
    cover: Floats
    """Height of the piece; positive where the polygon lies to its right."""

    def increments(self, width: int) -> Iterator[tuple[Integers, Floats]]:
        """Cut the pieces at the columns, and yield by how much each changes the coverage, and from where.

        Args:
            width: Number of columns. Pieces left of them cover their whole row; pieces right of them cover
            nothing.

        Yields:
            Positions in rows of width + 1 cells, one row after the other, and the changes there; their
            running sum along a row is the coverage of a cell.
        """
        level = self.right - self.left
        slanted = level > 0
        reach = np.where(slanted, level, 1.0)
        beyond = np.where(slanted, np.clip(-self.left, 0.0, level) / reach, self.left <= 0)
        start = self.row * (width + 1)
        before = beyond > 0
        yield start[before], (self.cover * beyond)[before]

        seen = (self.left < width) & (beyond < 1)
        left, right = np.maximum(self.left[seen], 0.0), np.minimum(self.right[seen], float(width))
        first = np.floor(left).astype(np.intp)
        piece, column = _spread(first, np.maximum(np.ceil(right).astype(np.intp) - first, 1))
        x_left, x_right = np.maximum(left[piece], column), np.minimum(right[piece], column + 1)
        share = np.where(slanted[seen][piece], (x_right - x_left) / reach[seen][piece], 1.0)
        covered = self.cover[seen][piece] * share
        to_next = covered * ((x_left + x_right) / 2 - column)
        cell = start[seen][piece] + column
        yield cell, covered - to_next
        yield cell + 1, to_next


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs of equally covered cells, in rows that have one cell more than the block."""

    first: Integers
    """Position of the first cell."""
    length: Integers
    fraction: Floats
    """The covered fraction of each of its cells."""


def _spread(first: Integers, count: Integers) -> tuple[Integers, Integers]:
    """Return every index i repeated `count[i]` times, and with each the numbers from `first[i]` on."""
    owner = np.repeat(np.arange(len(first)), count)
    begin = np.cumsum(count) - count
    return owner, np.arange(len(owner)) + (first - begin)[owner]
