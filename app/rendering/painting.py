"""Painting and encoding: from values to the bytes of a tile, as a picture or as numbers.

PNG is written directly: an 8-bit palette or RGB(A), deflated by ISA-L. GDAL and Pillow spend most of a tile's
time in zlib; ISA-L at level 1 takes a hundredth of it for the same size (measurement in the README). The
format: W3C PNG specification, third edition.
"""

import struct
import zlib
from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import Image
from rasterio.io import MemoryFile
from rasterio.transform import from_bounds

from app.products.palette import scale_rgb
from app.products.product import Product
from app.rendering.address import TileFormat
from app.rendering.computing import Clock
from app.rendering.values import Code, Values
from mosaics.raster.grid import Grid

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LEVEL = 1
PALETTE, RGB, RGBA = 3, 2, 6
"""Colour types, section 11.2.1."""
SUB = 1
"""Filter type 1, section 9.2: each byte minus the one a pixel before."""
PALETTES_KEPT = 1024
"""Palettes as PNG has them, of 1 kB each; tiles of one product differ in how many of its colours occur."""

MEANINGS = {
    Code.OUTSIDE: "outside coverage",
    Code.NODATA: "no data",
    Code.MASKED: "masked",
    Code.OUTSIDE_ZONE: "outside the zone",
    Code.VALUE: "has a value",
}
"""What the codes of pixels mean, as a GeoTIFF tells it."""


def encode(product: Product, values: Values, grid: Grid, form: TileFormat, clock: Clock) -> bytes:
    """Encode a product's values.

    Args:
        product: Its palette or stretch paints pictures; numbers are not touched by it.
        values: What was computed. NPY needs its codes; TIF has them as a further band where they are given.
        grid: Where the pixels lie.
        form: PNG and WebP are pictures; NPY and TIF hold the values themselves.
        clock: Where the time spent is booked.
    """
    if form is TileFormat.NPY:
        body = _npy(values)
    elif form is TileFormat.TIF:
        body = _tif(product, values, grid)
    else:
        body = _picture(product, values, form, clock)
    clock.lap("encode")
    return body


def _picture(product: Product, values: Values, form: TileFormat, clock: Clock) -> bytes:
    palette = product.palette
    if palette is not None:
        indexes = palette.index(values.planes[0])
        if palette.absent:
            palette.mark(indexes, values.marks)
        clock.lap("paint")
        if form is TileFormat.PNG:
            return palette_png(indexes, palette.colors, ramp=palette.scaling is not None)
        return _webp(palette.colors[indexes], lossless=True)
    pixels = np.empty((*values.planes.shape[1:], 4), np.uint8)
    colors, alpha = scale_rgb(values.planes, product.rescale)
    pixels[..., :3] = np.moveaxis(colors, 0, -1)
    pixels[..., 3] = alpha
    clock.lap("paint")
    return color_png(pixels) if form is TileFormat.PNG else _webp(pixels, lossless=False)


def _webp(pixels: NDArray[np.uint8], *, lossless: bool) -> bytes:
    """WebP of (height, width, 4) colours; without loss where a colour stands for a value."""
    out = BytesIO()
    Image.fromarray(pixels, "RGBA").save(out, "WEBP", lossless=lossless, quality=80, method=1)
    return out.getvalue()


def told(codes: NDArray[Any]) -> NDArray[np.float32]:
    """Return codes as files have them: 255 for a value, 0 or below without one.

    Clients of rio-tiler read the plane as a mask: `== 255` and `> 0` hold for values alone.
    """
    return np.where(codes == Code.VALUE, 255, 0 - codes.astype(np.float32)).astype(np.float32)


def _npy(values: Values) -> bytes:
    """NumPy file of the value planes and, last, a mask plane that holds the `Code` of each pixel."""
    assert values.codes is not None  # noqa: S101 - they are asked for with this format
    out = BytesIO()
    np.save(out, np.concatenate([values.planes, [told(values.codes)]]))
    return out.getvalue()


def _tif(product: Product, values: Values, grid: Grid) -> bytes:
    """GeoTIFF of the values' type, NaN as nodata; codes, where they are given, in a band behind them."""
    names = [product.title] if product.planes == 1 else list(product.rgb_bands)
    planes = values.planes
    if values.codes is not None:
        planes = np.concatenate([planes, [told(values.codes)]])
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            dtype=planes.dtype,
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
            for number, name in enumerate(names, start=1):
                dataset.set_band_description(number, name)
                dataset.set_band_unit(number, product.unit)
            if values.codes is not None:
                dataset.set_band_description(planes.shape[0], "absence")
                meanings = {f"code_{told(np.array(code)):g}": meaning for code, meaning in MEANINGS.items()}
                dataset.update_tags(planes.shape[0], **meanings)
        return bytes(memory.read())


def palette_png(indexes: NDArray[np.uint8], colors: NDArray[np.uint8], *, ramp: bool = False) -> bytes:
    """Encode palette indexes.

    Args:
        indexes: Entry of `colors` for each pixel, (height, width).
        colors: Red, green, blue and alpha of up to 256 entries, (n, 4).
        ramp: Whether the entries follow one another as values do. Neighbours then differ by little, and
            their differences deflate to three quarters of what the indexes do (real NDVI).
    """
    chunks = _palette_chunks(colors.tobytes(), int(indexes.max(initial=0)) + 1)
    height, width = indexes.shape
    rows = np.zeros((height, width + 1), np.uint8)
    if ramp:
        rows[:, 0] = SUB
        rows[:, 1] = indexes[:, 0]
        np.subtract(indexes[:, 1:], indexes[:, :-1], out=rows[:, 2:])
    else:
        rows[:, 1:] = indexes
    return _png(width, height, PALETTE, chunks, rows)


@lru_cache(maxsize=PALETTES_KEPT)
def _palette_chunks(colors: bytes, used: int) -> bytes:
    """Return the chunks of the first colours of a palette, and of those among them that are not opaque."""
    table = np.frombuffer(colors, np.uint8).reshape(-1, 4)[:used]
    opacity = table[:, 3]
    transparent = np.flatnonzero(opacity != 255)
    palette = _chunk(b"PLTE", table[:, :3].tobytes())
    return palette + (_chunk(b"tRNS", opacity[: transparent[-1] + 1].tobytes()) if transparent.size else b"")


def color_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode colours.

    Args:
        pixels: Red, green, blue and alpha, (height, width, 4). Alpha is left out where all is opaque.
    """
    kind = RGBA
    if (pixels[..., 3] == 255).all():
        pixels, kind = pixels[..., :3], RGB
    height, width, samples = pixels.shape
    rows = np.empty((height, 1 + width * samples), np.uint8)
    rows[:, 0] = SUB
    flat = pixels.reshape(height, width * samples)
    rows[:, 1 : 1 + samples] = flat[:, :samples]
    np.subtract(flat[:, samples:], flat[:, :-samples], out=rows[:, 1 + samples :])
    return _png(width, height, kind, b"", rows)


def _png(width: int, height: int, kind: int, palette: bytes, rows: NDArray[Any]) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    data = isal_zlib.compress(rows.tobytes(), LEVEL)
    return b"".join(
        (SIGNATURE, _chunk(b"IHDR", header), palette, _chunk(b"IDAT", data), _chunk(b"IEND", b""))
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
