"""Verifying: every file of a collection that lies in storage is read and held beside what its item states."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mosaics.checksums import SHA256
from mosaics.document import MosaicDocument
from mosaics.log import read_state
from mosaics.storage import ObjectNotFoundError, Storage

PIECE_BYTES = 1 << 20


@dataclass(slots=True)
class Verified:
    """What came of verifying a collection."""

    files: int = 0
    """That were read and are as their items state."""
    size_bytes: int = 0
    unstated: int = 0
    """Files of which the item states no checksum; not read."""
    damaged: dict[str, str] = field(default_factory=dict)
    """What is wrong with a file, by key."""


async def verify(storage: Storage, collection_id: str, *, bytes_per_s: float) -> Verified:
    """Read the files of a collection's scenes and overviews, no faster than told.

    Raises:
        mosaics.storage.StorageError: If storage fails.
    """
    found, began = Verified(), time.monotonic()
    async for item_key in _items(storage, collection_id):
        try:
            document = json.loads(await storage.get(item_key))
            assets: Mapping[str, Any] = document["assets"]
        except (ObjectNotFoundError, ValueError, KeyError, TypeError) as error:
            found.damaged[item_key] = f"the item cannot be read ({type(error).__name__})"
            continue
        for asset in assets.values():
            if not str(asset.get("href", "")).startswith("./"):
                continue
            key = f"{item_key.rpartition('/')[0]}/{asset['href'][2:]}"
            stated = str(asset.get("file:checksum", ""))
            if not stated.startswith(SHA256):
                found.unstated += 1
                continue
            if await _digest(storage, key, found, began, bytes_per_s) == stated.removeprefix(SHA256):
                found.files += 1
            else:
                found.damaged[key] = "it is missing, or not as it was written"
    return found


async def _items(storage: Storage, collection_id: str) -> AsyncIterator[str]:
    state = await read_state(storage, collection_id)
    for scene in state.scenes.values():
        yield scene.item_key
    for mosaic_key in state.mosaics.values():
        document = await asyncio.to_thread(MosaicDocument, await storage.get(mosaic_key))
        for overview in document.overviews:
            yield overview.item_key


async def _digest(
    storage: Storage, key: str, found: Verified, began: float, bytes_per_s: float
) -> str | None:
    """Return the SHA-256 of an object in hex; None where it is missing."""
    digest = hashlib.sha256()
    try:
        size_bytes = (await storage.head(key)).size
    except ObjectNotFoundError:
        return None
    for begin in range(0, size_bytes, PIECE_BYTES):
        piece = await storage.get_range(key, begin, PIECE_BYTES)
        await asyncio.to_thread(digest.update, piece)
        found.size_bytes += len(piece)
        await asyncio.sleep(max(0.0, found.size_bytes / bytes_per_s - (time.monotonic() - began)))
    return digest.hexdigest()
