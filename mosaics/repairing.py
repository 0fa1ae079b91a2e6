"""Repairs a collection whose log has a hole, or whose mosaics are damaged, from what is there.

What is left of the log says which scenes there are; scenes in storage that nothing left of it names were of
the commits that are gone. A commit after the newest one brings both together, and the checkpoint after it is
where readers go on. What cannot be known: a scene that a lost commit removed is there again, and one that it
landed again is in the version before, until the same is done once more.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from mosaics.checkpoints import newest_checkpoint, put_checkpoint, write_checkpoint
from mosaics.collection import read_collection
from mosaics.commits import DAMAGED, Commit, LogError, LogState, StoredScene, Told
from mosaics.document import (
    MEDIA_TYPE,
    MosaicDocument,
    MosaicDocumentError,
    SceneRecord,
    digest_in,
    mosaic_digest,
    read_mosaic,
)
from mosaics.index import QuadkeyIndex
from mosaics.index_files import (
    INDEXED_FROM,
    BuiltMosaic,
    build_mosaic,
    index_key,
    pack_index,
    put_index,
    put_mosaic,
)
from mosaics.index_files import MEDIA_TYPE as INDEX_MEDIA_TYPE
from mosaics.log import commits_left, follow_log, log_is_lost, read_state
from mosaics.log_listing import commit_key, list_log, mark_written
from mosaics.overview import Overview
from mosaics.period import Cadence, Period, parse_instant
from mosaics.scene import SceneError
from mosaics.seals import digest_of, unsealed
from mosaics.storage import ObjectExistsError, ObjectNotFoundError, Storage

ITEM = "/item.json"


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair found and did."""

    commit: Commit
    """Adds the scenes that no commit left names."""
    missing: tuple[int, ...]
    """Numbers of commits that are gone."""
    damaged: tuple[int, ...]
    """Numbers of commits that cannot be read."""
    lost: tuple[str, ...]
    """Ids of scenes of which neither a record nor an item is left."""


async def collection_damage(storage: Storage, collection_id: str) -> str | None:
    """Return what is wrong with a collection's description; None if it can be read."""
    try:
        read_collection(await storage.get(f"collections/{collection_id}/collection.json"), collection_id)
    except ObjectNotFoundError:
        return "collection.json is missing"
    except ValueError as error:
        return f"collection.json is damaged ({error})"
    return None


async def repair(storage: Storage, collection_id: str, cadence: Cadence) -> Repaired | None:
    """Rebuild the log and the mosaics of a collection from what is there.

    Args:
        storage: Where it lies.
        collection_id: The collection.
        cadence: How long its periods are.

    Returns:
        What was done; None if nothing is wrong.

    Raises:
        LogError: If another writer committed meanwhile; the same can be done again.
        StorageError: If storage fails.
    """
    state, trouble = await follow_log(storage, collection_id, checked=True)
    if trouble is None and not state.number:
        trouble = await log_is_lost(storage, collection_id)
    mosaics = await _mosaics(storage, state)
    if trouble is None and None not in mosaics.values():
        return None
    left = await commits_left(storage, collection_id)
    commits = [commit for commit in left.values() if isinstance(commit, Commit)]
    start = await newest_checkpoint(storage, collection_id)
    whole = start.after([commit for commit in commits if commit.number > start.number])
    mosaics |= await _mosaics(storage, whole, known=mosaics)
    records = {(record.id, record.item_key): record for commit in commits for record in commit.added}
    records |= {
        (record.id, record.item_key): record
        for document in mosaics.values()
        if document is not None
        for record in document.scenes()
    }
    scenes = {
        scene_id: records.get((scene_id, scene.item_key))
        or await _record(storage, collection_id, scene.item_key, cadence)
        for scene_id, scene in whole.scenes.items()
    }
    known = {*whole.scenes, *(record.id for commit in commits for record in commit.added)}
    known.update(scene_id for commit in commits for scene_id in commit.removed)
    found = [] if trouble is None else await _unnamed(storage, collection_id, known, cadence)
    there = [*filter(None, scenes.values()), *found]
    marks = (await list_log(storage, collection_id, 0)).marks
    number = max([start.number, *left, *marks]) + 1
    keys = await _write_mosaics(storage, collection_id, there, number=number, state=whole, mosaics=mosaics)
    commit = Commit(
        number=number,
        id=uuid4().hex,
        time=datetime.now(UTC),
        added=tuple(found),
        removed=tuple(scene_id for scene_id, record in scenes.items() if record is None),
        mosaics={
            period.text: keys.get(period)
            for period in sorted({*keys, *whole.mosaics})
            if keys.get(period) != whole.mosaics.get(period)
        },
        before=_digest(left.get(number - 1)) or start.digest,
    )
    await _publish(storage, collection_id, commit, there, keys)
    return Repaired(
        commit,
        missing=tuple(one for one in range(start.number + 1, number) if one not in left),
        damaged=tuple(one for one, commit in left.items() if isinstance(commit, bytes)),
        lost=commit.removed,
    )


