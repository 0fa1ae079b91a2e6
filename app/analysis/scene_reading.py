"""Reading a region strip by strip: the values of a product in some periods, on one grid."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.analysis.beyond import Strip
from app.products.product import Product
from app.rendering.computing import Clock, compute_values, pixels_of
from app.rendering.renderer import Renderer
from app.rendering.resolving import SceneWindows
from app.rendering.values import ItemOf, Mask
from app.statistics.coverage import Block, Outline
from app.statistics.geometry import Polygonal, project
from app.statistics.pixel_grid import OFF_OUTLINE, NativePixelGrids, PixelGrid, native_lattices
from mosaics.raster.cell_areas import CellAreas
from mosaics.scene import Asset

Floats: TypeAlias = NDArray[np.floating[Any]]

STRIP_ROWS = 256
"""Rows read at a time, those of the blocks of COGs."""

BLOCK_COLUMNS = 2_048
"""Columns read at once, 8 MB of values for two bands of a date."""

MAX_CELLS = 1 << 29
"""Cells of the smallest rectangle around a region: 230 x 230 km at 10 m."""

MAX_COLUMNS = 1 << 16
"""Of that rectangle: a strip of so many takes some 500 MB."""

MOSTLY = 0.5
"""Share of a cell that lies in the region, for it to be looked at."""


class RegionTooLargeError(ValueError):
    """A region with more cells than are looked at; the message says what would help."""


@dataclass(frozen=True, slots=True)
class Region:
    """A region on the grid that is looked at."""

    lattice: PixelGrid
    outline: Outline
    extent: Block
    areas: CellAreas

    @classmethod
    def of(cls, polygon: Polygonal, lattice: PixelGrid) -> "Region":
        """Return a region over a grid.

        Args:
            polygon: In degrees.
            lattice: The grid.

        Raises:
            RegionTooLargeError: If it has too many cells.
            app.statistics.geometry.GeometryError: If it has no place in the projection of the grid.
        """
        drawn = project(polygon, lattice.crs, OFF_OUTLINE * min(lattice.cell_width, lattice.cell_height))
        outline = lattice.outline(drawn)
        extent = outline.extent
        if extent.cells > MAX_CELLS or extent.width > MAX_COLUMNS:
            raise RegionTooLargeError(
                f"the area has {extent.width:,} x {extent.height:,} pixels; at most {MAX_CELLS:,} in all and "
                f"{MAX_COLUMNS:,} in a row are looked at: ask for a smaller area"
            )
        return cls(lattice, outline, extent, lattice.areas(extent))

    def strips(self) -> list[Block]:
        """Return the rows of the region in parts that end where blocks of a file do."""
        first, last = self.extent.row, self.extent.row + self.extent.height
        begins = [first, *range(first // STRIP_ROWS * STRIP_ROWS + STRIP_ROWS, last, STRIP_ROWS)]
        ends = [*begins[1:], last]
        return [
            Block(self.extent.column, begin, self.extent.width, end - begin)
            for begin, end in zip(begins, ends, strict=True)
        ]

    def inside(self, block: Block) -> Mask:
        """Return which cells of a block lie in the region for the greater part, (height, width)."""
        covered = self.outline.coverage(block)
        inside = covered.inside.copy()
        inside.flat[covered.edge_cells] = covered.fractions >= MOSTLY
        return inside


@dataclass(slots=True)
class Seen:
    """What was read of a region so far."""

    area_m2: float = 0.0
    """Of the cells looked at."""
    valid_m2: float = 0.0
    """Of those with a value."""
    used: set[str] = field(default_factory=set)
    """Ids of scenes that gave values, of all periods."""
    skipped: set[str] = field(default_factory=set)
    """Ids of scenes whose files could not be read."""
    unmasked: set[str] = field(default_factory=set)
    """Labels of mask rules that were not applied."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A block of values, a plane a period."""

    planes: Sequence[Floats]
    failed: tuple[Asset, ...] = ()
    used: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    unmasked: frozenset[str] = frozenset()


@dataclass(frozen=True)
class RegionReader:
    """Reads a region on render threads, a strip at a time."""

    renderer: Renderer
    product: Product
    periods: Sequence[SceneWindows]
    """The scenes of the period that is looked at, and of earlier ones, the latest first."""
    seen: Seen = field(default_factory=Seen)

    async def grid(self) -> PixelGrid | None:
        """Return the grid: that of the finest band of the best scene that can be read; None without one."""

        def find(item_of: ItemOf) -> NativePixelGrids:
            return native_lattices(self.product, self.periods[0].best_first, item_of)

        found = await self.renderer.run(find)
        return found.levels[0] if found.levels else None

    async def strips(self, region: Region, progress: Callable[[int, int], None]) -> AsyncIterator[Strip]:
        """Yield the values of a region from its first row to its last.

        Args:
            region: What is read.
            progress: Is told after each strip how many of how many are read.

        Raises:
            app.rendering.comparability.MixedProcessingError: If scenes would be compared that are not made
                alike.
            app.rendering.renderer.RenderingOverloadError: If too many renderings wait.
            mosaics.storage.StorageError: If the store does not answer.
        """
        turns, strips = asyncio.Semaphore(2 * self.renderer.threads), region.strips()
        for number, rows in enumerate(strips, 1):
            blocks = [
                Block(column, rows.row, min(BLOCK_COLUMNS, rows.column + rows.width - column), rows.height)
                for column in range(rows.column, rows.column + rows.width, BLOCK_COLUMNS)
            ]
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._block(region, block, turns)) for block in blocks]
            yield self._strip(region, rows, [task.result() for task in tasks])
            progress(number, len(strips))

    async def _block(self, region: Region, block: Block, turns: asyncio.Semaphore) -> _Read:
        inside = await asyncio.to_thread(region.inside, block)
        if not inside.any():
            return _Read([np.full(inside.shape, np.nan, np.float32) for _ in self.periods])

        def read(item_of: ItemOf) -> _Read:
            grid, product = region.lattice.grid(block), self.product.for_statistics
            found = [
                compute_values(product, scenes, pixels_of(grid), item_of, Clock(), wanted=inside)
                for scenes in self.periods
            ]
            return _Read(
                [values.planes[0] for values in found],
                tuple(asset for values in found for asset in values.failed),
                frozenset(scene for values in found for scene in values.used),
                frozenset(scene.id for values in found for scene in values.skipped),
                frozenset(label for values in found for label in values.unmasked),
            )

        found = await self.renderer.run(read, turns)
        self._note(region, block, inside, found)
        return found

    def _note(self, region: Region, block: Block, inside: Mask, read: _Read) -> None:
        areas = np.broadcast_to(_areas(region, block), inside.shape)
        self.seen.area_m2 += float(areas[inside].sum())
        self.seen.valid_m2 += float(areas[inside & ~np.isnan(read.planes[0])].sum())
        self.seen.used |= read.used
        self.seen.skipped |= read.skipped
        self.seen.unmasked |= read.unmasked

    def _strip(self, region: Region, rows: Block, blocks: Sequence[_Read]) -> Strip:
        planes = [np.hstack([block.planes[n] for block in blocks]) for n in range(len(self.periods))]
        return Strip(rows.row - region.extent.row, planes[0], _areas(region, rows), planes[1:])


def _areas(region: Region, block: Block) -> Floats:
    return region.areas.of(block.column, block.row, block.width, block.height)
