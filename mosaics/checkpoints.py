"""Checkpoints: what a log comes to after some of its commits, so that readers need not begin with the first.

One is the whole state, for writers; beside it lies its outline, for servers, which keep no scenes in memory.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from mosaics.commits import LogError, LogState
from mosaics.document import MEDIA_TYPE
from mosaics.index_files import INDEXED_FROM
from mosaics.outline import Outline
from mosaics.storage import ObjectNotFoundError, Storage, StorageError

CHECKPOINT_EVERY = 32
"""A reader that knows nothing reads one checkpoint and fewer commits than this."""

CHECKPOINTS, OUTLINES = "checkpoints", "outlines"
"""Folders below that of the log."""

LARGE_COMMIT = 2000
"""Scenes of a commit after which there is a checkpoint in any case: it takes a second to read."""

logger = logging.getLogger(__name__)

Thing = TypeVar("Thing")


async def write_checkpoint(storage: Storage, collection_id: str, state: LogState, *, added: int = 0) -> None:
    """Write the state as a checkpoint if it is its turn; readers start earlier where storage fails.

    Args:
        storage: Where the collection lies.
        collection_id: The collection.
        state: After the last commit.
        added: Scenes that this commit added.
    """
    if state.number % CHECKPOINT_EVERY and added < LARGE_COMMIT:
        return
    try:
        await put_checkpoint(storage, collection_id, state)
    except StorageError as error:
        logger.warning(
            "no checkpoint after commit %d of %s, readers start earlier: %s",
            state.number,
            collection_id,
            error,
        )


async def put_checkpoint(storage: Storage, collection_id: str, state: LogState) -> None:
    """Write the state as a checkpoint, and its outline."""
    number = state.number
    checkpoint, outline = await asyncio.to_thread(
        lambda: (state.to_checkpoint(), Outline.of(state, INDEXED_FROM).to_json())
    )
    await storage.put(_key(collection_id, CHECKPOINTS, number), checkpoint, MEDIA_TYPE)
    await storage.put(_key(collection_id, OUTLINES, number), outline, MEDIA_TYPE)


async def newest_checkpoint(storage: Storage, collection_id: str) -> LogState:
    """Return the state of the newest checkpoint that can be read; the empty one if there is none."""
    for key in reversed(await _keys(storage, collection_id, CHECKPOINTS)):
        state = await _read(storage, key, LogState.from_checkpoint)
        if state is not None:
            return state
    return LogState()


async def newest_outline(storage: Storage, collection_id: str) -> Outline:
    """Return the newest outline that can be read, be it of a checkpoint; the empty one without any."""
    outlines = await _keys(storage, collection_id, OUTLINES)
    checkpoints = await _keys(storage, collection_id, CHECKPOINTS)
    for key in sorted(
        [*outlines, *checkpoints], key=lambda key: (_number(key), key in outlines), reverse=True
    ):
        outline = await _read(storage, key, Outline.from_json if key in outlines else _outline_of)
        if outline is not None:
            return outline
    return Outline()


def _outline_of(checkpoint: bytes) -> Outline:
    return Outline.of(LogState.from_checkpoint(checkpoint), INDEXED_FROM)


async def _read(storage: Storage, key: str, read: Callable[[bytes], Thing]) -> Thing | None:
    try:
        return await asyncio.to_thread(read, await storage.get(key))
    except (LogError, ObjectNotFoundError) as error:
        logger.warning("checkpoint %s is passed over: %s", key, error)
        return None


async def _keys(storage: Storage, collection_id: str, kind: str) -> list[str]:
    return [info.key async for info in storage.list(f"collections/{collection_id}/log/{kind}/")]


def _key(collection_id: str, kind: str, number: int) -> str:
    return f"collections/{collection_id}/log/{kind}/{number:08d}.json.gz"


def _number(key: str) -> str:
    return key.rpartition("/")[2].partition(".")[0]
