"""How fast a file comes from an archive."""

import time
from collections.abc import Callable

import httpx

CRAWL_BYTES = 2**16
"""Bytes that have to come in the time for which an archive is waited for."""


class Pace:
    """Looks at how fast a file comes.

    Args:
        crawl_s: As `ingest.archives.http.Patience.crawl_s`.
        clock: Seconds.
    """

    def __init__(self, crawl_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._crawl_s = crawl_s
        self._clock = clock
        self._since, self._come_bytes = clock(), 0

    def take(self, size_bytes: int) -> None:
        """Count bytes that have come.

        Raises:
            httpx.ReadTimeout: If they crawl.
        """
        self._come_bytes += size_bytes
        if self._clock() - self._since < self._crawl_s:
            return
        if self._come_bytes < CRAWL_BYTES:
            raise httpx.ReadTimeout(f"{self._come_bytes} bytes came in {self._crawl_s:.0f} s")
        self._since, self._come_bytes = self._clock(), 0