async def rebuild_mosaic(storage: Storage, collection_id: str, key: str) -> str | None:
    """Rebuild a mosaic that is missing or damaged, if it follows from the log which scenes it shows and how.

    The log names the scenes of its period, and how each lies was told by the commit that added it. Overviews
    are those that an earlier mosaic of the period names; readers leave those aside that no longer hold.

    Args:
        storage: Where the collection lies.
        collection_id: The collection.
        key: Of the mosaic.

    Returns:
        Where it is now; None if it is whole, or in force no more, or another writer was quicker.

    Raises:
        LogError: If the log cannot be followed, or does not tell all there is to know.
        StorageError: If storage fails.
    """
    state = await read_state(storage, collection_id)
    period = next((period for period, one in state.mosaics.items() if one == key), None)
    if period is None or await _whole_mosaic(storage, key) is not None:
        return None
    left = [one for one in (await commits_left(storage, collection_id)).values() if isinstance(one, Commit)]
    told = {(record.id, record.item_key): record for commit in left for record in commit.added}
    shown = [(one, scene.item_key) for one, scene in state.scenes.items() if scene.period == period]
    if missing := [scene_id for scene_id, item_key in shown if (scene_id, item_key) not in told]:
        raise LogError(
            f"no commit tells how {missing[0]!r} lies; `tilewatch repair {collection_id}` asks its item"
        )
    overviews = await _earlier_overviews(storage, left, period)
    name = f"{collection_id} {period.text}"
    records = [told[one] for one in shown]
    built = await asyncio.to_thread(build_mosaic, name, records, storage.href, overviews)
    if f"-{mosaic_digest(built.document)}." in key:
        await storage.put(key, built.document, MEDIA_TYPE)
        await put_index(storage, key, built)
        return key
    return await _commit_mosaic(storage, collection_id, state, period, built)


async def rebuild_index(storage: Storage, mosaic_key: str) -> None:
    """Write the index of a mosaic of the mosaic itself.

    Raises:
        MosaicDocumentError, ObjectNotFoundError: If the mosaic is damaged or missing.
        StorageError: If storage fails.
    """
    data, key, digest = await storage.get(mosaic_key), index_key(mosaic_key), digest_in(mosaic_key)
    if key is None or digest is None:
        return

    def build() -> bytes:
        return pack_index(QuadkeyIndex.from_document(read_mosaic(mosaic_key, data)), digest)

    await storage.put(key, await asyncio.to_thread(build), INDEX_MEDIA_TYPE)


async def _earlier_overviews(storage: Storage, commits: list[Commit], period: Period) -> tuple[Overview, ...]:
    """Return the overviews that the last mosaic of a period names which can be read."""
    for commit in reversed(commits):
        key = commit.mosaics.get(period.text)
        document = None if key is None else await _whole_mosaic(storage, key)
        if document is not None:
            return document.overviews
    return ()


async def _commit_mosaic(
    storage: Storage, collection_id: str, state: LogState, period: Period, built: BuiltMosaic
) -> str | None:
    """Let a mosaic take the place of that of its period; return its key, or None if another commit came."""
    number = state.number + 1
    key = await put_mosaic(storage, collection_id, period, number, built)
    commit = Commit(
        number,
        uuid4().hex,
        datetime.now(UTC),
        added=(),
        removed=(),
        mosaics={period.text: key},
        before=state.digest,
        told=Told.of({period.text: built.scenes}, INDEXED_FROM),
    )
    written = commit.to_json()
    try:
        await storage.put_new(commit_key(collection_id, number), written, "application/json")
    except ObjectExistsError:
        return None
    await mark_written(storage, collection_id, number)
    after = state.after([replace(commit, digest=digest_of(written))])
    await write_checkpoint(storage, collection_id, after)
    return key


