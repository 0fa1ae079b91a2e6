"""The folder one landing works in; those of landings that were killed are cleared away by the next."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "tilewatch-landing-"
LOCK = ".alive"
STARTING_S = 600
"""A folder younger than this may belong to a landing that has not locked it yet."""


class DiskFullError(RuntimeError):
    """There is not enough room on disk; the message says where and how much is needed."""


@contextmanager
def workspace() -> Iterator[Path]:
    """Makes a folder beside other temporary files (TMPDIR), and removes it afterwards."""
    _clear_abandoned(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def require_space(
    folder: Path,
    needed_bytes: int,
    *,
    work: str = "converting",
    remedy: str = "set TMPDIR to a folder on a larger disk",
) -> None:
    """Refuses to begin what the disk cannot hold.

    Args:
        folder: Lies on the disk.
        needed_bytes: How much the work takes.
        work: What it is, for people.
        remedy: What helps, beside making room.

    Raises:
        DiskFullError: Where less is free than needed.
    """
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise DiskFullError(
            f"{work} needs {needed_bytes / 1e9:.1f} GB for a while, and {folder.parent} has "
            f"{free_bytes / 1e9:.1f} GB free. Make room, or {remedy}."
        )


def _clear_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            about = folder.lstat()
            if about.st_uid != os.getuid() or time.time() - about.st_mtime < STARTING_S:
                continue
            with (folder / LOCK).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
