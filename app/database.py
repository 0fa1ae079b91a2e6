"""The database: a bounded pool of connections that survives outages, and one error for all of them."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from mosaics.breaker import Breaker

log = logging.getLogger(__name__)

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""Characters that a text in the database cannot have."""

CONNECT_S = 2.0
"""Connecting within the same network takes a few milliseconds."""

WAIT_S = 5.0
"""How long a request waits for a connection before it is asked to retry later."""

STATEMENT_S = 4.0
"""The longest a statement may run; a page of large areas takes a quarter of this."""

SEARCH_S = 3.0
"""The longest a statement of a search may run; one of 100,000 scenes takes a tenth of this."""

FROZEN_AFTER = 2
"""Uses one after the other that end without an answer, after which the next ones do not wait for it."""

READER_S = 30.0
"""How long a snapshot waits for its reader to take what was read, before it is given up."""

SNAPSHOT_S = 600.0
"""How long a snapshot may be read from: what it holds cannot be cleaned up meanwhile."""

PING_S = 1.0

LEAVE_AGAIN_S = 1.0
"""How often connections to servers that are read-only are given up at most."""

Connection: TypeAlias = asyncpg.Connection | PoolConnectionProxy
"""Runs statements."""

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
"""Errors that mean the database cannot be used now, whatever the statement."""


REFUSALS = (
    asyncpg.DataError,  # a text with U+0000 or an unpaired surrogate, a number or time out of range
    asyncpg.InternalServerError,  # PostGIS, of a geometry that it cannot work with
    asyncpg.ProgramLimitExceededError,  # a statement with too many of something
)
"""Errors that mean the database does not take a value of this statement, and would never."""


def is_storable(text: str) -> bool:
    """Return whether the database can hold a text: one without U+0000 and without unpaired surrogates."""
    return UNSTORABLE.search(text) is None


