"""Remembering: entries computed before, under the hash of all that determines them.

What is remembered saves work and nothing else: where it cannot be had, entries are computed.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from app.database import Connection, Database, DatabaseUnavailableError
from app.statistics.cache import cached_entries, keep_entries

PATIENCE_S = 0.5
"""How long the database is waited for; two entries of a small field are computed in a hundredth of this."""

PAUSE_S = 5.0
"""How long it is left alone when it did not answer."""


class Memory(Protocol):
    """Remembers entries; JSON texts by input hash. Never raises because it is out of order."""

    async def recall(self, inputs: Sequence[str]) -> Mapping[str, str]:
        """The entries there are for these hashes."""

    async def keep(self, entries: Mapping[str, str]) -> None:
        """Remember entries."""


class DatabaseMemory:
    """Remembers in the database, for all workers and replicas, until nobody asks any more."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._left_alone_until = 0.0

    async def recall(self, inputs: Sequence[str]) -> Mapping[str, str]:
        """The entries there are for these hashes; none where the database does not answer in time."""
        if not inputs or self._is_left_alone():
            return {}
        try:
            async with (
                asyncio.timeout(PATIENCE_S),
                self._database.connection(wait_s=PATIENCE_S) as connection,
            ):
                return await cached_entries(connection, inputs)
        except (DatabaseUnavailableError, TimeoutError):
            self._leave_alone()
            return {}

    async def keep(self, entries: Mapping[str, str]) -> None:
        """Remember entries; nothing happens where the database does not answer in time."""
        if not entries or self._is_left_alone():
            return
        try:
            async with (
                asyncio.timeout(PATIENCE_S),
                self._database.connection(wait_s=PATIENCE_S) as connection,
            ):
                await keep_entries(connection, entries)
        except (DatabaseUnavailableError, TimeoutError):
            self._leave_alone()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        async with asyncio.timeout(PATIENCE_S), self._database.connection(wait_s=PATIENCE_S) as connection:
            yield connection

    def _is_left_alone(self) -> bool:
        return time.monotonic() < self._left_alone_until

    def _leave_alone(self) -> None:
        self._left_alone_until = time.monotonic() + PAUSE_S


class BoundedStore(Protocol):
    """Bytes by key in this process, bounded."""

    def get(self, key: str) -> bytes | None:
        """The bytes of a key."""

    def put(self, key: str, value: bytes) -> None:
        """Keep bytes."""


class ProcessMemory:
    """Remembers in this process: where there is no database."""

    def __init__(self, store: BoundedStore) -> None:
        self._store = store

    async def recall(self, inputs: Sequence[str]) -> Mapping[str, str]:
        """The entries there are for these hashes."""
        found = ((each, self._store.get(each)) for each in inputs)
        return {each: entry.decode() for each, entry in found if entry is not None}

    async def keep(self, entries: Mapping[str, str]) -> None:
        """Remember entries, and forget the least used for them."""
        for each, entry in entries.items():
            self._store.put(each, entry.encode())
