"""Fetched blocks: those of a file elsewhere, held against the checksums in its item before they are decoded.

What GDAL has to decode, a mask or a warp, it reads by a view: a file that has the head, and in their places
blocks that were fetched and are as they were written. What else GDAL looks for there is an error.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product

import google_crc32c
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window

from mosaics.checksums import BYTES
from mosaics.raster.block_checks import Place, blocks_across, blocks_under, damaged_block
from mosaics.raster.coding import Place as Stored
from mosaics.raster.coding import stored_at
from mosaics.raster.fetched import Piece, fetched
from mosaics.raster.heads import Head
from mosaics.raster.opening import open_view

LENGTHS = 8
"""Bytes between a block and its mask in a COG: the last of the block once more, and the mask's length."""

MASK_SLACK = 64
"""Bytes that a mask may be longer deflated than as it is: 11 for 8 kB that do not get shorter."""

NOTHING = "/vsimem/not-fetched"
"""A file that there is not: GDAL fails where it looks for bytes that are not at hand."""

LARGEST_FILE = 1 << 50
"""Bytes."""


@dataclass(frozen=True, slots=True)
class FetchedBlocks:
    """The blocks of one level of a file that is fetched."""

    dataset: DatasetReader
    """The file's head, at that level."""
    path: str
    checksums: bytes
    """As the item states them; empty where it does not."""
    with_mask: bool
    """Whether they hold for the blocks' parts of the mask, too."""
    version: str
    """That of the file; empty for one that is written once."""

    @contextmanager
    def view(self, head: Head, window: Window | None, overview: int | None) -> Iterator[DatasetReader]:
        """Yield what GDAL reads the blocks under a window by, or all of the level.

        Args:
            head: Of the file.
            window: In pixels of the level.
            overview: Number of the level's overview, from 0; None for full resolution.

        Raises:
            mosaics.raster.fetched.NotFetchedError: If some have to be fetched first.
            DamagedBlockError: If one is not as it was written.
            rasterio.errors.RasterioIOError: If the file cannot be opened.
        """
        there = {place: stored_at(self.dataset, *place) for place in self._places(window)}
        written = {place: stored for place, stored in there.items() if stored is not None}
        whole = self.stored(written)
        blocks = [(written[place].start, data) for place, data in whole.items()]
        with MemoryFile(b"".join(data for _, data in blocks)) as file:
            parts = _parts(head, file.name, blocks)
            with MemoryFile(parts.encode(), ext=".xml") as view, open_view(view.name, overview) as dataset:
                yield dataset

    def _places(self, window: Window | None) -> Iterator[Place]:
        return product(*blocks_under(self.dataset, window))

    def stored(self, there: Mapping[Place, Stored | None]) -> dict[Place, bytes]:
        """Return blocks without those that were never written, each with the mask that follows it.

        Args:
            there: Where they stand, by row and column.

        Raises:
            mosaics.raster.fetched.NotFetchedError: If some have to be fetched first.
            DamagedBlockError: If one is not as it was written.
        """
        written = {place: stored for place, stored in there.items() if stored is not None}
        longer = self._longest_mask if self.with_mask else 0
        found = fetched(
            Piece(self.path, start, length + longer, self.version) for start, length in written.values()
        )
        return {
            place: self._whole(place, stored, data)
            for (place, stored), data in zip(written.items(), found, strict=True)
        }

    @property
    def _longest_mask(self) -> int:
        """Return the most bytes that follow a block."""
        height, width = self.dataset.block_shapes[0]
        return LENGTHS + int(height) * int(width) // 8 + MASK_SLACK

    def _whole(self, place: Place, stored: Stored, data: bytes) -> bytes:
        """Return a block of what was fetched, and its mask; errors as `stored`."""
        if self.with_mask:
            end = stored.length + LENGTHS
            data = data[: end + int.from_bytes(data[end - 4 : end], "little")]
        if not self.checksums:
            return data
        begin = BYTES * (place[0] * blocks_across(self.dataset)[1] + place[1])
        if google_crc32c.value(data) != int.from_bytes(self.checksums[begin : begin + BYTES], "little"):
            raise damaged_block(self.dataset, self.path, place)
        return data


def _parts(head: Head, blocks: str, places: Iterable[tuple[int, bytes]]) -> str:
    """Return the description of a file with its head, blocks in their places, and nothing readable elsewhere.

    Args:
        head: Of the file.
        blocks: Path of the file in memory that has the blocks, one after the other.
        places: Where each belongs, and the block.
    """
    parts, at = [_part(head.name, 0, 0, head.length)], 0
    for start, data in places:
        parts.append(_part(blocks, start, at, len(data)))
        at += len(data)
    parts.append(_part(NOTHING, 0, 0, LARGEST_FILE))
    return f"<VSISparseFile><Length>{LARGEST_FILE}</Length>{''.join(parts)}</VSISparseFile>"


def _part(path: str, start: int, begin: int, length: int) -> str:
    place = f"<DestinationOffset>{start}</DestinationOffset><SourceOffset>{begin}</SourceOffset>"
    name = f'<Filename relative="0">{path}</Filename>'
    return f"<SubfileRegion>{name}{place}<RegionLength>{length}</RegionLength></SubfileRegion>"
