"""Readings: the values of a product in the cells that a line passes, from the same pixels that tiles show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely.geometry
from numpy.typing import NDArray

from app.exposure.line import Floats, Line
from app.exposure.splitting import Pieces, TooManyPiecesError, split
from app.products.product import Product
from app.rendering.computing import Clock, compute_values, pixels_of
from app.rendering.resolving import SceneWindows
from app.rendering.values import ItemOf
from app.statistics.coverage import Block
from app.statistics.pixel_grid import PixelGrid, level_of, native_lattices
from mosaics.ellipsoid import WGS84
from mosaics.index import SceneRef
from mosaics.raster.coordinates import Bounds
from mosaics.raster.reading import AssetReadError
from mosaics.scene import Asset

SQUARE = 256
"""Cells a side of the squares that are read at once: the blocks of COGs. Of each the part that is passed."""

AROUND_DEG = 0.1
"""Around a scene's footprint, where its pixels may reach beyond it."""

COARSEST = 24
"""Levels that are tried; with the last one the Earth is one cell."""


@dataclass(frozen=True, slots=True)
class Split:
    """A line over the cells of the best scene."""

    pieces: Pieces
    grid: PixelGrid | None
    """None where no scene could be read."""
    blocks: tuple[Block, ...]
    """What is to be read."""
    skipped: tuple[SceneRef, ...] = ()
    """Scenes with a file that could not be opened."""
    failed: tuple[Asset, ...] = ()
    """Those files."""

    @property
    def cells(self) -> int:
        """Cells of all blocks."""
        return sum(block.cells for block in self.blocks)


@dataclass(frozen=True, slots=True)
class BlockReading:
    """What the cells of a block gave."""

    piece: NDArray[np.int_]
    """The numbers of the pieces within it."""
    values: Floats
    """Of each, NaN where there is none."""
    codes: NDArray[np.uint8]
    """Of each, the `Code` of its cell."""
    used: tuple[str, ...]
    """Ids of the scenes values came from."""
    skipped: tuple[SceneRef, ...]
    failed: tuple[Asset, ...]
    unmasked: tuple[str, ...]


def split_over(
    product: Product, line: Line, scenes: Sequence[SceneRef], item_of: ItemOf, *, pieces: int, cells: int
) -> Split:
    """Split a line over the finest cells of the best scene with which it stays within bounds.

    Runs on a render thread.

    Args:
        product: What is read.
        line: The line.
        scenes: Best first.
        item_of: Gives the item of a scene.
        pieces: Pieces at most; past it the cells of an overview are taken, or cells coarser still.
        cells: Cells read at most, the same.

    Raises:
        TooManyPiecesError: If it crosses more cells of classes, of which overviews are majorities.
        mosaics.storage.StorageError: If a scene's item cannot be fetched.
    """
    native = native_lattices(product, scenes, item_of)
    if not native.levels:
        return Split(unsplit(line), None, (), native.skipped, native.failed)
    boxes = list(_boxes(scenes, item_of))
    for level in range(1 if product.takes_codes else COARSEST):
        grid = level_of(native.levels, level)
        try:
            found = split(line, grid, boxes, limit=pieces)
        except TooManyPiecesError:
            continue
        blocks = tuple(_blocks(found))
        if sum(block.cells for block in blocks) <= cells:
            return Split(found, grid, blocks, native.skipped, native.failed)
    raise TooManyPiecesError


def unsplit(line: Line) -> Pieces:
    """Return a line in as few pieces as it has, where there is nothing to be read."""
    anywhere = PixelGrid(crs=WGS84, left=-180.0, top=90.0, cell_width=1.0, cell_height=1.0)
    return split(line, anywhere, (), limit=0)


def _boxes(scenes: Sequence[SceneRef], item_of: ItemOf) -> Iterator[Bounds]:
    """Yield the boxes in degrees where scenes may have pixels."""
    for scene in scenes:
        try:
            geometry = item_of(scene).geometry
        except AssetReadError:
            continue
        if geometry is None:
            yield -180.0, -90.0, 180.0, 90.0
            continue
        for part in shapely.get_parts(shapely.geometry.shape(dict(geometry))).tolist():
            west, south, east, north = part.bounds
            yield west - AROUND_DEG, south - AROUND_DEG, east + AROUND_DEG, north + AROUND_DEG


def _blocks(pieces: Pieces) -> Iterator[Block]:
    """Yield the parts of squares that pieces lie in, row by row."""
    columns, rows = pieces.columns[pieces.in_grid], pieces.rows[pieces.in_grid]
    if not len(columns):
        return
    squares, of_square = np.unique(np.column_stack([rows, columns]) // SQUARE, axis=0, return_inverse=True)
    for square in range(len(squares)):
        here = of_square.ravel() == square
        left, top = int(columns[here].min()), int(rows[here].min())
        width, height = int(columns[here].max()) + 1 - left, int(rows[here].max()) + 1 - top
        yield Block(left, top, width, height)


def read_block(
    product: Product,
    scenes: SceneWindows,
    found: Split,
    block: Block,
    item_of: ItemOf,
    *,
    among: NDArray[np.bool_],
) -> BlockReading:
    """Read the cells of a block that pieces lie in; on a render thread.

    Args:
        product: What is read.
        scenes: Where it is read.
        found: The pieces and their cells.
        block: One of its blocks.
        item_of: Gives a scene's files.
        among: Which pieces are asked for.
    """
    assert found.grid is not None  # noqa: S101 - it has blocks
    pieces = found.pieces
    rows, columns = pieces.rows - block.row, pieces.columns - block.column
    inside = (rows >= 0) & (rows < block.height) & (columns >= 0) & (columns < block.width)
    piece = np.flatnonzero(inside & pieces.in_grid & among)
    rows, columns = rows[piece], columns[piece]
    wanted = np.zeros((block.height, block.width), bool)
    wanted[rows, columns] = True
    pixels = pixels_of(found.grid.grid(block))
    values = compute_values(product, scenes, pixels, item_of, Clock(), wanted=wanted, thorough=True)
    assert values.codes is not None  # noqa: S101 - they were asked for
    return BlockReading(
        piece=piece,
        values=values.planes[0][rows, columns],
        codes=values.codes[rows, columns],
        used=values.used,
        skipped=tuple(values.skipped),
        failed=tuple(values.failed),
        unmasked=tuple(values.unmasked),
    )
