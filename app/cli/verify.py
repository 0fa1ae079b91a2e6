"""`tilewatch verify`: reads every landed file, says which are not as they were written, and mends them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from app.cli.credentials import credentials_of
from app.cli.descriptions import read_collections, read_sources
from app.cli.exit import CommandError, refusing
from app.cli.ingest import ALL_REFUSALS
from app.cli.land import named_collections, storage_option, with_storage
from app.cli.low_zooms import bring_overviews
from app.cli.reporting import Reporter, json_option, reporting, size_text
from app.settings import Settings
from ingest.archives.archive import Access, Archive
from ingest.archives.http import ArchiveClient
from ingest.archives.opening import open_archive
from ingest.downloads import Downloads
from ingest.mending import Mender, NotMendedError
from ingest.stating import state_checksums
from mosaics.checkpoints import put_checkpoint
from mosaics.commits import LogError
from mosaics.descriptions.collections import CollectionDescription
from mosaics.descriptions.sources import SourceDescription
from mosaics.log import read_state
from mosaics.period import Period
from mosaics.repairing import rebuild_index, rebuild_mosaic
from mosaics.storage import Storage
from mosaics.verifying import Pace, Verified, damaged_mosaics, item_keys, lacking_indexes, verify_items

OVERVIEWS = "overviews"
"""Of the keys of overviews, the folder; those of scenes lie in another."""


@click.command()
@click.argument("collections", nargs=-1, metavar="[COLLECTION]...")
@click.option(
    "--repair",
    is_flag=True,
    help="Fetch damaged files again from where they came from, and make damaged overviews again. A damaged "
    "file stays until the new one is right.",
)
@click.option(
    "--from",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="With --repair: where the files lie that scenes of your own were landed of.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="With --repair: the most scenes mended."
)
@click.option(
    "--add-checksums",
    is_flag=True,
    help="State the checksums of files that landed without, as they are now; the item says when that was.",
)
@click.option(
    "--rate",
    default=50.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    metavar="MB",
    help="Megabytes read in a second at most.",
)
@click.option(
    "--item", "items", multiple=True, metavar="KEY", help="Only the files of this item; repeat for more."
)
@click.option("--requester-pays", is_flag=True, help="Let fetching be billed to your AWS credentials.")
@json_option
@storage_option
@click.pass_obj
def verify(
    make_client: Callable[..., ArchiveClient] | None,
    *,
    collections: tuple[str, ...],
    repair: bool,
    folders: tuple[Path, ...],
    limit: int | None,
    add_checksums: bool,
    rate: float,
    items: tuple[str, ...],
    requester_pays: bool,
    as_json: bool,
    storage: str | None,
) -> None:
    """Read the files of COLLECTIONs (all, if none is named) and compare them with their checksums.

    The exit code is 2 if a file is damaged, and stays so. Without --repair and --add-checksums nothing is
    changed. Run it again to go on.
    """
    with reporting("Verifying", as_json=as_json) as told, refusing(*ALL_REFUSALS):
        settings = Settings()
        described, sources = read_collections(settings), read_sources(settings)

        async def work(opened: Storage) -> None:
            found = _Found(opened, told)
            client_of = make_client or ArchiveClient
            async with client_of(credentials=credentials_of(settings, client_of)) as client:
                access = Access(client, requester_pays=requester_pays)
                for name in await named_collections(opened, collections):
                    pace = Pace(rate * 1e6)
                    verified = await found.verify(name, items, pace)
                    if not items:
                        await found.verify_mosaics(name, repair=repair)
                        await found.verify_indexes(name, repair=repair)
                    if add_checksums:
                        await found.state(name, verified.without, pace)
                    if repair and verified.damaged:
                        downloads = Downloads(settings.downloads)
                        archives = _Archives(name, sources, access)
                        own = described.get(name)
                        await _Mending(found, own, archives, folders, downloads, limit).mend(name, verified)
            told.result(files=found.files, damaged=found.damaged, mended=found.mended)
            if found.damaged:
                raise CommandError(_left_text(len(found.damaged), repair=repair))

        with_storage(settings, storage, work)


def _left_text(count: int, *, repair: bool) -> str:
    said = "1 file is damaged" if count == 1 else f"{count} files are damaged"
    if repair:
        return f"{said} and could not be mended; the lines above say why."
    return f"{said}; --repair fetches them again where their source is known."


class _Found:
    """What is found, told as it is."""

    def __init__(self, storage: Storage, told: Reporter) -> None:
        self.storage, self.told = storage, told
        self.files = 0
        self.damaged: dict[str, str] = {}
        """What is wrong with a file, by key."""
        self.mended: list[str] = []
        """Keys of items."""

    async def verify(self, name: str, items: Sequence[str], pace: Pace) -> Verified:
        keys = [key async for key in item_keys(self.storage, name) if not items or key in items]
        verified = await verify_items(self.storage, keys, pace)
        self.files += verified.files
        self.damaged |= verified.damaged
        self.told.say(
            f"{name}: {verified.files} files ({size_text(verified.size_bytes)}) are as they were written; "
            f"{verified.unstated} have no checksum."
        )
        for key, reason in verified.damaged.items():
            self.told.warn(f"{key}: {reason}.")
        return verified

    async def verify_mosaics(self, name: str, *, repair: bool) -> None:
        """Tell which mosaics are damaged, and rebuild those whose scenes the log tells."""
        for key in await damaged_mosaics(self.storage, name):
            self.damaged[key] = "the mosaic is missing or damaged"
            try:
                rebuilt = await rebuild_mosaic(self.storage, name, key) if repair else None
            except LogError as error:
                self.told.warn(f"{key}: not mended: {error}.")
                continue
            if rebuilt is None:
                self.told.warn(f"{key}: it is missing or damaged; `tilewatch repair {name}` rebuilds it.")
            else:
                del self.damaged[key]
                self.told.say(f"{key}: rebuilt.")

    async def verify_indexes(self, name: str, *, repair: bool) -> None:
        """Tell which files of indexes are damaged, and make those again and such as are missing."""
        lacking = await lacking_indexes(self.storage, name)
        if not repair:
            for key in lacking.damaged:
                self.damaged[key] = "the index of the mosaic is damaged"
                self.told.warn(f"{key}: its index is damaged; servers make their own.")
            if lacking.missing:
                self.told.say(
                    f"{name}: mosaics without an index: {len(lacking.missing)}; --repair writes it."
                )
            return
        for key in (*lacking.damaged, *lacking.missing):
            if key not in self.damaged:
                await rebuild_index(self.storage, key)
                self.told.say(f"{key}: its index is made again.")
        if lacking.missing:  # of an earlier version, whose log servers have to read whole
            await put_checkpoint(self.storage, name, await read_state(self.storage, name))

    async def state(self, name: str, item_keys: Iterable[str], pace: Pace) -> None:
        """State the checksums of files that have none."""
        files = 0
        for key in sorted(item_keys):
            done = await state_checksums(self.storage, key, pace)
            files += done.files
            self.damaged |= done.damaged
            for damaged, reason in done.damaged.items():
                self.told.warn(f"{damaged}: {reason}.")
        self.told.say(f"{name}: checksums of {files} files are stated, as they are today.")

    def mend(self, item_key: str) -> None:
        """Take note that everything of an item is right again."""
        folder = item_key.rpartition("/")[0]
        self.damaged = {key: why for key, why in self.damaged.items() if key.rpartition("/")[0] != folder}
        self.mended.append(item_key)


@dataclass(frozen=True, slots=True)
class _Archives:
    """The archives that fill a collection."""

    collection: str
    sources: Mapping[str, SourceDescription]
    access: Access

    def of(self, links: Sequence[str]) -> list[Archive]:
        """Return those there are, first that on whose host the archive's own item of a scene lies."""
        hosts = {urlsplit(href).hostname for href in links}
        fitting = [one for one in self.sources.values() if one.collection == self.collection]
        fitting.sort(key=lambda one: urlsplit(getattr(one, "api", "")).hostname not in hosts)
        return [open_archive(one, self.access) for one in fitting]


