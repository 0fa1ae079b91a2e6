"""Audit: the files that archives gave, kept as they came, beside what was made of them.

They lie under `audit/{collection}/{granule}/{sha256}/{file}`, where no mosaic, item or route of ours leads:
the same file twice is one object, and a granule that was published again has one for each time.
"""

import asyncio
import hashlib
import mimetypes
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mosaics.storage import ObjectExistsError, ObjectInfo, Storage

PREFIX = "audit/"
PIECE_BYTES = 2**20

_KEY = re.compile(r"audit/(?P<collection>[^/]+)/(?P<granule>[^/]+)/(?P<sha256>[0-9a-f]{64})/(?P<file>[^/]+)")


@dataclass(frozen=True, slots=True)
class AuditedFile:
    """A file that is kept."""

    info: ObjectInfo
    collection: str
    granule: str
    sha256: str
    """Of its bytes, in hexadecimal digits."""
    name: str


async def keep_files(storage: Storage, collection_id: str, granule_id: str, paths: Iterable[Path]) -> None:
    """Keep the files of a granule; those that are kept already stay as they are.

    Args:
        storage: Where they go.
        collection_id: What the granule is landed in.
        granule_id: The granule.
        paths: Of the files as they came.
    """
    for path in paths:
        digest = await asyncio.to_thread(_sha256, path)
        key = f"{PREFIX}{collection_id}/{granule_id}/{digest}/{path.name}"
        with suppress(ObjectExistsError):
            media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            await storage.put_new_file(key, path, media_type)


async def audited(
    storage: Storage, collection_id: str | None = None, *, before: datetime | None = None
) -> AsyncIterator[AuditedFile]:
    """Yield the files that are kept, by collection and granule.

    Args:
        storage: Where they lie.
        collection_id: Only those of this collection.
        before: Only those that were kept before this moment, UTC.
    """
    prefix = PREFIX if collection_id is None else f"{PREFIX}{collection_id}/"
    async for info in storage.list(prefix):
        found = _KEY.fullmatch(info.key)
        if found is not None and (before is None or info.modified < before):
            yield AuditedFile(info, found["collection"], found["granule"], found["sha256"], found["file"])


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()
