"""`tilewatch migrate`: brings the database to the newest schema."""

import time

import click

from app.cli.databases import chosen_database, database_option
from app.cli.exit import CommandError

PAUSE_S = 0.2


@click.command()
@database_option
@click.option(
    "--wait",
    "wait_s",
    default=0.0,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Keep trying this long while the database does not answer.",
)
def migrate(database_url: str | None, wait_s: float) -> None:
    """Bring the database to the newest schema; any number of processes may do this at once."""
    import asyncpg

    import migrations

    url = chosen_database(database_url)
    end = time.monotonic() + wait_s
    while True:
        try:
            migrations.upgrade(url)
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError) as error:
            if time.monotonic() > end:
                raise CommandError(f"The database does not answer: {error}") from error
            time.sleep(PAUSE_S)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, migrations.MigrationError) as error:
            raise CommandError(f"The database refused: {error}") from error
        else:
            return
