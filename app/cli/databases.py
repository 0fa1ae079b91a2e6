"""The database of a command: which one is meant, and work with a connection of it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click

from app.cli.exit import CommandError
from app.database import Connection, Database, DatabaseUnavailableError, SchemaMissingError
from app.settings import Settings

Result = TypeVar("Result")

database_option = click.option(
    "--database-url",
    metavar="URL",
    help="postgresql://user:password@host/name; default: TILEWATCH_DATABASE_URL.",
)


def chosen_database(database_url: str | None) -> str:
    """Return the address given, or the one in the settings.

    Raises:
        CommandError: If neither is given.
    """
    chosen = database_url or Settings().database_url
    if chosen is None:
        raise CommandError("No database is given; set TILEWATCH_DATABASE_URL or give --database-url.")
    return chosen


def with_database(address: str | None, work: Callable[[Database], Coroutine[Any, Any, Result]]) -> Result:
    """Return what comes of work with a database of one connection.

    Args:
        address: As a command was given it; None is that of the settings.
        work: Uses it.

    Raises:
        CommandError: If the database is not prepared or does not answer.
    """

    async def opened() -> Result:
        database = Database(chosen_database(address), max_connections=1)
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(opened())
    except SchemaMissingError as error:
        raise CommandError("The database is not prepared yet; run `tilewatch migrate`.") from error
    except DatabaseUnavailableError as error:
        raise CommandError(f"The database does not answer: {error.__cause__}") from error


def with_connection(address: str | None, work: Callable[[Connection], Coroutine[Any, Any, Result]]) -> Result:
    """Return what comes of work with a connection to a database; errors as `with_database`."""

    async def connected(database: Database) -> Result:
        async with database.connection() as connection:
            return await work(connection)

    return with_database(address, connected)
