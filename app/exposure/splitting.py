"""Splitting: a line cut exactly where it passes from one cell of a grid to the next.

Cells are half-open: a place on a western edge belongs to the cell east of it, one on a northern edge to the
cell south of it, so that a way along an edge lies in one cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from app.exposure.line import Edges, Floats, Line, Positions
from app.statistics.pixel_grid import PixelGrid
from mosaics.ellipsoid import WGS84, curve_lengths_m
from mosaics.raster.coordinates import Bounds, to_crs

OFF_LINE = 1e-4
"""How far a stretch that is straight in the grid may lie off the true line, in cells."""

STRETCH_DEG = 0.5
"""The longest stretch of a line that is looked at as a whole."""

ROUNDS = 4
"""How often stretches are cut until none leaves the true line; one round is enough for most."""

CUTS = 1_000
"""Into how many a stretch is cut in a round at most."""

EDGE_DECIMALS = 9
"""Of a cell: an edge between two cells stays one, whatever the sums that led there have rounded."""

NOTHING = 1e-12
"""Of an edge: a piece shorter than this is a rounding error."""

Integers: TypeAlias = NDArray[np.int_]


class TooManyPiecesError(Exception):
    """A line crosses more cells than a limit."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of a line in their order, (n,) each: within one cell, and of one edge."""

    edge: Integers
    """The number of the edge each is a part of, from 0."""
    part: Integers
    """The number of the line's part, from 0."""
    starts: Positions
    """Where each begins, (n, 2), in degrees with longitudes from -180 to 180."""
    ends: Positions
    """Where each ends, (n, 2), the same."""
    lengths_m: Floats
    """On the ellipsoid, in metres."""
    columns: Integers
    """Of the cell each lies in; anything where it is in none."""
    rows: Integers
    """The same."""
    in_grid: NDArray[np.bool_]
    """False where the line was not split, nothing being there, and where the grid has no such place."""

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.edge)

    @property
    def middles(self) -> Positions:
        """The middle of each, (n, 2), in degrees, longitudes from -180 to 180."""
        middles = (self.starts + self.ends) / 2
        middles[:, 0] = (middles[:, 0] + 180) % 360 - 180
        return middles

    @property
    def begin_m(self) -> Floats:
        """How far along the line each begins, in metres; what lies between parts counts nothing."""
        return np.cumsum(self.lengths_m) - self.lengths_m


def split(line: Line, grid: PixelGrid, boxes: Sequence[Bounds], *, limit: int) -> Pieces:
    """Split a line at the edges of cells.

    Args:
        line: The line.
        grid: The cells, in any coordinate system.
        boxes: In degrees: only what touches one of them is split.
        limit: Pieces at most.

    Raises:
        TooManyPiecesError: If it crosses more cells than that.
    """
    stretches = _straightened(_stretches(line.edges), grid, boxes, limit)
    return _pieces(line, _at_cell_edges(stretches, limit))


@dataclass(frozen=True, slots=True)
class _Stretches:
    """Parts of edges, (n,) each, in their order."""

    edges: Edges
    edge: Integers
    begin: Floats
    """Where each begins, as a share of its edge."""
    end: Floats
    """Where each ends."""
    turn: Floats
    """Whole turns around the Earth to take off the longitudes."""
    cells: NDArray[np.float64]
    """Columns and rows of both ends, (n, 2, 2): not finite where it is left whole."""

    @property
    def placed(self) -> NDArray[np.bool_]:
        """Whether each has cells."""
        return np.asarray(np.isfinite(self.cells).all(axis=(1, 2)))

    def at(self, share: Floats) -> Positions:
        """Return the places at some share of each stretch, in degrees."""
        starts, ends = self.edges.starts[self.edge], self.edges.ends[self.edge]
        along = (self.begin + share * (self.end - self.begin))[:, None]
        places = np.where(along == 1, ends, starts + along * (ends - starts))
        places[:, 0] -= 360 * self.turn
        return places

    def cut(self, counts: Integers) -> "_Stretches":
        """Return each in a number of equal bits; their cells are yet to be found."""
        owner = np.repeat(np.arange(len(counts)), counts)
        nth = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        length = (self.end - self.begin)[owner] / counts[owner]
        begin = self.begin[owner] + nth * length
        last = nth == counts[owner] - 1
        end = np.where(last, self.end[owner], begin + length)
        return _Stretches(
            self.edges, self.edge[owner], begin, end, self.turn[owner], np.full((len(owner), 2, 2), np.nan)
        )


