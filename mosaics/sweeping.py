"""Sweeping: finding the objects that no commit names, left by writers that died or lost a race."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from mosaics.log import read_commits
from mosaics.storage import ObjectInfo, Storage


async def unreferenced(storage: Storage, older_than: timedelta) -> AsyncIterator[ObjectInfo]:
    """The scenes' and mosaics' objects that no commit names.

    A writer names what it has written only at the end, so objects younger than `older_than` are left alone;
    it must be longer than any landing lasts, and a day is a good choice. What a commit has once named stays,
    so that the log's history stays whole.
    """
    before = datetime.now(UTC) - older_than
    for collection in await storage.folders("collections/"):
        root = f"collections/{collection}"
        # Listed before the log is read: what gets named in between counts as named.
        old = [
            info
            for below in ("scenes/", "mosaics/")
            async for info in storage.list(f"{root}/{below}")
            if info.modified < before
        ]
        if not old:
            continue
        mosaics: set[str | None] = set()
        scene_folders: set[str] = set()
        async for commit in read_commits(storage, collection):
            mosaics.update(commit.mosaics.values())
            scene_folders.update(_folder(record.item_key) for record in commit.added)
        for info in old:
            if info.key not in mosaics and _folder(info.key) not in scene_folders:
                yield info


def _folder(key: str) -> str:
    return key.rpartition("/")[0]
