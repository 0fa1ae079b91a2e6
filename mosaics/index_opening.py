"""Opening the indexes of mosaics: from their files, or else of the mosaics themselves."""

import asyncio
import fcntl
import hashlib
import logging
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from mosaics.document import digest_in, read_mosaic
from mosaics.flat_file import FlatFileError
from mosaics.index import QuadkeyIndex
from mosaics.index_files import INDEXED_FROM, index_key, map_index, pack_index
from mosaics.storage import ObjectNotFoundError, Storage
from mosaics.storage.descriptors import NoDescriptorsError, comes_of_none_left

PATIENCE_S = 300.0
"""How long a worker waits while another makes the same file: the index of a million scenes takes a minute."""
_ASKED_EVERY_S = 0.1
LEFT_AFTER_S = 3600.0
"""A file that is still being written after so long belongs to a worker that died."""

PIECE_BYTES = 1 << 24
"""Of a file that are asked for at a time."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexFolder:
    """A folder of this machine for files of indexes that no folder of storage has.

    Workers share it. A file's name is a digest of whose it is; it is whole or not there.
    """

    path: Path
    max_bytes: int
    """Of all files; those opened longest ago are removed beyond that, the newest never."""

    def file(self, name: str) -> Path:
        """Return the path of a file."""
        return self.path / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.index"

    def new(self) -> Path:
        """Return the path of a file that is still to be written, for `keep`."""
        return self.path / f".{uuid4().hex}"

    def keep(self, written: Path, file: Path) -> None:
        """Give a written file its place, and remove others beyond the bound, and what killed workers left."""
        written.rename(file)
        for path in self.path.glob(".*"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > LEFT_AFTER_S:
                    path.unlink()
        found = []
        for path in self.path.glob("*.index"):
            with suppress(FileNotFoundError):
                stat = path.stat()
                found.append((path == file, stat.st_mtime, stat.st_size, path))
        size = sum(each for _, _, each, _ in found)
        for is_newest, _, each, path in sorted(found):
            if size <= self.max_bytes or is_newest:
                return
            path.unlink(missing_ok=True)  # who has mapped it keeps it
            path.with_suffix(".lock").unlink(missing_ok=True)
            size -= each

    @asynccontextmanager
    async def turn(self, file: Path) -> AsyncIterator[None]:
        """Wait until no other worker makes a file, `PATIENCE_S` at most.

        Raises:
            OSError: If the folder cannot be used.
        """
        await asyncio.to_thread(self.path.mkdir, parents=True, exist_ok=True, mode=0o700)
        with file.with_suffix(".lock").open("wb") as lock:
            for _ in range(int(PATIENCE_S / _ASKED_EVERY_S)):
                with suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                await asyncio.sleep(_ASKED_EVERY_S)
            yield


class IndexFiles:
    """Opens the indexes of a storage's mosaics.

    Args:
        storage: Where the mosaics lie.
        folder: Where files are kept that are not files of storage; None to keep none.
    """

    def __init__(self, storage: Storage, folder: IndexFolder | None = None) -> None:
        self._storage = storage
        self._folder = folder

    async def open(self, mosaic_key: str, *, is_small: bool = False) -> QuadkeyIndex:
        """Return the index of a mosaic.

        Args:
            mosaic_key: The mosaic.
            is_small: Whether it is known to have no file; else one is looked for.

        Raises:
            MosaicDocumentError, ObjectNotFoundError: If it is damaged or missing, and there is no file.
            StorageError: If storage cannot be read.
        """
        key = None if is_small else index_key(mosaic_key)
        if key is None:
            return await self._built(mosaic_key)
        stored = self._storage.local_path(key)
        kept = None if self._folder is None else self._folder.file(f"{self._storage.address}/{key}")
        for path in filter(None, (stored, kept)):
            if (index := await asyncio.to_thread(_mapped, path, mosaic_key)) is not None:
                if path is kept:
                    with suppress(OSError):
                        os.utime(path)  # the folder removes those opened longest ago
                return index
        if self._folder is None or kept is None:
            return await self._built(mosaic_key)
        try:
            async with self._folder.turn(kept):
                return await asyncio.to_thread(_mapped, kept, mosaic_key) or await self._made(
                    self._folder, kept, mosaic_key
                )
        except OSError as error:
            if comes_of_none_left(error):
                raise NoDescriptorsError from error
            logger.warning("%s cannot be used, so that indexes take memory: %s", self._folder.path, error)
            return await self._built(mosaic_key)

    async def _made(self, folder: IndexFolder, kept: Path, mosaic_key: str) -> QuadkeyIndex:
        """Bring a file to its place in the folder, and return the index that it holds."""
        written = folder.new()
        try:
            index = await self._fetched(written, mosaic_key)
            if index is None:
                built = await self._built(mosaic_key)
                if built.size < INDEXED_FROM:
                    return built
                data = pack_index(built, digest_in(mosaic_key) or "")
                await asyncio.to_thread(written.write_bytes, data)
                index = await asyncio.to_thread(map_index, written, mosaic_key)
            await asyncio.to_thread(folder.keep, written, kept)
        finally:
            written.unlink(missing_ok=True)
        return index

    async def _fetched(self, path: Path, mosaic_key: str) -> QuadkeyIndex | None:
        """Write a file as storage has it; return its index, or None where it is missing or damaged."""
        key = index_key(mosaic_key)
        if key is None or self._storage.local_path(key) is not None:
            return None
        try:
            with path.open("wb") as file:
                while piece := await self._storage.get_range(key, file.tell(), PIECE_BYTES):
                    await asyncio.to_thread(file.write, piece)
                    if len(piece) < PIECE_BYTES:
                        break
        except ObjectNotFoundError:
            return None
        return await asyncio.to_thread(_mapped, path, mosaic_key)

    async def _built(self, mosaic_key: str) -> QuadkeyIndex:
        data = await self._storage.get(mosaic_key)
        return await asyncio.to_thread(lambda: QuadkeyIndex.from_document(read_mosaic(mosaic_key, data)))


def _mapped(path: Path, mosaic_key: str) -> QuadkeyIndex | None:
    """Return the index in a file; None where there is none of this version that is whole.

    Raises:
        NoDescriptorsError: If it cannot be opened since as many files are open as may be.
    """
    try:
        index = map_index(path, mosaic_key)
    except FileNotFoundError:
        return None
    except (FlatFileError, OSError) as error:
        if comes_of_none_left(error):
            raise NoDescriptorsError from error
        logger.warning("the index of %s is made again, since it cannot be read: %s", mosaic_key, error)
        return None
    return index
