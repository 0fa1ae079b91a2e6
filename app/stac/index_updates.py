"""SceneIndexUpdates: makes the table of scenes follow the logs of the collections in storage.

Usually a log is continued where it was left: the commits since then say which scenes were added, replaced and
removed. If nothing was followed yet, or the last commit followed no longer exists (the storage was created
again or restored to an earlier state), the table is compared with the outcome of the log. The commit followed
to is noted in the transaction that writes the last of its changes; after a crash the next run does the rest.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import shapely
from shapely.geometry import shape

from app.database import Database
from app.stac.index_writes import (
    FollowedTo,
    NewScene,
    followed_logs,
    forget_collection,
    item_keys,
    note_followed,
    remove_scenes,
    write_scenes,
)
from mosaics.checksums import FIELD, HEAD, MASKED
from mosaics.commits import Commit, LogError
from mosaics.log import read_commits, read_state
from mosaics.scene import SceneError, read_item
from mosaics.seals import unsealed
from mosaics.storage import ObjectNotFoundError, Storage

log = logging.getLogger(__name__)

OF_OUR_READER = frozenset({FIELD, MASKED, HEAD})
"""Members of assets that are of use to our own reader alone."""

READ_TOGETHER = 16
"""Items read concurrently; an S3 server answers each in about 10 ms."""

WRITTEN_TOGETHER = 500
"""Scenes per statement, which takes about half a second."""


NOTHING = FollowedTo(0, "")
"""Before the first commit."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A scene in the log, to be read from its item."""

    id: str
    item_key: str
    period: str


@dataclass(frozen=True, slots=True)
class IndexChanges:
    """The changes that bring the table up to a commit."""

    to: FollowedTo
    landed: tuple[Landed, ...] = ()
    removed: frozenset[str] = frozenset()


@dataclass
class Indexed:
    """The outcome of a run."""

    collections: list[str] = field(default_factory=list)
    """Collections that changed."""
    scenes: int = 0
    """Scenes written."""
    removed: int = 0
    unreadable: int = 0
    """Scenes left out because their item is missing or damaged."""


class SceneIndexUpdates:
    """Updates the index to what has landed; belongs to the process that leads the tasks.

    Args:
        database: Where the index is.
        storage: What it is an index of.
        together: Number of scenes written by one statement.
    """

    def __init__(self, database: Database, storage: Storage, *, together: int = WRITTEN_TOGETHER) -> None:
        self._database = database
        self._storage = storage
        self._together = together

    async def refresh(self, still_leading: Callable[[], Awaitable[None]]) -> Indexed:
        """Follow every log to its end.

        A collection whose log is damaged is logged and stays as it was.

        Args:
            still_leading: Raises an error if another process has taken over.

        Raises:
            mosaics.storage.StorageError: If the store does not answer.
            app.database.DatabaseUnavailableError: If the database does not.
        """
        done = Indexed()
        async with self._database.connection() as connection:
            known = await followed_logs(connection)
        there = await self._storage.folders("collections/")
        for collection in there:
            try:
                changes = await self._changes(collection, known.get(collection))
            except LogError:
                log.exception("the index of collection %s stays as it was", collection)
                continue
            if changes is not None:
                await self._apply(collection, changes, still_leading, done)
        for collection in known.keys() - set(there):
            await still_leading()
            async with self._database.transaction() as connection:
                await forget_collection(connection, collection)
            done.collections.append(collection)
        return done

    async def _changes(self, collection: str, known: FollowedTo | None) -> IndexChanges | None:
        """Return what the table lacks of a collection; None if nothing."""
        if known is not None:
            with suppress(LogError):  # a hole, which a repair may have left behind
                commits = [c async for c in read_commits(self._storage, collection, known.number)]
                if commits and commits[0].id == known.commit_id:
                    return following(commits[1:])
        return await self._compared(collection, known)

    async def _compared(self, collection: str, known: FollowedTo | None) -> IndexChanges | None:
        """Return how the table differs from the outcome of the log."""
        state = await read_state(self._storage, collection)
        commits = [c async for c in read_commits(self._storage, collection, max(state.number, 1))]
        if not commits and (known is None or known == NOTHING):
            return None  # a writer has created the collection but committed nothing yet
        state = state.after(commits)
        async with self._database.connection() as connection:
            kept = await item_keys(connection, collection)
        landed = tuple(
            Landed(scene_id, scene.item_key, scene.period.text)
            for scene_id, scene in state.scenes.items()
            if kept.get(scene_id) != scene.item_key
        )
        to = FollowedTo(commits[-1].number, commits[-1].id) if commits else NOTHING
        return IndexChanges(to, landed, frozenset(kept.keys() - state.scenes.keys()))

    async def _apply(
        self,
        collection: str,
        changes: IndexChanges,
        still_leading: Callable[[], Awaitable[None]],
        done: Indexed,
    ) -> None:
        parts = [
            changes.landed[start : start + self._together]
            for start in range(0, len(changes.landed), self._together)
        ] or [()]
        for part in parts:
            scenes, unreadable = await self._read(collection, part)
            await still_leading()
            async with self._database.transaction() as connection:
                await write_scenes(connection, collection, scenes)
                await remove_scenes(connection, collection, unreadable)
                if part is parts[-1]:
                    await remove_scenes(connection, collection, changes.removed)
                    await note_followed(connection, collection, changes.to)
            done.scenes += len(scenes)
            done.unreadable += len(unreadable)
        done.removed += len(changes.removed)
        done.collections.append(collection)

    async def _read(self, collection: str, landed: Sequence[Landed]) -> tuple[list[NewScene], list[str]]:
        """Return scenes as their items describe them, and the ids of those whose items cannot be read."""
        gate = asyncio.Semaphore(READ_TOGETHER)

        async def read(scene: Landed) -> NewScene | None:
            async with gate:
                try:
                    data = await self._storage.get(scene.item_key)
                    return described(scene, unsealed(data), self._storage)
                except (ObjectNotFoundError, SceneError, ValueError) as error:
                    log.warning("scene %s of %s cannot be indexed: %r", scene.id, collection, error)
                    return None

        found = await asyncio.gather(*(read(scene) for scene in landed))
        unreadable = [scene.id for scene, new in zip(landed, found, strict=True) if new is None]
        return [new for new in found if new is not None], unreadable


