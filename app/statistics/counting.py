"""Counting: what one block of cells adds to the statistics of a polygon."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from app.rendering.values import Mask
from app.rendering.values import Values as ProductValues
from app.statistics.coverage import Block, Coverage
from app.statistics.distribution import Areas, Distribution, Moments, Values
from app.statistics.pixel_grid import PixelGrid
from mosaics.index import SceneRef
from mosaics.raster.grid import Grid
from mosaics.scene import Asset

NO_VALUES = Moments()


@dataclass(frozen=True, slots=True)
class Tally:
    """The values a polygon covers, and sums over them; areas in square metres."""

    equal: tuple[Values, ...] = ()
    """Values of cells that are covered wholly and all have one area, ascending."""
    others: tuple[Values, ...] = ()
    """Values of all other cells."""
    areas: tuple[Areas, ...] = ()
    """The covered area of each of those."""
    count: float = 0.0
    """Covered fractions of the cells with a value, summed."""
    pixel_sum: float = 0.0
    """Covered fraction times value, summed."""
    area_m2: float = 0.0
    """Of all cells covered, with and without a value."""
    moments: Moments = NO_VALUES
    """Of the values, weighted with their area."""
    used: frozenset[str] = frozenset()
    """Ids of the scenes that gave a pixel."""
    skipped: tuple[SceneRef, ...] = ()
    """Scenes with a file that could not be read."""
    failed: tuple[Asset, ...] = ()
    """Those files, in the same order."""
    unmasked: tuple[str, ...] = ()
    """Labels of mask rules that could not be applied to a scene."""
    marked: Mapping[str, float] = field(default_factory=dict)
    """Area of cells of which something is known, in square metres, by what (`Values.marks`)."""

    @classmethod
    def together(cls, tallies: Sequence["Tally"]) -> "Tally":
        """One tally of all."""
        unread = {
            asset.path: (scene, asset)
            for t in tallies
            for scene, asset in zip(t.skipped, t.failed, strict=True)
        }
        return cls(
            tuple(chain.from_iterable(t.equal for t in tallies)),
            tuple(chain.from_iterable(t.others for t in tallies)),
            tuple(chain.from_iterable(t.areas for t in tallies)),
            sum(t.count for t in tallies),
            sum(t.pixel_sum for t in tallies),
            sum(t.area_m2 for t in tallies),
            sum((t.moments for t in tallies), NO_VALUES),
            frozenset().union(*(t.used for t in tallies)),
            tuple(scene for scene, _ in unread.values()),
            tuple(asset for _, asset in unread.values()),
            tuple(dict.fromkeys(label for t in tallies for label in t.unmasked)),
            dict(sum((Counter(t.marked) for t in tallies), Counter())),
        )

    def distribution(self, cell_area_m2: float) -> Distribution:
        """The values by area."""
        none = np.empty(0, np.float32)
        return Distribution.of(
            self.equal,
            cell_area_m2,
            np.concatenate([none, *self.others]),
            np.concatenate([np.empty(0), *self.areas]),
        )


def count_block(
    values_on: Callable[[Grid, Mask], ProductValues], lattice: PixelGrid, covered: Coverage, block: Block
) -> Tally:
    """Count one block.

    Args:
        values_on: Gives the product's values in the cells wanted, as tiles show them.
        lattice: The cells.
        covered: Those of the block that the polygon covers.
        block: Which of them to count.
    """
    if not (covered.edge_cells.size or covered.inside.any()):
        return Tally()
    values = values_on(lattice.grid(block), covered.touched())
    row_areas = lattice.cell_areas_m2(block)
    tally = _equal_cells if lattice.equal_areas else _unequal_cells
    whole = tally(values.planes[0], covered, row_areas)
    edge = _edge_cells(values.planes[0], covered, row_areas)
    return Tally(
        whole.equal,
        (*whole.others, *edge.others),
        (*whole.areas, *edge.areas),
        whole.count + edge.count,
        whole.pixel_sum + edge.pixel_sum,
        whole.area_m2 + edge.area_m2,
        whole.moments + edge.moments,
        frozenset(values.used),
        values.skipped,
        values.failed,
        values.unmasked,
        {name: _marked_area(mark, covered, row_areas) for name, mark in values.marks.items()},
    )


def _marked_area(mark: Mask, covered: Coverage, row_areas: Areas) -> float:
    """Area of the cells of a mark under the polygon."""
    inside = np.count_nonzero(covered.inside & mark, axis=1) @ row_areas
    edges = covered.edge_cells[mark.ravel()[covered.edge_cells]]
    fractions = covered.fractions[mark.ravel()[covered.edge_cells]]
    return float(inside + fractions @ row_areas[edges // mark.shape[1]])


def _equal_cells(plane: Values, covered: Coverage, row_areas: Areas) -> Tally:
    """The cells inside, where all cells have one area."""
    inside = plane.flatten() if covered.inside.all() else plane[covered.inside]
    inside.sort()
    held = inside[: inside.searchsorted(np.nan)]  # what is missing comes last
    moments = Moments.of(held, float(row_areas[0]))
    return Tally(
        equal=(held,),
        count=float(held.size),
        pixel_sum=held.size * moments.mean,
        area_m2=inside.size * float(row_areas[0]),
        moments=moments,
    )


def _unequal_cells(plane: Values, covered: Coverage, row_areas: Areas) -> Tally:
    """The cells inside, where every row of cells has an area of its own."""
    has_value = covered.inside & ~np.isnan(plane)
    held = plane[has_value]
    areas = np.repeat(row_areas, np.count_nonzero(has_value, axis=1))
    return Tally(
        others=(held,),
        areas=(areas,),
        count=float(held.size),
        pixel_sum=float(held.sum(dtype=np.float64)),
        area_m2=float(np.count_nonzero(covered.inside, axis=1) @ row_areas),
        moments=Moments.of(held, areas),
    )


def _edge_cells(plane: Values, covered: Coverage, row_areas: Areas) -> Tally:
    """The cells that are covered in part."""
    values = plane.ravel()[covered.edge_cells]
    areas: NDArray[np.float64] = covered.fractions * row_areas[covered.edge_cells // plane.shape[1]]
    has_value = ~np.isnan(values)
    held, held_areas, fractions = values[has_value], areas[has_value], covered.fractions[has_value]
    return Tally(
        others=(held,),
        areas=(held_areas,),
        count=float(fractions.sum()),
        pixel_sum=float(held.astype(np.float64) @ fractions),
        area_m2=float(areas.sum()),
        moments=Moments.of(held, held_areas),
    )
