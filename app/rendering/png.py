"""PNG, written directly: an 8-bit palette or RGB(A), deflated by ISA-L.

GDAL and Pillow spend most of a tile's time in zlib; ISA-L at level 1 takes a hundredth of it for the
same size (measurement in the README). The format: W3C PNG specification, third edition.
"""

import struct
import zlib
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LEVEL = 1
PALETTE, RGB, RGBA = 3, 2, 6
"""Colour types, section 11.2.1."""
SUB = 1
"""Filter type 1, section 9.2: each byte minus the one a pixel before."""


def palette_png(indexes: NDArray[np.uint8], colors: NDArray[np.uint8], *, ramp: bool = False) -> bytes:
    """Encode palette indexes.

    Args:
        indexes: Entry of `colors` for each pixel, (height, width).
        colors: Red, green, blue and alpha of up to 256 entries, (n, 4).
        ramp: Whether the entries follow one another as values do. Neighbours then differ by little, and
            their differences deflate to three quarters of what the indexes do (real NDVI).
    """
    used = colors[: int(indexes.max(initial=0)) + 1]
    opacity = used[:, 3]
    transparent = np.flatnonzero(opacity != 255)
    chunks = [_chunk(b"PLTE", used[:, :3].tobytes())]
    if transparent.size:
        chunks.append(_chunk(b"tRNS", opacity[: transparent[-1] + 1].tobytes()))
    height, width = indexes.shape
    rows = np.zeros((height, width + 1), np.uint8)
    if ramp:
        rows[:, 0] = SUB
        rows[:, 1] = indexes[:, 0]
        np.subtract(indexes[:, 1:], indexes[:, :-1], out=rows[:, 2:])
    else:
        rows[:, 1:] = indexes
    return _png(width, height, PALETTE, chunks, rows)


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
    return _png(width, height, kind, [], rows)


def _png(width: int, height: int, kind: int, chunks: list[bytes], rows: NDArray[Any]) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    data = isal_zlib.compress(rows.tobytes(), LEVEL)
    return b"".join(
        (SIGNATURE, _chunk(b"IHDR", header), *chunks, _chunk(b"IDAT", data), _chunk(b"IEND", b""))
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
