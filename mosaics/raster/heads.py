"""Heads: what stands before the blocks of the bucket's files, fetched once and kept for all threads.

GDAL opens a head as it opens the file, and knows all that the file says of itself: where its pixels lie, what
marks the missing ones, where each block stands. To open a file in one more thread then costs no request.
"""

import threading
from collections import OrderedDict

import google_crc32c
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from mosaics.raster.block_checks import DamagedBlockError
from mosaics.raster.coding import LITTLE
from mosaics.raster.fetched import Piece, attempts_of_thread, fetched
from mosaics.raster.opening import NotGeoTiffError, open_head

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


class Heads:
    """The heads of files, the least recently used let go. Any thread may ask.

    Args:
        limit_bytes: Of all heads.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.held_bytes = 0
        """Of the heads kept."""
        self.limit_bytes = limit_bytes
        """Most of them; another value holds from the next head on."""
        self._heads: OrderedDict[str, Head | None] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, path: str) -> tuple[bool, Head | None]:
        """Return whether a file is known, and its head; none if GDAL has to open the file."""
        with self._lock:
            if path not in self._heads:
                return False, None
            self._heads.move_to_end(path)
            return True, self._heads[path]

    def put(self, path: str, data: bytes) -> Head | None:
        """Keep a head and return it; none if GDAL has to open the file.

        Raises:
            NotGeoTiffError: If it names other files.
        """
        head: Head | None = Head(data)
        assert head is not None  # noqa: S101 - for the type's sake
        try:
            open_head(head.name).close()
        except NotGeoTiffError:
            raise
        except RasterioError:  # it goes on past what was fetched
            head = None
        if not data.startswith(LITTLE):
            head = None
        with self._lock:
            if path not in self._heads:
                self._heads[path] = head
                self.held_bytes += _bytes_of(head)
            while self.held_bytes > self.limit_bytes:
                self.held_bytes -= _bytes_of(self._heads.popitem(last=False)[1])
        return head


HEADS = Heads(HEADS_BYTES)
"""Those of this process."""


def _bytes_of(head: Head | None) -> int:
    return (0 if head is None else head.length) + (1 << 10)


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
    is_known, found = HEADS.find(path)
    if is_known:
        return found
    length = GUESSED_BYTES if head is None else head[0]
    (data,) = fetched([Piece(path, 0, length)])
    if head is not None and google_crc32c.value(data) != head[1]:
        raise DamagedBlockError(f"{path.rpartition('/')[2]} is damaged: its head is not as it was written")
    return HEADS.put(path, data)
