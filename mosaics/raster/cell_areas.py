"""Areas of the cells of a grid on the ellipsoid, whatever the grid's coordinate system.

The area of a cell is its width times its height times a factor that changes slowly from place to place. It is
worked out at some nodes and interpolated by polynomials, which is checked at places between; where it is not
smooth (at the edge of a world map, around a geostationary limb) every cell has its own.
"""

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from typing import Any, Protocol

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from rasterio.crs import CRS

from mosaics.ellipsoid import WGS84, zone_area_m2
from mosaics.raster.area_factors import (
    SHORTEST_STEP_M,
    STEP_M,
    factors_at,
    factors_on_map,
    rows_are_parallels,
)
from mosaics.raster.coordinates import moved

UNIFORM = 1e-5
"""How far a cell's area may lie off the one that stands for all cells of a part."""

INTERPOLATED = 1e-6
"""How far interpolated factors may lie off those worked out."""

NODES = ((20e3, 2), (200e3, 4), (2000e3, 8), (math.inf, 16))
"""Nodes a side, by the longer side in metres: factors change by about its square over the Earth's radius."""

LARGE_CELL_M = 20e3
"""Cells from here on are looked at in four places, not at their middle alone."""

CORNER, CUT_OFF_LOOKS = 0.48, 7
"""How far from their middles, in cells, and in how many places a side cells are looked at which the edge of a
map cuts off."""

PART = 256
"""Cells a side of the largest parts that may have one area: a block of a COG."""

WIDE = 2 * PART
"""Columns of the largest parts of squares, in which there is less to do for each cell."""

NEIGHBOURHOOD_M = 20e3
"""Least side of the squares whose factors are kept for small rectangles within them."""

SQUARE = 8
"""Cells a side of the squares that may have one area where parts do not."""

SMALL_PRODUCT = 1 << 18
"""Multiplications up to which OpenBLAS works on the calling thread; its own threads, waiting for a core, took
70 ms for what takes 0.1 ms."""

NEIGHBOURHOODS_KEPT = 512
"""Squares of which factors are kept, some hundred bytes each."""

BASES_KEPT = 64
"""Polynomials at the rows or columns of a part, for the parts beside and below it: 8 to 64 kB each."""

SIMPSON = np.array([1, 4, 1]) / 6
"""Weights of both ends and the middle of a line in its mean."""

Floats = NDArray[np.floating[Any]]


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


