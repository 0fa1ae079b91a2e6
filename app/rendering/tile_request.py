"""What a caller asks for: a product on one tile, and the pixel grid that tile stands for."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import morecantile
from morecantile import Tile, TileMatrixSet
from rasterio.crs import CRS

from app.products.product import Product
from mosaics.raster.grid import Grid

TILE_SIZES = (256, 512)


class TileFormat(StrEnum):
    """The encodings a tile is served in."""

    PNG = "png"
    WEBP = "webp"
    NPY = "npy"
    TIF = "tif"

    @property
    def media_type(self) -> str:
        """The IANA media type, or the vendor one NumPy files are known by."""
        return MEDIA_TYPES[self]


MEDIA_TYPES = {
    TileFormat.PNG: "image/png",
    TileFormat.WEBP: "image/webp",
    TileFormat.NPY: "application/x-binary",
    TileFormat.TIF: "image/tiff; application=geotiff",
}


@dataclass(frozen=True, slots=True)
class TileRequest:
    """One tile of one product, in one format, for one time."""

    product: Product
    tms: TileMatrixSet
    z: int
    x: int
    y: int
    size: int
    """Width and height in pixels: 256 or 512."""
    format: TileFormat
    datetime: str | None
    """A period or interval as the caller wrote it; None asks for the latest period."""

    def grid(self) -> Grid:
        """The tile's pixels in the coordinates of its matrix set."""
        left, bottom, right, top = self.tms.xy_bounds(Tile(self.x, self.y, self.z))
        return Grid(crs_of(self.tms.id), (left, bottom, right, top), self.size, self.size)


@lru_cache(maxsize=64)
def crs_of(tms_id: str) -> CRS:
    """The coordinate system of a matrix set; kept, since deriving it costs as much as a small read."""
    return morecantile.tms.get(tms_id).rasterio_crs
