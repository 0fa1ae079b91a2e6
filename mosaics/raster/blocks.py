"""Blocks: what files hold, decoded once for all threads, and kept within a number of bytes.

A GDAL handle belongs to one thread, and so do the blocks it has decoded; those kept here belong to none.
Files are written once, so that a block is known by the file's path and its place.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from mosaics.raster.block_checks import NO_CHECKS, BlockChecks, DamagedBlockError
from mosaics.raster.coding import LITTLE, NotWholeError, Place, coding_of, stored_at
from mosaics.raster.coordinates import GDAL_ERRORS
from mosaics.raster.fetched_blocks import FetchedBlocks
from mosaics.raster.handles import Handle
from mosaics.shared_cache import SharedCache

BLOCKS_BYTES = 128 << 20
"""Decoded blocks kept in the process: a district of 491 km2 at 10 m takes 12 MB a band."""

SMALLEST, LARGEST = 1 << 12, 1 << 22
"""Bytes of blocks that are kept one by one; files in lines or in one piece are read as they come."""

Pixels: TypeAlias = NDArray[Any]
Decoded = TypeVar("Decoded")


@dataclass(frozen=True, slots=True)
class BlockKey:
    """Which block of which file."""

    path: str
    level: int
    """Overview; 0 is full resolution."""
    row: int
    column: int
    version: str = ""
    """That of the file, where it can be another one at the same place."""


class BlockCache(SharedCache[BlockKey, Pixels]):
    """Decoded blocks.

    Args:
        limit_bytes: Of the pixels of all blocks.
    """

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes, lambda block: block.nbytes)


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
    handle: Handle | None = None
    """That of the file, where the dataset is one of its."""

    @property
    def is_fetched(self) -> bool:
        """Whether its blocks are fetched, and the dataset cannot read them."""
        return self.handle is not None and self.handle.head is not None

    @property
    def version(self) -> str:
        """That of the file whose head is at hand; empty where files are written once."""
        return "" if self.handle is None or self.handle.head is None else self.handle.head.version

    @property
    def blocks(self) -> FetchedBlocks | None:
        """Its blocks, where they are fetched, and checked where the item states their checksums."""
        if not self.is_fetched:
            return None
        checks = self.checks
        return FetchedBlocks(self.dataset, self.path, checks.of_fetched, checks.with_mask, self.version)

    def by_gdal(self, read: Callable[[DatasetReader], Decoded], window: Window | None) -> Decoded:
        """Return what GDAL reads.

        Args:
            read: Has it read pixels that lie under the window, and around it.
            window: Checked before where the file lies on this machine; None for all of the file.

        Raises:
            DamagedBlockError: If a block that was fetched is not as it was written.
            mosaics.raster.fetched.NotFetchedError: If some have to be fetched first.
            rasterio.errors.RasterioError: If the file cannot be read.
        """
        blocks, head = self.blocks, None if self.handle is None else self.handle.head
        if blocks is None or head is None or not self._has_view(window):
            return read(self.dataset if self.handle is None else self.handle.readable(self.level))
        overview = self.level - 1 if self.level else None
        with blocks.view(head, window, overview) as dataset:
            try:
                return read(dataset)
            except GDAL_ERRORS:
                if window is None:
                    raise
        with blocks.view(head, None, overview) as dataset:
            return read(dataset)

    def _has_view(self, window: Window | None) -> bool:
        """Return whether GDAL reads a window by blocks that are fetched.

        Where no item states them, it is not known where a mask stands, nor sensible to fetch all.
        """
        is_masked = self.handle is not None and self.handle.is_masked
        return bool(self.checks.of_fetched) or not (window is None or is_masked)

    def read(self, window: Window) -> Pixels:
        """Return the pixels of a window that lies within.

        Raises:
            rasterio.errors.RasterioError: If the file cannot be read.
        """
        height, width = self.dataset.block_shapes[0]
        if not SMALLEST <= height * width * np.dtype(self.dataset.dtypes[0]).itemsize <= LARGEST:
            self.checks.require(self.dataset, window)
            whole: Pixels = self.by_gdal(lambda dataset: dataset.read(1, window=window), window)
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
        version = self.version
        keys = [
            BlockKey(self.path, self.level, row, column, version)
            for row in range(window.row_off // height, -(-bottom // height))
            for column in range(window.col_off // width, -(-right // width))
        ]
        found = self.cache.get(keys)
        missing = [key for key in keys if key not in found]
        if missing:
            self.checks.require_blocks(self.dataset, [(key.row, key.column) for key in missing])
            fresh = self._inflated(missing)
            if left := [key for key in missing if key not in fresh]:
                fresh |= self._decoded(left)
            self.cache.put(fresh)
            found |= fresh
        return found

    def _inflated(self, keys: Sequence[BlockKey]) -> dict[BlockKey, Pixels]:
        """Inflate blocks of a file on this machine, or whose blocks are fetched, in half of GDAL's time.

        What is of a kind that is not known here is left to GDAL.

        Raises:
            DamagedBlockError: If a block is not a whole stream, or not as it was written.
            mosaics.raster.fetched.NotFetchedError: If some have to be fetched first.
        """
        coding = coding_of(self.dataset)
        if coding is None:
            return {}
        places = {key: stored_at(self.dataset, key.row, key.column) for key in keys}
        written = {key: place for key, place in places.items() if place is not None and coding.may_be(place)}
        stored = self._stored(written)
        found: dict[BlockKey, Pixels | None] = dict.fromkeys(
            (key for key, place in places.items() if place is None), coding.absent()
        )
        for key, data in zip(written, stored, strict=False):
            try:
                found[key] = coding.decoded(data)
            except NotWholeError as error:
                raise _damaged(key) from error
        return {key: block for key, block in found.items() if block is not None}

    def _stored(self, written: Mapping[BlockKey, Place]) -> list[bytes]:
        """Return blocks as they are stored; errors as `_inflated`."""
        if not self.is_fetched:
            return _read(self.path, written)
        assert self.blocks is not None  # noqa: S101 - it is fetched
        whole = self.blocks.stored({(key.row, key.column): place for key, place in written.items()})
        return [whole[key.row, key.column][: place.length] for key, place in written.items()]

    def _decoded(self, keys: Sequence[BlockKey]) -> dict[BlockKey, Pixels]:
        """Decode blocks by GDAL, which asks a distant store for neighbours together: in one read of all."""
        height, width = self.dataset.block_shapes[0]
        top, left = min(key.row for key in keys) * height, min(key.column for key in keys) * width
        bottom = min((max(key.row for key in keys) + 1) * height, self.dataset.height)
        right = min((max(key.column for key in keys) + 1) * width, self.dataset.width)
        window = Window(left, top, right - left, bottom - top)
        pixels = self.by_gdal(lambda dataset: dataset.read(1, window=window), window)
        found = {}
        for key in keys:
            row, column = key.row * height - top, key.column * width - left
            found[key] = pixels[row : row + height, column : column + width].copy()
        return found


def _read(path: str, places: Mapping[BlockKey, Place]) -> list[bytes]:
    """Read blocks of a file on this machine; none where that cannot be."""
    try:
        with Path(path).open("rb", buffering=0) as file:
            if file.read(len(LITTLE)) != LITTLE:
                return []
            return [os.pread(file.fileno(), length, start) for start, length in places.values()]
    except OSError:
        return []


def _damaged(key: BlockKey) -> DamagedBlockError:
    return DamagedBlockError(
        f"{Path(key.path).name} is damaged: the block in row {key.row} and column {key.column} of its "
        f"level {key.level} is not a whole stream"
    )
