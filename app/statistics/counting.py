"""Counting: what one block of cells adds to the statistics of a polygon."""

import math
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.products.precision import widened
from app.rendering.values import Mask
from app.rendering.values import Values as ProductValues
from app.statistics.coverage import Block, Coverage
from app.statistics.distribution import Areas, Distribution, Moments, Run, Values
from app.statistics.pixel_grid import PixelGrid
from mosaics.index import SceneRef
from mosaics.raster.cell_areas import UNIFORM, CellAreas
from mosaics.raster.grid import Grid
from mosaics.scene import Asset

NO_VALUES = Moments()

MAX_LEVELS = 24
"""Levels of area in a block: more are not worth the parts that values are cut into."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The values a polygon covers, and sums over them; areas in square metres."""

    runs: tuple[Run, ...] = ()
    """Values of cells that are covered wholly, ascending."""
    levels: tuple[tuple[Values, float], ...] = ()
    """Values of further such cells that all have one area, in any order, with that area."""
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
            tuple(chain.from_iterable(t.runs for t in tallies)),
            tuple(chain.from_iterable(t.levels for t in tallies)),
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

    def condensed(self) -> "Tally":
        """Return it with each value once, where values are few, as those of classes are."""
        few = [run.distinct() for run in self.runs if run.values.size]
        few += [Run(np.sort(values), area).distinct() for values, area in self.levels]
        values = np.concatenate([np.empty(0, np.float32), *self.others, *(values for values, _ in few)])
        areas = np.concatenate([np.empty(0), *self.areas, *(areas for _, areas in few)])
        distinct, places = np.unique(values, return_inverse=True)
        return replace(self, runs=(), levels=(), others=(distinct,), areas=(_sums(places, areas),))

    def distribution(self) -> Distribution:
        """The values by area."""
        double = any(values.dtype == np.float64 for values in self.others)
        others = [widened(values) if double else values for values in self.others]
        return Distribution.of(
            [*self.runs, *_in_order(self.levels)],
            np.concatenate([np.empty(0, np.float32), *others]),
            np.concatenate([np.empty(0), *self.areas]),
        )


def _sums(places: NDArray[np.intp], areas: Areas) -> Areas:
    """Return the areas of each place together."""
    return np.bincount(places, areas).astype(
        np.float64, copy=False
    )  # which are integers where there are none


def count_block(
    values_on: Callable[[Grid, Mask], ProductValues],
    lattice: PixelGrid,
    areas: CellAreas,
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
    edge = _edge_cells(values, covered, areas, block)
    parts = [edge]
    for rows, columns, area_m2 in areas.parts(block.column, block.row, block.width, block.height):
        inside = covered.inside[rows, columns]
        if not inside.any():
            continue
        within = Block(block.column + columns.start, block.row + rows.start, inside.shape[1], inside.shape[0])
        area = area_m2 or np.broadcast_to(
            areas.of(within.column, within.row, within.width, within.height), inside.shape
        )
        marks = {name: mark[rows, columns] for name, mark in values.marks.items()}
        parts.append(_inner_cells(values.planes[0][rows, columns], inside, area, marks))
    return replace(
        Tally.together(parts),
        used=frozenset(values.used),
        skipped=values.skipped,
        failed=values.failed,
        unmasked=values.unmasked,
    )


def _inner_cells(plane: Values, inside: Mask, area: float | NDArray[Any], marks: Mapping[str, Mask]) -> Tally:
    """Count the cells that are covered wholly, of one area or each of its own in square metres."""
    if isinstance(area, float):
        counted = {name: float(np.count_nonzero(inside & mark)) * area for name, mark in marks.items()}
        return replace(_equal_cells(plane, inside, area), marked=counted)
    summed = {name: float(area[inside & mark].sum()) for name, mark in marks.items()}
    return replace(_unequal_cells(plane, inside, area), marked=summed)


def _equal_cells(plane: Values, inside: Mask, area_m2: float) -> Tally:
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
    )


def _unequal_cells(plane: Values, inside: Mask, area: Areas) -> Tally:
    has_value = inside & ~np.isnan(plane)
    whole = bool(has_value.all())
    held, areas = (plane.ravel(), area.ravel()) if whole else (plane[has_value], area[has_value])
    levels = _levels(held, areas) if held.size else []
    by_level = sum((Moments.of(*level) for level in levels), NO_VALUES)
    return Tally(
        runs=() if levels or not held.size else (Run.of(held, areas),),
        levels=tuple(levels),
        count=float(held.size),
        pixel_sum=float(held.sum(dtype=np.float64)),
        area_m2=float(areas.sum() if whole else area[inside].sum()),
        moments=by_level if levels else Moments.of(held, areas),
    )


def _levels(values: Values, areas: Areas) -> list[tuple[Values, float]]:
    """Part values by the areas of their cells, each within `UNIFORM` of its level; not into too many.

    Levels are multiples of a power of two, so that blocks side by side have the same ones.
    """
    if not areas.min() > 0:
        return []
    step = 2.0 ** math.floor(math.log2(2 * UNIFORM * float(areas.min())))
    first = math.floor(float(areas.min()) / step)
    if (float(areas.max()) / step) - first > MAX_LEVELS - 1:
        return []
    level = np.rint(areas * (1 / step) - first).astype(np.uint8)
    ordered = values[np.argsort(level, kind="stable")]  # of bytes: by counting them
    ends = np.cumsum(np.bincount(level))
    parts = zip(ends, np.split(ordered, ends[:-1]), strict=True)
    return [(part, (first + number) * step) for number, (_, part) in enumerate(parts) if part.size]


def _in_order(levels: Sequence[tuple[Values, float]]) -> list[Run]:
    """Put the values of each level in order."""
    by_area: dict[float, list[Values]] = {}
    for values, area in levels:
        by_area.setdefault(area, []).append(values)

    def run(area: float) -> Run:
        double = any(values.dtype == np.float64 for values in by_area[area])
        values = np.concatenate([widened(each) if double else each for each in by_area[area]])
        values.sort()
        return Run(values, area)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(run, by_area))


def _edge_cells(values: ProductValues, covered: Coverage, areas: CellAreas, block: Block) -> Tally:
    """Count the cells that are covered in part."""
    rows, columns = np.divmod(covered.edge_cells, block.width)
    cells: NDArray[np.float64] = covered.fractions * areas.at(block.column + columns, block.row + rows)
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
