"""The log of a collection: numbered commits that say which scenes exist and which mosaic serves each period.

A commit is one object written create-only, after everything it names; so it is visible whole or not at all,
and of two writers racing for a number one wins and the other goes on from there.
"""

import asyncio
import gzip
import hashlib
import json
import logging
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from mosaics.document import MEDIA_TYPE, MosaicDocument, SceneRecord, build_document
from mosaics.overview import Overview
from mosaics.period import Period, instant_text, parse_instant
from mosaics.scene import SceneError
from mosaics.storage import ObjectExistsError, ObjectNotFoundError, Storage, StorageError

CHECKPOINT_EVERY = 32
"""A reader that knows nothing reads one checkpoint and fewer commits than this."""

logger = logging.getLogger(__name__)


class LogError(Exception):
    """A commit that cannot be read: it is damaged, or was written by a later version."""


class OvertakenError(Exception):
    """A scene was landed by another writer since it was looked at; the message names it."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One change of a collection."""

    number: int
    id: str
    """Random; tells a writer its own commit from a rival's of the same number."""
    time: datetime
    """When it was made, UTC."""
    added: tuple[SceneRecord, ...]
    removed: tuple[str, ...]
    """Ids of scenes that are gone; a scene that was replaced stands in `added` alone."""
    mosaics: Mapping[str, str | None]
    """New mosaic of each period touched, by the period's text: its key, or None where none is left."""

    def to_json(self) -> bytes:
        """Return the commit as it stands in storage."""
        return _json(
            {
                "number": self.number,
                "id": self.id,
                "time": instant_text(self.time),
                "added": [record.to_json() for record in self.added],
                "removed": list(self.removed),
                "mosaics": dict(self.mosaics),
            }
        )

    @classmethod
    def from_json(cls, data: bytes) -> "Commit":
        """Read what `to_json` wrote.

        Raises:
            LogError: If it is not a commit.
        """
        try:
            document = json.loads(data)
            return cls(
                document["number"],
                document["id"],
                parse_instant(document["time"]),
                tuple(SceneRecord.from_json(record) for record in document["added"]),
                tuple(document["removed"]),
                {Period.parse(text).text: key for text, key in document["mosaics"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LogError(f"no commit: {error!r}") from error


@dataclass(frozen=True, slots=True)
class StoredScene:
    """What a log's state keeps of a scene."""

    item_key: str
    period: Period
    synthetic: bool


@dataclass(frozen=True, slots=True)
class LogState:
    """What a collection holds after a commit."""

    number: int = 0
    """Of the last commit; 0 before the first."""
    scenes: Mapping[str, StoredScene] = field(default_factory=dict)
    """By scene id."""
    mosaics: Mapping[Period, str] = field(default_factory=dict)
    """Key of each period's mosaic document."""

    def after(self, commits: Sequence[Commit]) -> "LogState":
        """Return the state after the commits that follow this one."""
        if not commits:
            return self
        scenes, mosaics = dict(self.scenes), dict(self.mosaics)
        for commit in commits:
            for scene_id in commit.removed:
                scenes.pop(scene_id, None)
            for record in commit.added:
                scenes[record.id] = StoredScene(record.item_key, record.period, record.synthetic)
            for text, key in commit.mosaics.items():
                if key is None:
                    mosaics.pop(Period.parse(text), None)
                else:
                    mosaics[Period.parse(text)] = key
        return LogState(commits[-1].number, MappingProxyType(scenes), MappingProxyType(mosaics))

    def to_checkpoint(self) -> bytes:
        """Return the state as a checkpoint; equal states give equal bytes."""
        document = {
            "number": self.number,
            "scenes": {
                scene_id: [scene.item_key, scene.period.text, scene.synthetic]
                for scene_id, scene in sorted(self.scenes.items())
            },
            "mosaics": {period.text: key for period, key in sorted(self.mosaics.items())},
        }
        return gzip.compress(_json(document), mtime=0)

    @classmethod
    def from_checkpoint(cls, data: bytes) -> "LogState":
        """Read what `to_checkpoint` wrote.

        Raises:
            LogError: If it is damaged.
        """
        try:
            document = json.loads(gzip.decompress(data))
            periods = {text: Period.parse(text) for text in {row[1] for row in document["scenes"].values()}}
            scenes = {
                scene_id: StoredScene(item_key, periods[text], synthetic)
                for scene_id, (item_key, text, synthetic) in document["scenes"].items()
            }
            mosaics = {Period.parse(text): key for text, key in document["mosaics"].items()}
            return cls(document["number"], MappingProxyType(scenes), MappingProxyType(mosaics))
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
            raise LogError(f"no checkpoint: {error!r}") from error


async def read_state(storage: Storage, collection_id: str, known: LogState | None = None) -> LogState:
    """Return what a collection holds now.

    Args:
        storage: Where it lies.
        collection_id: The collection.
        known: A state read earlier; then only what came after is read, one small GET when nothing did.

    Raises:
        LogError: If a commit is damaged; checkpoints that are get passed over.
    """
    state = await _newest_checkpoint(storage, collection_id) if known is None else known
    return state.after([commit async for commit in read_commits(storage, collection_id, state.number + 1)])


async def read_commits(storage: Storage, collection_id: str, start: int = 1) -> AsyncIterator[Commit]:
    """Yield the commits of a collection from number `start` on, up to the newest.

    Raises:
        LogError: If one is damaged.
    """
    number = start
    while True:
        try:
            data = await storage.get(_commit_key(collection_id, number))
        except ObjectNotFoundError:
            return
        try:
            yield Commit.from_json(data)
        except LogError as error:
            raise LogError(f"commit {number} of collection {collection_id!r}: {error}") from error
        number += 1


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
        mosaics = {
            period.text: await _write_mosaic(storage, collection_id, state, period, change)
            for period in sorted(change.periods)
        }
        commit = Commit(state.number + 1, commit_id, datetime.now(UTC), change.added, change.removed, mosaics)
        key = _commit_key(collection_id, commit.number)
        try:
            await storage.put_new(key, commit.to_json(), "application/json")
        except ObjectExistsError:
            # Our own, when the answer to a first attempt got lost; else a rival's, and we go on from there.
            if Commit.from_json(await storage.get(key)).id != commit_id:
                state = await read_state(storage, collection_id, state)
                continue
        await _write_checkpoint(storage, collection_id, state.after([commit]))
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
) -> str | None:
    previous = await storage.get(state.mosaics[period]) if period in state.mosaics else None

    def build() -> bytes | None:
        document = None if previous is None else MosaicDocument(previous)
        scenes = {record.id: record for record in document.scenes()} if document else {}
        for scene_id in (*change.removed, *(record.id for record in change.added)):
            scenes.pop(scene_id, None)
        scenes |= {record.id: record for record in change.added if record.period == period}
        # Those whose scenes are others now stay until they are made again: readers leave them aside.
        overviews = change.overviews.get(period, document.overviews if document else ())
        name = f"{collection_id} {period.text}"
        return build_document(name, list(scenes.values()), storage.href, overviews) if scenes else None

    data = await asyncio.to_thread(build)
    if data is None:
        return None
    digest = hashlib.sha256(data).hexdigest()[:12]
    key = f"collections/{collection_id}/mosaics/{period.text}/{state.number + 1}-{digest}.json.gz"
    try:
        await storage.put_new(key, data, MEDIA_TYPE)
    except ObjectExistsError:
        # The same content, of a writer that died or lost its race; written again, no sweep takes it for old.
        await storage.put(key, data, MEDIA_TYPE)
    return key


async def _write_checkpoint(storage: Storage, collection_id: str, state: LogState) -> None:
    if state.number % CHECKPOINT_EVERY:
        return
    try:
        await storage.put_new(
            f"{_checkpoints(collection_id)}{state.number:08d}.json.gz", state.to_checkpoint(), MEDIA_TYPE
        )
    except StorageError as error:
        logger.warning(
            "no checkpoint after commit %d of %s, readers start earlier: %s",
            state.number,
            collection_id,
            error,
        )


async def _newest_checkpoint(storage: Storage, collection_id: str) -> LogState:
    infos = [info async for info in storage.list(_checkpoints(collection_id))]
    for info in reversed(infos):
        try:
            return LogState.from_checkpoint(await storage.get(info.key))
        except (LogError, ObjectNotFoundError) as error:
            logger.warning("checkpoint %s is passed over: %s", info.key, error)
    return LogState()


def _checkpoints(collection_id: str) -> str:
    return f"collections/{collection_id}/log/checkpoints/"


def _commit_key(collection_id: str, number: int) -> str:
    return f"collections/{collection_id}/log/{number:08d}.json"


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
