"""Areas of the cells of a grid on the ellipsoid, whatever the grid's coordinate system.

The area of a cell is its width times its height times a factor that changes slowly from place to place. It is
worked out at some nodes and interpolated by polynomials, which is checked at places between; where it is not
smooth (at the edge of a world map, around a geostationary limb) every cell has its own.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from rasterio.crs import CRS

from mosaics.ellipsoid import WGS84, zone_area_m2
from mosaics.raster.area_factors import (
    SHORTEST_STEP_M,
    STEP_M,
    extrapolated_factors,
    factors_at,
    factors_on_map,
    rows_are_parallels,
)
from mosaics.raster.cell_parts import (
    SQUARE,
    UNIFORM,
    WIDE,
    Part,
    Squares,
    bends_of,
    by_square,
    cut_into,
    ends_of,
    middles_of,
    simpson_means,
    standing,
)
from mosaics.raster.coordinates import moved, to_degrees
from mosaics.raster.grid import Cells
from mosaics.raster.polynomials import basis_of_cells, polynomials_at, product_of
from mosaics.raster.ring_areas import cell_areas_m2

INTERPOLATED = 1e-6
"""How far interpolated factors may lie off those worked out."""

NODES = ((20e3, 2), (200e3, 4), (2000e3, 8), (math.inf, 16))
"""Nodes a side, by the longer side in metres: factors change by about its square over the Earth's radius."""

LARGE_CELL_M = 20e3
"""Cells from here on are looked at in four places, not at their middle alone."""

FOURTH = 1 / math.sqrt(12)
"""Of a cell: how far from its middle these places lie to each side, by Gauss and Legendre."""

STEEP = 1e-3
"""By how much the mean factor of four places may lie off the middle's: it is off by some square of that."""

STEEP_IF_LARGE = 1e-5
"""The same for large cells, in which a factor may have a kink."""

CORNER, CUT_OFF_LOOKS = 0.48, 7
"""How far from their middles, in cells, and in how many places a side cells are looked at which the edge of a
map cuts off."""

NEIGHBOURHOOD_M = 20e3
"""Least side of the squares whose factors are kept for small rectangles within them."""

NEIGHBOURHOODS_KEPT = 512
"""Squares of which factors are kept, some hundred bytes each."""

