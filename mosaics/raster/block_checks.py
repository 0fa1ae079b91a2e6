"""Checking blocks: those of landed files are told from damaged ones before they are read.

GDAL decodes a block whose bits have changed without an error: it does not look at the checksum that ends a
deflated stream. Each block therefore has a checksum of its bytes in the item (`mosaics.checksums`).
"""

import math
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import google_crc32c
import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader
from rasterio.transform import Affine
from rasterio.windows import Window

from mosaics.checksums import BYTES
from mosaics.lanes import caller_of_thread
from mosaics.raster.damage import DAMAGE, Stamp, stamp_of
from mosaics.raster.grid import Grid
from mosaics.raster.opening import open_raster
from mosaics.raster.under_grid import Move, cells_of, move_between, rough_bounds, widened
from mosaics.scene import Asset
from mosaics.storage.descriptors import NoDescriptorsError, comes_of_none_left

ORDER = "<u4"

RIGHT_FOR_S = 60.0
"""How long a block that was right is not looked at again: it is mostly in a cache meanwhile."""

SAME_FOR_S = 1.0
"""How long a file that was the one opened is not looked at again: asking the system takes 10 µs."""

LARGEST_MASK = 1 << 20
"""Bytes of a block's mask; 256 x 256 pixels have 8 kB."""

Place: TypeAlias = tuple[int, int]
"""Row and column of a block."""


class DamagedBlockError(RasterioIOError):  # type: ignore[misc]
    """A block is not as it was written; the message names the file and the block."""


class ReplacedFileError(RasterioIOError):  # type: ignore[misc]
    """A file is another one now than the one that is open."""


def has_mask(path: Path) -> bool:
    """Return whether a file has a mask of its own.

    Raises:
        rasterio.errors.RasterioError: If it cannot be read.
    """
    with open_raster(path) as dataset:
        return MaskFlags.per_dataset in dataset.mask_flag_enums[0]


def checksums_of(path: Path, *, with_mask: bool = False) -> list[bytes]:
    """Return the checksums of the first band's blocks of a file: full resolution, then each overview.

    Args:
        path: Of the file.
        with_mask: Whether each holds for what follows its block in a COG, too: the mask of its pixels.

    Raises:
        rasterio.errors.RasterioError: If it cannot be read.
    """
    with open_raster(path) as dataset:
        levels = [_level(dataset, path, with_mask=with_mask)]
        count = len(dataset.overviews(1))
    for overview in range(count):
        with open_raster(path, overview=overview) as dataset:
            levels.append(_level(dataset, path, with_mask=with_mask))
    return levels


def head_of(path: Path) -> tuple[int, int]:
    """Return how many bytes of a file come before the first block of any level, and their checksum.

    What stands there tells where the blocks are, where their pixels lie and which are missing.

    Raises:
        rasterio.errors.RasterioError: If it cannot be read.
    """
    with open_raster(path) as dataset:
        begins = [_begin(dataset)]
        count = len(dataset.overviews(1))
    for overview in range(count):
        with open_raster(path, overview=overview) as dataset:
            begins.append(_begin(dataset))
    length = min([begin for begin in begins if begin is not None], default=path.stat().st_size)
    return length, _head_checksum(path, length)


def _begin(dataset: DatasetReader) -> int | None:
    """Return where the first block of a level begins; None if none was ever written."""
    rows, columns = blocks_across(dataset)
    places = ((row, column) for row in range(rows) for column in range(columns))
    stated = (dataset.get_tag_item(f"BLOCK_OFFSET_{column}_{row}", "TIFF", bidx=1) for row, column in places)
    return min((int(offset) for offset in stated if offset is not None), default=None)


def _head_checksum(path: Path, length: int) -> int:
    with path.open("rb") as file:
        return int(google_crc32c.value(file.read(length)))


def _level(dataset: DatasetReader, path: Path, *, with_mask: bool) -> bytes:
    rows, columns = blocks_across(dataset)
    places = [(row, column) for row in range(rows) for column in range(columns)]
    found = _found(dataset, path, places, with_mask=with_mask)
    return np.fromiter(found, ORDER, len(places)).tobytes()


