"""The database schema: its versions, managed by Alembic; imports none of our packages."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError


class MigrationError(Exception):
    """The database refused a statement; the message is the database's own."""


def upgrade(database_url: str) -> None:
    """Bring a database to the newest schema; do nothing if it is there already.

    Everything happens in one transaction under a lock, so any number of processes may call this at once. Call
    it where no event loop is running.

    Args:
        database_url: `postgresql://user:password@host:port/database`, with the options of libpq.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: If connecting fails.
        MigrationError: If a statement fails; the schema is then unchanged.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["database_url"] = database_url
    try:
        command.upgrade(config, "head")
    except DBAPIError as error:
        said = error.orig.__cause__ if error.orig is not None and error.orig.__cause__ else error.orig
        raise MigrationError(str(said)) from error
