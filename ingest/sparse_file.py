"""Files with holes: parts of an archive's file, each at its own place, until all that is wanted has come."""

import json
import os
from contextlib import suppress
from pathlib import Path

from ingest.layout import Span


class SparseFile:
    """A file with holes, and a note of what of it has come, and of which version.

    Args:
        target: Where it appears; until then it lies beside it as `.part`, and so does the note.
    """

    def __init__(self, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        self.target = target
        self.is_published = target.is_file()
        self.path = target.with_name(f"{target.name}.part")
        self.note = target.with_name(f"{target.name}.part.json")
        self.tag: str | None = None
        self.size_bytes = 0
        self.come: list[Span] = []
        """In order, not touching one another."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            noted = json.loads(self.note.read_text())
            if self.path.stat().st_size == noted["size"]:
                self.tag, self.size_bytes = noted["tag"], noted["size"]
                self.come = [(begin, end) for begin, end in noted["come"]]

    @property
    def come_bytes(self) -> int:
        """How much has come."""
        return sum(end - begin for begin, end in self.come)

    def begin(self, tag: str, size_bytes: int) -> None:
        """Make it one hole, as long as that version of the file."""
        self.tag, self.size_bytes, self.come = tag, size_bytes, []
        with self.path.open("wb") as file:
            file.truncate(size_bytes)

    def first_gap(self, begin: int, end: int) -> Span | None:
        """Return what of a span has not come, up to what has; None where all of it has."""
        for come_begin, come_end in self.come:
            if come_begin <= begin < come_end:
                begin = come_end
            elif begin < come_begin:
                end = min(end, come_begin)
        return (begin, end) if begin < end else None

    def read(self, begin: int, length: int) -> bytes:
        """Return what has come of it, from an offset."""
        with self.path.open("rb") as file:
            file.seek(begin)
            return file.read(length)

    def write(self, begin: int, data: bytes) -> None:
        """Put at an offset what has come."""
        with self.path.open("r+b") as file:
            file.seek(begin)
            file.write(data)
        merged: list[Span] = []
        for span in sorted([*self.come, (begin, begin + len(data))]):
            if merged and span[0] <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], span[1]))
            else:
                merged.append(span)
        self.come = merged

    def save(self) -> None:
        """Note what has come, after it is on disk."""
        with self.path.open("r+b") as file:
            os.fsync(file.fileno())
        unfinished = self.note.with_name(f"{self.note.name}.new")
        unfinished.write_text(json.dumps({"tag": self.tag, "size": self.size_bytes, "come": self.come}))
        unfinished.replace(self.note)

    def publish(self) -> None:
        """Make it appear, when all that is wanted of it has come."""
        self.path.replace(self.target)
        self.note.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget what has come."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
        self.tag, self.size_bytes, self.come = None, 0, []
