"""Alembic's environment: connects to the database; one transaction, one process at a time."""

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

LOCK = 0x74696C65_77617463
"""Key of the advisory lock; the letters of "tilewatc"."""

CONNECT_S = 10.0

NAMED = {"application_name": "tilewatch migrate"}


async def migrate() -> None:
    """Run the missing versions; a second process waits here until the first is done."""
    url: str = context.config.attributes["database_url"]

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(url, timeout=CONNECT_S, server_settings=NAMED)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.execute(text(f"select pg_advisory_xact_lock({LOCK})"))
        await connection.run_sync(run_versions)


def run_versions(connection: Connection) -> None:
    """Run the missing versions within the open transaction."""
    context.configure(connection=connection)
    context.run_migrations()


asyncio.run(migrate())
