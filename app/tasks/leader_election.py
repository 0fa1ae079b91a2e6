"""Leading: one process among all workers and replicas does the jobs, by a lock the database holds."""

import asyncio
import logging

import asyncpg

from app.database import CONNECT_S, OUTAGES

log = logging.getLogger(__name__)

LOCK = 0x74696C65_6A6F6273
"""Key of the advisory lock; the letters of "tilejobs"."""

ANSWER_S = 3.0
"""How long the database is waited for."""

NAMED = "tilewatch jobs of "
"""Begin of the lock connection's name in the database, which tells everybody who leads."""

KEEPALIVE = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "2"}
"""Seconds. A process that is killed loses the lock at once; a machine that falls silent, after 15 s."""

_HOLDS = """
    from pg_locks l join pg_stat_activity a using (pid)
    where l.locktype = 'advisory' and l.granted and l.objsubid = 1
        and l.database = (select oid from pg_database where datname = current_database())
        and ((l.classid::bigint << 32) | l.objid::bigint) = $1
"""

LEADER = "select substr(a.application_name, $2)" + _HOLDS

BEAT = (
    "select substr(a.application_name, $2) as holder, a.backend_start as began, a.state_change as last"
    + _HOLDS
)
"""The lock's connection is used whenever its holder makes sure that it leads, which shows that it lives."""


class LeadershipLostError(Exception):
    """This process does not lead any more; what it is at is for another to do."""


class Leadership:
    """Leads as long as a connection of its own holds the lock.

    The connection is none of the pool's, since those give up their locks when they are handed back. It must
    not go through a pooler that shares connections among transactions.

    Args:
        url: Of the database.
        holder: Names this process.
    """

    def __init__(self, url: str, holder: str) -> None:
        self.holder = holder
        self.term = 0
        """Grows whenever this process comes to lead."""
        self.is_leading = False
        """As of the last look."""
        self._url = url
        self._connection: asyncpg.Connection | None = None
        self._looking = asyncio.Lock()

    async def seek(self) -> bool:
        """Come to lead if nobody does; whether this process leads."""
        async with self._looking:
            try:
                async with asyncio.timeout(ANSWER_S):
                    await self._look()
            except OUTAGES as error:
                self._lose(error)
        return self.is_leading

    async def keep(self, term: int) -> None:
        """Make sure that this process has led without a break since a term began.

        Raises:
            LeadershipLostError: If it has not.
        """
        if not await self.seek() or self.term != term:
            raise LeadershipLostError(f"{self.holder} does not lead any more")

    async def close(self) -> None:
        """Give up the lock."""
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
        if self.is_leading:
            await self._connection.execute("select 1")
        elif await self._connection.fetchval("select pg_try_advisory_lock($1)", LOCK):
            self.is_leading = True
            self.term += 1
            log.info("%s leads the jobs", self.holder)

    def _lose(self, error: Exception) -> None:
        if self.is_leading:
            log.warning("%s leads the jobs no more: %s", self.holder, type(error).__name__)
        self.is_leading = False
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
