"""Memory: entries computed before, under the hash of everything that determines them.

Remembering saves work; if there is no database to remember in, this process does.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from app.database import Connection, Database, DatabaseUnavailableError
from app.statistics.cache import cached_entries, keep_entries

PATIENCE_S = 0.5
"""How long to wait for the database; two entries of a small field are computed in a hundredth of this."""

PAUSE_S = 1.0
"""How long the database is not used after it did not answer."""


class Memory(Protocol):
    """Remembers entries, as JSON text by input hash."""

    async def recall(self, inputs: Sequence[str]) -> Mapping[str, str]:
        """Return the entries remembered for these hashes."""

    async def keep(self, entries: Mapping[str, str]) -> None:
        """Remember entries; never raises an error of its own."""


class DatabaseMemory:
    """Remembers in the database, for all workers and replicas, until entries are no longer used.

    A slow database is not used for a while, and entries are computed meanwhile. If it is unavailable, callers
    get that error: with nothing remembered every request would be computed, at the expense of the tiles.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._left_alone_until = 0.0
        self._outage: DatabaseUnavailableError | None = None

    async def recall(self, inputs: Sequence[str]) -> Mapping[str, str]:
        """Return the entries remembered for these hashes; none if the database does not answer in time.

        Raises:
            DatabaseUnavailableError: If the database is unavailable.
        """
        if not inputs:
            return {}
        if self._is_left_alone():
            if self._outage is not None:
                raise DatabaseUnavailableError(str(self._outage)) from self._outage
            return {}
        try:
            async with self._connection() as connection:
                found = await cached_entries(connection, inputs)
        except (DatabaseUnavailableError, TimeoutError) as error:
            slow = isinstance(error, TimeoutError) or isinstance(error.__cause__, TimeoutError)
            if slow and not self._database.is_down:
                self._leave_alone(None)
                return {}
            outage = DatabaseUnavailableError("the database does not answer")
            self._leave_alone(outage)
            raise outage from error
        return found

    async def keep(self, entries: Mapping[str, str]) -> None:
        """Remember entries; do nothing if the database does not answer in time."""
        if not entries or self._is_left_alone():
            return
        try:
            async with self._connection() as connection:
                await keep_entries(connection, entries)
        except (DatabaseUnavailableError, TimeoutError):
            self._leave_alone(None)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        async with asyncio.timeout(PATIENCE_S), self._database.connection(wait_s=PATIENCE_S) as connection:
            yield connection

    def _is_left_alone(self) -> bool:
        return time.monotonic() < self._left_alone_until

    def _leave_alone(self, outage: DatabaseUnavailableError | None) -> None:
        self._outage = outage
        self._left_alone_until = time.monotonic() + PAUSE_S


class BoundedStore(Protocol):
    """Bytes by key in this process, with a limit."""

    def get(self, key: str) -> bytes | None:
        """Return the bytes of a key."""

    def put(self, key: str, value: bytes) -> None:
        """Keep bytes."""


class ProcessMemory:
    """Remembers in this process, for use without a database."""

    def __init__(self, store: BoundedStore) -> None:
        self._store = store

    async def recall(self, inputs: Sequence[str]) -> Mapping[str, str]:
        """Return the entries remembered for these hashes."""
        found = ((each, self._store.get(each)) for each in inputs)
        return {each: entry.decode() for each, entry in found if entry is not None}

    async def keep(self, entries: Mapping[str, str]) -> None:
        """Remember entries, and forget the least recently used in exchange."""
        for each, entry in entries.items():
            self._store.put(each, entry.encode())
