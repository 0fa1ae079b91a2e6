"""Where fetched files lie until their scene has landed, so that what a killed run fetched is not lost."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

LOCK = ".fetching"
KEPT_S = 7 * 24 * 60 * 60
"""What no run has touched for this long is cleared away by the next."""


class BeingFetchedError(RuntimeError):
    """Another run is fetching the same scene."""


class NotesFile:
    """What an archive remembers of a granule, in a file; see `ingest.archives.archive.Notes`.

    Args:
        folder: Of the scene; what is remembered goes with it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "notes.json"

    def read(self) -> Mapping[str, Any]:
        """See `Notes.read`; what cannot be read is taken for forgotten."""
        with suppress(OSError, ValueError):
            facts = json.loads(self._path.read_text(encoding="utf-8"))
            return facts if isinstance(facts, dict) else {}
        return {}

    def write(self, facts: Mapping[str, Any]) -> None:
        """See `Notes.write`."""
        unfinished = self._path.with_name(f"{self._path.name}.new")
        with unfinished.open("w", encoding="utf-8") as file:
            json.dump(dict(facts), file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._path)


class Downloads:
    """Folders of scenes being fetched, each used by one run at a time.

    Args:
        folder: Holds them; made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def of_scene(self, collection_id: str, scene_id: str, digest: str) -> Path:
        """Return the folder of one version of a scene."""
        return self.folder / collection_id / scene_id / digest

    @contextmanager
    def claimed(self, folder: Path) -> Iterator[None]:
        """Use a scene's folder; it stays until it is removed.

        Raises:
            BeingFetchedError: If another run uses it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BeingFetchedError("another run is fetching it") from error
            yield

    def size_bytes(self, folder: Path) -> int:
        """Return what has been fetched of a scene's files, whole or not; holes in them do not count."""
        kept = (file for file in folder.glob("[!.]*") if file.is_file() and ".json" not in file.name)
        return sum(map(self.come_bytes, kept))

    def come_bytes(self, file: Path) -> int:
        """Return the size of a file without its holes."""
        about = file.stat()
        return min(about.st_size, about.st_blocks * 512)

    def remove(self, folder: Path) -> None:
        """Remove a scene's folder, and those above it that are empty then."""
        shutil.rmtree(folder, ignore_errors=True)
        for parent in (folder.parent, folder.parent.parent):
            with suppress(OSError):
                parent.rmdir()

    def discard(self, folder: Path) -> None:
        """Remove a scene's folder unless a run uses it."""
        if folder.is_dir():
            with suppress(BeingFetchedError), self.claimed(folder):
                self.remove(folder)

    def clear_abandoned(self) -> None:
        """Remove what no run has touched for a week."""
        for lock in self.folder.glob(f"*/*/*/{LOCK}"):
            with suppress(OSError):
                touched = max(file.stat().st_mtime for file in lock.parent.iterdir())
                if time.time() - touched > KEPT_S:
                    self.discard(lock.parent)
