"""Database schema: its versions, by Alembic, and how a database gets them; imports nothing of ours."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError


class MigrationError(Exception):
    """The database refuses a statement; the message is the database's own."""


def upgrade(database_url: str) -> None:
    """Bring a database to the newest schema; nothing happens where it has it already.

    Everything happens in one transaction under a lock, so that any number of processes may do this at once.
    To be called where no event loop runs.

    Args:
        database_url: `postgresql://user:password@host:port/database`, with the options libpq takes.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: As connecting does.
        MigrationError: If a statement fails; the schema is then what it was.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["database_url"] = database_url
    try:
        command.upgrade(config, "head")
    except DBAPIError as error:
        said = error.orig.__cause__ if error.orig is not None and error.orig.__cause__ else error.orig
        raise MigrationError(str(said)) from error
