"""Heads: what stands before the blocks of the bucket's files, fetched once and kept for all threads.

GDAL opens a head as it opens the file, and knows all that the file says of itself: where its pixels lie, what
marks the missing ones, where each block stands. To open a file in one more thread then costs no request.
"""

import google_crc32c
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from mosaics.raster.block_checks import DamagedBlockError
from mosaics.raster.coding import LITTLE
from mosaics.raster.fetched import Piece, attempts_of_thread, fetched
from mosaics.raster.opening import NotGeoTiffError, open_head
from mosaics.shared_cache import SharedCache

GUESSED_BYTES = 1 << 16
"""What is fetched of a file whose head has a length that is not known."""

HEADS_BYTES = 16 << 20
"""Of the heads that are kept: about a thousand scenes' bands."""

BUCKET = "/vsis3/"


class Head:
    """A head in memory, which is there as long as this is."""

    def __init__(self, data: bytes) -> None:
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
    if attempts is None or not (path.startswith(BUCKET) and path.startswith(attempts.root)):
        return None
    if found := HEADS.get([path]):
        return found[path]
    length = GUESSED_BYTES if head is None else head[0]
    (data,) = fetched([Piece(path, 0, length)])
    if head is not None and google_crc32c.value(data) != head[1]:
        raise DamagedBlockError(f"{path.rpartition('/')[2]} is damaged: its head is not as it was written")
    made = _head_of(data)
    HEADS.put({path: made})
    return made


def _head_of(data: bytes) -> Head | None:
    """Return a head; None if GDAL has to open the file, as one that goes on past what was fetched.

    Raises:
        NotGeoTiffError: If it names other files.
    """
    head = Head(data)
    try:
        open_head(head.name).close()
    except NotGeoTiffError:
        raise
    except RasterioError:
        return None
    return head if data.startswith(LITTLE) else None
