"""Painting and encoding: from values to the bytes of a tile, as a picture or as numbers."""

from collections.abc import Mapping
from io import BytesIO

import numpy as np
from PIL import Image
from rasterio.io import MemoryFile
from rasterio.transform import from_bounds

from app.products.palette import scale_rgb
from app.products.product import Product
from app.rendering.png import color_png, palette_png
from app.rendering.tile_request import TileFormat
from app.rendering.values import Clock, Mask, Planes
from mosaics.raster.grid import Grid


def encode(
    product: Product,
    planes: Planes,
    grid: Grid,
    form: TileFormat,
    clock: Clock,
    *,
    marks: Mapping[str, Mask] | None = None,
) -> bytes:
    """Encode a product's values.

    Args:
        product: Its palette or stretch paints pictures; numbers are not touched by it.
        planes: (planes, height, width) float32, NaN where there is no value.
        grid: Where the pixels lie.
        form: PNG and WebP are pictures; NPY and TIF hold the values themselves.
        clock: Where the time spent is booked.
        marks: Why pixels have no value, for products that paint that (`Values.marks`).
    """
    if form is TileFormat.NPY:
        body = _npy(planes)
    elif form is TileFormat.TIF:
        body = _tif(product, planes, grid)
    else:
        body = _picture(product, planes, marks or {}, form, clock)
    clock.lap("encode")
    return body


def _picture(
    product: Product, planes: Planes, marks: Mapping[str, Mask], form: TileFormat, clock: Clock
) -> bytes:
    if product.palette is not None:
        indexes = product.palette.index(planes[0])
        product.palette.mark(indexes, marks)
        clock.lap("paint")
        if form is TileFormat.PNG:
            return palette_png(indexes, product.palette.colors, ramp=product.kind == "continuous")
        return _webp(product.palette.colors[indexes], lossless=True)
    pixels = np.empty((*planes.shape[1:], 4), np.uint8)
    colors, alpha = scale_rgb(planes, product.rescale)
    pixels[..., :3] = np.moveaxis(colors, 0, -1)
    pixels[..., 3] = alpha
    clock.lap("paint")
    return color_png(pixels) if form is TileFormat.PNG else _webp(pixels, lossless=False)


def _webp(pixels: np.ndarray, *, lossless: bool) -> bytes:
    """WebP of (height, width, 4) colours; without loss where a colour stands for a value."""
    out = BytesIO()
    Image.fromarray(pixels, "RGBA").save(out, "WEBP", lossless=lossless, quality=80, method=1)
    return out.getvalue()


def _npy(planes: Planes) -> bytes:
    """NumPy file of the value planes and, last, a mask plane: 255 where there is a value, else 0."""
    mask = np.where(np.isnan(planes).any(axis=0), np.float32(0), np.float32(255))
    out = BytesIO()
    np.save(out, np.concatenate([planes, mask[np.newaxis]]), allow_pickle=False)
    return out.getvalue()


def _tif(product: Product, planes: Planes, grid: Grid) -> bytes:
    """GeoTIFF, float32, NaN as nodata."""
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            dtype="float32",
            nodata=float("nan"),
            count=planes.shape[0],
            width=grid.width,
            height=grid.height,
            crs=grid.crs,
            transform=from_bounds(*grid.bounds, grid.width, grid.height),
            compress="deflate",
            predictor=3,
        ) as dataset:
            dataset.write(planes)
            names = (product.title,) if product.planes == 1 else product.rgb_bands
            for number, name in enumerate(names, start=1):
                dataset.set_band_description(number, name)
                dataset.set_band_unit(number, product.unit)
        return bytes(memory.read())
