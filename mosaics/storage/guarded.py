"""Storage that gets a time for each question, and is left alone for a while after it has not answered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from mosaics.breaker import Breaker
from mosaics.storage.descriptors import NoDescriptorsError
from mosaics.storage.storage import Closing, ObjectInfo, Storage, StorageError, StorageUnavailableError

PATIENCE_S = 5.0
"""How long storage may take to answer a question; it takes some tens of milliseconds."""

LEAST_BYTES_S = 1 << 18
"""Bytes a second that storage must send of a range that is asked for."""

WHOLE = 2
"""How many times the patience an object may take that is read whole, whose size is not known."""

Answer = TypeVar("Answer")


class GuardedStorage(Closing):
    """Storage as a server uses it: what reads from it waits for a bounded time, or not at all.

    Args:
        storage: What is asked; writes go to it as they are.
        patience_s: How long it may take to answer.
        breaker: When to leave it alone.
    """

    def __init__(
        self, storage: Storage, *, patience_s: float = PATIENCE_S, breaker: Breaker | None = None
    ) -> None:
        self.address = storage.address
        self._storage = storage
        self._patience_s = patience_s
        self._breaker = breaker or Breaker()

    @property
    def is_avoided(self) -> bool:
        """Whether it is left alone; one question a second is asked all the same."""
        return self._breaker.open

    @property
    def is_unsteady(self) -> bool:
        """See `Storage.is_unsteady`."""
        return self._storage.is_unsteady

    async def get(self, key: str) -> bytes:
        """See `Storage.get`."""
        return await self._ask(lambda: self._storage.get(key), WHOLE * self._patience_s)

    async def get_range(self, key: str, start: int, length: int) -> bytes:
        """See `Storage.get_range`."""
        patience_s = self._patience_s + length / LEAST_BYTES_S
        return await self._ask(lambda: self._storage.get_range(key, start, length), patience_s)

    async def put_new(self, key: str, data: bytes, media_type: str) -> None:
        """See `Storage.put_new`."""
        await self._storage.put_new(key, data, media_type)

    async def put_new_file(self, key: str, path: Path, media_type: str) -> None:
        """See `Storage.put_new_file`."""
        await self._storage.put_new_file(key, path, media_type)

    async def put(self, key: str, data: bytes, media_type: str) -> None:
        """See `Storage.put`."""
        await self._storage.put(key, data, media_type)

    async def list(self, prefix: str, *, after: str = "") -> AsyncIterator[ObjectInfo]:
        """See `Storage.list`."""
        found = aiter(self._storage.list(prefix, after=after))
        while (info := await self._ask(lambda: anext(found, None), self._patience_s)) is not None:
            yield info

    async def folders(self, prefix: str) -> tuple[str, ...]:
        """See `Storage.folders`."""
        return await self._ask(lambda: self._storage.folders(prefix), self._patience_s)

    async def head(self, key: str) -> ObjectInfo:
        """See `Storage.head`."""
        return await self._ask(lambda: self._storage.head(key), self._patience_s)

    async def delete(self, key: str) -> None:
        """See `Storage.delete`."""
        await self._storage.delete(key)

    def href(self, key: str) -> str:
        """See `Storage.href`."""
        return self._storage.href(key)

    def local_path(self, key: str) -> Path | None:
        """See `Storage.local_path`."""
        return self._storage.local_path(key)

    def gdal_path(self, key: str) -> str:
        """See `Storage.gdal_path`."""
        return self._storage.gdal_path(key)

    def gdal_options(self) -> dict[str, str]:
        """See `Storage.gdal_options`."""
        return self._storage.gdal_options()

    async def close(self) -> None:
        """See `Storage.close`."""
        await self._storage.close()

    async def _ask(self, question: Callable[[], Awaitable[Answer]], patience_s: float) -> Answer:
        if self._breaker.open and not self._breaker.take_trial():
            raise StorageUnavailableError("storage has not answered several times; it is tried in a moment")
        try:
            async with asyncio.timeout(patience_s):
                answer = await question()
        except NoDescriptorsError:
            raise
        except (StorageUnavailableError, TimeoutError) as error:
            self._breaker.failed()
            if isinstance(error, StorageUnavailableError):
                raise
            raise StorageUnavailableError("storage did not answer in time") from error
        except StorageError:
            self._breaker.succeeded()
            raise
        self._breaker.succeeded()
        return answer
