"""Mosaic differences: the area in which a mosaic differs from the one seen before."""

import asyncio
from typing import TypeAlias

import shapely

from mosaics.document import SceneRecord, read_mosaic
from mosaics.storage import ObjectNotFoundError, Storage

Stored: TypeAlias = tuple[str, bytes]
"""Key and content of a mosaic."""

MAX_FOOTPRINTS = 1000
"""Scenes whose footprints are united; with more, every area is checked, at one look-up per area."""


async def changed_footprint(
    storage: Storage, before: str | None, after: str | None
) -> shapely.Geometry | None:
    """Return what the scenes cover that only one of two mosaics has, in degrees; None if it may be anything.

    Comparing mosaics instead of following commits takes one step however many commits were missed, and
    includes the footprints of scenes that were removed or replaced.

    Args:
        storage: Where the mosaics are.
        before: Key of the mosaic seen before; None if there was none.
        after: Key of the present mosaic; None if there is none.

    Raises:
        mosaics.storage.StorageError: If the store does not answer.
    """
    try:
        documents = [(key, await storage.get(key)) if key else None for key in (before, after)]
    except ObjectNotFoundError:  # swept since, or missing from a restored backup
        return None
    return await asyncio.to_thread(_difference, *documents)


def _difference(before: Stored | None, after: Stored | None) -> shapely.Geometry | None:
    old, new = _scenes(before), _scenes(after)
    changed = [(old.get(key) or new[key]).polygons() for key in old.keys() ^ new.keys()]
    return None if len(changed) > MAX_FOOTPRINTS else shapely.union_all(changed)


def _scenes(document: Stored | None) -> dict[str, SceneRecord]:
    if document is None:
        return {}
    return {scene.item_key: scene for scene in read_mosaic(*document).scenes()}
