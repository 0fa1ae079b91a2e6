"""The database: a bounded pool of connections that outlives outages, and one error for all of them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

log = logging.getLogger(__name__)

CONNECT_S = 3.0
"""A connection on the same network takes some milliseconds."""

WAIT_S = 5.0
"""How long a request waits for one of the connections before it is told to come again."""

STATEMENT_S = 10.0
"""The longest a statement may take; a page of large areas takes a tenth of this."""

PING_S = 1.0

Connection: TypeAlias = asyncpg.Connection | PoolConnectionProxy
"""What statements run on."""

OUTAGES = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, crashed, starting up
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby, during a failover
    asyncpg.InterfaceError,  # the connection broke between two statements
    asyncpg.InternalClientError,
)
"""What says that the database cannot be used now, whatever is asked of it."""


class DatabaseUnavailableError(Exception):
    """The database does not answer, or not in time."""


class NoDatabaseError(DatabaseUnavailableError):
    """No database is configured."""


class SchemaMissingError(DatabaseUnavailableError):
    """The database has not got the tables yet."""


@dataclass(frozen=True, slots=True)
class Connections:
    """The connections of one worker."""

    open: int
    idle: int
    limit: int


class Database:
    """Gives out connections, made when they are needed and mended when they broke.

    Args:
        url: `postgresql://user:password@host:port/database`, with the options libpq takes.
        max_connections: The most a worker opens.
    """

    def __init__(self, url: str, *, max_connections: int) -> None:
        self.outages = 0
        """Uses that ended in `DatabaseUnavailableError`."""
        self._limit = max_connections
        self._failing = False
        self._is_open = False
        self._pool: asyncpg.Pool = asyncpg.create_pool(
            url,
            min_size=0,
            max_size=max_connections,
            timeout=CONNECT_S,
            command_timeout=STATEMENT_S,
            server_settings={"application_name": "tilewatch", "jit": "off"},  # jit: short statements only
        )
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def connection(self, *, wait_s: float = WAIT_S) -> AsyncIterator[Connection]:
        """A connection for some statements; nothing but statements belongs inside.

        Args:
            wait_s: How long to wait for it.

        Raises:
            DatabaseUnavailableError: If the database does not answer, before or meanwhile.
        """
        try:
            await self._open()
            async with self._pool.acquire(timeout=wait_s) as connection:
                yield connection
        except asyncpg.UndefinedTableError as error:
            self.outages += 1
            raise SchemaMissingError("the database has not got the tables yet") from error
        except OUTAGES as error:
            self._fail(error)
            raise DatabaseUnavailableError("the database does not answer") from error
        if self._failing:
            self._failing = False
            log.warning("the database answers again")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection whose statements all take effect, or none."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def is_reachable(self) -> bool:
        """Whether the database answers within `PING_S`."""
        try:
            async with asyncio.timeout(PING_S), self.connection(wait_s=PING_S) as connection:
                await connection.execute("select 1")
        except (DatabaseUnavailableError, TimeoutError):
            return False
        return True

    @property
    def connections(self) -> Connections:
        """How many connections there are."""
        if not self._is_open:
            return Connections(open=0, idle=0, limit=self._limit)
        return Connections(self._pool.get_size(), self._pool.get_idle_size(), self._limit)

    async def close(self) -> None:
        """Close every connection; those in use get `CONNECT_S` to end what they do."""
        if not self._is_open:
            return
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._pool.close()
        except OUTAGES:
            self._pool.terminate()
        self._is_open = False

    async def _open(self) -> None:
        """Prepare the pool, which connects to nothing yet."""
        if not self._is_open:
            async with self._opening:
                await self._pool
                self._is_open = True

    def _fail(self, error: Exception) -> None:
        self.outages += 1
        if not self._failing:
            self._failing = True
            log.warning("the database cannot be used: %s: %s", type(error).__name__, error)
