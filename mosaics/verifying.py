"""Verifying: files that lie in storage are read and held beside what their items state."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mosaics.checksums import SHA256
from mosaics.document import MosaicDocumentError, read_mosaic
from mosaics.flat_file import FlatFileError
from mosaics.index_files import INDEXED_FROM, index_key, read_index
from mosaics.log import read_state
from mosaics.period import Period
from mosaics.seals import unsealed
from mosaics.storage import ObjectNotFoundError, Storage

PIECE_BYTES = 1 << 20
CHANGED = "it is missing, or not as it was written"


class Pace:
    """Holds reading back to a rate.

    Args:
        bytes_per_s: The most that is read in a second.
    """

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._began = time.monotonic()
        self.size_bytes = 0
        """Read so far."""

    async def take(self, size_bytes: int) -> None:
        """Count bytes that were read, and wait until that many may have been."""
        self.size_bytes += size_bytes
        wait_s = self.size_bytes / self._bytes_per_s - (time.monotonic() - self._began)
        await asyncio.sleep(max(0.0, wait_s))


@dataclass(slots=True)
class Verified:
    """What came of verifying."""

    files: int = 0
    """That were read and are as their items state."""
    size_bytes: int = 0
    unstated: int = 0
    """Files of which the item states no checksum; not read."""
    without: set[str] = field(default_factory=set)
    """Keys of the items of those."""
    damaged: dict[str, str] = field(default_factory=dict)
    """What is wrong with a file, by key."""
    bands: dict[str, list[str]] = field(default_factory=dict)
    """Names of the assets whose file is damaged, by the key of their item; none where the item itself is."""


async def verify(storage: Storage, collection_id: str, *, bytes_per_s: float) -> Verified:
    """Read the files of a collection's scenes and overviews, no faster than told.

    Raises:
        LogError: If the log cannot be followed.
        mosaics.storage.StorageError: If storage fails.
    """
    keys = [key async for key in item_keys(storage, collection_id)]
    return await verify_items(storage, keys, Pace(bytes_per_s))


async def verify_items(storage: Storage, keys: Iterable[str], pace: Pace) -> Verified:
    """Read the files of some items.

    Args:
        storage: Where they lie.
        keys: Of the items.
        pace: How fast.

    Raises:
        mosaics.storage.StorageError: If storage fails.
    """
    found = Verified()
    for item_key in keys:
        try:
            document = unsealed(await storage.get(item_key))
            beside = {name: asset for name, asset in document["assets"].items() if lies_beside(asset)}
        except (
            ObjectNotFoundError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
        ) as error:
            found.damaged[item_key] = f"the item is missing or damaged ({type(error).__name__})"
            found.bands.setdefault(item_key, [])
            continue
        for name, asset in beside.items():
            await _verify_file(storage, (item_key, name), asset, found, pace)
    return found


def lies_beside(asset: Mapping[str, Any]) -> bool:
    """Return whether an asset's file lies beside its item; others are left where an archive has them."""
    return str(asset.get("href", "")).startswith("./")


def file_key(item_key: str, asset: Mapping[str, Any]) -> str:
    """Return the key of the file of an asset that lies beside its item."""
    return f"{item_key.rpartition('/')[0]}/{asset['href'][2:]}"


def stated_digest(asset: Mapping[str, Any]) -> str | None:
    """Return the SHA-256, in hexadecimal digits, that an asset states of its file; None if it states none."""
    stated = str(asset.get("file:checksum", ""))
    return stated.removeprefix(SHA256) if stated.startswith(SHA256) else None


async def item_keys(storage: Storage, collection_id: str) -> AsyncIterator[str]:
    """Yield the keys of the items of a collection's scenes and overviews.

    Raises:
        LogError: If the log cannot be followed.
    """
    state = await read_state(storage, collection_id)
    for scene in state.scenes.values():
        yield scene.item_key
    async for key in overview_keys(storage, collection_id):
        yield key


