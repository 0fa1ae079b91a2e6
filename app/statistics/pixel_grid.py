"""The lattice: the cells a statistic counts, which are the pixels of the best scene's finest band."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rasterio.crs import CRS

from app.products.product import Product
from app.rendering.values import ItemOf
from app.statistics.coverage import Block, Outline
from app.statistics.geometry import Polygonal
from mosaics.ellipsoid import EARTH_RADIUS_M
from mosaics.index import SceneRef
from mosaics.raster.cell_areas import CellAreas
from mosaics.raster.grid import Grid
from mosaics.raster.reading import AssetReadError, reading
from mosaics.scene import Asset


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
        return CellAreas(self, block.column, block.row, block.width, block.height)


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
            for band in product.bands:
                levels = _levels(assets[band])
                if not finest or levels[0].cell_height < finest[0].cell_height:
                    finest = levels
        except AssetReadError as error:
            skipped.append(scene)
            failed.append(error.asset)
            continue
        return NativePixelGrids(finest, tuple(skipped), tuple(failed))
    return NativePixelGrids((), tuple(skipped), tuple(failed))


def _levels(asset: Asset) -> tuple[PixelGrid, ...]:
    """The pixels of a file and of its overviews, as GDAL sizes these: rounded up."""
    with reading(asset) as pool:
        dataset = pool.dataset(asset.path, 0)
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