def _stretches(edges: Edges) -> _Stretches:
    """Return edges cut at the antimeridian, and so that none is long."""
    count = len(edges.starts)
    west, east = (choose(edges.starts[:, 0], edges.ends[:, 0]) for choose in (np.minimum, np.maximum))
    first, last = np.floor((west + 180) / 360).astype(int), np.ceil((east - 180) / 360).astype(int)
    turns = np.maximum(last - first, 0) + 1
    owner = np.repeat(np.arange(count), turns)
    turn = first[owner] + np.arange(len(owner)) - np.repeat(np.cumsum(turns) - turns, turns)
    steps = (edges.ends - edges.starts)[owner, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = [((360 * turn + side) - edges.starts[owner, 0]) / steps for side in (-180.0, 180.0)]
    low, high = np.minimum(*shares), np.maximum(*shares)
    begin = np.where(steps == 0, 0.0, np.clip(low, 0, 1))
    end = np.where(steps == 0, 1.0, np.clip(high, 0, 1))
    kept = (end > begin) & ~((steps == 0) & (turn != first[owner]))
    order = np.lexsort((begin[kept], owner[kept]))
    owner, begin, end, turn = (each[kept][order] for each in (owner, begin, end, turn))
    cells = np.full((len(owner), 2, 2), np.nan)
    whole = _Stretches(edges, owner, begin, end, turn.astype(float), cells)
    spans = np.abs(whole.at(np.ones(len(owner))) - whole.at(np.zeros(len(owner)))).max(axis=1)
    return whole.cut(np.maximum(np.ceil(spans / STRETCH_DEG), 1).astype(int))


def _straightened(stretches: _Stretches, grid: PixelGrid, boxes: Sequence[Bounds], limit: int) -> _Stretches:
    """Return stretches, those near a box straight among the cells and with the cells of their ends."""
    near = _is_near(stretches, boxes)
    for _ in range(ROUNDS if grid.crs != WGS84 else 0):
        counts = np.where(near, _cuts(stretches, grid), 1)
        if counts.sum() == len(counts):
            break
        if counts[near].sum() > 2 * limit:
            raise TooManyPiecesError
        stretches = stretches.cut(counts)
        near = _is_near(stretches, boxes)
    ones = np.ones(len(stretches.edge))
    ends = np.stack([_cells_at(stretches.at(share * ones), grid) for share in (0.0, 1.0)], axis=1)
    return replace(stretches, cells=np.where(near[:, None, None], ends, np.nan))


def _cuts(stretches: _Stretches, grid: PixelGrid) -> Integers:
    """Return into how many bits each is to be cut; anything from 1 on where it lies outside the grid."""
    ones = np.ones(len(stretches.edge), int)
    first, last = (_cells_at(stretches.at(share * ones), grid) for share in (0.0, 1.0))
    bulges = np.zeros(len(ones))
    with np.errstate(invalid="ignore"):
        for share in (0.25, 0.5, 0.75):
            off = _cells_at(stretches.at(share * ones), grid) - (first + share * (last - first))
            bulges = np.maximum(bulges, np.nan_to_num(np.hypot(*off.T), nan=0.0, posinf=0.0))
    return np.ceil(np.sqrt(bulges / OFF_LINE)).clip(1, CUTS).astype(int)


def _cells_at(lonlats: Positions, grid: PixelGrid) -> NDArray[np.float64]:
    """Return columns and rows, with fractions, (n, 2); not finite where the grid has no such place."""
    xs, ys = _moved(grid.crs, lonlats)
    columns, rows = (xs - grid.left) / grid.cell_width, (grid.top - ys) / grid.cell_height
    with np.errstate(invalid="ignore"):
        return np.asarray(np.round(np.column_stack([columns, rows]), EDGE_DECIMALS))


def _moved(crs: CRS, lonlats: Positions) -> tuple[Floats, Floats]:
    if crs == WGS84:
        return lonlats[:, 0], lonlats[:, 1]
    return to_crs(crs, lonlats[:, 0], lonlats[:, 1])


def _is_near(stretches: _Stretches, boxes: Sequence[Bounds]) -> NDArray[np.bool_]:
    """Return which of them touch a box."""
    ones = np.ones(len(stretches.edge))
    first, last = stretches.at(0 * ones), stretches.at(ones)
    low, high = np.minimum(first, last), np.maximum(first, last)
    near = np.zeros(len(ones), bool)
    for west, south, east, north in boxes:
        near |= (high >= [west, south]).all(axis=1) & (low <= [east, north]).all(axis=1)
    return near


def _at_cell_edges(stretches: _Stretches, limit: int) -> _Stretches:
    """Return stretches cut wherever they cross an edge between two cells."""
    placed = stretches.placed
    first, last = (np.where(placed[:, None], stretches.cells[:, each], 0.0) for each in (0, 1))
    low, high = np.floor(np.minimum(first, last)) + 1, np.ceil(np.maximum(first, last)) - 1
    counts = np.maximum(high - low + 1, 0)  # edges between two cells, (stretches, 2)
    if counts.sum() + placed.sum() > limit:
        raise TooManyPiecesError
    owners, shares = [np.arange(len(placed))], [np.zeros(len(placed))]
    for axis in (0, 1):
        many = counts[:, axis].astype(int)
        owner = np.repeat(np.arange(len(many)), many)
        line = low[owner, axis] + np.arange(len(owner)) - np.repeat(np.cumsum(many) - many, many)
        owners.append(owner)
        shares.append((line - first[owner, axis]) / (last - first)[owner, axis])
    owner, share = np.concatenate(owners), np.concatenate(shares)
    order = np.lexsort((share, owner))
    owner, share = owner[order], share[order]
    following = np.append(np.where(owner[1:] == owner[:-1], share[1:], 1.0), 1.0)
    length = (stretches.end - stretches.begin)[owner]
    kept = ((following - share) * length > NOTHING) | ~_moves(stretches)[owner]
    begin = stretches.begin[owner] + share * length
    end = np.where(following == 1.0, stretches.end[owner], stretches.begin[owner] + following * length)
    corners = [first[owner] + each[:, None] * (last - first)[owner] for each in (share, following)]
    cells = np.stack(corners, axis=1)
    cells[~placed[owner]] = np.nan
    return _Stretches(
        stretches.edges,
        stretches.edge[owner][kept],
        begin[kept],
        end[kept],
        stretches.turn[owner][kept],
        cells[kept],
    )


def _moves(stretches: _Stretches) -> NDArray[np.bool_]:
    """Return whether the edge of each stretch has two ends, and is not a stop at a place."""
    moves: NDArray[np.bool_] = (stretches.edges.ends != stretches.edges.starts).any(axis=1)[stretches.edge]
    return moves


def _pieces(line: Line, stretches: _Stretches) -> Pieces:
    """Return stretches as pieces; those of one edge that follow each other in one cell are one."""
    placed = stretches.placed
    middles = np.round(np.where(placed[:, None], stretches.cells.mean(axis=1), 0.0), EDGE_DECIMALS)
    columns, rows = np.floor(middles).astype(int).T
    marks = np.column_stack([stretches.edge, stretches.turn, placed, columns, rows])
    fresh = np.append(True, (marks[1:] != marks[:-1]).any(axis=1))
    firsts = np.flatnonzero(fresh)
    lasts = np.append(firsts[1:], len(fresh)) - 1
    merged = _Stretches(
        stretches.edges,
        stretches.edge[firsts],
        stretches.begin[firsts],
        stretches.end[lasts],
        stretches.turn[firsts],
        stretches.cells[firsts],
    )
    ones = np.ones(len(firsts))
    starts, ends = merged.at(0 * ones), merged.at(ones)
    return Pieces(
        edge=merged.edge,
        part=line.edges.part[merged.edge],
        starts=starts,
        ends=ends,
        lengths_m=curve_lengths_m(starts, ends),
        columns=columns[firsts],
        rows=rows[firsts],
        in_grid=placed[firsts],
    )
