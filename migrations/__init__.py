"""Database schema: its versions, by Alembic, and how a database gets them; imports nothing of ours."""

from pathlib import Path

from alembic import command
from alembic.config import Config


def upgrade(database_url: str) -> None:
    """Bring a database to the newest schema; nothing happens where it has it already.

    Everything happens in one transaction under a lock, so that any number of processes may do this at once.
    To be called where no event loop runs.

    Args:
        database_url: `postgresql://user:password@host:port/database`, with the options libpq takes.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: As connecting and the statements do.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")