Floats = NDArray[np.floating[Any]]


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

    def of(
        self, column: int, row: int, width: int, height: int, wanted: NDArray[np.bool_] | None = None
    ) -> Floats:
        """Return the area of each cell of a part in square metres.

        Args:
            column: Of the part's first cell.
            row: The same.
            width: Columns of the part.
            height: Rows of the part.
            wanted: The cells that are needed, (height, width), where others may be 0.

        Returns:
            (height, 1) where the cells of a row have one area, otherwise (height, width). Of cells that the
            edge of the map cuts off, as if all of them were like their part on it; 0 for those beyond.
        """
        if self._rows_are_parallels:
            return self._row_areas(row, height)
        if self._polynomial is None:
            columns, rows = np.arange(column, column + width) + 0.5, np.arange(row, row + height) + 0.5
            wanted = np.ones((height, width), np.bool_) if wanted is None else wanted
            across, down = np.meshgrid(columns, rows)
            return self.plane_area_m2 * self._checked_factors(across, down, wanted)
        across = basis_of_cells(column - self.column, width, self.width, self._polynomial.shape[1])
        down = basis_of_cells(row - self.row, height, self.height, self._polynomial.shape[0])
        return product_of(self.plane_area_m2 * product_of(down, self._polynomial), across.T)

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
            return self.plane_area_m2 * self._single_factors(columns + 0.5, rows + 0.5)
        across, down = self._bases(columns + 0.5, rows + 0.5)
        return np.asarray(self.plane_area_m2 * (product_of(down, self._polynomial) * across).sum(axis=1))

    def factors(self, columns: Floats, rows: Floats) -> Floats:
        """Return true area by plane area at places in cells from the corner, any shape.

        Returns:
            The same shape; not finite off the map.
        """
        if self._rows_are_parallels:
            return self._row_factors(rows)
        if self._polynomial is None or self._cell_m >= LARGE_CELL_M:
            return self._point_factors(columns, rows, is_smooth=self._polynomial is not None, is_exact=True)
        across, down = self._bases(columns.ravel(), rows.ravel())
        return np.asarray((product_of(down, self._polynomial) * across).sum(axis=1)).reshape(columns.shape)

    def parts(self, column: int, row: int, width: int, height: int) -> Iterator[Part]:
        """Cut a block into parts, row by row; wider ones where areas of squares are all that is needed."""
        rights, downs = cut_into(width), cut_into(height)
        areas = self._of_parts(column, row, rights, downs)
        step_m2 = self._step_m2 if np.isnan(areas).any() else None
        if step_m2 is not None:
            squares = self._interpolated(column + middles_of(width), row + middles_of(height))
            for down, right in product(downs, cut_into(width, WIDE)):
                of_part = Squares(squares[by_square(down), by_square(right)], step_m2)
                yield Part(down, right, squares=of_part)
            return
        for (down, right), area_m2 in zip(product(downs, rights), areas.flat, strict=True):
            yield Part(down, right, None if np.isnan(area_m2) else float(area_m2))

    def _of_parts(self, column: int, row: int, rights: list[slice], downs: list[slice]) -> Floats:
        """Return the area that stands for every cell of each part, (rows, columns); NaN if they differ."""
        if self._rows_are_parallels:
            by_row = self._row_areas(row, downs[-1].stop)[:, 0]
            ends = by_row[[(down.start, down.stop - 1) for down in downs]][:, np.newaxis]
            found = standing(ends.min(axis=2), ends.max(axis=2), ends.mean(axis=2))
            return np.broadcast_to(found, (len(downs), len(rights)))
        if self._polynomial is None:
            return np.full((len(downs), len(rights)), np.nan)
        ends = self._interpolated(column + ends_of(rights), row + ends_of(downs))
        ends = ends.reshape(len(downs), 3, len(rights), 3).swapaxes(1, 2)
        return standing(ends.min(axis=(2, 3)), ends.max(axis=(2, 3)), simpson_means(ends))

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

    def _row_factors(self, rows: Floats) -> Floats:
        """Return the factors along parallels; those of rows past a pole go on as a polynomial does."""
        cells, step = self.cells, STEP_M / self._unit_m
        ys = cells.top - rows.ravel() * cells.cell_height
        ends = np.concatenate([ys + step, ys - step])
        if cells.crs.is_geographic:
            lats, turn = ends, step
        else:
            lons, lats = to_degrees(cells.crs, np.append(np.zeros(ends.size), step), np.append(ends, 0.0))
            lats, turn = lats[:-1], (lons[-1] - lons[0]) % 360
        with np.errstate(invalid="ignore"):
            upper, lower = zone_area_m2(np.radians(lats)).reshape(2, *rows.shape)
        return np.asarray(math.radians(turn) * (upper - lower) / (2 * step * STEP_M * self._unit_m))

    @property
    def _cell_m(self) -> float:
        return self._unit_m * max(self.cells.cell_width, self.cells.cell_height)

    @property
    def _unit_m(self) -> float:
        return metres_of(self.cells.crs)

    @property
    def plane_area_m2(self) -> float:
        """Width times height of a cell, degrees taken as they are along a great circle."""
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
        with np.errstate(divide="ignore"):  # of 0 in a point that a whole rim stands for
            off = np.abs(polynomials @ fitted @ polynomials.T / factors - 1)
        return fitted if float(off.max()) <= INTERPOLATED else None

    @cached_property
    def _is_curved(self) -> bool:
        """Whether parallels bend too much over a step, as near a pole that is a line, or cells are large."""
        if self._cell_m >= LARGE_CELL_M:
            return True
        ends = np.array([-1.0, 1.0])
        columns, rows = np.meshgrid(self._columns(ends), self._rows(ends))
        xs = self.cells.left + columns * self.cells.cell_width
        ys = self.cells.top - rows * self.cells.cell_height
        plain, exact = (
            by(self.cells.crs, xs, ys, self._unit_m, STEP_M) for by in (factors_at, extrapolated_factors)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            off = float(np.abs(plain / exact - 1).max())
        return off > INTERPOLATED if math.isfinite(off) else self._cell_m >= 2 * STEP_M

    def _columns(self, places: Floats) -> Floats:
        return self.column + self.width * (places + 1) / 2

    def _rows(self, places: Floats) -> Floats:
        return self.row + self.height * (places + 1) / 2

    def _interpolated(self, columns: Floats, rows: Floats) -> Floats:
        """Return areas in square metres, (rows, columns)."""
        fitted = self._polynomial
        assert fitted is not None  # noqa: S101 - asked by the callers
        across, down = self._bases(columns, rows)
        return product_of(self.plane_area_m2 * product_of(down, fitted), across.T)

    def _bases(self, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Return Chebyshev's polynomials at columns and at rows, (places, polynomials)."""
        fitted = self._polynomial
        assert fitted is not None  # noqa: S101 - asked by the callers
        across = polynomials_at(2 * (columns - self.column) / self.width - 1, fitted.shape[1])
        down = polynomials_at(2 * (rows - self.row) / self.height - 1, fitted.shape[0])
        return across, down

    def _checked_factors(self, columns: Floats, rows: Floats, wanted: NDArray[np.bool_]) -> Floats:
        """Return the factors of some cells of a block, with a closer look where they change fast.

        Where the mean of four places is far off that of the middle, the area is measured along the sides.
        """
        found = np.zeros(columns.shape)
        found[wanted] = self._single_factors(columns[wanted], rows[wanted])
        bent = wanted & (bends_of(found) > UNIFORM / 2)
        across, down = columns[bent], rows[bent]
        middles = self._point_factors(across, down, is_smooth=False, is_exact=True)
        is_large = self._cell_m >= LARGE_CELL_M
        means = (
            found[bent] if is_large else self._in_four_places(across, down, is_smooth=False, is_exact=True)
        )
        with np.errstate(invalid="ignore"):
            is_steep = ~(np.abs(means - middles) < (STEEP_IF_LARGE if is_large else STEEP) * middles)
        means[is_steep] = self._by_sides(across[is_steep], down[is_steep])
        found[bent] = np.where(np.isfinite(means), means, found[bent])
        return found

    def _by_sides(self, columns: Floats, rows: Floats) -> Floats:
        """Return the factors of cells with these middles by their sides, not finite where one is off."""
        cells = self.cells
        lefts, tops = (
            cells.left + (columns - 0.5) * cells.cell_width,
            cells.top - (rows - 0.5) * cells.cell_height,
        )
        areas = cell_areas_m2(cells.crs, lefts, tops, cells.cell_width, cells.cell_height)
        return np.asarray(areas / self.plane_area_m2)

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
        """Return true area by plane area of cells around places counted in cells, any shape."""
        if self._cell_m < LARGE_CELL_M:
            return self._point_factors(columns, rows, is_smooth=is_smooth)
        return self._in_four_places(columns, rows, is_smooth=is_smooth)

    def _in_four_places(
        self, columns: Floats, rows: Floats, *, is_smooth: bool, is_exact: bool = False
    ) -> Floats:
        around = [(across, down) for across in (-FOURTH, FOURTH) for down in (-FOURTH, FOURTH)]
        found = [
            self._point_factors(columns + x, rows + y, is_smooth=is_smooth, is_exact=is_exact)
            for x, y in around
        ]
        return np.asarray(np.mean(found, axis=0))

    def _point_factors(
        self, columns: Floats, rows: Floats, *, is_smooth: bool, is_exact: bool = False
    ) -> Floats:
        xs = self.cells.left + columns * self.cells.cell_width
        ys = self.cells.top - rows * self.cells.cell_height
        step_m = self._cell_m / (4 if is_exact else 2)
        step_m = STEP_M if is_smooth else min(max(step_m, SHORTEST_STEP_M), STEP_M)
        by_step = extrapolated_factors if is_exact or self._is_curved else factors_at
        return by_step(self.cells.crs, xs, ys, self._unit_m, step_m)


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
