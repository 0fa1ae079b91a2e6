"""The cells a statistic counts: pixels of the best scene's finest band, and which of them have to be read.

Past a budget they are the pixels of an overview of that band, or cells coarser still.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial

import shapely
from rasterio.crs import CRS

from app.products.product import Product
from app.rendering.values import ItemOf
from app.statistics.coverage import Block, Coverage, Outline
from app.statistics.covered_areas import COARSE_M, CoveredAreas
from app.statistics.geometry import Polygonal, project
from app.statistics.map_edges import edge_of
from mosaics.ellipsoid import EARTH_RADIUS_M, polygon_area_m2
from mosaics.index import SceneRef
from mosaics.raster.cell_areas import CellAreas, areas_of, metres_of
from mosaics.raster.fetched import fetched_each
from mosaics.raster.grid import Grid
from mosaics.raster.reading import AssetReadError, reading
from mosaics.scene import Asset

SQUARE = 256
"""Cells a side of the squares that are read or left out: the blocks of COGs."""

STRIP = 16
"""Squares in a row that are read at once at most, 8 MB of values for two bands. Much smaller pieces keep
threads busy with handing over to one another, larger ones leave their memory cold."""

CELL_BUDGET = 1 << 24
"""Cells read for one polygon and time, 16.8 million: 1,678 km2 at 10 m, 64 MB of values."""

CLASS_CELL_BUDGET = 1 << 28
"""Cells of classes read for one polygon and time, 268 million: 107,000 km2 at 20 m. Few numbers are held of
them, so that time alone is the limit."""

MAX_CROSSINGS = 8_000_000
"""Grid lines the edges may cross; cutting so many takes about a second."""

OFF_OUTLINE = 1e-3
"""How far the projected outline may lie off the true one, in cells: of an area 45 cells across, 6e-5."""

OFF_POLYGON = 1e-6
"""The same beside the side of a square of the polygon's size, where cells are coarse."""

NEAR_LIMB_DEG = 0.05
"""Longest edge of an outline on a map with a limb."""

TOUCHED = 1e-14
"""Share of a square that counts as touched: above the rounding errors, below any sliver."""

PLANS_KEPT = 32
"""Plans of the polygons seen last: of a series, every period has the same."""

SIMPLE = 10_000
"""Vertices up to which a polygon's plan is kept: some 400 kB."""

SMALL = SQUARE**2
"""Cells up to which the coverage of a plan's block is kept with it, in some 100 kB."""


@dataclass(frozen=True)
class PixelGrid:
    """Cells side by side without end, north up; columns and rows are counted from one corner."""

    crs: CRS
    left: float
    """x of column 0's left edge, in units of `crs`."""
    top: float
    """y of row 0's upper edge, in units of `crs`."""
    cell_width: float
    """In units of `crs`."""
    cell_height: float
    """In units of `crs`, positive."""

    def grid(self, block: Block) -> Grid:
        """A block of cells as the grid that rendering fills with values."""
        left = self.left + block.column * self.cell_width
        top = self.top - block.row * self.cell_height
        right = self.left + (block.column + block.width) * self.cell_width
        bottom = self.top - (block.row + block.height) * self.cell_height
        return Grid(self.crs, (left, bottom, right, top), block.width, block.height)

    def outline(self, polygon: Polygonal) -> Outline:
        """A polygon in the coordinates of `crs` as an outline over the cells."""
        return Outline.of(polygon, self.left, self.top, self.cell_width, self.cell_height)

    def coarser(self, factor: int) -> "PixelGrid":
        """The lattice of the same corner whose cells are `factor` as wide and high."""
        return PixelGrid(self.crs, self.left, self.top, self.cell_width * factor, self.cell_height * factor)

    @property
    def cell_size_m(self) -> float:
        """Height of a cell in metres: from south to north where the grid is in degrees."""
        if self.crs.is_geographic:
            return self.cell_height * float(self.crs.units_factor[1]) * EARTH_RADIUS_M
        return self.cell_height * float(self.crs.linear_units_factor[1])

    def areas(self, block: Block) -> CellAreas:
        """The areas of the cells of a block and of every part of it."""
        return areas_of(self, block.column, block.row, block.width, block.height)


@dataclass(frozen=True, slots=True)
class NativePixelGrids:
    """The pixels of a band and of its overviews, finest first, and which files could not be read for them."""

    levels: tuple[PixelGrid, ...]
    """Empty where no scene has a file that can be read."""
    skipped: tuple[SceneRef, ...]
    failed: tuple[Asset, ...]


