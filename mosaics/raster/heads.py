"""Heads: what stands before the blocks of files that are fetched, fetched once and kept for all threads.

GDAL opens a head as it opens the file, and knows all that the file says of itself: where its pixels lie, what
marks the missing ones, where each block stands. To open a file in one more thread then costs no request.
"""

import warnings

import google_crc32c
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile

from mosaics.raster.block_checks import DamagedBlockError, blocks_across
from mosaics.raster.coding import LITTLE, stored_at
from mosaics.raster.fetched import Piece, VersionedBytes, attempts_of_thread, fetched
from mosaics.raster.opening import NotGeoTiffError, open_head
from mosaics.shared_cache import SharedCache

GUESSED_BYTES = (1 << 16, 1 << 20)
"""What is fetched of a file whose head has a length that is not known; and where that is not all of it."""

HEADS_BYTES = 16 << 20
"""Of the heads that are kept: about a thousand scenes' bands."""


class Head:
    """A head in memory, which is there as long as this is.

    Args:
        data: Its bytes.
        version: That of the file, as `VersionedBytes` has it.
    """

    def __init__(self, data: bytes, version: str = "") -> None:
        self.version = version
        self.length = len(data)
        """In bytes."""
        self._file = MemoryFile(data, ext=".tif")
        self.name: str = self._file.name
        """Where GDAL finds it."""

    def __del__(self) -> None:
        self._file.close()


def _bytes_of(head: Head | None) -> int:
    return (0 if head is None else head.length) + (1 << 10)


HEADS: SharedCache[str, Head | None] = SharedCache(HEADS_BYTES, _bytes_of)
"""Those of this process, by path; None of a file that GDAL has to open itself."""


def head_at_hand(path: str, head: tuple[int, int] | None) -> Head | None:
    """Return the head of a file; None of a file that GDAL opens itself.

    Args:
        path: By which GDAL knows the file.
        head: Its length in bytes, and its checksum; None where that is not stated.

    Raises:
        mosaics.raster.fetched.NotFetchedError: If it has to be fetched first.
        DamagedBlockError: If it is not as it was written.
    """
    attempts = attempts_of_thread()
    if attempts is None or not attempts.brings(path):
        return None
    if found := HEADS.get([path]):
        return found[path]
    made = _guessed(path) if head is None else _stated(path, *head)
    HEADS.put({path: made})
    return made


def forget_head(path: str) -> None:
    """Let go what is known of a file that could not be read: it may have become another one."""
    HEADS.drop(path)


def _stated(path: str, length: int, checksum: int) -> Head | None:
    (data,) = fetched([Piece(path, 0, length)])
    if google_crc32c.value(data) != checksum:
        raise DamagedBlockError(f"{path.rpartition('/')[2]} is damaged: its head is not as it was written")
    return _head_of(data)


def _guessed(path: str) -> Head | None:
    """Return a head of which it is not known where it ends; None of one that goes on and on."""
    for length in GUESSED_BYTES:
        (data,) = fetched([Piece(path, 0, length)])
        made = _head_of(data)
        if made is not None and _is_whole(made):
            return made
        if len(data) < length:
            break
    return None


def _head_of(data: bytes) -> Head | None:
    """Return a head; None if GDAL has to open the file, as one that goes on past what was fetched.

    Raises:
        NotGeoTiffError: If it names other files.
    """
    head = Head(data, data.version if isinstance(data, VersionedBytes) else "")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # of a head that is not whole
            open_head(head.name).close()
    except NotGeoTiffError:
        raise
    except RasterioError:
        return None
    return head if data.startswith(LITTLE) else None


def _is_whole(head: Head) -> bool:
    """Return whether a head tells where all blocks stand.

    GDAL says the same of a block that was never written and of one whose place it has not read. The places
    of a level stand in a row, so that its last one tells of all.
    """
    with open_head(head.name) as dataset:
        levels = len(dataset.overviews(1))
    for level in (None, *range(levels)):
        with open_head(head.name, overview=level) as seen:
            rows, columns = blocks_across(seen)
            if stored_at(seen, rows - 1, columns - 1) is None:
                return False
    return True
