"""What a listing of a log tells: which commits there are, and which there were.

Beside each commit its writer leaves a mark, after it. So a commit that is gone is missed though it was the
last one and had not been read: nothing else in storage tells it from one that was never made, since mosaics
and scenes also lie there for a landing that was killed before its commit.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from mosaics.storage import ObjectNotFoundError, Storage, StorageError

COMMIT, MARK = ".json", ".done"
"""After the number. A mark comes before its commit in the order of keys, and so in no listing after it."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listing:
    """What there is of a log after one of its commits."""

    commits: Sequence[int]
    """Numbers of those there are, ascending."""
    marks: Sequence[int]
    """Numbers of those that were written, ascending; versions before this one left none."""


def commit_key(collection_id: str, number: int) -> str:
    """Return the key of a commit."""
    return f"{_log(collection_id)}{number:08d}{COMMIT}"


async def list_log(storage: Storage, collection_id: str, number: int) -> Listing:
    """Return what there is of a log after a commit."""
    listed = storage.list(_log(collection_id) + "0", after=commit_key(collection_id, number))
    names = [info.key.rpartition("/")[2] async for info in listed]
    return Listing(_numbers(names, COMMIT), _numbers(names, MARK))


async def mark_written(storage: Storage, collection_id: str, number: int) -> None:
    """Leave the mark of a commit that was written; without it the commit is as good, but not missed."""
    try:
        await storage.put(f"{_log(collection_id)}{number:08d}{MARK}", b"\n", "text/plain")
    except StorageError as error:
        logger.warning("commit %d of %s is left without its mark: %s", number, collection_id, error)


async def lost_after(storage: Storage, collection_id: str, listing: Listing) -> int | None:
    """Return the number of the last commit that was written and is gone, of a listing without commits."""
    if not listing.marks:
        return None
    try:
        await storage.head(commit_key(collection_id, listing.marks[-1]))
    except ObjectNotFoundError:
        return listing.marks[-1]
    return None  # written while it was listed


def _numbers(names: Sequence[str], suffix: str) -> list[int]:
    numbers = (name.removesuffix(suffix) for name in names if name.endswith(suffix))
    return [int(number) for number in numbers if number.isdecimal()]


def _log(collection_id: str) -> str:
    return f"collections/{collection_id}/log/"