def native_lattices(product: Product, scenes: Sequence[SceneRef], item_of: ItemOf) -> NativePixelGrids:
    """The pixels of the finest band a product uses, in the best scene that can be read.

    Runs on a render thread, which keeps the files open.
    """
    skipped: list[SceneRef] = []
    failed: list[Asset] = []
    for scene in scenes:
        finest: tuple[PixelGrid, ...] = ()
        try:
            assets = item_of(scene).assets
            if any(band not in assets for band in product.bands):
                continue
            masks = [assets[band] for band in product.mask_bands if band in assets]
            steps = [partial(_levels, assets[band]) for band in product.bands]
            steps += [partial(_opened, asset) for asset in masks]
            for levels in fetched_each(lambda step: step(), steps):
                if levels and (not finest or levels[0].cell_height < finest[0].cell_height):
                    finest = levels
        except AssetReadError as error:
            skipped.append(scene)
            failed.append(error.asset)
            continue
        return NativePixelGrids(finest, tuple(skipped), tuple(failed))
    return NativePixelGrids((), tuple(skipped), tuple(failed))


def _opened(asset: Asset) -> tuple[PixelGrid, ...]:
    """Open a file that is read later on, so that what has to be fetched for it is fetched with the others."""
    with suppress(AssetReadError):
        _levels(asset)
    return ()


