"""What storage is: objects under keys with create-only writes, and what may go wrong with them."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

_KEY = re.compile(r"[^./\\\0][^/\\\0]*(/[^./\\\0][^/\\\0]*)*")


class StorageError(Exception):
    """Storage did not do what was asked."""


class ObjectNotFoundError(StorageError):
    """No object stands under the key."""


class ObjectExistsError(StorageError):
    """An object stands under the key already, and a create-only write leaves it as it is."""


class StorageUnavailableError(StorageError):
    """Storage cannot answer now: it is down, overloaded or out of reach; asking again later may do."""


class StorageAccessError(StorageError):
    """Storage answers, but not to us: wrong or missing credentials or rights."""


class StorageAddressError(ValueError):
    """An address that does not name a storage; the message says what works."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What storage tells of an object without reading it."""

    key: str
    size: int
    """Bytes."""
    modified: datetime
    """When it was written, UTC."""


class Storage(Protocol):
    """Objects under keys such as ``collections/ndvi/collection.json``.

    Every method raises `StorageUnavailableError` when storage is out of reach, `StorageAccessError` when it
    refuses us, and `ValueError` for a key that is empty, absolute, or has a segment that is empty or begins
    with a dot. An object is visible whole or not at all.
    """

    address: str
    """``file:///folder`` or ``s3://bucket/prefix``."""

    @property
    def is_unsteady(self) -> bool:
        """Whether it has refused a question of late, be it that it answered when asked again."""
        ...

    async def get(self, key: str) -> bytes:
        """Return the whole object.

        Raises:
            ObjectNotFoundError: If there is no object.
        """
        ...

    async def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return the bytes from `start` on, fewer than `length` where the object ends before.

        Raises:
            ObjectNotFoundError: If there is no object.
        """
        ...

    async def put_new(self, key: str, data: bytes, media_type: str) -> None:
        """Write an object that must not exist yet.

        When an answer got lost on its way, the object that exists may be the caller's own.

        Raises:
            ObjectExistsError: If it exists.
        """
        ...

    async def put_new_file(self, key: str, path: Path, media_type: str) -> None:
        """Write a file as an object that must not exist yet, streamed.

        Raises:
            ObjectExistsError: If it exists.
        """
        ...

    async def put(self, key: str, data: bytes, media_type: str) -> None:
        """Write an object, in place of the one under the key where there is one."""
        ...

    def list(self, prefix: str, *, after: str = "") -> AsyncIterator[ObjectInfo]:
        """Return all objects whose key begins with `prefix`, in the order of their keys.

        Args:
            prefix: What keys begin with.
            after: Only those whose key comes after this one in the order of keys.
        """
        ...

    async def folders(self, prefix: str) -> tuple[str, ...]:
        """Return the names directly below a prefix that ends in a slash (or is empty), ascending."""
        ...

    async def head(self, key: str) -> ObjectInfo:
        """Return the size and time of the object.

        Raises:
            ObjectNotFoundError: If there is no object.
        """
        ...

    async def delete(self, key: str) -> None:
        """Remove the object; nothing happens where there is none."""
        ...

    def href(self, key: str) -> str:
        """Return the address a stock STAC reader opens: ``s3://…`` or an absolute path."""
        ...

    def local_path(self, key: str) -> Path | None:
        """Return the path of an object, there or not; None where objects are not files of this machine."""
        ...

    def gdal_path(self, key: str) -> str:
        """Return the path GDAL opens: ``/vsis3/…`` or an absolute path."""
        ...

    def gdal_options(self) -> dict[str, str]:
        """Return options for `rasterio.Env`: endpoint and region; credentials GDAL reads itself."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Closing:
    """What storages are alike in: a block of code that has one closes it at its end."""

    async def close(self) -> None:
        """See `Storage.close`."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def checked_key(key: str) -> str:
    """Return the key as it is, if it may name an object.

    Raises:
        ValueError: If it is empty or absolute, or has a segment that is empty or begins with a dot.
    """
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is not a valid key; no segment may be empty or begin with a dot")
    return key


def checked_prefix(prefix: str) -> str:
    """Return the prefix as it is, if keys may begin so.

    Raises:
        ValueError: If they may not; see `checked_key`.
    """
    if prefix:
        checked_key(prefix.removesuffix("/"))
    return prefix
