"""Damage: files that could not be read because of what they hold, for the log and for /health."""

import logging
import threading
import time

log = logging.getLogger(__name__)

REMEMBERED_S = 3600.0
"""How long a file counts as damaged after it was last found so; it is logged once in that time."""
MOST = 1000
"""Files that are remembered."""


class Damage:
    """The damaged files that this process has met. Any thread may tell and ask."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def note(self, path: str, reason: str) -> None:
        """Remember that a file is damaged, and log it if that is news."""
        now = time.monotonic()
        with self._lock:
            earlier = self._found.pop(path, None)
            self._found[path] = (now, reason)
            while len(self._found) > MOST:
                del self._found[next(iter(self._found))]
        if earlier is None or now - earlier[0] > REMEMBERED_S:
            log.error("a file is left out: %s (%s)", reason, path)

    def known(self) -> dict[str, str]:
        """Return why files count as damaged, by path."""
        since = time.monotonic() - REMEMBERED_S
        with self._lock:
            return {path: reason for path, (at, reason) in self._found.items() if at >= since}


DAMAGE = Damage()
"""That of this process."""