def _levels(asset: Asset) -> tuple[PixelGrid, ...]:
    """The pixels of a file and of its overviews, as GDAL sizes these: rounded up."""
    with reading(asset) as pool:
        dataset = pool.handle(asset.path, asset.head).dataset(0)
        transform, width, height = dataset.transform, dataset.width, dataset.height
        return tuple(
            PixelGrid(
                dataset.crs,
                transform.c,
                transform.f,
                transform.a * width / math.ceil(width / factor),
                -transform.e * height / math.ceil(height / factor),
            )
            for factor in (1, *dataset.overviews(1))
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be read for a polygon."""

    lattice: PixelGrid
    """The cells counted."""
    outline: Outline
    """The polygon over them."""
    blocks: tuple[Block, ...]
    """Strips of the squares it touches."""
    areas: CoveredAreas
    """Of the cells of all blocks."""
    off_map_m2: float = 0.0
    """Area of what is left of the polygon where the map of the cells ends: it has none."""
    _coverages: dict[Block, Coverage] = field(default_factory=dict, repr=False, compare=False)

    @property
    def cells(self) -> int:
        """Cells in all blocks."""
        return sum(block.cells for block in self.blocks)

    @property
    def small(self) -> bool:
        """Whether it is one block of few cells."""
        return len(self.blocks) == 1 and self.blocks[0].cells <= SMALL

    def coverage(self, block: Block) -> Coverage:
        """The covered cells of one of the blocks, not to be written to. Any thread may ask."""
        found = self._coverages.get(block)
        if found is None:
            found = self.outline.coverage(block)
            if self.small:
                self._coverages[block] = found
        return found


@dataclass(frozen=True, slots=True)
class StripSurvey:
    """A plan, and what could not be read on the way to it."""

    plan: Plan | None
    """None where no scene could be read, or the map of its pixels has nothing of the polygon."""
    skipped: tuple[SceneRef, ...]
    """Scenes with a file that could not be opened."""
    failed: tuple[Asset, ...]
    """Those files, in the same order."""


class TooManyCellsError(Exception):
    """An area has more cells of classes than are counted; the message is a sentence with the limit."""


def survey(
    product: Product,
    polygon: Polygonal,
    scenes: Sequence[SceneRef],
    cell_budget: int,
    item_of: ItemOf,
    *,
    of_classes: bool = False,
) -> StripSurvey:
    """Find the finest cells of the best scene with which a polygon stays within the budget.

    Runs on a render thread.

    Args:
        product: What is read.
        polygon: In degrees.
        scenes: Best first.
        cell_budget: Cells read at most.
        item_of: Gives the item of a scene.
        of_classes: Whether values are numbers of classes, which are counted in the files' own pixels only: in
            an overview each pixel is the most frequent class of several, so that rare ones go missing.

    Raises:
        TooManyCellsError: If those pixels are more than the budget.
        app.statistics.geometry.GeometryError: If the polygon has no place in the scene's projection.
        mosaics.storage.StorageError: If a scene's item cannot be fetched.
    """
    native = native_lattices(product, scenes, item_of)
    if not native.levels:
        return StripSurvey(None, native.skipped, native.failed)
    if not of_classes:
        return StripSurvey(plan_of(polygon, native.levels, cell_budget), native.skipped, native.failed)
    plan = plan_of(polygon, native.levels[:1], cell_budget)
    if plan is not None and plan.lattice != native.levels[0]:
        raise TooManyCellsError(
            f"The area has more than {cell_budget:,} pixels, or its outline crosses {MAX_CROSSINGS:,}. "
            "That is the limit for classes, whose shares are counted in the files' own pixels: those of "
            "overviews are majorities. Ask for a smaller area."
        )
    return StripSurvey(plan, native.skipped, native.failed)


def plan_of(polygon: Polygonal, levels: tuple[PixelGrid, ...], cell_budget: int) -> Plan | None:
    """The plan with the finest cells that stay within the budget; plans of simple polygons are remembered.

    Args:
        polygon: In degrees.
        levels: Pixels of a band and of its overviews, finest first.
        cell_budget: Cells read at most.

    Returns:
        None where nothing of the polygon is on the map of the pixels.

    Raises:
        app.statistics.geometry.GeometryError: If the polygon has no place in the projection of the pixels.
    """
    simple = shapely.get_num_coordinates(polygon) <= SIMPLE
    return (_kept_plan if simple else _plan)(polygon, levels, cell_budget)


def _plan(polygon: Polygonal, levels: tuple[PixelGrid, ...], cell_budget: int) -> Plan | None:
    finest = levels[0]
    edge = edge_of(finest.crs)
    there = polygon if edge is None else edge.cut(polygon)
    if there is None:
        return None
    left_out_m2 = 0.0 if there is polygon else polygon_area_m2(polygon) - polygon_area_m2(there)
    if edge is not None and edge.cap_is_map:
        # Beside a limb a short way on the map is a long one on the ground.
        there = shapely.segmentize(there, NEAR_LIMB_DEG)
    drawn = project(there, finest.crs, _tolerance(there, finest), may_have_seams=edge is None)
    level = 0
    while True:
        lattice = level_of(levels, level)
        outline = lattice.outline(drawn)
        blocks = touched_blocks(outline, cell_budget)
        if blocks is not None:
            whole = lattice.areas(outline.extent)
            is_coarse = metres_of(lattice.crs) * max(lattice.cell_width, lattice.cell_height) >= COARSE_M
            areas = CoveredAreas(lattice, whole, outline, drawn, is_coarse or not whole.is_smooth)
            return Plan(lattice, outline, blocks, areas, left_out_m2)
        level += 1


def _tolerance(polygon: Polygonal, grid: PixelGrid) -> float:
    """Return how far a projected outline may lie off the true one, in units of the grid."""
    by_cell = OFF_OUTLINE * min(grid.cell_width, grid.cell_height)
    metre = 1 / metres_of(grid.crs)
    if by_cell < OFF_OUTLINE * COARSE_M * metre:
        return by_cell
    return min(by_cell, OFF_POLYGON * math.sqrt(polygon_area_m2(polygon)) * metre)


_kept_plan = lru_cache(PLANS_KEPT)(_plan)


def touched_blocks(outline: Outline, cell_budget: int) -> tuple[Block, ...] | None:
    """The blocks an outline touches; None where they are more than the budget allows."""
    extent = outline.extent
    if outline.area > cell_budget or outline.crossings > MAX_CROSSINGS:
        return None
    if extent.width <= SQUARE and extent.height <= SQUARE:
        return (extent,) if extent.cells <= cell_budget or extent.cells == 1 else None
    blocks = tuple(_part(extent, strip) for strip in _strips(outline.coarser(SQUARE)))
    return blocks if sum(block.cells for block in blocks) <= cell_budget else None


def _strips(squares: Outline) -> Iterator[Block]:
    """The squares an outline touches, neighbours in a row together.

    First come those of every other row, then those between, so that threads at work on neighbours do not
    decode the same blocks of a band with larger pixels, which lie under two rows.
    """
    over = squares.extent
    touched = squares.touched(over, TOUCHED)
    for odd in (0, 1):
        for row, first, last in touched:
            if row % 2 == odd:
                for column in range(first, last, STRIP):
                    yield Block(over.column + column, over.row + row, min(STRIP, last - column), 1)


def level_of(levels: Sequence[PixelGrid], level: int) -> PixelGrid:
    """Return the pixels of an overview; past the coarsest, cells of which each is twice as wide as before."""
    if level < len(levels):
        return levels[level]
    return levels[-1].coarser(2 ** (level - len(levels) + 1))


def _part(extent: Block, strip: Block) -> Block:
    """The cells of an extent under a strip of squares."""
    left, top = max(extent.column, strip.column * SQUARE), max(extent.row, strip.row * SQUARE)
    right = min(extent.column + extent.width, (strip.column + strip.width) * SQUARE)
    bottom = min(extent.row + extent.height, (strip.row + strip.height) * SQUARE)
    return Block(left, top, right - left, bottom - top)