def is_lost(connection: Connection) -> bool:
    """Return whether a connection has been closed by the server while it was not used."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:  # the pool has taken it back since
        return True


class ValueRefusedError(ValueError):
    """The database refuses a value that checks before it let pass."""

    def __init__(self) -> None:
        super().__init__(
            "the database cannot work with a text, number or geometry of this request; leave out what is "
            "unusual in it, or simplify the geometry"
        )


class DatabaseUnavailableError(Exception):
    """The database does not answer, or not in time."""


class SearchCostError(Exception):
    """A search takes too much of the database, or has to wait too long for its turn."""


class NoDatabaseError(DatabaseUnavailableError):
    """No database is configured."""


class SchemaMissingError(DatabaseUnavailableError):
    """The database does not have the tables yet."""


@dataclass(frozen=True, slots=True)
class Connections:
    """The number of connections of one worker."""

    open: int
    idle: int
    limit: int


class Database:
    """A pool of connections, opened when needed and replaced when broken.

    Args:
        url: `postgresql://user:password@host:port/database`, with the options of libpq.
        max_connections: Number of connections a worker opens at most.
        statement_s: The longest a statement may run.
    """

    def __init__(self, url: str, *, max_connections: int, statement_s: float | None = None) -> None:
        self.outages = 0
        """Number of uses that ended in `DatabaseUnavailableError`."""
        self.is_down = False
        """Whether uses find it down, and not only slow to answer."""
        self._limit = max_connections
        self._breaker = Breaker(failures=FROZEN_AFTER)
        """Of a database that is frozen: after some uses without an answer the next ones do not wait."""
        self._failing = False
        self._turns = 0
        self._left_s = -LEAVE_AGAIN_S
        self._is_open = False
        self._pool: asyncpg.Pool = asyncpg.create_pool(
            url,
            min_size=0,
            max_size=max_connections,
            timeout=CONNECT_S,
            command_timeout=STATEMENT_S if statement_s is None else statement_s,
            server_settings={"application_name": "tilewatch", "jit": "off"},  # jit: short statements only
        )
        self._opening = asyncio.Lock()
        self._searches = asyncio.Semaphore(max(1, max_connections // 2))
        self._snapshots = asyncio.Semaphore(max(1, max_connections // 4))

    @asynccontextmanager
    async def connection(
        self, *, wait_s: float = WAIT_S, is_trial: bool = False
    ) -> AsyncIterator[Connection]:
        """Provide a connection for some statements; do nothing else while holding it.

        Args:
            wait_s: How long to wait for a connection.
            is_trial: Whether to ask a database that has not answered several times, too.

        Raises:
            DatabaseUnavailableError: If the database does not answer, at the start or later.
            ValueRefusedError: If it does not take a value of a statement.
        """
        turn, began = self._turns, time.monotonic()
        if self._breaker.open and not (self._breaker.take_trial() or is_trial):
            self.outages += 1
            raise DatabaseUnavailableError("the database does not answer") from TimeoutError()
        try:
            await self._open()
            async with self._acquired(wait_s) as connection:
                yield connection
        except asyncpg.UndefinedTableError as error:
            self.outages += 1
            raise SchemaMissingError("the database does not have the tables yet") from error
        except REFUSALS as error:
            if isinstance(error, asyncpg.DataCorruptedError | asyncpg.IndexCorruptedError):
                raise
            reason = str(error)[:500].encode(errors="replace").decode()
            log.warning("the database refuses a value: %s", reason)
            raise ValueRefusedError from error
        except OUTAGES as error:
            if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
                await self._pool.expire_connections()  # the next use of each connects again
            self.outages += 1
            self.is_down = self.is_down or not isinstance(error, TimeoutError)
            if isinstance(error, TimeoutError):
                self._breaker.failed(began=began)
            self._turn(turn, failing=True, says=f"cannot be used: {type(error).__name__}: {error}")
            raise DatabaseUnavailableError("the database does not answer") from error
        self.is_down = False
        self._breaker.succeeded()
        self._turn(turn, failing=False, says="answers again")

    @asynccontextmanager
    async def searching(self) -> AsyncIterator[Connection]:
        """Provide a connection for a search by anyone: from their share of the pool, for a short time.

        Searches have half of the connections, so that any number of them leaves the others to areas and jobs.

        Raises:
            SearchCostError: If a statement takes longer than `SEARCH_S`, or no connection of the share
                becomes free in `WAIT_S`.
            DatabaseUnavailableError: If the database does not answer.
        """
        async with (
            _turn_of(self._searches, "too many searches wait"),
            self.connection() as connection,
            _given_up("the search takes too long"),
            connection.transaction(readonly=True),
        ):
            await connection.execute(f"set local statement_timeout = {SEARCH_S * 1000:.0f}")
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """Provide a connection whose statements all see the database as it was at the first of them.

        Snapshots have a quarter of the connections. The server ends one that is idle for `READER_S`; ask
        `is_lost` before using one that may have been.

        Raises:
            SearchCostError: If no connection of the share becomes free in `WAIT_S`, or a statement takes
                longer than `SEARCH_S`.
            DatabaseUnavailableError: If the database does not answer.
        """
        async with (
            _turn_of(self._snapshots, "too many snapshots are read"),
            self.connection() as connection,
            _given_up("the snapshot takes too long"),
        ):
            transaction = connection.transaction(isolation="repeatable_read", readonly=True)
            await transaction.start()
            try:
                await connection.execute(
                    f"set local statement_timeout = {SEARCH_S * 1000:.0f}; "
                    f"set local idle_in_transaction_session_timeout = {READER_S * 1000:.0f}"
                )
                yield connection
            finally:
                if not is_lost(connection):  # by the server, since its reader was too slow
                    await transaction.rollback()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Provide a connection whose statements all take effect or none does."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def is_reachable(self) -> bool:
        """Return whether the database answers within `PING_S`."""
        try:
            async with asyncio.timeout(PING_S), self.connection(wait_s=PING_S, is_trial=True) as connection:
                await connection.execute("select 1")
        except (DatabaseUnavailableError, TimeoutError):
            return False
        return True

    @property
    def is_avoided(self) -> bool:
        """Whether uses are refused at once, since it has not answered; one a second is tried all the same."""
        return self._breaker.open

    @property
    def connections(self) -> Connections:
        """The number of connections."""
        if not self._is_open:
            return Connections(open=0, idle=0, limit=self._limit)
        return Connections(self._pool.get_size(), self._pool.get_idle_size(), self._limit)

    async def close(self) -> None:
        """Close all connections; those in use get `CONNECT_S` to finish."""
        if not self._is_open:
            return
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._pool.close()
        except OUTAGES:
            self._pool.terminate()
        self._is_open = False

    @asynccontextmanager
    async def _acquired(self, wait_s: float) -> AsyncIterator[Connection]:
        """Provide a connection to the primary: those to a server that has become read-only are left.

        A server tells its clients so by itself, with its next answer (PostgreSQL 14). After a failover it
        goes on answering reads with what it had. Where no other server can be had, it is read from.
        """
        connection = await self._pool.acquire(timeout=wait_s)
        try:
            if _is_read_only(connection) and time.monotonic() - self._left_s > LEAVE_AGAIN_S:
                self._left_s = time.monotonic()
                await self._pool.expire_connections()
                await self._pool.release(connection)
                connection = await self._pool.acquire(timeout=wait_s)
            yield connection
        except TimeoutError:
            connection.terminate()  # to be ready again it would have to answer first
            raise
        finally:
            await self._pool.release(connection)

    async def _open(self) -> None:
        """Prepare the pool; this opens no connection yet."""
        if not self._is_open:
            async with self._opening:
                await self._pool
                self._is_open = True

    def _turn(self, turn: int, *, failing: bool, says: str) -> None:
        """Log an outage or its end, once; a use that began before the last turn tells nothing new."""
        if failing != self._failing and turn == self._turns:
            self._failing = failing
            self._turns += 1
            log.warning("the database %s", says)


@asynccontextmanager
async def _turn_of(share: asyncio.Semaphore, says: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(WAIT_S):
            await share.acquire()
    except TimeoutError as error:
        raise SearchCostError(says) from error
    try:
        yield
    finally:
        share.release()


@asynccontextmanager
async def _given_up(says: str) -> AsyncIterator[None]:
    try:
        yield
    except asyncpg.QueryCanceledError as error:
        raise SearchCostError(says) from error


def _is_read_only(connection: Connection) -> bool:
    settings = connection.get_settings()
    names = ("in_hot_standby", "default_transaction_read_only")
    return any(getattr(settings, name, "off") == "on" for name in names)