def following(commits: Sequence[Commit]) -> IndexChanges | None:
    """Return the combined changes of consecutive commits; None if there are no commits."""
    if not commits:
        return None
    net: dict[str, Landed | None] = {}
    for commit in commits:
        net |= dict.fromkeys(commit.removed)
        net |= {r.id: Landed(r.id, r.item_key, r.period.text) for r in commit.added}
    removed = frozenset(scene_id for scene_id, landed in net.items() if landed is None)
    to = FollowedTo(commits[-1].number, commits[-1].id)
    return IndexChanges(to, tuple(landed for landed in net.values() if landed is not None), removed)


def described(landed: Landed, document: Mapping[str, Any], storage: Storage) -> NewScene:
    """Return a scene as its item describes it.

    Raises:
        SceneError: If the item cannot be read or belongs to another scene.
        ValueError: If its footprint is not a geometry, or a property has the wrong type.
    """
    item = read_item(document, landed.item_key, storage)
    if item.id != landed.id:
        raise SceneError(f"{landed.item_key} is the item of another scene, {item.id!r}")
    footprint = shape(document["geometry"])
    if footprint.geom_type not in {"Polygon", "MultiPolygon"} or not footprint.is_valid:
        raise SceneError(f"{landed.item_key} has no footprint")
    assets = {
        name: {key: value for key, value in asset.items() if key not in OF_OUR_READER}
        for name, asset in document["assets"].items()
    }
    text = json.dumps({**document, "assets": assets}, allow_nan=False)
    if "\\u0000" in text:
        raise SceneError(f"{landed.item_key} contains the character U+0000, which PostgreSQL cannot store")
    clouds = item.properties.get("eo:cloud_cover")
    platform = item.properties.get("platform")
    return NewScene(
        id=landed.id,
        item_key=landed.item_key,
        period=landed.period,
        starts=item.start,
        ends=item.end,
        wkb=shapely.to_wkb(shapely.force_2d(footprint)),
        cloud_cover_percent=None if clouds is None else float(clouds),
        platform=None if platform is None else str(platform),
        synthetic=bool(item.properties.get("tilewatch:synthetic")),
        item=text,
    )
