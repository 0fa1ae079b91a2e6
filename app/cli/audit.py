"""`tilewatch audit`: lists and removes the files of archives that are kept as they came."""

import json
from datetime import UTC, datetime, timedelta

import click

from app.cli.ages import Age
from app.cli.exit import refusing
from app.cli.land import REFUSALS, storage_option, with_storage
from app.cli.reporting import size_text
from app.settings import Settings
from ingest.audit import AuditedFile, audited
from mosaics.period import instant_text
from mosaics.storage import Storage

collection_option = click.option("--collection", metavar="ID", help="Only files of this collection.")


@click.group()
def audit() -> None:
    """Look at the files of archives that TILEWATCH_AUDIT keeps, and remove old ones."""


@audit.command("list")
@collection_option
@click.option("--json", "as_json", is_flag=True, help="Say each as a JSON object, one a line.")
@storage_option
def list_files(*, collection: str | None, as_json: bool, storage: str | None) -> None:
    """List the files: when each was kept, its size, collection, granule, checksum and name."""

    async def work(opened: Storage) -> None:
        async for each in audited(opened, collection):
            click.echo(json.dumps(facts(each)) if as_json else line(each))

    with refusing(*REFUSALS):
        with_storage(Settings(), storage, work)


@audit.command()
@click.option(
    "--older-than", required=True, type=Age(), help="Remove what was kept longer ago than this, such as 90d."
)
@collection_option
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
@storage_option
def prune(*, older_than: timedelta, collection: str | None, dry_run: bool, storage: str | None) -> None:
    """Remove old files. What has landed of them stays."""

    async def work(opened: Storage) -> tuple[int, int]:
        before = datetime.now(UTC) - older_than
        found = [each async for each in audited(opened, collection, before=before)]
        for each in found:
            if dry_run:
                click.echo(line(each))
            else:
                await opened.delete(each.info.key)
        return len(found), sum(each.info.size for each in found)

    with refusing(*REFUSALS):
        count, size_bytes = with_storage(Settings(), storage, work)
        verb = "would be removed" if dry_run else "removed"
        click.echo(f"{count} {'file' if count == 1 else 'files'} ({size_text(size_bytes)}) {verb}.")


def facts(file: AuditedFile) -> dict[str, str | int]:
    """Return what is known of a file, for programs."""
    return {
        "key": file.info.key,
        "kept": instant_text(file.info.modified.replace(microsecond=0)),
        "size_bytes": file.info.size,
        "collection": file.collection,
        "granule": file.granule,
        "sha256": file.sha256,
        "file": file.name,
    }


def line(file: AuditedFile) -> str:
    """Return what is known of a file, for people."""
    kept, size = f"{file.info.modified:%Y-%m-%d %H:%M}Z", size_text(file.info.size)
    return f"{kept}  {size:>9}  {file.collection}  {file.granule}  {file.sha256[:12]}  {file.name}"
