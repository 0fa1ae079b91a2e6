"""Sweeping: finding the objects that no commit names, left by writers that died or lost a race."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from mosaics.document import MosaicDocument
from mosaics.log import Commit, read_commits
from mosaics.storage import ObjectInfo, Storage


async def unreferenced(storage: Storage, older_than: timedelta) -> AsyncIterator[ObjectInfo]:
    """The objects of scenes, mosaics and overviews that no commit names.

    A writer names what it has written only at the end, so objects younger than `older_than` are left alone;
    it must be longer than any landing lasts, and a day is a good choice. Scenes and mosaics that a commit has
    once named stay, so that the log's history stays whole. Overviews can be made again: they stay as long as
    a mosaic names them that readers may have held within `older_than`.
    """
    before = datetime.now(UTC) - older_than
    for collection in await storage.folders("collections/"):
        root = f"collections/{collection}"
        # Listed before the log is read: what gets named in between counts as named.
        old = [
            info
            for below in ("scenes/", "mosaics/", "overviews/")
            async for info in storage.list(f"{root}/{below}")
            if info.modified < before
        ]
        if not old:
            continue
        commits = [commit async for commit in read_commits(storage, collection)]
        named = {_folder(record.item_key) for commit in commits for record in commit.added}
        if any(info.key.startswith(f"{root}/overviews/") for info in old):
            named |= await _overview_folders(storage, commits, before)
        mosaics = {key for commit in commits for key in commit.mosaics.values()}
        for info in old:
            if info.key not in mosaics and _folder(info.key) not in named:
                yield info


async def _overview_folders(storage: Storage, commits: list[Commit], since: datetime) -> set[str]:
    """Where the overviews lie that any mosaic in force at or after a moment names."""
    in_force: dict[str, list[str | None]] = {}
    for commit in commits:
        for period, key in commit.mosaics.items():
            earlier = in_force.get(period, []) if commit.time >= since else []
            in_force[period] = [*earlier, key]
    keys = [key for of_period in in_force.values() for key in of_period if key is not None]
    folders: set[str] = set()
    for key in keys:
        folders.update(_folder(one.item_key) for one in MosaicDocument(await storage.get(key)).overviews)
    return folders


def _folder(key: str) -> str:
    return key.rpartition("/")[0]
