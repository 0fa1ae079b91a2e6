"""Counting: what one block of cells adds to the statistics of a polygon."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.rendering.values import Mask
from app.rendering.values import Values as ProductValues
from app.statistics.coverage import Block, Coverage
from app.statistics.covered_areas import CoveredAreas
from app.statistics.distribution import Areas, Moments, Run, Values
from app.statistics.levels import levelled_cells
from app.statistics.pixel_grid import PixelGrid
from app.statistics.tally import Tally
from mosaics.raster.grid import Grid


def count_block(
    values_on: Callable[[Grid, Mask], ProductValues],
    lattice: PixelGrid,
    areas: CoveredAreas,
    covered: Coverage,
    block: Block,
) -> Tally:
    """Count one block.

    Args:
        values_on: Gives the product's values in the cells wanted, as tiles show them.
        lattice: The cells.
        areas: Of the cells, of this block and others.
        covered: Those of the block that the polygon covers.
        block: Which of them to count.
    """
    if not (covered.edge_cells.size or covered.inside.any()):
        return Tally()
    values = values_on(lattice.grid(block), covered.touched())
    edge = _edge_cells(values, covered, _areas_of_edges(areas, covered, block))
    parts = [edge]
    for part in areas.whole.parts(block.column, block.row, block.width, block.height):
        where = part.rows, part.columns
        inside = covered.inside[where]
        if inside.any():
            marks = {name: mark[where] for name, mark in values.marks.items()}
            plane = values.planes[0][where]
            if part.area_m2 is not None:
                parts.append(_equal_cells(plane, inside, part.area_m2, marks))
            elif part.squares is not None:
                parts.append(levelled_cells(plane, inside, part.squares, marks))
            else:
                place = block.column + part.columns.start, block.row + part.rows.start
                each = areas.whole.of(*place, inside.shape[1], inside.shape[0], inside)
                parts.append(_unequal_cells(plane, inside, np.broadcast_to(each, inside.shape), marks))
    return replace(
        Tally.together(parts),
        used=frozenset(values.used),
        skipped=values.skipped,
        failed=values.failed,
        unmasked=values.unmasked,
    )


def _equal_cells(plane: Values, inside: Mask, area_m2: float, marks: Mapping[str, Mask]) -> Tally:
    """Count the cells that are covered wholly where all have one area."""
    values = plane.flatten() if inside.all() else plane[inside]
    values.sort()
    held = values[: values.searchsorted(np.nan)]  # what is missing comes last
    moments = Moments.of(held, area_m2)
    return Tally(
        runs=(Run(held, area_m2),),
        count=float(held.size),
        pixel_sum=held.size * moments.mean,
        area_m2=values.size * area_m2,
        moments=moments,
        marked={name: float(np.count_nonzero(inside & mark)) * area_m2 for name, mark in marks.items()},
    )


def _unequal_cells(plane: Values, inside: Mask, area: Areas, marks: Mapping[str, Mask]) -> Tally:
    """Count them where each has an area of its own, (height, width) in square metres."""
    has_value = inside & ~np.isnan(plane)
    whole = bool(has_value.all())
    held, areas = (plane.ravel(), area.ravel()) if whole else (plane[has_value], area[has_value])
    return Tally(
        runs=(Run.of(held, areas),) if held.size else (),
        count=float(held.size),
        pixel_sum=float(held.sum(dtype=np.float64)),
        area_m2=float(areas.sum() if whole else area[inside].sum()),
        moments=Moments.of(held, areas),
        marked={name: float(area[inside & mark].sum()) for name, mark in marks.items()},
    )


def _areas_of_edges(areas: CoveredAreas, covered: Coverage, block: Block) -> NDArray[np.float64]:
    """Return the covered area of each cell that is covered in part, in square metres."""
    if areas.is_measured:
        return areas.of_edges(block, covered)
    rows, columns = np.divmod(covered.edge_cells, block.width)
    return covered.fractions * areas.whole.at(block.column + columns, block.row + rows)


def _edge_cells(values: ProductValues, covered: Coverage, cells: NDArray[np.float64]) -> Tally:
    """Count the cells that are covered in part, by the area of that part."""
    edge = values.planes[0].ravel()[covered.edge_cells]
    has_value = ~np.isnan(edge)
    held, held_areas, fractions = edge[has_value], cells[has_value], covered.fractions[has_value]
    return Tally(
        others=(held,),
        areas=(held_areas,),
        count=float(fractions.sum()),
        pixel_sum=float(held.astype(np.float64) @ fractions),
        area_m2=float(cells.sum()),
        moments=Moments.of(held, held_areas),
        marked={
            name: float(cells[mark.ravel()[covered.edge_cells]].sum()) for name, mark in values.marks.items()
        },
    )
