"""`tilewatch sweep`: removes objects from storage that are no longer needed."""

from datetime import timedelta

import click

from app.cli.ages import Age
from app.cli.exit import refusing
from app.cli.land import REFUSALS, storage_option, with_storage
from app.cli.reporting import size_text
from app.settings import Settings
from mosaics.storage import Storage
from mosaics.sweeping import remove_all, unreferenced


@click.command()
@click.option(
    "--older-than",
    default=24.0,
    show_default=True,
    type=click.FloatRange(min=0),
    metavar="HOURS",
    help="Keep younger objects; a running landing needs its own for some hours.",
)
@click.option(
    "--superseded-older-than",
    "superseded",
    type=Age(),
    help="Also remove scenes and mosaics replaced or removed longer ago than this, such as 30d.",
)
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
@storage_option
def sweep(older_than: float, superseded: timedelta | None, storage: str | None, *, dry_run: bool) -> None:
    """Remove objects that no commit names: leftovers of interrupted landings.

    What only past commits name also stays, unless --superseded-older-than is given.
    """
    age = timedelta(hours=older_than)
    if superseded is not None and superseded < age:
        raise click.UsageError(
            f"what was replaced less than {older_than:g} hours ago (--older-than) may still be in use; "
            "give a longer --superseded-older-than, such as 30d."
        )

    async def work(opened: Storage) -> tuple[int, int]:
        found = [info async for info in unreferenced(opened, age, superseded=superseded)]
        if dry_run:
            click.echo("".join(f"{info.key}\n" for info in found), nl=False)
        else:
            found = await remove_all(opened, found)
        return len(found), sum(info.size for info in found)

    with refusing(*REFUSALS):
        count, size_bytes = with_storage(Settings(), storage, work)
        verb = "would be removed" if dry_run else "removed"
        click.echo(f"{count} {'object' if count == 1 else 'objects'} ({size_text(size_bytes)}) {verb}.")
