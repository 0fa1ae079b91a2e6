"""Landing from a script: the collections of scenes, under the names scripts have used since 0.1."""

from collections.abc import Iterable
from pathlib import Path

from mosaics.descriptions import collections
from mosaics.descriptions.collections import CollectionDescription, find_collection

__all__ = ["find_collection", "load_collections"]


def load_collections(folders: Iterable[Path | None] = ()) -> dict[str, CollectionDescription]:
    """Read the collections shipped and those of folders; a later one replaces one of the same id.

    Raises:
        mosaics.descriptions.collections.CollectionFileError: If a folder does not exist, or a file is wrong.
    """
    loaded = collections.load_collections()
    for folder in folders:
        loaded |= collections.load_collections(folder)
    return loaded
