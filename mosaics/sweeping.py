"""Sweeping: finding objects that are not needed: named by no commit, or only by commits long superseded."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain

from mosaics.commits import Commit, LogError, LogState
from mosaics.document import MosaicDocumentError, read_mosaic
from mosaics.index_files import index_key
from mosaics.log import commits_left, read_commits, read_state
from mosaics.storage import ObjectInfo, ObjectNotFoundError, Storage

FOLDERS = ("scenes", "mosaics", "overviews")

AT_ONCE = 16
"""Collections looked at, and objects removed, at once; S3 answers a list in some 80 ms."""


async def unreferenced(
    storage: Storage, older_than: timedelta, *, superseded: timedelta | None = None
) -> AsyncGenerator[ObjectInfo]:
    """Yield the objects of scenes, mosaics and overviews that no commit names.

    A writer names what it has written only at the end, so objects younger than `older_than` are left alone;
    it must be longer than any landing lasts, and a day is a good choice. Scenes and mosaics that a commit has
    once named stay, so that what the log tells of can be looked at, unless `superseded` is given. Overviews
    and indexes can be made again: they stay as long as a mosaic names them, or they are of one, that readers
    may have held within `older_than`.

    Args:
        storage: Where to look.
        older_than: Age of the youngest objects that count.
        superseded: Scenes that were replaced or removed, and mosaics that others took the place of, longer
            ago than this are found as well. The log still tells of them. A reader that has not followed it
            for so long finds them gone, and what took their place by following it.
    """
    now = datetime.now(UTC)

    async def look(collection: str) -> list[ObjectInfo]:
        return await _unreferenced_in(storage, f"collections/{collection}", now, older_than, superseded)

    coming: deque[asyncio.Task[list[ObjectInfo]]] = deque()
    try:
        for collection in await storage.folders("collections/"):
            coming.append(asyncio.create_task(look(collection)))
            if len(coming) == AT_ONCE:
                for info in await coming.popleft():
                    yield info
        while coming:
            for info in await coming.popleft():
                yield info
    finally:
        for task in coming:
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)


async def remove_all(storage: Storage, found: Iterable[ObjectInfo]) -> list[ObjectInfo]:
    """Remove objects that were found to be unneeded, several at once; return those removed (see `remove`)."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def removed(info: ObjectInfo) -> ObjectInfo | None:
        async with turn:
            return info if await remove(storage, info) else None

    async with asyncio.TaskGroup() as group:
        removals = [group.create_task(removed(info)) for info in found]
    return [info for removal in removals if (info := removal.result()) is not None]


async def _unreferenced_in(
    storage: Storage, root: str, now: datetime, older_than: timedelta, superseded: timedelta | None
) -> list[ObjectInfo]:
    # Listed before the log is read: what gets named in between counts as named.
    listed = await asyncio.gather(*(_listed(storage, f"{root}/{below}/") for below in FOLDERS))
    old = [info for part in listed for info in part if info.modified < now - older_than]
    if not old:
        return []
    base, commits = await _history(storage, root.rpartition("/")[2])
    named, mosaics = _needed(base, commits, None if superseded is None else now - superseded)
    in_force = _in_force(commits, now - older_than)
    if any(info.key.startswith(f"{root}/overviews/") for info in old):
        named |= await _overview_folders(storage, in_force)
    held = filter(None, (*base.mosaics.values(), *chain(*in_force.values())))
    mosaics |= {key for key in map(index_key, held) if key is not None}
    return [info for info in old if info.key not in mosaics and _folder(info.key) not in named]


async def _listed(storage: Storage, below: str) -> list[ObjectInfo]:
    return [info async for info in storage.list(below)]


async def remove(storage: Storage, found: ObjectInfo) -> bool:
    """Remove an object that was found to be unneeded; return False if it has been written again since."""
    with suppress(ObjectNotFoundError):
        # Lists of S3 tell milliseconds, the object itself seconds.
        if (await storage.head(found.key)).modified - found.modified > timedelta(seconds=1):
            return False
    await storage.delete(found.key)
    return True


async def _history(storage: Storage, collection_id: str) -> tuple[LogState, list[Commit]]:
    """Return a state that is whole, and all commits there are: before it too, where the log has a hole there.

    Raises:
        LogError: If the log cannot be followed from any checkpoint; what is needed is not known then.
    """
    try:
        return LogState(), [commit async for commit in read_commits(storage, collection_id)]
    except LogError:
        state = await read_state(storage, collection_id)
        left = await commits_left(storage, collection_id)
        return state, [commit for commit in left.values() if isinstance(commit, Commit)]


def _needed(base: LogState, commits: list[Commit], since: datetime | None) -> tuple[set[str], set[str]]:
    """Return the folders of scenes and keys of mosaics that any state names, since a moment if given."""
    # The clocks of writers may differ: the past ends with the first commit that is not in it.
    past = next(
        (at for at, commit in enumerate(commits) if since is None or commit.time >= since), len(commits)
    )
    state = LogState().after(commits[:past])
    folders = {_folder(scene.item_key) for each in (base, state) for scene in each.scenes.values()}
    mosaics = {*base.mosaics.values(), *state.mosaics.values()}
    for commit in commits[past:]:
        folders.update(_folder(record.item_key) for record in commit.added)
        mosaics.update(key for key in commit.mosaics.values() if key is not None)
    return folders, mosaics


def _in_force(commits: list[Commit], since: datetime) -> dict[str, list[str | None]]:
    """Return the mosaics of each period that were in force at or after a moment, the present one last."""
    in_force: dict[str, list[str | None]] = {}
    for commit in commits:
        for period, key in commit.mosaics.items():
            earlier = in_force.get(period, []) if commit.time >= since else []
            in_force[period] = [*earlier, key]
    return in_force


async def _overview_folders(storage: Storage, in_force: Mapping[str, Sequence[str | None]]) -> set[str]:
    """Return where the overviews lie that mosaics in force name.

    Raises:
        LogError: If one that is in force now cannot be read.
    """
    folders: set[str] = set()
    for *earlier, now in in_force.values():
        for key in filter(None, [*earlier, now]):
            try:
                document = read_mosaic(key, await storage.get(key))
            except (ObjectNotFoundError, MosaicDocumentError) as error:
                if key == now:  # others were swept since they were superseded
                    raise LogError(
                        f"mosaic {key} is missing or damaged, so that nothing is swept; "
                        f"`tilewatch repair {key.split('/')[1]}` rebuilds it"
                    ) from error
                continue
            folders.update(_folder(one.item_key) for one in document.overviews)
    return folders


def _folder(key: str) -> str:
    return key.rpartition("/")[0]