@dataclass(frozen=True, slots=True)
class _Mending:
    """Mends what is damaged in a collection, as far as that is possible."""

    found: _Found
    description: CollectionDescription | None
    archives: _Archives
    folders: tuple[Path, ...]
    downloads: Downloads
    limit: int | None

    async def mend(self, name: str, verified: Verified) -> None:
        scenes = {key: bands for key, bands in verified.bands.items() if _kind(key) != OVERVIEWS}
        periods = {Period.parse(key.split("/")[3]) for key in verified.bands if _kind(key) == OVERVIEWS}
        for number, (key, bands) in enumerate(scenes.items()):
            if self.limit is not None and number >= self.limit:
                self.found.told.warn(f"{name}: {len(scenes) - number} more scenes are left for the next run.")
                break
            period = await self._mend_scene(key, bands)
            periods |= set() if period is None else {period}
        if periods:
            await self._mend_overviews(name, verified, periods)

    async def _mend_scene(self, key: str, bands: Sequence[str]) -> Period | None:
        """Mend a scene, and return the period whose overviews may be others then."""
        told = self.found.told
        if self.description is None:
            told.warn(f"{key.rpartition('/')[0]}: not mended: no file describes its collection.")
            return None
        mender = Mender(self.found.storage, self.description, self.archives.of, self.folders, self.downloads)
        try:
            mended = await mender.mend(key, bands)
        except NotMendedError as error:
            told.warn(f"{key.rpartition('/')[0]}: not mended: {error}.")
            return None
        self.found.mend(key)
        seen = "" if mended.commit is None else f", as a new version by commit {mended.commit}"
        told.say(f"{key.rpartition('/')[0]}: {', '.join(mended.bands)} mended{seen}.")
        return mended.period

    async def _mend_overviews(self, name: str, verified: Verified, periods: set[Period]) -> None:
        clear = None if self.description is None else self.description.clear
        damaged = {key for key in verified.bands if _kind(key) == OVERVIEWS}
        await bring_overviews(self.found.storage, name, clear, self.found.told, periods, damaged=damaged)
        for key in damaged:
            self.found.mend(key)


def _kind(item_key: str) -> str:
    return item_key.split("/")[2]
