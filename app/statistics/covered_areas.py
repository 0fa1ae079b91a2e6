"""Areas of cells that a polygon covers in part, where a share of the cell's area would not do.

In a cell of 100 km the Earth's surface is up to some percent larger at one side than at the other, so that
half a cell is not half of its area. The factor between true and plane area is a polynomial within a cell, and
is integrated over the part covered: that takes the moments of the part, which come from the outline alone, as
the covered fraction does. Where the factor is not smooth (at a limb, at the edge of a world map) the covered
part is cut out and measured by its outline.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from app.statistics.coverage import Block, Coverage, Outline
from app.statistics.geometry import Polygonal
from app.statistics.moments import NODES, ORDER, moments_of
from mosaics.raster.cell_areas import CellAreas
from mosaics.raster.grid import Cells
from mosaics.raster.ring_areas import GRADED, ring_areas_m2

COARSE_M = 1000.0
"""Cells from here on have their covered parts measured; in finer ones a share is right to 1e-4 of a cell."""

PLACES = NODES - 0.5
"""Across a cell, from its middle: factors there make a polynomial."""

FITS = 3e-6
"""How far that polynomial may lie off the factors at a cell's corners, where it is worst."""

ON_SIDE = 1e-7
"""Of a cell: how near to its side an edge runs along it."""

FEW = 4
"""Cells for which the whole of what is left of a polygon is cut."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CoveredAreas:
    """The areas of the cells that a polygon covers, wholly or in part."""

    cells: Cells
    whole: CellAreas
    """Of the whole cells of all blocks."""
    outline: Outline
    """The polygon over the cells."""
    polygon: Polygonal
    """The same in the coordinates of the cells."""
    is_measured: bool
    """Whether parts of cells are; else an area is the covered share of the cell's."""

    def of_edges(self, block: Block, covered: Coverage) -> Floats:
        """Return the covered area of each partly covered cell of a block in square metres, (edge cells,)."""
        rows, columns = np.divmod(covered.edge_cells, block.width)
        places = block.column + columns, block.row + rows
        shares = covered.fractions * self.whole.at(*places)
        if not shares.size:
            return shares
        factors, is_smooth = self._polynomials(*places)
        parts = moments_of(self.outline, block, covered.edge_cells)
        found = self.whole.plane_area_m2 * (factors * parts).sum(axis=(1, 2))
        rough = np.flatnonzero(~is_smooth)
        found[rough] = self._cut_out(places[0][rough], places[1][rough])
        return np.where(np.isfinite(found), found, shares)

    def _polynomials(
        self, columns: NDArray[np.intp], rows: NDArray[np.intp]
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Return polynomials of factors, and whether these are as smooth as that.

        Returns:
            Coefficients of powers of the place down and across from a cell's middle, (cells, ORDER, ORDER),
            and a flag, (cells,).
        """
        inverse = np.linalg.inv(np.vander(PLACES, ORDER, increasing=True))
        coefficients = inverse @ self._factors(columns, rows, PLACES) @ inverse.T
        corners = np.array([-0.5, 0.5])
        powers = np.vander(corners, ORDER, increasing=True)
        off = np.abs(powers @ coefficients @ powers.T - self._factors(columns, rows, corners))
        with np.errstate(invalid="ignore"):
            is_smooth = off.max(axis=(1, 2)) <= FITS * coefficients[:, 0, 0]
        return coefficients, is_smooth

    def _factors(self, columns: NDArray[np.intp], rows: NDArray[np.intp], sides: Floats) -> Floats:
        """Return factors at places from the cells' middles, (cells, rows, columns)."""
        across = columns[:, np.newaxis, np.newaxis] + 0.5 + sides
        down = rows[:, np.newaxis, np.newaxis] + 0.5 + sides[:, np.newaxis]
        return np.asarray(self.whole.factors(*np.broadcast_arrays(across, down)), np.float64)

    def _cut_out(self, columns: NDArray[np.intp], rows: NDArray[np.intp]) -> Floats:
        """Return the covered areas of cells by the outlines of their parts; NaN for a part off the map."""
        cells, areas = self.cells, np.full(len(columns), np.nan)
        if not len(columns):
            return areas
        left, top = cells.left + columns * cells.cell_width, cells.top - rows * cells.cell_height
        boxes = np.column_stack([left, top - cells.cell_height, left + cells.cell_width, top])
        whole = self.polygon if self.polygon.is_valid else shapely.make_valid(self.polygon)
        for some, parts in _cut_by(whole, boxes, np.arange(len(boxes))):
            areas[some] = self._outlined(parts, boxes[some])
        return areas

    def _outlined(self, parts: NDArray[np.object_], boxes: Floats) -> Floats:
        """Return the area of what is covered of each box, by its outline."""
        pieces, box = shapely.get_parts(parts, return_index=True)
        is_area = shapely.get_type_id(pieces) == shapely.GeometryType.POLYGON
        pieces, box = pieces[is_area], box[is_area]
        rings, piece = shapely.get_rings(pieces, return_index=True)
        if not len(rings):
            return np.zeros(len(boxes))
        places, ring = self._along_sides(rings, boxes[box[piece]])
        areas = ring_areas_m2(self.cells.crs, places[:, 0], places[:, 1], ring)
        is_shell = np.append(True, piece[1:] != piece[:-1])
        signed = np.where(is_shell, areas, -areas)
        return np.asarray(np.bincount(box[piece], signed, minlength=len(boxes)), np.float64)

    def _along_sides(self, rings: NDArray[np.object_], boxes: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """Return the places of rings, and more where they run along the sides of their boxes."""
        places, ring = shapely.get_coordinates(rings, return_index=True)
        near = ON_SIDE * np.array([self.cells.cell_width, self.cells.cell_height])
        sides = boxes.reshape(-1, 2, 2)[ring]  # (places, least or most, x or y)
        on_side = (np.abs(places[:, np.newaxis] - sides) < near).reshape(-1, 4)
        is_along = np.append((on_side[1:] & on_side[:-1]).any(axis=1) & (ring[1:] == ring[:-1]), False)
        count = np.where(is_along, len(GRADED), 1)
        edge = np.repeat(np.arange(len(places)), count)
        step = GRADED[np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)][:, np.newaxis]
        following = np.append(places[1:], places[-1:], axis=0)
        return places[edge] + step * (following - places)[edge], ring[edge]


def _cut_by(
    polygon: shapely.Geometry, boxes: Floats, some: NDArray[np.intp]
) -> list[tuple[NDArray[np.intp], NDArray[np.object_]]]:
    """Return boxes, by their numbers, and what a polygon covers of each, the polygon halved beforehand."""
    if not some.size:
        return []
    if some.size <= FEW:
        return [(some, np.asarray(shapely.intersection(polygon, shapely.box(*boxes[some].T))))]
    axis = int(np.argmax(np.ptp(boxes[some, :2], axis=0)))
    order = some[np.argsort(boxes[some, axis], kind="stable")]
    halves = np.array_split(order, 2)
    around = [np.concatenate([boxes[half, :2].min(axis=0), boxes[half, 2:].max(axis=0)]) for half in halves]
    return [
        found
        for half, bounds in zip(halves, around, strict=True)
        for found in _cut_by(shapely.intersection(polygon, shapely.box(*bounds)), boxes, half)
    ]
