"""Repeats: bounds how many lines of one kind the log gets, so that no request can fill it."""

import logging
import time
from collections.abc import Callable

LINES = 20
"""Lines of one kind in a window; requests that are odd one by one are told in full."""

WINDOW_S = 10.0

KINDS = 1000
"""Kinds that are counted; further ones begin the counting again."""


class RepeatLimit(logging.Filter):
    """Lets some lines of a kind through in each window, and says of the next how many were left out.

    Lines are of one kind if one place in the program writes them, at one level.

    Args:
        clock: Seconds on any clock that only goes forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._counted: dict[tuple[str, str, int, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is written."""
        kind = (record.name, record.pathname, record.lineno, record.levelno)
        now = self._clock()
        began, count = self._counted.get(kind, (now, 0))
        if now - began >= WINDOW_S:
            if count > LINES:
                record.msg = f"{record.getMessage()} ({count - LINES:,} more like it were left out before)"
                record.args = ()
            began, count = now, 0
        if len(self._counted) >= KINDS and kind not in self._counted:
            self._counted.clear()
        self._counted[kind] = (began, count + 1)
        return count < LINES
