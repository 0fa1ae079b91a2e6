"""Surveying: which cells have to be read to count a polygon, and at which resolution."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.products.model import Product
from app.rendering.computing import ItemOf
from app.statistics.coverage import Block, Outline
from app.statistics.geometry import Polygonal, project
from app.statistics.lattice import Lattice, native_lattices
from mosaics.index import SceneRef
from mosaics.scene import Asset

BLOCK_SIZE = 1024
"""Cells a side of what is read at once: whole COG blocks. With half of it, threads spend so long handing
over that two are hardly faster than one (491 km2 at 10 m, decoded: 110 ms against 70)."""

CELL_BUDGET = 1 << 24
"""Cells read for one polygon and time, 16.8 million: 1,678 km2 at 10 m, 64 MB of values."""

MAX_CROSSINGS = 8_000_000
"""Grid lines the edges may cross; cutting so many takes about a second."""

MAX_BLOCKS = 1_000_000
"""Blocks under the bounding box, which are looked through for those the polygon touches."""

OFF_OUTLINE = 0.01
"""How far the projected outline may lie off the true one, in cells."""

TOUCHED = 1e-14
"""Share of a block that counts as touched: above the rounding errors, below any sliver."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be read for a polygon."""

    lattice: Lattice
    """The cells counted."""
    outline: Outline
    """The polygon over them."""
    blocks: tuple[Block, ...]
    """Those the polygon touches, row by row."""

    @property
    def cells(self) -> int:
        """Cells in all blocks."""
        return sum(block.cells for block in self.blocks)


@dataclass(frozen=True, slots=True)
class Survey:
    """A plan, and what could not be read on the way to it."""

    plan: Plan | None
    """None where no scene could be read."""
    skipped: tuple[SceneRef, ...]
    """Scenes with a file that could not be opened."""
    failed: tuple[Asset, ...]
    """Those files, in the same order."""


def survey(
    product: Product, polygon: Polygonal, scenes: Sequence[SceneRef], cell_budget: int, item_of: ItemOf
) -> Survey:
    """Find the finest cells of the best scene with which a polygon stays within the budget.

    Runs on a render thread.

    Raises:
        app.statistics.geometry.GeometryError: If the polygon has no place in the scene's projection.
        mosaics.storage.StorageError: If a scene's item cannot be fetched.
    """
    native = native_lattices(product, scenes, item_of)
    if not native.levels:
        return Survey(None, native.skipped, native.failed)
    finest = native.levels[0]
    drawn = project(polygon, finest.crs, OFF_OUTLINE * min(finest.cell_width, finest.cell_height))
    level = 0
    while True:
        lattice = _level(native.levels, level)
        outline = lattice.outline(drawn)
        blocks = touched_blocks(outline, cell_budget)
        if blocks is not None:
            return Survey(Plan(lattice, outline, blocks), native.skipped, native.failed)
        level += 1


def touched_blocks(outline: Outline, cell_budget: int) -> tuple[Block, ...] | None:
    """The blocks an outline touches; None where they are more than the budget allows."""
    extent = outline.extent
    if outline.area > cell_budget or outline.crossings > MAX_CROSSINGS:
        return None
    if max(extent.width, extent.height) <= BLOCK_SIZE:
        return (extent,) if extent.cells <= cell_budget or extent.cells == 1 else None
    coarse = outline.coarser(BLOCK_SIZE)
    over = coarse.extent
    if over.cells > MAX_BLOCKS:
        return None
    touched = np.argwhere(np.abs(coarse.fractions(over)) > TOUCHED).tolist()
    blocks = tuple(_part(extent, over.column + column, over.row + row) for row, column in touched)
    return blocks if sum(block.cells for block in blocks) <= cell_budget else None


def _level(levels: Sequence[Lattice], level: int) -> Lattice:
    """The pixels of an overview; past the coarsest, cells of which each is twice as wide as before."""
    if level < len(levels):
        return levels[level]
    return levels[-1].coarser(2 ** (level - len(levels) + 1))


def _part(extent: Block, column: int, row: int) -> Block:
    """The part of an extent in one block."""
    left, top = max(extent.column, column * BLOCK_SIZE), max(extent.row, row * BLOCK_SIZE)
    right = min(extent.column + extent.width, (column + 1) * BLOCK_SIZE)
    bottom = min(extent.row + extent.height, (row + 1) * BLOCK_SIZE)
    return Block(left, top, right - left, bottom - top)