@dataclass(frozen=True)
class CellAreas:
    """The areas of the cells of a rectangle, which any part of it may ask for."""

    cells: Cells
    column: int
    """Of the rectangle's first cell."""
    row: int
    width: int
    """Columns of the rectangle."""
    height: int
    """Rows of the rectangle."""

    def of(self, column: int, row: int, width: int, height: int) -> Floats:
        """Return the area of each cell of a part in square metres.

        Returns:
            (height, 1) where the cells of a row have one area, otherwise (height, width). Of cells that the
            edge of the map cuts off, as if all of them were like their part on it; 0 for those beyond.
        """
        if self._rows_are_parallels:
            return self._row_areas(row, height)
        if self._polynomial is None:
            columns, rows = np.arange(column, column + width) + 0.5, np.arange(row, row + height) + 0.5
            return self._plane_area_m2 * self._single_factors(*np.meshgrid(columns, rows))
        across = _basis(column - self.column, width, self.width, self._polynomial.shape[1])
        down = _basis(row - self.row, height, self.height, self._polynomial.shape[0])
        return _product(self._plane_area_m2 * _product(down, self._polynomial), across.T)

    @property
    def is_smooth(self) -> bool:
        """Whether no cell needs a factor of its own."""
        return self._rows_are_parallels or self._polynomial is not None

    def at(self, columns: NDArray[np.intp], rows: NDArray[np.intp]) -> Floats:
        """Return the areas of single cells in square metres, by their columns and rows, (cells,)."""
        if not columns.size:
            return np.empty(0)
        if self._rows_are_parallels:
            first, last = int(rows.min()), int(rows.max())
            return np.asarray(self._row_areas(first, last - first + 1)[rows - first, 0])
        if self._polynomial is None:
            return self._plane_area_m2 * self._single_factors(columns + 0.5, rows + 0.5)
        across, down = self._bases(columns + 0.5, rows + 0.5)
        return np.asarray(self._plane_area_m2 * (_product(down, self._polynomial) * across).sum(axis=1))

    def parts(self, column: int, row: int, width: int, height: int) -> Iterator[Part]:
        """Cut a block into parts, row by row; wider ones where areas of squares are all that is needed."""
        rights, downs = _cut(width), _cut(height)
        areas = self._of_parts(column, row, rights, downs)
        step_m2 = self._step_m2 if np.isnan(areas).any() else None
        if step_m2 is not None:
            squares = self._interpolated(column + _middles(width), row + _middles(height))
            for down, right in product(downs, _cut(width, WIDE)):
                of_part = Squares(squares[_by_square(down), _by_square(right)], step_m2)
                yield Part(down, right, squares=of_part)
            return
        for (down, right), area_m2 in zip(product(downs, rights), areas.flat, strict=True):
            yield Part(down, right, None if np.isnan(area_m2) else float(area_m2))

    def _of_parts(self, column: int, row: int, rights: list[slice], downs: list[slice]) -> Floats:
        """Return the area that stands for every cell of each part, (rows, columns); NaN if they differ."""
        if self._rows_are_parallels:
            by_row = self._row_areas(row, downs[-1].stop)[:, 0]
            ends = by_row[[(down.start, down.stop - 1) for down in downs]][:, np.newaxis]
            found = _standing(ends.min(axis=2), ends.max(axis=2), ends.mean(axis=2))
            return np.broadcast_to(found, (len(downs), len(rights)))
        if self._polynomial is None:
            return np.full((len(downs), len(rights)), np.nan)
        ends = self._interpolated(column + _ends(rights), row + _ends(downs))
        ends = ends.reshape(len(downs), 3, len(rights), 3).swapaxes(1, 2)
        return _standing(ends.min(axis=(2, 3)), ends.max(axis=(2, 3)), _simpson(ends))

    @cached_property
    def _step_m2(self) -> float | None:
        """The step between levels of area; None if cells differ too much within squares.

        What they differ by is left off what a level may, so that both together stay below `UNIFORM`.
        """
        if self._rows_are_parallels or self._polynomial is None:
            return None
        places, half = np.linspace(-1, 1, 9), SQUARE / 2
        columns, rows = self._columns(places), self._rows(places)
        corners = self._interpolated(
            np.concatenate([columns - half, columns + half]), np.concatenate([rows - half, rows + half])
        ).reshape(2, 9, 2, 9)
        least = float(corners.min())
        off = float(np.ptp(corners, axis=(0, 2)).max()) / 2 / least
        return 2 * (0.95 * UNIFORM - off) * least if off < UNIFORM / 2 else None

    @cached_property
    def _rows_are_parallels(self) -> bool:
        return rows_are_parallels(self.cells.crs)

    def _row_areas(self, row: int, height: int) -> Floats:
        cells = self.cells
        edges = cells.top - (row + np.arange(height + 1)) * cells.cell_height
        if cells.crs.is_geographic:
            lats, turn = np.radians(edges), math.radians(cells.cell_width)
        else:
            _, degrees = moved(cells.crs, WGS84, np.full_like(edges, cells.left), edges)
            lons, _ = moved(cells.crs, WGS84, [0.0, cells.cell_width], [0.0, 0.0])
            lats, turn = np.radians(degrees), math.radians((lons[1] - lons[0]) % 360)
        zones = zone_area_m2(np.clip(lats, -math.pi / 2, math.pi / 2))
        return np.asarray(turn * -np.diff(zones))[:, np.newaxis]

    @property
    def _unit_m(self) -> float:
        return metres_of(self.cells.crs)

    @property
    def _plane_area_m2(self) -> float:
        return self.cells.cell_width * self.cells.cell_height * self._unit_m**2

    @cached_property
    def _polynomial(self) -> Floats | None:
        """Chebyshev coefficients of the factor over the rectangle, (rows, columns), if they fit."""
        side_m = self._unit_m * max(self.width * self.cells.cell_width, self.height * self.cells.cell_height)
        count = next(nodes for longest, nodes in NODES if side_m <= longest)
        for nodes in (count, 2 * count):
            fitted = self._fitted(nodes)
            if fitted is not None:
                return fitted
        return None

    def _fitted(self, count: int) -> Floats | None:
        nodes = chebyshev.chebpts1(count)
        checks = np.append((nodes[1:] + nodes[:-1]) / 2, [-1.0, 1.0])
        places = np.concatenate([nodes, checks])
        columns, rows = np.meshgrid(self._columns(places), self._rows(places))
        factors = self._factors(columns, rows, is_smooth=True)
        if not np.isfinite(factors).all():
            return None
        inverse = np.linalg.inv(chebyshev.chebvander(nodes, count - 1))
        fitted = inverse @ factors[:count, :count] @ inverse.T
        polynomials = chebyshev.chebvander(places, count - 1)
        off = np.abs(polynomials @ fitted @ polynomials.T / factors - 1)
        return fitted if float(off.max()) <= INTERPOLATED else None

    def _columns(self, places: Floats) -> Floats:
        return self.column + self.width * (places + 1) / 2

    def _rows(self, places: Floats) -> Floats:
        return self.row + self.height * (places + 1) / 2

    def _interpolated(self, columns: Floats, rows: Floats) -> Floats:
        """Return areas in square metres, (rows, columns)."""
        fitted = self._polynomial
        assert fitted is not None  # noqa: S101 - asked by the callers
        across, down = self._bases(columns, rows)
        return _product(self._plane_area_m2 * _product(down, fitted), across.T)

    def _bases(self, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Return Chebyshev's polynomials at columns and at rows, (places, polynomials)."""
        fitted = self._polynomial
        assert fitted is not None  # noqa: S101 - asked by the callers
        across = _polynomials(2 * (columns - self.column) / self.width - 1, fitted.shape[1])
        down = _polynomials(2 * (rows - self.row) / self.height - 1, fitted.shape[0])
        return across, down

    def _single_factors(self, columns: Floats, rows: Floats) -> Floats:
        """Return the factors of single cells by their middles, 0 where they lie beyond the map, any shape."""
        found = self._factors(columns, rows)
        off = ~np.isfinite(found)
        if off.any():
            found[off] = self._cut_off_factors(columns[off], rows[off])
        return found

    def _cut_off_factors(self, columns: Floats, rows: Floats) -> Floats:
        """Return the mean factors over the parts of cells that are on the map, (cells,)."""
        sides = np.linspace(-CORNER, CORNER, CUT_OFF_LOOKS)
        xs = self.cells.left + (columns[:, np.newaxis] + sides) * self.cells.cell_width
        ys = self.cells.top - (rows[:, np.newaxis] + sides) * self.cells.cell_height
        return factors_on_map(self.cells.crs, xs, ys, self._unit_m)

    def _factors(self, columns: Floats, rows: Floats, *, is_smooth: bool = False) -> Floats:
        """Return true area by plane area around places counted in cells, any shape."""
        xs = self.cells.left + columns * self.cells.cell_width
        ys = self.cells.top - rows * self.cells.cell_height
        size_m = self._unit_m * max(self.cells.cell_width, self.cells.cell_height)
        step_m = STEP_M if is_smooth else min(max(size_m / 2, SHORTEST_STEP_M), STEP_M)
        if size_m < LARGE_CELL_M:
            return factors_at(self.cells.crs, xs, ys, self._unit_m, step_m)
        across, down = (side / math.sqrt(12) for side in (self.cells.cell_width, self.cells.cell_height))
        corners = [(i * across, j * down) for i in (-1, 1) for j in (-1, 1)]
        found = [factors_at(self.cells.crs, xs + x, ys + y, self._unit_m, step_m) for x, y in corners]
        return np.asarray(np.mean(found, axis=0))


def metres_of(crs: CRS) -> float:
    """Return the metres of a coordinate system's unit; of degrees, those along a great circle."""
    return math.radians(1) * 6.37e6 if crs.is_geographic else float(crs.linear_units_factor[1])


def areas_of(cells: Cells, column: int, row: int, width: int, height: int) -> CellAreas:
    """Return the areas of a rectangle's cells; of a small one, those of a large square that it lies in.

    What factors are made of is kept for the squares asked last, since many fields lie in each.

    Args:
        cells: The grid.
        column: Of the rectangle's first cell.
        row: The same.
        width: Columns.
        height: Rows.
    """
    cell_m = metres_of(cells.crs) * max(cells.cell_width, cells.cell_height)
    side = 2 ** math.ceil(math.log2(NEIGHBOURHOOD_M / cell_m))
    if max(width, height) > side // 2:
        return CellAreas(cells, column, row, width, height)
    half = side // 2  # squares overlap by half, so that each such rectangle lies in one
    around = _neighbourhood(cells, column // half * half, row // half * half, side)
    return around if around.is_smooth else CellAreas(cells, column, row, width, height)


@lru_cache(NEIGHBOURHOODS_KEPT)
def _neighbourhood(cells: Cells, column: int, row: int, side: int) -> CellAreas:
    return CellAreas(cells, column, row, side, side)


@lru_cache(BASES_KEPT)
def _basis(first: int, count: int, size: int, polynomials: int) -> Floats:
    """Return Chebyshev's polynomials at the middles of cells in a row of `size`, (count, polynomials)."""
    basis = _polynomials(2 * (first + np.arange(count) + 0.5) / size - 1, polynomials)
    basis.flags.writeable = False
    return basis


def _polynomials(places: Floats, count: int) -> Floats:
    """Return Chebyshev's first polynomials at places, (places, count), faster than NumPy's `chebvander`."""
    found = np.empty((places.size, count))
    found[:, 0], found[:, 1] = 1.0, places
    for order in range(2, count):
        found[:, order] = 2 * places * found[:, order - 1] - found[:, order - 2]
    return found


def _product(left: Floats, right: Floats) -> Floats:
    """Return a product of matrices, by rows so few that BLAS starts no threads beside the render threads."""
    found = np.empty((left.shape[0], right.shape[1]))
    rows = max(1, SMALL_PRODUCT // right.size)
    for start in range(0, left.shape[0], rows):
        np.matmul(left[start : start + rows], right, out=found[start : start + rows])
    return found


def _standing(least: Floats, most: Floats, middle: Floats) -> Floats:
    """Return middles where extremes are near enough to stand for all between them; otherwise NaN."""
    return np.where(most - least <= 2 * UNIFORM * least, middle, np.nan)


def _simpson(ends: Floats) -> Floats:
    """Return means over rectangles from corners, middles of sides and middle, (..., 3, 3)."""
    return np.asarray(SIMPSON @ ends @ SIMPSON)


def _cut(count: int, longest: int = PART) -> list[slice]:
    return [slice(start, min(start + longest, count)) for start in range(0, count, longest)]


def _ends(parts: list[slice]) -> Floats:
    """Return where parts begin, their middles and where they end."""
    return np.array([(part.start, (part.start + part.stop) / 2, part.stop) for part in parts]).ravel()


def _middles(count: int) -> Floats:
    """Return the middles of squares along cells; the last square may be cut off."""
    begins = np.arange(0, count, SQUARE)
    return (begins + np.minimum(begins + SQUARE, count)) / 2


def _by_square(cells: slice) -> slice:
    return slice(cells.start // SQUARE, -(-cells.stop // SQUARE))
