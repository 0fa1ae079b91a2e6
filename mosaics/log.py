"""The log of a collection: numbered commits that say which scenes exist and which mosaic serves each period.

A commit is one object written create-only, after everything it names; so it is visible whole or not at all,
and of two writers racing for a number one wins and the other goes on from there. Each carries the digest of
the one before it, so that a log out of which one was lost, or in which one was written over, is noticed: it
is followed no further, and nothing is committed to it, until `mosaics.repairing` has written a checkpoint
past that place.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TypeVar
from uuid import uuid4

from mosaics.checkpoints import newest_checkpoint, newest_outline, write_checkpoint
from mosaics.commits import Commit, LogError, LogState, Told
from mosaics.document import (
    MosaicDocument,
    MosaicDocumentError,
    SceneRecord,
    read_mosaic,
)
from mosaics.index_files import INDEXED_FROM, BuiltMosaic, build_mosaic, put_mosaic
from mosaics.log_listing import commit_key, list_log, lost_after, mark_written
from mosaics.outline import Outline, UntoldError
from mosaics.overview import Overview
from mosaics.period import Period
from mosaics.scene import SceneError
from mosaics.seals import digest_of
from mosaics.storage import ObjectExistsError, ObjectNotFoundError, Storage

logger = logging.getLogger(__name__)

State = TypeVar("State", LogState, Outline)


class OvertakenError(Exception):
    """A scene was landed by another writer since it was looked at; the message names it."""


async def read_state(storage: Storage, collection_id: str, known: LogState | None = None) -> LogState:
    """Return what a collection holds now.

    Args:
        storage: Where it lies.
        collection_id: The collection.
        known: A state read earlier; then only what came after is read, one small GET when nothing did.

    Raises:
        LogError: If the log cannot be followed to its end; damaged checkpoints are passed over.
    """
    state, trouble = await follow_log(storage, collection_id, known, checked=known is None)
    if trouble is not None:
        raise LogError(f"{trouble}; `tilewatch repair {collection_id}` mends it") from trouble
    return state


async def follow_log(
    storage: Storage, collection_id: str, known: LogState | None = None, *, checked: bool
) -> tuple[LogState, LogError | None]:
    """Return what a collection holds, as far as its log can be followed.

    Args:
        storage: Where it lies.
        collection_id: The collection.
        known: As for `read_state`.
        checked: Whether to ask, by one listing, if the end of the log is its end.

    Returns:
        The last good state, and why the log cannot be followed from there; None if that is all of it.
    """
    return await _follow(storage, collection_id, known, newest_checkpoint, checked=checked)


async def follow_outline(
    storage: Storage, collection_id: str, known: Outline | None = None, *, checked: bool
) -> tuple[Outline, LogError | None]:
    """Return the outline of what a collection holds, with all else as `follow_log` has it."""
    try:
        return await _follow(storage, collection_id, known, newest_outline, checked=checked)
    except UntoldError:
        state, trouble = await follow_log(storage, collection_id, checked=checked)
    if known is not None and state.number < known.number:
        return known, trouble
    return await asyncio.to_thread(Outline.of, state, INDEXED_FROM), trouble


async def _follow(
    storage: Storage,
    collection_id: str,
    known: State | None,
    newest: Callable[[Storage, str], Awaitable[State]],
    *,
    checked: bool,
) -> tuple[State, LogError | None]:
    state = await newest(storage, collection_id) if known is None else known
    commits, trouble = [], None
    try:
        async for commit in read_commits(
            storage, collection_id, state.number + 1, before=state.digest, checked=checked
        ):
            commits.append(commit)  # noqa: PERF401 - those before a damaged one count
        if checked and known is not None and not commits:
            await _require_last(storage, collection_id, known)
    except LogError as error:
        trouble = error
        past = await newest(storage, collection_id)
        if past.number > state.number + len(commits):
            return await _follow(storage, collection_id, past, newest, checked=checked)
    return state.after(commits), trouble


async def read_commits(
    storage: Storage, collection_id: str, start: int = 1, *, before: str | None = None, checked: bool = True
) -> AsyncIterator[Commit]:
    """Yield the commits of a collection from number `start` on, up to the newest.

    Args:
        storage: Where they lie.
        collection_id: The collection.
        start: Number of the first.
        before: Digest of the commit before that; None if it is not known.
        checked: As for `follow_log`.

    Raises:
        LogError: If one is damaged, missing, or does not follow the one before it.
    """
    number = start
    while True:
        try:
            data = await storage.get(commit_key(collection_id, number))
        except ObjectNotFoundError:
            if checked and await _is_written(storage, collection_id, number):
                continue
            return
        try:
            commit = Commit.from_json(data)
        except LogError as error:
            raise LogError(f"commit {number} of collection {collection_id!r}: {error}") from error
        if None not in (before, commit.before) and commit.before != before:
            raise LogError(
                f"commit {number} of collection {collection_id!r} does not follow commit {number - 1}, "
                "which was another when it was made"
            )
        yield commit
        before = commit.digest
        number += 1


async def _is_written(storage: Storage, collection_id: str, number: int) -> bool:
    """Return whether a commit that was not there is there now, or that the log ends before it.

    Raises:
        LogError: If there are later ones, or its mark, or that of a later one, tells that it is lost.
    """
    later = await list_log(storage, collection_id, number - 1)
    if later.commits:
        if later.commits[0] == number:
            return True
        raise LogError(
            f"commit {number} of collection {collection_id!r} is missing, and there is commit "
            f"{later.commits[-1]}"
        )
    if (lost := await lost_after(storage, collection_id, later)) is not None:
        raise LogError(f"commit {lost} of collection {collection_id!r} is missing, the last that was written")
    return bool(later.marks)


async def log_is_lost(storage: Storage, collection_id: str) -> LogError | None:
    """Return what is wrong with a log without a commit, if mosaics tell that there were some.

    A landing writes its mosaic right before its commit: one that is just between, or was killed there, looks
    the same until the next.
    """
    if await storage.folders(f"collections/{collection_id}/mosaics/"):
        return LogError(f"the log of collection {collection_id!r} is gone, and there are mosaics")
    return None


async def commits_left(storage: Storage, collection_id: str) -> dict[int, Commit | bytes]:
    """Return what there is of a log, holes or not, by number: commits, or the bytes of those damaged."""
    there: dict[int, Commit | bytes] = {}
    for number in (await list_log(storage, collection_id, 0)).commits:
        data = await storage.get(commit_key(collection_id, number))
        try:
            there[number] = Commit.from_json(data)
        except LogError:
            there[number] = data
    return there


async def _require_last(storage: Storage, collection_id: str, known: LogState | Outline) -> None:
    """Refuse a log whose last commit is gone, unless a checkpoint says all that it said; LogError."""
    if not known.number or known.number in (await list_log(storage, collection_id, known.number - 1)).commits:
        return
    if (await newest_checkpoint(storage, collection_id)).number < known.number:
        raise LogError(f"commit {known.number} of collection {collection_id!r} is gone")


async def commit_scenes(
    storage: Storage,
    collection_id: str,
    *,
    add: Sequence[SceneRecord] = (),
    remove: Sequence[str] = (),
    over: Mapping[str, str | None] = MappingProxyType({}),
) -> Commit | None:
    """Add scenes to a collection and remove others, in one commit.

    Scenes must lie in storage already. One that the collection has under the same item key is left alone;
    under another it is replaced. Ids to remove that the collection does not have are left alone. Other
    writers may commit at the same time.

    Args:
        storage: Where they lie.
        collection_id: The collection.
        add: Scenes.
        remove: Ids.
        over: The item key that scenes to add were made to take the place of, by id; None for none. Where
            another stands there by then, nothing is committed.

    Returns:
        The commit; None when it would change nothing.

    Raises:
        OvertakenError: If a scene to add would take the place of another version than of that in `over`.
        SceneError: If an id is given twice or a footprint is not valid.
        StorageUnavailableError: If storage fails; doing the same again later finishes the work, whether or
            not the commit had gone through.
    """
    given = Counter([*(record.id for record in add), *remove])
    if twice := [scene_id for scene_id, times in given.items() if times > 1]:
        raise SceneError(f"scenes given more than once: {', '.join(twice[:10])}")
    return await _commit(storage, collection_id, lambda state: _Change.of(state, add, remove, over))


async def commit_overviews(
    storage: Storage, collection_id: str, overviews: Mapping[Period, Sequence[Overview]]
) -> Commit | None:
    """Let the mosaics of some periods name these overviews in place of those they named, in one commit.

    They must lie in storage already. Scenes may have come or gone since they were made: a reader leaves an
    overview aside whose scenes are others now.

    Returns:
        The commit; None when no period has a mosaic any more.

    Raises:
        StorageUnavailableError: If storage fails; see `commit_scenes`.
    """
    return await _commit(storage, collection_id, lambda state: _Change.of_overviews(state, overviews))


async def _commit(
    storage: Storage, collection_id: str, change_in: Callable[[LogState], "_Change | None"]
) -> Commit | None:
    commit_id = uuid4().hex
    state = await read_state(storage, collection_id)
    while True:
        change = change_in(state)
        if change is None:
            return None
        written = {
            period.text: await _write_mosaic(storage, collection_id, state, period, change)
            for period in sorted(change.periods)
        }
        commit = Commit(
            state.number + 1,
            commit_id,
            datetime.now(UTC),
            change.added,
            change.removed,
            {period: key for period, (key, _) in written.items()},
            before=state.digest,
            told=Told.of({period: scenes for period, (_, scenes) in written.items()}, INDEXED_FROM),
        )
        key, data = commit_key(collection_id, commit.number), commit.to_json()
        commit = replace(commit, digest=digest_of(data))
        try:
            await storage.put_new(key, data, "application/json")
        except ObjectExistsError:
            # Our own, when the answer to a first attempt got lost; else a rival's, and we go on from there.
            if Commit.from_json(await storage.get(key)).id != commit_id:
                state = await read_state(storage, collection_id, state)
                continue
        await mark_written(storage, collection_id, commit.number)
        await write_checkpoint(storage, collection_id, state.after([commit]), added=len(commit.added))
        return commit


@dataclass(frozen=True, slots=True)
class _Change:
    """What a request to add and remove comes to in a given state."""

    added: tuple[SceneRecord, ...]
    removed: tuple[str, ...]
    periods: frozenset[Period]
    """Of the scenes added, of those removed or replaced, and of the overviews."""
    overviews: Mapping[Period, Sequence[Overview]] = field(default_factory=dict)

    @classmethod
    def of_overviews(
        cls, state: LogState, overviews: Mapping[Period, Sequence[Overview]]
    ) -> "_Change | None":
        there = {period: some for period, some in overviews.items() if period in state.mosaics}
        return cls((), (), frozenset(there), there) if there else None

    @classmethod
    def of(
        cls,
        state: LogState,
        add: Sequence[SceneRecord],
        remove: Sequence[str],
        over: Mapping[str, str | None],
    ) -> "_Change | None":
        added = tuple(
            record
            for record in add
            if record.id not in state.scenes or state.scenes[record.id].item_key != record.item_key
        )
        there = {one: state.scenes[one].item_key for one in over if one in state.scenes}
        if overtaken := [one.id for one in added if one.id in over and there.get(one.id) != over[one.id]]:
            raise OvertakenError(
                f"{', '.join(overtaken)} was landed again by another writer meanwhile; "
                "do the same again, which takes that into account."
            )
        removed = tuple(scene_id for scene_id in remove if scene_id in state.scenes)
        if not added and not removed:
            return None
        leaving = {*removed, *(record.id for record in added)} & state.scenes.keys()
        left = {state.scenes[scene_id].period for scene_id in leaving}
        return cls(added, removed, frozenset(left | {record.period for record in added}))


async def _write_mosaic(
    storage: Storage, collection_id: str, state: LogState, period: Period, change: _Change
) -> tuple[str | None, Sequence[SceneRecord]]:
    """Write the mosaic of a period; return its key, None where no scene is left, and its scenes."""
    key = state.mosaics.get(period)
    document = None if key is None else await read_document(storage, collection_id, key)

    def build() -> BuiltMosaic | None:
        try:
            scenes = {record.id: record for record in document.scenes()} if document else {}
        except MosaicDocumentError as error:
            raise LogError(_unreadable(collection_id, state.mosaics[period])) from error
        for scene_id in (*change.removed, *(record.id for record in change.added)):
            scenes.pop(scene_id, None)
        scenes |= {record.id: record for record in change.added if record.period == period}
        # Those whose scenes are others now stay until they are made again: readers leave them aside.
        overviews = change.overviews.get(period, document.overviews if document else ())
        name = f"{collection_id} {period.text}"
        return build_mosaic(name, list(scenes.values()), storage.href, overviews) if scenes else None

    built = await asyncio.to_thread(build)
    if built is None:
        return None, ()
    return await put_mosaic(storage, collection_id, period, state.number + 1, built), built.scenes


async def read_document(storage: Storage, collection_id: str, key: str) -> MosaicDocument:
    """Return a mosaic that has to be there.

    Raises:
        LogError: If it is missing or damaged.
    """
    try:
        return await asyncio.to_thread(read_mosaic, key, await storage.get(key))
    except (ObjectNotFoundError, MosaicDocumentError) as error:
        raise LogError(_unreadable(collection_id, key)) from error


def _unreadable(collection_id: str, key: str) -> str:
    return f"mosaic {key} is missing or damaged; `tilewatch repair {collection_id}` rebuilds it"