def blocks_across(dataset: DatasetReader) -> tuple[int, int]:
    """Return the rows and columns of a dataset's blocks."""
    height, width = dataset.block_shapes[0]
    return -(-dataset.height // height), -(-dataset.width // width)


def blocks_under(dataset: DatasetReader, window: Window | None) -> tuple[range, range]:
    """Return the rows and columns of the blocks under a window, or of all."""
    if window is None:
        rows, columns = blocks_across(dataset)
        return range(rows), range(columns)
    height, width = dataset.block_shapes[0]
    return (
        range(window.row_off // height, -(-(window.row_off + window.height) // height)),
        range(window.col_off // width, -(-(window.col_off + window.width) // width)),
    )


@dataclass(slots=True, eq=False)
class BlockChecks:
    """The checksums of one level of a file on this machine, and when its blocks were last found right.

    Belongs to a thread, as the open file does.
    """

    path: str
    checksums: bytes
    """Stated; empty where there are none."""
    looked_at: NDArray[np.float64] | None = None
    """When on the monotonic clock, (rows, columns); None before the first."""
    between: tuple[CRS, Move] | None = None
    """What moves coordinates of the system asked last to the file's; most ask in one system."""
    with_mask: bool = False
    """Whether they hold for the blocks' parts of the mask, too."""
    of_fetched: bytes = b""
    """Stated of a file elsewhere: what is fetched of it is checked as it comes."""
    stamp: Stamp = None
    """Of the file when it was opened."""
    since: float = field(default_factory=time.monotonic)
    """When it was opened, on the monotonic clock."""
    stamped_s: float = field(default_factory=time.monotonic)
    """When its stamp was last found to be the same."""

    @classmethod
    def of(cls, path: str, levels: Sequence[bytes], level: int) -> "BlockChecks":
        """Return those of a level; of a file elsewhere only for bytes that are fetched by ourselves."""
        is_here = path.startswith("/") and not path.startswith("/vsi")
        stated = levels[level] if level < len(levels) else b""
        if is_here:
            return cls(path, stated, stamp=stamp_of(path))
        return cls(path, b"", of_fetched=stated)

    def move(self, asked: CRS, own: CRS) -> Move:
        """Return what moves coordinates of a system to the file's own."""
        if self.between is None or self.between[0] is not asked:
            self.between = (asked, move_between(asked, own))
        return self.between[1]

    def require_under(
        self, dataset: DatasetReader, placed: Affine, grid: Grid, *, everywhere: bool
    ) -> Window | None:
        """Check the blocks that a warp onto a grid may read, and count the pixels where that is watched.

        Args:
            dataset: The file at that level.
            placed: Its transform, as it is seen on the turn around the Earth that is read.
            grid: What is asked.
            everywhere: Whether all of the file may be read, whatever the grid's edges say.

        Returns:
            The pixels that may be read; None for all.

        Raises:
            DamagedBlockError: If one is not as it was written.
            PixelBudgetError: If the caller may not have as many pixels read.
        """
        caller = caller_of_thread()
        is_counted = caller is not None and math.isfinite(caller.pixels_left)
        if not (self.checksums or self.of_fetched or is_counted):
            return None
        window = None if everywhere else self._touched(dataset, placed, grid)
        if caller is not None and is_counted:
            seen = dataset if window is None else window
            caller.spend(seen.width * seen.height)
        if self.checksums:
            self.require(dataset, window)
        return window

    def _touched(self, dataset: DatasetReader, placed: Affine, grid: Grid) -> Window | None:
        """Return the pixels that lie under a grid, and some around; None where that is not known."""
        there = rough_bounds(self.move(grid.crs, dataset.crs), grid.bounds)
        if there is None:
            return None
        columns, rows = cells_of(placed, there)
        first_column, last_column = widened(columns, dataset.width)
        first_row, last_row = widened(rows, dataset.height)
        return Window(first_column, first_row, last_column - first_column, last_row - first_row)

    def require(self, dataset: DatasetReader, window: Window | None) -> None:
        """Check the blocks under a window, or all.

        Args:
            dataset: The file at that level.
            window: In its pixels; None for all of it.

        Raises:
            DamagedBlockError: If one is not as it was written.
        """
        if not self.checksums:
            return
        looked_at = self._looked_at(dataset)
        rows, columns = blocks_under(dataset, window)
        due = looked_at[rows.start : rows.stop, columns.start : columns.stop] < time.monotonic() - RIGHT_FOR_S
        if due.any():
            self._check(dataset, (np.argwhere(due) + np.array([rows.start, columns.start])).tolist())

    def require_blocks(self, dataset: DatasetReader, places: Sequence[Place]) -> None:
        """Check some blocks, but those that were right a moment ago; errors as `require`."""
        if not self.checksums:
            return
        looked_at, right_since = self._looked_at(dataset), time.monotonic() - RIGHT_FOR_S
        if due := [place for place in places if looked_at[place] < right_since]:
            self._check(dataset, due)

    def _found(self, dataset: DatasetReader, due: Sequence[Sequence[int]]) -> Iterable[int]:
        return _found(dataset, Path(self.path), due, with_mask=self.with_mask)

    def require_same(self, *, at_once: bool = False) -> None:
        """Check that the file is the one that was opened, as of a second ago, or at once.

        Raises:
            ReplacedFileError: If it was written since.
        """
        now = time.monotonic()
        is_stale = at_once or now - self.stamped_s > SAME_FOR_S
        if (is_stale and stamp_of(self.path) != self.stamp) or DAMAGE.is_changed(self.path, self.since):
            raise ReplacedFileError(f"{Path(self.path).name} was written again while it was open")
        self.stamped_s = now if is_stale else self.stamped_s

    def _looked_at(self, dataset: DatasetReader) -> NDArray[np.float64]:
        """Return when each block was last found right, (rows, columns); errors as `require`."""
        if self.looked_at is None:
            shape = blocks_across(dataset)
            if len(self.checksums) != shape[0] * shape[1] * BYTES:
                raise DamagedBlockError(f"{Path(self.path).name} is damaged: it has another number of blocks")
            self.looked_at = np.full(shape, -np.inf)
        return self.looked_at

    def _check(self, dataset: DatasetReader, due: Sequence[Sequence[int]]) -> None:
        """Check some blocks, by row and column; errors as `require`."""
        now, looked_at = time.monotonic(), self._looked_at(dataset)
        stated = np.frombuffer(self.checksums, ORDER).reshape(looked_at.shape)
        self.require_same(at_once=True)
        for (row, column), found in zip(due, self._found(dataset, due), strict=True):
            if found != stated[row, column]:
                raise damaged_block(dataset, self.path, (row, column))
            looked_at[row, column] = now


def damaged_block(dataset: DatasetReader, path: str, place: Place) -> DamagedBlockError:
    """Return the error of a block, by row and column, that is not as it was written."""
    return DamagedBlockError(
        f"{Path(path).name} is damaged: the block in row {place[0]} and column {place[1]} "
        f"of {dataset.width} x {dataset.height} pixels is not as it was written"
    )


NO_CHECKS = BlockChecks("", b"")


def checks_of(known: dict[int, BlockChecks], asset: Asset, level: int) -> BlockChecks:
    """Return what is known of the blocks of an open file's level, of which the item states checksums.

    Args:
        known: Of the file, by level; what is not there yet is added.
        asset: The file.
        level: Overview; 0 is full resolution.

    Raises:
        DamagedBlockError: If the file was found damaged as a whole.
        ReplacedFileError: If it was mended since it was opened.
    """
    if (reason := DAMAGE.condemned(asset.path)) is not None:
        raise DamagedBlockError(f"{Path(asset.path).name} is damaged: {reason}")
    found = known.get(level)
    if found is not None:
        found.require_same()
    if (
        found is None
        or (found.checksums or found.of_fetched) != (asset.checksums[level : level + 1] or (b"",))[0]
    ):
        found = known[level] = BlockChecks.of(asset.path, asset.checksums, level)
        found.with_mask = asset.with_mask
    return found


def require_head(path: str, head: tuple[int, int] | None) -> None:
    """Check what comes before the first block of a file on this machine, before it is opened.

    Args:
        path: Of the file.
        head: How many bytes these are, and their checksum; None where that is not stated.

    Raises:
        DamagedBlockError: If they are not as they were written.
    """
    if head is None or path.startswith("/vsi"):
        return
    try:
        found = _head_checksum(Path(path), head[0])
    except OSError:
        return  # opening it tells why
    if found != head[1]:
        raise DamagedBlockError(f"{Path(path).name} is damaged: its head is not as it was written")


def _found(
    dataset: DatasetReader, path: Path, places: Iterable[Sequence[int]], *, with_mask: bool
) -> Iterable[int]:
    """Yield the checksums of blocks as they are; 0 for one that was never written.

    Raises:
        NoDescriptorsError: If no file can be opened.
        rasterio.errors.RasterioIOError: If this one cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            for row, column in places:
                offset = dataset.get_tag_item(f"BLOCK_OFFSET_{column}_{row}", "TIFF", bidx=1)
                size = dataset.get_tag_item(f"BLOCK_SIZE_{column}_{row}", "TIFF", bidx=1)
                if offset is None or size is None:
                    yield google_crc32c.value(b"")
                else:
                    stored = _stored(file.fileno(), int(offset), int(size), with_mask=with_mask)
                    yield google_crc32c.value(stored)
    except OSError as error:
        if comes_of_none_left(error):
            raise NoDescriptorsError from error
        raise RasterioIOError(f"{path.name} cannot be read: {error.strerror}") from error


def _stored(file: int, offset: int, size: int, *, with_mask: bool) -> bytes:
    """Return the bytes of a block, and what follows it in a COG with a mask: that of its pixels.

    Between the two lie the last four bytes of the block once more, and the length of the mask (GDAL's
    driver COG, "BLOCK_TRAILER" and "BLOCK_LEADER" of its header).
    """
    if not with_mask:
        return os.pread(file, size, offset)
    stored = os.pread(file, size + 8, offset)
    length = int.from_bytes(stored[-4:], "little")
    return stored + (os.pread(file, length, offset + size + 8) if length <= LARGEST_MASK else b"")
