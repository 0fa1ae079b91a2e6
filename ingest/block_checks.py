"""Checking what has come from an archive: a GeoTIFF that opens, with every block there and whole.

libtiff stops inflating a block when its pixels are complete, before the checksum at the end of the stream
(zlib, RFC 1950), so that GDAL reads zeroed or altered bytes as pixels without an error. Here the checksum is
looked at.
"""

import asyncio
import zlib
from collections.abc import Iterable
from pathlib import Path

from ingest.layout import Blocks, LayoutError, Span, TruncatedLayoutError, read_layout
from ingest.raster import DamagedRasterError, opened

DEFLATE = frozenset({8, 32946})
"""Of the tag Compression; others have no checksum, or are checked by GDAL as they are decoded."""
SUFFIXES = frozenset({".tif", ".tiff"})


def require_whole(path: Path) -> None:
    """Check a file that has come whole; one that is not called as a GeoTIFF is left to its format.

    Raises:
        DamagedRasterError: If it is not a GeoTIFF, ends before its blocks do, or a block is damaged.
    """
    if path.suffix.lower() not in SUFFIXES:
        return
    with opened(path):
        pass
    try:
        images = asyncio.run(_layout(path, path.stat().st_size))
    except TruncatedLayoutError as error:
        raise DamagedRasterError(path, f"{path.name} is truncated or damaged: {error}.") from error
    except LayoutError:  # strips, or a way of writing that is not known here: GDAL reads it
        return
    for image in images:
        require_blocks(path, image, image.all_spans(), path.name)


def require_blocks(path: Path, image: Blocks, spans: Iterable[Span], name: str) -> None:
    """Check the checksums of some blocks of a file.

    Args:
        path: The file.
        image: Whose blocks they are.
        spans: Where they are.
        name: Of the file, for people.

    Raises:
        DamagedRasterError: If one is damaged.
    """
    if image.compression not in DEFLATE:
        return
    with path.open("rb") as file:
        for begin, end in spans:
            file.seek(begin)
            if not _is_whole(file.read(end - begin)):
                raise DamagedRasterError(path, f"{name} is damaged: the block at byte {begin} is not whole.")


def _is_whole(block: bytes) -> bool:
    stream = zlib.decompressobj()
    try:
        stream.decompress(block)
    except zlib.error:
        return False
    return stream.eof


async def _layout(path: Path, size_bytes: int) -> tuple[Blocks, ...]:
    with path.open("rb") as file:

        async def read(begin: int, length: int) -> bytes:
            file.seek(begin)
            return file.read(length)

        return await read_layout(read, size_bytes)
