"""Object storage in a local folder."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar
from uuid import uuid4

from mosaics.storage.descriptors import NoDescriptorsError, comes_of_none_left
from mosaics.storage.storage import (
    Closing,
    ObjectExistsError,
    ObjectInfo,
    ObjectNotFoundError,
    StorageAccessError,
    StorageError,
    StorageUnavailableError,
    checked_key,
    checked_prefix,
)

PARTIAL = ".partial"
"""Folder of files being written, on the same file system, so that they can be linked into place."""
PARTIAL_AGE_S = 24 * 3600
"""A file that has lain in `PARTIAL` this long belongs to a writer that died."""

Result = TypeVar("Result")


class LocalStorage(Closing):
    """A folder whose files are the objects.

    A file is written aside, flushed to disk, and then linked (create-only) or moved (replacing) into place;
    both are atomic, also between processes. Work with files runs in threads.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.address = root.as_uri()

    @classmethod
    async def open(cls, folder: Path) -> "LocalStorage":
        """Open the folder, made when it is not there, and clear what dead writers left half written."""
        storage = cls(await asyncio.to_thread(lambda: folder.expanduser().absolute()))
        await storage._work(str(folder), storage._prepare)
        return storage

    is_unsteady = False
    """See `Storage.is_unsteady`."""

    async def get(self, key: str) -> bytes:
        """See `Storage.get`."""
        return await self._work(key, self._path(key).read_bytes)

    async def get_range(self, key: str, start: int, length: int) -> bytes:
        """See `Storage.get_range`."""
        path = self._path(key)

        def read() -> bytes:
            with path.open("rb") as file:
                file.seek(start)
                return file.read(length)

        return await self._work(key, read)

    async def put_new(self, key: str, data: bytes, media_type: str) -> None:  # noqa: ARG002
        """See `Storage.put_new`; a folder keeps no media types."""
        await self._write(key, lambda file: file.write(data), os.link)

    async def put_new_file(self, key: str, path: Path, media_type: str) -> None:  # noqa: ARG002
        """See `Storage.put_new_file`."""
        if await self._work(key, self._path(key).exists):
            raise ObjectExistsError(key)
        with path.open("rb") as source:
            await self._write(key, lambda target: shutil.copyfileobj(source, target, 1 << 20), os.link)

    async def put(self, key: str, data: bytes, media_type: str) -> None:  # noqa: ARG002
        """See `Storage.put`."""
        await self._write(key, lambda file: file.write(data), os.replace)

    async def list(self, prefix: str, *, after: str = "") -> AsyncIterator[ObjectInfo]:
        """See `Storage.list`."""
        checked_prefix(prefix)
        for info in await self._work(prefix, lambda: self._found(prefix)):
            if info.key > after:
                yield info

    async def folders(self, prefix: str) -> tuple[str, ...]:
        """See `Storage.folders`."""
        folder = self.root / checked_prefix(prefix)

        def read() -> tuple[str, ...]:
            if not folder.is_dir() and self.root.is_dir():
                return ()
            return tuple(sorted(e.name for e in os.scandir(folder) if e.is_dir() and e.name[0] != "."))

        return await self._work(prefix, read)

    async def head(self, key: str) -> ObjectInfo:
        """See `Storage.head`."""
        path = self._path(key)

        def read() -> os.stat_result:
            if path.is_dir():
                raise IsADirectoryError
            return path.stat()

        return _info(key, await self._work(key, read))

    async def delete(self, key: str) -> None:
        """See `Storage.delete`."""
        with suppress(ObjectNotFoundError):
            await self._work(key, self._path(key).unlink)

    def href(self, key: str) -> str:
        """See `Storage.href`."""
        return str(self._path(key))

    def local_path(self, key: str) -> Path | None:
        """See `Storage.local_path`."""
        return self._path(key)

    def gdal_path(self, key: str) -> str:
        """See `Storage.gdal_path`."""
        return str(self._path(key))

    def gdal_options(self) -> dict[str, str]:
        """See `Storage.gdal_options`; GDAL needs none for a folder."""
        return {}

    async def close(self) -> None:
        """See `Storage.close`; a folder holds nothing open."""

    def _path(self, key: str) -> Path:
        return self.root / checked_key(key)

    def _prepare(self) -> None:
        partial = self.root / PARTIAL
        partial.mkdir(parents=True, exist_ok=True)
        for file in partial.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - file.stat().st_mtime > PARTIAL_AGE_S:
                    file.unlink()

    def _found(self, prefix: str) -> Sequence[ObjectInfo]:
        top = self.root / prefix.rpartition("/")[0]
        self.root.stat()
        found = []
        for folder, subfolders, files in os.walk(top):
            subfolders[:] = [name for name in subfolders if not name.startswith(".")]
            for name in files:
                path = Path(folder, name)
                key = path.relative_to(self.root).as_posix()
                if key.startswith(prefix) and not name.startswith("."):
                    with suppress(FileNotFoundError):  # deleted since the folder was read
                        found.append(_info(key, path.stat()))
        return sorted(found, key=lambda info: info.key)

    async def _write(
        self, key: str, fill: Callable[[BinaryIO], object], place: Callable[[Path, Path], None]
    ) -> None:
        target = self._path(key)

        def write() -> None:
            partial = self.root / PARTIAL / uuid4().hex
            try:
                with partial.open("xb") as file:
                    fill(file)
                    file.flush()
                    os.fsync(file.fileno())
                target.parent.mkdir(parents=True, exist_ok=True)
                place(partial, target)
                _flush_folder(target.parent)
            finally:
                partial.unlink(missing_ok=True)

        await self._work(key, write)

    async def _work(self, key: str, work: Callable[[], Result]) -> Result:
        try:
            return await asyncio.to_thread(work)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            if not self.root.is_dir():
                raise StorageUnavailableError("the storage folder is not there") from error
            raise ObjectNotFoundError(key) from error
        except FileExistsError as error:
            raise ObjectExistsError(key) from error
        except PermissionError as error:
            raise StorageAccessError(
                f"the storage folder does not let this user work with {key}: {error.strerror}"
            ) from error
        except TimeoutError as error:
            raise StorageUnavailableError(f"the storage folder did not answer for {key}") from error
        except OSError as error:
            if comes_of_none_left(error):
                raise NoDescriptorsError from error
            raise StorageError(f"{key} in the storage folder: {error.strerror or error}") from error


def _info(key: str, stat: os.stat_result) -> ObjectInfo:
    return ObjectInfo(key, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
