"""Landed: whether two builds make the same store of the same files."""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.corpora.differing import of_bodies

OF_EACH_COMMIT = ("id", "time", "tilewatch:seal")
"""Members of a commit that tell it from any other: a random id, when it was made, and the digest of both."""

MOSAIC = re.compile(r"(/mosaics/[^/]+/\d+)-[0-9a-f]+")
"""Mosaics are named by their bytes, which hold the address of the store: they are told by their number."""

PLACED = re.compile(rb'"[^"]*/(collections/[^"]+/item\.json)"')
"""A scene in a mosaic, with the address of the store before its key."""

MEDIA_TYPES = {".json": "application/json", ".gz": "application/json", ".tif": "image/tiff"}


def differing_files(recorded: Path, found: Path) -> Iterator[tuple[str, str]]:
    """Keys in the stores, and what differs there."""
    old, new = _files(recorded), _files(found)
    for key in sorted({*old, *new}):
        if key not in new:
            yield key, "was landed, and is gone"
        elif key not in old:
            yield key, "was not landed before"
        else:
            before, now = _content(old[key]), _content(new[key])
            if before != now:
                for said in of_bodies(before, now, MEDIA_TYPES[old[key].suffix]):
                    yield key, said


def count(store: Path) -> int:
    """Files of a store."""
    return len(_files(store))


def _files(store: Path) -> Mapping[str, Path]:
    """The files of a store by key; those below a name with a dot are being written."""
    files = [path for path in store.rglob("*") if path.is_file()]
    keys = {str(path.relative_to(store)): path for path in files}
    return {MOSAIC.sub(r"\1", key): path for key, path in keys.items() if not key.startswith(".")}


def _content(file: Path) -> bytes:
    """What is compared: mosaics without addresses, commits without `OF_EACH_COMMIT`, the rest whole."""
    content = file.read_bytes()
    if file.suffix == ".gz":
        return PLACED.sub(rb'"\1"', gzip.decompress(content))
    if file.parent.name == "log":
        text = MOSAIC.sub(r"\1", content.decode())
        commit = {name: value for name, value in json.loads(text).items() if name not in OF_EACH_COMMIT}
        return json.dumps(commit).encode()
    return content
