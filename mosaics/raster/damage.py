"""Damage: files that could not be read because of what they hold, for the log and for /health."""

import logging
import math
import os
import threading
import time
from collections.abc import Mapping
from typing import TypeAlias

log = logging.getLogger(__name__)

REMEMBERED_S = 3600.0
"""How long a file counts as damaged after it was last found so; it is logged once in that time."""
MOST = 1000
"""Files that are remembered."""


Stamp: TypeAlias = tuple[int, int, int] | None


def stamp_of(path: str) -> Stamp:
    """Return what changes when a file of this machine is written or replaced; None for others."""
    if path.startswith("/vsi"):
        return None
    try:
        about = os.stat(path)  # noqa: PTH116 - asked for every band that is read
    except OSError:
        return None
    return about.st_ino, about.st_size, about.st_mtime_ns


class Damage:
    """The damaged files that this process has met. Any thread may tell and ask."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, str, Stamp]] = {}
        self._condemned: dict[str, tuple[str, Stamp]] = {}
        self._changed: dict[str, float] = {}
        """When files that were condemned were written again, or found to be right; monotonic, by path."""
        self._lock = threading.Lock()

    def note(self, path: str, reason: str) -> None:
        """Remember that a file is damaged, and log it if that is news."""
        now = time.monotonic()
        with self._lock:
            earlier = self._found.pop(path, None)
            self._found[path] = (now, reason, stamp_of(path))
            while len(self._found) > MOST:
                del self._found[next(iter(self._found))]
        if earlier is None or now - earlier[0] > REMEMBERED_S:
            log.error("a file is left out: %s (%s)", reason, path)

    def known(self) -> dict[str, str]:
        """Return why files count as damaged, by path; those that were written since do not any more."""
        since = time.monotonic() - REMEMBERED_S
        with self._lock:
            found = dict(self._found)
        return {
            path: reason
            for path, (at, reason, stamp) in found.items()
            if at >= since and stamp_of(path) == stamp
        }

    def condemn(self, files: Mapping[str, str]) -> None:
        """Take over what was found damaged by reading whole files: why, by path; it replaces what was."""
        before, now = self._condemned, time.monotonic()
        for path in before.keys() - files.keys():
            self._note_change(path, now)
        self._condemned = {
            path: (reason, before[path][1] if path in before else stamp_of(path))
            for path, reason in files.items()
        }

    def condemned(self, path: str) -> str | None:
        """Return why a file must not be read; None if nothing is known against it as it is now."""
        found = self._condemned.get(path)
        if found is None:
            return None
        if stamp_of(path) == found[1]:
            return found[0]
        if path not in self._changed:
            self._note_change(path, time.monotonic())
        return None

    def is_changed(self, path: str, since: float) -> bool:
        """Return whether a file that was damaged has been written again since a monotonic time."""
        return self._changed.get(path, -math.inf) > since

    def replaced(self) -> list[str]:
        """Return the files that were written since they were found damaged."""
        return [path for path, (_, stamp) in self._condemned.items() if stamp_of(path) != stamp]

    def _note_change(self, path: str, now: float) -> None:
        with self._lock:
            self._changed.pop(path, None)
            self._changed[path] = now
            while len(self._changed) > MOST:
                del self._changed[next(iter(self._changed))]


DAMAGE = Damage()
"""That of this process."""
