"""`tilewatch verify`: reads every landed file and says which are not as they were written."""

import click

from app.cli.exit import CommandError, refusing
from app.cli.land import REFUSALS, named_collections, storage_option, with_storage
from app.cli.reporting import size_text
from app.settings import Settings
from mosaics.storage import Storage
from mosaics.verifying import verify as verify_collection


@click.command()
@click.argument("collections", nargs=-1, metavar="[COLLECTION]...")
@click.option(
    "--rate",
    default=50.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    metavar="MB",
    help="Megabytes read in a second at most.",
)
@storage_option
def verify(collections: tuple[str, ...], rate: float, storage: str | None) -> None:
    """Read the files of COLLECTIONs (all, if none is named) and compare them with their checksums.

    The exit code is 2 if a file is damaged. Nothing is changed.
    """

    async def work(opened: Storage) -> None:
        damaged = 0
        for name in await named_collections(opened, collections):
            found = await verify_collection(opened, name, bytes_per_s=rate * 1e6)
            click.echo(
                f"{name}: {found.files} files ({size_text(found.size_bytes)}) are as they were written; "
                f"{found.unstated} have no checksum."
            )
            for key, reason in found.damaged.items():
                click.echo(f"{key}: {reason}.")
            damaged += len(found.damaged)
        if damaged:
            raise CommandError(
                f"{damaged} files are damaged; restore them, or land their scenes under another id."
            )

    with refusing(*REFUSALS):
        with_storage(Settings(), storage, work)
