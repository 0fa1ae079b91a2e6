"""The lattice: the cells a statistic counts, which are the pixels of the best scene's finest band."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.warp import transform as transform_coordinates

from app.products.product import Product
from app.rendering.values import ItemOf
from app.statistics.coverage import Block, Outline
from app.statistics.geometry import WGS84, Polygonal
from mosaics.index import SceneRef
from mosaics.raster.grid import Grid
from mosaics.raster.reading import AssetReadError, reading
from mosaics.scene import Asset
from mosaics.sphere import EARTH_RADIUS_M

PARALLEL_ROWS = frozenset({"merc", "webmerc", "eqc", "cea", "mill"})
"""PROJ's cylindrical projections: a row of cells follows a parallel, so that its cells have one area."""


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
            return math.radians(self.cell_height) * EARTH_RADIUS_M
        return self.cell_height * self.unit_m

    @property
    def unit_m(self) -> float:
        """One unit of a projected `crs` in metres."""
        return float(self.crs.linear_units_factor[1])

    @property
    def cell_area_m2(self) -> float:
        """Width times height of a cell of a projected `crs`."""
        return self.cell_width * self.cell_height * self.unit_m**2

    @cached_property
    def equal_areas(self) -> bool:
        """Whether all cells count as equally large."""
        return not self.crs.is_geographic and self.crs.to_dict().get("proj") not in PARALLEL_ROWS

    def cell_areas_m2(self, block: Block) -> NDArray[np.float64]:
        """Area of one cell of each row, (height,).

        Where rows are parallels it is that on the sphere, ``R^2 dlon (sin(north) - sin(south))``. Elsewhere
        it is the plain product of width and height: off the true area by the square of the projection's
        scale, at most 0.2 % within a UTM zone.
        """
        if self.equal_areas:
            return np.full(block.height, self.cell_area_m2)
        edges = self.top - (block.row + np.arange(block.height + 1)) * self.cell_height
        if self.crs.is_geographic:
            lats, turn = np.radians(edges), math.radians(self.cell_width)
        else:
            xs = np.full_like(edges, self.left)
            _, degrees = transform_coordinates(self.crs, WGS84, xs, edges)
            lons, _ = transform_coordinates(self.crs, WGS84, [0.0, self.cell_width], [0.0, 0.0])
            lats, turn = np.radians(degrees), math.radians(lons[1] - lons[0])
        sines = np.sin(np.clip(lats, -math.pi / 2, math.pi / 2))
        return np.asarray(EARTH_RADIUS_M**2 * turn * -np.diff(sines))


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
