"""Blocks: what files hold, decoded once for all threads, and kept within a number of bytes.

A GDAL handle belongs to one thread, and so do the blocks it has decoded; those kept here belong to none.
Files are written once, so that a block is known by the file's path and its place.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from rasterio.enums import Compression
from rasterio.io import DatasetReader
from rasterio.windows import Window

from mosaics.raster.block_checks import NO_CHECKS, BlockChecks, DamagedBlockError

BLOCKS_BYTES = 128 << 20
"""Decoded blocks kept in the process: a district of 491 km2 at 10 m takes 12 MB a band."""

SMALLEST, LARGEST = 1 << 12, 1 << 22
"""Bytes of blocks that are kept one by one; files in lines or in one piece are read as they come."""

Pixels: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True)
class BlockKey:
    """Which block of which file."""

    path: str
    level: int
    """Overview; 0 is full resolution."""
    row: int
    column: int


class BlockCache:
    """Decoded blocks, the least recently used let go. Any thread may ask.

    Args:
        limit_bytes: Of the pixels of all blocks.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.held_bytes = 0
        """Of the pixels kept."""
        self.limit_bytes = limit_bytes
        """Most of them; another value holds from the next block on."""
        self._blocks: OrderedDict[BlockKey, Pixels] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys: Iterable[BlockKey]) -> dict[BlockKey, Pixels]:
        """Return those of the blocks that are there."""
        with self._lock:
            found = {key: block for key in keys if (block := self._blocks.get(key)) is not None}
            for key in found:
                self._blocks.move_to_end(key)
        return found

    def put(self, blocks: Mapping[BlockKey, Pixels]) -> None:
        """Keep blocks, which must not be written to any more."""
        with self._lock:
            for key, block in blocks.items():
                if key not in self._blocks:
                    self._blocks[key] = block
                    self.held_bytes += block.nbytes
            while self.held_bytes > self.limit_bytes:
                _, oldest = self._blocks.popitem(last=False)
                self.held_bytes -= oldest.nbytes


BLOCKS = BlockCache(BLOCKS_BYTES)
"""Those of this process."""


@dataclass(frozen=True, slots=True)
class Raster:
    """The first band of an open file, at one of its resolutions."""

    dataset: DatasetReader
    """Seen through that overview."""
    path: str
    level: int
    """Overview; 0 is full resolution."""
    cache: BlockCache = BLOCKS
    checks: BlockChecks = NO_CHECKS
    """What is known of its blocks, of that level."""

    def read(self, window: Window) -> Pixels:
        """Return the pixels of a window that lies within.

        Raises:
            rasterio.errors.RasterioError: If the file cannot be read.
        """
        height, width = self.dataset.block_shapes[0]
        if not SMALLEST <= height * width * np.dtype(self.dataset.dtypes[0]).itemsize <= LARGEST:
            self.checks.require(self.dataset, window)
            whole: Pixels = self.dataset.read(1, window=window)
            return whole
        pixels = np.empty((window.height, window.width), self.dataset.dtypes[0])
        for key, block in self._blocks(window).items():
            top, left = key.row * height - window.row_off, key.column * width - window.col_off
            seen = block[max(0, -top) : window.height - top, max(0, -left) : window.width - left]
            row, column = max(0, top), max(0, left)
            pixels[row : row + seen.shape[0], column : column + seen.shape[1]] = seen
        return pixels

    def _blocks(self, window: Window) -> dict[BlockKey, Pixels]:
        """Return the blocks under a window; those that are not there yet are decoded now."""
        height, width = self.dataset.block_shapes[0]
        right, bottom = window.col_off + window.width, window.row_off + window.height
        keys = [
            BlockKey(self.path, self.level, row, column)
            for row in range(window.row_off // height, -(-bottom // height))
            for column in range(window.col_off // width, -(-right // width))
        ]
        found = self.cache.get(keys)
        missing = [key for key in keys if key not in found]
        if missing:
            self.checks.require_blocks(self.dataset, [(key.row, key.column) for key in missing])
            fresh = _inflated(self.dataset, missing)
            left = [key for key in missing if key not in fresh]
            if left:
                fresh |= _decoded(self.dataset, left)
            self.cache.put(fresh)
            found |= fresh
        return found


def _decoded(dataset: DatasetReader, keys: Sequence[BlockKey]) -> dict[BlockKey, Pixels]:
    """Decode blocks by GDAL, which asks a distant store for neighbours together: in one read of all."""
    height, width = dataset.block_shapes[0]
    top, left = min(key.row for key in keys) * height, min(key.column for key in keys) * width
    bottom = min((max(key.row for key in keys) + 1) * height, dataset.height)
    right = min((max(key.column for key in keys) + 1) * width, dataset.width)
    pixels = dataset.read(1, window=Window(left, top, right - left, bottom - top))
    found = {}
    for key in keys:
        row, column = key.row * height - top, key.column * width - left
        found[key] = pixels[row : row + height, column : column + width].copy()
    return found


def _inflated(dataset: DatasetReader, keys: Sequence[BlockKey]) -> dict[BlockKey, Pixels]:
    """Inflate blocks of whole numbers in a file on this machine by ISA-L.

    It takes half the time that GDAL does. What is of another kind is left to GDAL.

    Raises:
        DamagedBlockError: If a block is not a deflated stream, or its checksum is not right.
    """
    predictor = _predictor(dataset)
    if predictor is None:
        return {}
    shape, dtype = dataset.block_shapes[0], np.dtype(dataset.dtypes[0])
    expected = shape[0] * shape[1] * dtype.itemsize
    found = {}
    try:
        with Path(keys[0].path).open("rb", buffering=0) as file:
            if file.read(2) != b"II":  # numbers stand in the order of this machine's
                return {}
            for key in keys:
                place = f"{key.column}_{key.row}"
                offset = dataset.get_tag_item(f"BLOCK_OFFSET_{place}", "TIFF", bidx=1)
                size = dataset.get_tag_item(f"BLOCK_SIZE_{place}", "TIFF", bidx=1)
                if offset is None or size is None or int(size) > 2 * expected:
                    continue
                inflation = isal_zlib.decompressobj()
                raw = inflation.decompress(os.pread(file.fileno(), int(size), int(offset)), expected + 1)
                if not inflation.eof and len(raw) <= expected:  # it ends too soon, or its checksum is wrong
                    raise _damaged(key)
                if len(raw) == expected:
                    block = np.frombuffer(raw, dtype).reshape(shape)
                    found[key] = np.add.accumulate(block, axis=1, dtype=dtype) if predictor == 2 else block
    except OSError:
        return found
    except isal_zlib.error as error:  # type: ignore[misc]  # a class, which its stub takes for a value
        raise _damaged(key) from error
    return found


def _damaged(key: BlockKey) -> DamagedBlockError:
    return DamagedBlockError(
        f"{Path(key.path).name} is damaged: the block in row {key.row} and column {key.column} of its "
        f"level {key.level} is not a whole stream"
    )


def _predictor(dataset: DatasetReader) -> int | None:
    """Return how numbers of a deflated block were told: 1 as they are, 2 by the difference from the left one.

    None where blocks are anything else (TIFF Technical Note 1995, "Differencing predictor").
    """
    if dataset.driver != "GTiff" or dataset.count != 1 or dataset.compression is not Compression.deflate:
        return None
    if np.dtype(dataset.dtypes[0]).kind not in "iu" or "NBITS" in dataset.tags(1, ns="IMAGE_STRUCTURE"):
        return None
    predictor = int(dataset.tags(ns="IMAGE_STRUCTURE").get("PREDICTOR", 1))
    return predictor if predictor in (1, 2) else None
