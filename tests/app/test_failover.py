"""A database that becomes read-only, as the old primary of a failover does, and then writable again."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.database import LEAVE_AGAIN_S, Database, DatabaseUnavailableError
from app.tasks.leader_election import Leadership


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, max_connections=2)
    yield database
    await database.close()


async def make_read_only(url: str, state: str) -> None:
    """Let new connections be read-only, or not; those that are open stay as they are."""
    connection = await asyncpg.connect(url)
    name = url.rpartition("/")[2]
    await connection.execute("set default_transaction_read_only = off")
    await connection.execute(f'alter database "{name}" set default_transaction_read_only = {state}')
    await connection.close()


async def state(database: Database) -> str:
    async with database.connection() as connection:
        found: str = await connection.fetchval("show transaction_read_only")
    return found


async def test_a_refused_write_leaves_the_old_primary(database_url: str, database: Database) -> None:
    await make_read_only(database_url, "on")
    with pytest.raises(DatabaseUnavailableError):
        async with database.connection() as connection:
            await connection.execute("create table a ()")
    await make_read_only(database_url, "off")
    async with database.connection() as connection:
        await connection.execute("create table a ()")


async def test_reads_leave_it_too_and_read_from_it_where_there_is_no_other(
    database_url: str, database: Database
) -> None:
    await make_read_only(database_url, "on")
    assert await state(database) == "on"
    await make_read_only(database_url, "off")
    await asyncio.sleep(LEAVE_AGAIN_S)
    assert await state(database) == "off"


async def test_what_becomes_read_only_under_an_open_connection_is_left(database: Database) -> None:
    """As `pg_reload_conf` tells every client, which a setting of the session does alike."""
    async with database.connection() as connection:
        await connection.execute("set default_transaction_read_only = on")
        await connection.execute("select 1")
        assert connection.get_settings().default_transaction_read_only == "on"


async def test_no_process_leads_on_a_server_that_is_read_only(database_url: str) -> None:
    leadership = Leadership(database_url, "a")
    await make_read_only(database_url, "on")
    assert not await leadership.seek()
    await make_read_only(database_url, "off")
    assert await leadership.seek()
    await leadership.close()
