"""Landed: whether two builds make the same store of the same files."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

from scripts.corpora.differing import of_bodies

OF_EACH_RUN = ("id", "time")
"""Members of a commit that tell it from any other: a random id, and when it was made."""

MEDIA_TYPES = {".json": "application/json", ".gz": "application/json", ".tif": "image/tiff"}


def differing_files(recorded: Path, found: Path) -> Iterator[tuple[str, str]]:
    """Keys in the stores, and what differs there."""
    old, new = _keys(recorded), _keys(found)
    for key in sorted({*old, *new}):
        if key not in new:
            yield key, "was landed, and is no more"
        elif key not in old:
            yield key, "was not landed before"
        else:
            before, now = _content(recorded / key), _content(found / key)
            if before != now:
                for said in of_bodies(before, now, MEDIA_TYPES[Path(key).suffix]):
                    yield key, said


def count(store: Path) -> int:
    """Files of a store."""
    return len(_keys(store))


def _keys(store: Path) -> set[str]:
    files = (path.relative_to(store) for path in store.rglob("*") if path.is_file())
    return {str(path) for path in files if not path.parts[0].startswith(".")}


def _content(file: Path) -> bytes:
    """What is compared of a file: commits without what tells each from any other, the rest as it is."""
    content = file.read_bytes()
    if file.suffix == ".gz":
        return gzip.decompress(content)
    if file.parent.name == "log":
        commit = {name: value for name, value in json.loads(content).items() if name not in OF_EACH_RUN}
        return json.dumps(commit).encode()
    return content