def _digest(commit: Commit | bytes | None) -> str | None:
    if commit is None:
        return None
    return commit.digest if isinstance(commit, Commit) else digest_of(commit)


async def _mosaics(
    storage: Storage, state: LogState, *, known: Mapping[str, MosaicDocument | None] = MappingProxyType({})
) -> dict[str, MosaicDocument | None]:
    """Return the mosaics of a state by their keys; None for those that are missing or damaged."""
    return {
        key: known[key] if key in known else await _whole_mosaic(storage, key)
        for key in state.mosaics.values()
    }


async def _whole_mosaic(storage: Storage, key: str) -> MosaicDocument | None:
    try:
        document = read_mosaic(key, await storage.get(key))
        await asyncio.to_thread(lambda: sum(1 for _ in document.scenes()))
    except (ObjectNotFoundError, MosaicDocumentError):
        return None
    return document


async def _unnamed(
    storage: Storage, collection_id: str, known: set[str], cadence: Cadence
) -> list[SceneRecord]:
    """Return the scenes in storage whose ids are not known; of several versions that written last."""
    newest: dict[str, tuple[datetime, str]] = {}
    async for info in storage.list(f"collections/{collection_id}/scenes/"):
        scene_id = info.key.split("/")[3]
        if info.key.endswith(ITEM) and scene_id not in known:
            newest[scene_id] = max(newest.get(scene_id, (info.modified, info.key)), (info.modified, info.key))
    read = [await _record(storage, collection_id, key, cadence) for _, key in newest.values()]
    return [record for record in read if record is not None]


async def _record(
    storage: Storage, collection_id: str, item_key: str, cadence: Cadence
) -> SceneRecord | None:
    """Return the record of a scene as its item tells it; None if the item is missing or damaged."""
    try:
        document: dict[str, Any] = unsealed(await storage.get(item_key))
        properties, assets = document["properties"], document["assets"].values()
        start = parse_instant(properties.get("start_datetime") or properties["datetime"])
        record = SceneRecord(
            id=document["id"],
            item_key=item_key,
            start=start,
            end=parse_instant(properties.get("end_datetime") or properties["datetime"]),
            period=Period.containing(start, cadence),
            cloud_cover_percent=properties.get("eo:cloud_cover"),
            footprint=document["geometry"],
            synthetic=properties.get("tilewatch:synthetic", False),
            resolution_m=min(
                band["raster:spatial_resolution"] for asset in assets for band in asset.get("bands", ())
            ),
        )
        record.polygons()
    except (ObjectNotFoundError, SceneError, *DAMAGED):
        return None
    return record if document.get("collection") == collection_id else None


async def _write_mosaics(
    storage: Storage,
    collection_id: str,
    records: list[SceneRecord],
    *,
    number: int,
    state: LogState,
    mosaics: Mapping[str, MosaicDocument | None],
) -> dict[Period, str]:
    """Write the mosaics that are damaged or show other scenes; return the key of each period's."""
    of_period: dict[Period, list[SceneRecord]] = {}
    for record in records:
        of_period.setdefault(record.period, []).append(record)
    keys = {}
    for period, shown in of_period.items():
        key = state.mosaics.get(period)
        document = None if key is None else mosaics[key]
        if key is not None and document is not None and _shows(document, shown):
            keys[period] = key
            continue
        overviews: tuple[Overview, ...] = () if document is None else document.overviews
        name = f"{collection_id} {period.text}"
        built = await asyncio.to_thread(build_mosaic, name, shown, storage.href, overviews)
        keys[period] = await put_mosaic(storage, collection_id, period, number, built)
    return keys


def _shows(document: MosaicDocument, records: list[SceneRecord]) -> bool:
    return {(one.id, one.item_key) for one in document.scenes()} == {
        (one.id, one.item_key) for one in records
    }


async def _publish(
    storage: Storage, collection_id: str, commit: Commit, records: list[SceneRecord], keys: dict[Period, str]
) -> None:
    data = commit.to_json()
    try:
        await storage.put_new(commit_key(collection_id, commit.number), data, "application/json")
    except ObjectExistsError as error:
        raise LogError(
            f"another writer committed to collection {collection_id!r} meanwhile; repair it again"
        ) from error
    await mark_written(storage, collection_id, commit.number)
    scenes = {one.id: StoredScene(one.item_key, one.period, one.synthetic) for one in records}
    state = LogState(commit.number, scenes, keys, digest_of(data))
    await put_checkpoint(storage, collection_id, state)