async def overview_keys(
    storage: Storage, collection_id: str, periods: Container[Period] | None = None
) -> AsyncIterator[str]:
    """Yield the keys of the items of a collection's overviews.

    Args:
        storage: Where they lie.
        collection_id: The collection.
        periods: Of the mosaics that name them; None for all.

    Raises:
        LogError: If the log cannot be followed.
    """
    state = await read_state(storage, collection_id)
    for period, mosaic_key in state.mosaics.items():
        if periods is not None and period not in periods:
            continue
        try:
            document = await asyncio.to_thread(read_mosaic, mosaic_key, await storage.get(mosaic_key))
        except (MosaicDocumentError, ObjectNotFoundError):
            continue  # `tilewatch repair` and `/health` tell it
        for overview in document.overviews:
            yield overview.item_key


async def damaged_mosaics(storage: Storage, collection_id: str) -> list[str]:
    """Return the keys of a collection's mosaics that are missing or damaged.

    Raises:
        LogError: If the log cannot be followed.
    """
    found = []
    for key in (await read_state(storage, collection_id)).mosaics.values():
        try:
            await asyncio.to_thread(read_mosaic, key, await storage.get(key))
        except (MosaicDocumentError, ObjectNotFoundError):
            found.append(key)
    return found


@dataclass(frozen=True, slots=True)
class LackingIndexes:
    """Mosaics whose index has no file that can be used; servers make it of the mosaic."""

    damaged: tuple[str, ...] = ()
    """Keys of the mosaics whose file is not as it was written."""
    missing: tuple[str, ...] = ()
    """Keys of those that have none, as earlier versions left them."""


async def lacking_indexes(storage: Storage, collection_id: str) -> LackingIndexes:
    """Return the mosaics of a collection that are to have a file of their index and have none that is right.

    Raises:
        LogError: If the log cannot be followed.
    """
    state = await read_state(storage, collection_id)
    counts = Counter(scene.period for scene in state.scenes.values())
    damaged, missing = [], []
    for period, mosaic_key in state.mosaics.items():
        key = index_key(mosaic_key)
        if key is None or counts[period] < INDEXED_FROM:
            continue
        try:
            await asyncio.to_thread(read_index, await storage.get(key), mosaic_key)
        except ObjectNotFoundError:
            missing.append(mosaic_key)
        except FlatFileError:
            damaged.append(mosaic_key)
    return LackingIndexes(tuple(damaged), tuple(missing))


async def digest_in_storage(storage: Storage, key: str, pace: Pace | None = None) -> str | None:
    """Return the SHA-256 of an object in hexadecimal digits; None where it is missing."""
    digest = hashlib.sha256()
    try:
        size_bytes = (await storage.head(key)).size
        for begin in range(0, size_bytes, PIECE_BYTES):
            piece = await storage.get_range(key, begin, PIECE_BYTES)
            await asyncio.to_thread(digest.update, piece)
            if pace is not None:
                await pace.take(len(piece))
    except ObjectNotFoundError:
        return None
    return digest.hexdigest()


async def is_stored(storage: Storage, key: str, content: Path | bytes) -> bool:
    """Return whether an object has this very content."""
    if isinstance(content, bytes):
        expected, size_bytes = hashlib.sha256(content).hexdigest(), len(content)
    else:
        expected = await asyncio.to_thread(file_digest, content)
        size_bytes = (await asyncio.to_thread(content.stat)).st_size
    try:
        if (await storage.head(key)).size != size_bytes:
            return False
    except ObjectNotFoundError:
        return False
    return await digest_in_storage(storage, key) == expected


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _verify_file(
    storage: Storage, place: tuple[str, str], asset: Mapping[str, Any], found: Verified, pace: Pace
) -> None:
    """Read the file of an asset, whose place is the key of its item and its name."""
    item_key, name = place
    stated, key = stated_digest(asset), file_key(item_key, asset)
    if stated is None:
        found.unstated += 1
        found.without.add(item_key)
        return
    before = pace.size_bytes
    if await digest_in_storage(storage, key, pace) == stated:
        found.files += 1
    else:
        found.damaged[key] = CHANGED
        found.bands.setdefault(item_key, []).append(name)
    found.size_bytes += pace.size_bytes - before
