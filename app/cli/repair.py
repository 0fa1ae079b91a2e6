"""`tilewatch repair`: rebuilds what storage says of collections, where it is damaged."""

from collections.abc import Mapping

import click

from app.cli.descriptions import read_collections
from app.cli.exit import CommandError, refusing
from app.cli.land import REFUSALS, named_collections, storage_option, with_storage
from app.settings import Settings
from ingest.item import labelled
from ingest.landing import put_collection
from mosaics.collection import read_collection
from mosaics.descriptions.collections import CollectionDescription
from mosaics.log import follow_log
from mosaics.repairing import Repaired, collection_damage
from mosaics.repairing import repair as repair_log
from mosaics.storage import Storage


@click.command()
@click.argument("collections", nargs=-1, metavar="[COLLECTION]...")
@storage_option
def repair(collections: tuple[str, ...], storage: str | None) -> None:
    """Rebuild the log, the mosaics and the description of COLLECTIONs (all, if none is named).

    Nothing is done to a collection that is whole. Pixels are neither read nor changed.
    """
    settings = Settings()

    async def work(opened: Storage) -> None:
        described = read_collections(settings)
        for name in await named_collections(opened, collections):
            for line in await _repaired(opened, name, described):
                click.echo(f"{name}: {line}")

    with refusing(*REFUSALS):
        with_storage(settings, storage, work)


async def _repaired(storage: Storage, name: str, described: Mapping[str, CollectionDescription]) -> list[str]:
    """Repair one collection, and return what was done in sentences."""
    lines = []
    damage = await collection_damage(storage, name)
    if damage is not None:
        if name not in described:
            raise CommandError(
                f"{name}: {damage}, and no file describes the collection; put one in the folder of "
                "TILEWATCH_COLLECTIONS, and repair it again."
            )
        state, _ = await follow_log(storage, name, checked=True)
        synthetic = bool(state.scenes) and all(scene.synthetic for scene in state.scenes.values())
        collection = described[name].collection
        await put_collection(storage, labelled(collection) if synthetic else collection)
        lines.append(f"{damage}; it was written again from the collection's file.")
    stored = read_collection(await storage.get(f"collections/{name}/collection.json"), name)
    done = await repair_log(storage, name, stored.cadence)
    return [*lines, *_told(done)] if done else lines or ["nothing is damaged."]


def _told(done: Repaired) -> list[str]:
    lines = [
        f"commit{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))} {what}."
        for numbers, what in ((done.missing, "missing"), (done.damaged, "damaged"))
        if numbers
    ]
    if done.commit.added:
        found = ", ".join(record.id for record in done.commit.added)
        lines.append(f"scenes found in storage that no commit left names: {found}.")
    if done.lost:
        lines.append(f"scenes of which nothing is left, to be landed again: {', '.join(done.lost)}.")
    made = sum(key is not None for key in done.commit.mosaics.values())
    lines.append(f"rebuilt by commit {done.commit.number}, with {made} mosaics rebuilt.")
    return lines
