"""Files of indexes: made with the mosaics they are of, and mapped by all workers of a machine.

In storage the index of `mosaics/{period}/{n}-{digest}.json.gz` is `mosaics/{period}/{n}-{digest}.index1`, so
that it is of this mosaic and no other; the number is that of the version of its arrays. It follows from the
mosaic: one that is missing, damaged or of another version is made again of it, on the machine that needs it.
Small mosaics have none, since reading them takes no longer.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mosaics.document import MEDIA_TYPE as DOCUMENT_MEDIA_TYPE
from mosaics.document import Arranged, SceneRecord, digest_in, document_of, mosaic_digest
from mosaics.flat_file import FlatFile, FlatFileError, open_flat, read_flat
from mosaics.index import QuadkeyIndex
from mosaics.index_arrays import VERSION, check, types_of
from mosaics.overview import Overview
from mosaics.period import Period
from mosaics.storage import ObjectExistsError, Storage, StorageError

INDEXED_FROM = 256
"""Scenes of the smallest mosaic with a file; the index of so many is built of the mosaic in 20 ms."""

MEDIA_TYPE = "application/octet-stream"

_DOCUMENT = ".json.gz"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BuiltMosaic:
    """A mosaic, and the objects that it is in storage."""

    scenes: Sequence[SceneRecord]
    """Best first."""
    document: bytes
    index: bytes | None
    """None where it is small."""


def build_mosaic(
    name: str, records: Sequence[SceneRecord], href: Callable[[str], str], overviews: Sequence[Overview] = ()
) -> BuiltMosaic:
    """Build the document of a mosaic, as `mosaics.document.build_document` does, and the file of its index.

    Raises:
        mosaics.scene.SceneError: If a footprint is not valid.
    """
    arranged = Arranged.of(records)
    document = document_of(name, arranged, href, overviews)
    if len(arranged.scenes) < INDEXED_FROM:
        return BuiltMosaic(arranged.scenes, document, None)
    index = QuadkeyIndex.of_arranged(arranged, overviews)
    return BuiltMosaic(arranged.scenes, document, pack_index(index, mosaic_digest(document)))


async def put_mosaic(
    storage: Storage, collection_id: str, period: Period, number: int, built: BuiltMosaic
) -> str:
    """Write the mosaic of a period for commit `number` and its index, and return its key."""
    data = built.document
    key = f"collections/{collection_id}/mosaics/{period.text}/{number}-{mosaic_digest(data)}.json.gz"
    try:
        await storage.put_new(key, data, DOCUMENT_MEDIA_TYPE)
    except ObjectExistsError:
        # The same content, of a writer that died or lost its race; written again, no sweep takes it for old.
        await storage.put(key, data, DOCUMENT_MEDIA_TYPE)
    await put_index(storage, key, built)
    return key


async def put_index(storage: Storage, mosaic_key: str, built: BuiltMosaic) -> None:
    """Write the index of a mosaic, if it has one; readers make their own where storage fails."""
    key = index_key(mosaic_key)
    if built.index is None or key is None:
        return
    try:
        await storage.put(key, built.index, MEDIA_TYPE)
    except StorageError as error:
        logger.warning("no index is written for %s, readers make it: %s", mosaic_key, error)


def index_key(mosaic_key: str) -> str | None:
    """Return the key of the index of a mosaic; None where the mosaic's does not tell its content."""
    if digest_in(mosaic_key) is None:
        return None
    return f"{mosaic_key.removesuffix(_DOCUMENT)}.index{VERSION}"


def pack_index(index: QuadkeyIndex, digest: str) -> bytes:
    """Return the file of an index, which states the digest of its mosaic."""
    return FlatFile({**index.flat.facts, "mosaic": digest}, index.flat.arrays).packed(VERSION)


def map_index(path: Path, mosaic_key: str) -> QuadkeyIndex:
    """Map the file of an index into memory.

    Raises:
        FlatFileError: If it is damaged, of another version or of another mosaic.
        OSError: If it cannot be opened.
    """
    return _answering(open_flat(path, VERSION, types_of), mosaic_key)


def read_index(data: bytes, mosaic_key: str) -> QuadkeyIndex:
    """Return the index that a file in memory holds.

    Raises:
        FlatFileError: If it is damaged, of another version or of another mosaic.
    """
    return _answering(read_flat(data, VERSION, types_of), mosaic_key)


def _answering(flat: FlatFile, mosaic_key: str) -> QuadkeyIndex:
    if flat.facts.get("mosaic") != digest_in(mosaic_key):
        raise FlatFileError("the index is of another mosaic")
    try:
        check(flat)
        index = QuadkeyIndex(flat)
    except FlatFileError:
        raise
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise FlatFileError(f"the index contradicts itself: {error!r:.200}") from error
    flat.let_go()
    return index
