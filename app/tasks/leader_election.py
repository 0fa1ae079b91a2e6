"""Leader election: one process among all workers and replicas runs the tasks, by a database lock."""

import asyncio
import logging

import asyncpg

from app.database import CONNECT_S, OUTAGES

log = logging.getLogger(__name__)

LOCK = 0x74696C65_6A6F6273
"""Key of the advisory lock; the letters of "tilejobs"."""

ANSWER_S = 3.0
"""How long to wait for the database."""

NAMED = "tilewatch jobs of "
"""Prefix of the name of the lock's connection, which tells other processes who leads."""

KEEPALIVE = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "2"}
"""Seconds. A killed process loses the lock at once; a machine that falls silent, after 15 s."""

_HOLDS = """
    from pg_locks l join pg_stat_activity a using (pid)
    where l.locktype = 'advisory' and l.granted and l.objsubid = 1
        and l.database = (select oid from pg_database where datname = current_database())
        and ((l.classid::bigint << 32) | l.objid::bigint) = $1
"""

LEADER = "select substr(a.application_name, $2)" + _HOLDS

BEAT = (
    "select substr(a.application_name, $2) as holder, a.backend_start as began, a.state_change as last, "
    "extract(epoch from clock_timestamp() - a.state_change)::float8 as silent_s" + _HOLDS
)
"""The holder uses the lock's connection whenever it verifies that it leads, which shows that it is alive."""


class LeadershipLostError(Exception):
    """This process no longer leads; another will continue its work."""


class Leadership:
    """Holds leadership for as long as its own connection holds the lock.

    The connection is not from the pool, whose connections release their locks when they are returned. It must
    not go through a pooler that shares connections among transactions.

    Args:
        url: Address of the database.
        holder: A name for this process.
    """

    def __init__(self, url: str, holder: str) -> None:
        self.holder = holder
        self.term = 0
        """Increases whenever this process becomes leader."""
        self.is_leading = False
        """As of the last check."""
        self._url = url
        self._connection: asyncpg.Connection | None = None
        self._looking = asyncio.Lock()

    async def seek(self) -> bool:
        """Become leader if there is none; return whether this process leads."""
        async with self._looking:
            try:
                async with asyncio.timeout(ANSWER_S):
                    await self._look()
            except OUTAGES as error:
                self._lose(error)
        return self.is_leading

    async def keep(self, term: int) -> None:
        """Verify that this process has led without interruption since a term began.

        Raises:
            LeadershipLostError: If it has not, or is no longer leading.
        """
        if not await self.seek() or self.term != term:
            raise LeadershipLostError(f"{self.holder} no longer leads")

    async def close(self) -> None:
        """Release the lock."""
        async with self._looking:
            self.is_leading = False
            if self._connection is not None:
                self._connection.terminate()
                self._connection = None

    async def _look(self) -> None:
        if self._connection is None:
            self._connection = await asyncpg.connect(
                self._url,
                timeout=CONNECT_S,
                server_settings={"application_name": NAMED + self.holder, **KEEPALIVE},
            )
        if await self._connection.fetchval("show transaction_read_only") == "on":
            raise asyncpg.ReadOnlySQLTransactionError("the server is a standby, or was the primary")
        if self.is_leading:
            return
        if await self._connection.fetchval("select pg_try_advisory_lock($1)", LOCK):
            self.is_leading = True
            self.term += 1
            log.info("%s leads the tasks", self.holder)

    def _lose(self, error: Exception) -> None:
        if self.is_leading:
            log.warning("%s no longer leads the tasks: %s", self.holder, type(error).__name__)
        self.is_leading = False
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
