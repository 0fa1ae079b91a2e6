"""Moments of the parts of cells that a polygon covers: integrals of powers of the place over each part.

As the covered fraction, which is the first of them, they are sums over pieces of edges: one within a cell
adds the integral over what lies to its right in the cell, and to all cells further right that over their rows
between its ends.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.statistics.coverage import Block, Outline

ORDER = 4
"""Powers of each coordinate: 0 to 3."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(ORDER)
NODES, WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2
"""Of Gauss and Legendre's quadrature on 0..1, exact for these powers along a piece."""

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


def moments_of(outline: Outline, block: Block, cells: Integers) -> Floats:
    """Return the integrals of powers of the place over the covered parts of some cells.

    Args:
        outline: Of the polygon.
        block: Of the cells.
        cells: Positions in the block read row by row, ascending.

    Returns:
        Of shape (cells, ORDER, ORDER): powers of the place down, then across, from the middle of a cell, in
        cells; of a cell covered wholly 1 at (0, 0).
    """
    pieces = _pieces_in(outline, block)
    row, column = np.divmod(cells, block.width)
    begins = row * (block.width + 1)
    here = begins + column + 1
    first, at, after = (np.searchsorted(pieces.position, place) for place in (begins, here, here + 1))
    found = np.empty((len(cells), ORDER, ORDER))
    for down in range(ORDER):
        passed = np.concatenate([[0.0], np.cumsum(pieces.passed(down))])
        for across in range(ORDER):
            own = np.concatenate([[0.0], np.cumsum(pieces.own(down, across))])
            to_right = _power_over_cell(across) * (passed[at] - passed[first])
            found[:, down, across] = own[after] - own[at] + to_right
    return found


def _power_over_cell(power: int) -> float:
    """Return the integral of a power from one side of a cell to the other, counted from its middle."""
    return float((0.5 ** (power + 1) - (-0.5) ** (power + 1)) / (power + 1))


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Pieces of edges, each within one cell, in the order of the cells."""

    position: Integers
    """In rows of width + 1 cells, of which the first stands for all that is left of the block."""
    x: Floats
    """Across from the middle of the cell at the nodes, (pieces, nodes)."""
    y: Floats
    """Down from there, the same."""
    cover: Floats
    """Height of a piece by the weights, positive where the polygon lies to its right, (pieces, nodes)."""

    def passed(self, down: int) -> Floats:
        """Return the integral along each piece of a power of the place down."""
        return np.asarray((self.cover * self.y**down).sum(axis=1))

    def own(self, down: int, across: int) -> Floats:
        """Return the integral of powers over what lies to the right of each piece in its cell."""
        right = (0.5 ** (across + 1) - self.x ** (across + 1)) / (across + 1)
        return np.asarray((self.cover * right * self.y**down).sum(axis=1))


def _pieces_in(outline: Outline, block: Block) -> _Pieces:
    edges = outline.within(block)
    upper = np.maximum(edges.y_top, 0.0)
    lower = np.minimum(edges.y_bottom, float(block.height))
    slope = (edges.x_bottom - edges.x_top) / (edges.y_bottom - edges.y_top)
    first = np.column_stack([edges.x_top + (upper - edges.y_top) * slope, upper])
    last = np.column_stack([edges.x_top + (lower - edges.y_top) * slope, lower])
    edge, share = _cuts(first, last, block.width)
    begin, end = share[:-1], share[1:]
    seen = (edge[1:] == edge[:-1]) & (end > begin)
    edge, begin, end = edge[:-1][seen], begin[seen, np.newaxis], end[seen, np.newaxis]
    along = (last - first)[edge]
    middle = first[edge] + (begin + end) / 2 * along
    column, row = np.floor(middle).astype(np.intp).T
    position = np.clip(row, 0, block.height - 1) * (block.width + 1) + np.maximum(column, -1) + 1
    at = begin + (end - begin) * NODES
    x = first[edge, :1] + at * along[:, :1] - column[:, np.newaxis] - 0.5
    y = first[edge, 1:] + at * along[:, 1:] - row[:, np.newaxis] - 0.5
    cover = (end - begin) * along[:, 1:] * WEIGHTS * edges.sign[edge, np.newaxis]
    order = np.flatnonzero(column < block.width)
    order = order[np.argsort(position[order], kind="stable")]
    return _Pieces(position[order], x[order], y[order], cover[order])


def _cuts(first: Floats, last: Floats, width: int) -> tuple[Integers, Floats]:
    """Return where edges begin, cross lines of the grid and end: the edge, and the share of its length."""
    edges = np.arange(len(first))
    found = [(edges, np.zeros(len(first))), (edges, np.ones(len(first)))]
    for axis, most in ((0, width), (1, np.inf)):
        low, high = np.minimum(first, last)[:, axis], np.maximum(first, last)[:, axis]
        begin = np.maximum(np.floor(low) + 1, 0)
        count = np.maximum(np.minimum(np.ceil(high) - 1, most) - begin + 1, 0).astype(np.intp)
        edge = np.repeat(edges, count)
        line = begin[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
        found.append((edge, (line - first[edge, axis]) / (last - first)[edge, axis]))
    edge, share = (np.concatenate(values) for values in zip(*found, strict=True))
    order = np.lexsort((share, edge))
    return edge[order], share[order]
