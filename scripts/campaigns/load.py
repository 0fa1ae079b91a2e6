"""Load: tiles and other requests in a bounded stream, each held against its answer before the fault."""

import hashlib
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpx

from scripts.campaigns.services import Served, resident_mb

PATIENCE_S = 20.0
"""How long a request is waited for."""

CLIENTS = 4
PAUSE_S = 0.02
"""Between two requests of a client, so that the load stays that of a few readers."""

SAMPLES_S = 0.25
SKIPPED = "x-tilewatch-skipped"
OK, EMPTY = 200, 204

PERIODS = ("2024-04", "2024-05", "2024-06", "2024-07")
PLACES = (
    *((11, 460, 771), (12, 921, 1543), (13, 1842, 3086), (13, 1843, 3087), (14, 3685, 6172)),
    (14, 3687, 6174),
)
"""Tiles of WebMercatorQuad over the demo's fields and hills."""

TILES = tuple(
    [f"/tiles/ndvi/{z}/{x}/{y}.png?datetime={period}" for period in PERIODS for z, x, y in PLACES]
    + [
        f"/tiles/true-color/{z}/{x}/{y}.webp?datetime={period}"
        for period in PERIODS[:2]
        for z, x, y in PLACES
    ]
    + [f"/tiles/nightlights/9/115/192.png?datetime={period}" for period in PERIODS]
    + ["/tiles/dnbr/12/921/1543.png?datetime=2024-07&pre=2024-05", "/tiles/no2/8/57/96.png"]
)
"""Tiles of every collection of the demo."""

OTHERS = ("/areas?limit=5", "/stac/search?limit=2", "/healthz", "/products")
"""What needs the database, and what needs nothing."""


def digest(answer: httpx.Response) -> str:
    """Return what an answer is compared by: its status, and its content where it is a tile."""
    return f"{answer.status_code} {hashlib.sha256(answer.content).hexdigest()}"


def recorded(client: httpx.Client, tiles: Sequence[str] = TILES) -> dict[str, str]:
    """Return the digests of tiles while nothing is wrong.

    Raises:
        ValueError: If one of them cannot be had even then.
    """
    found = {}
    for path in tiles:
        answer = client.get(path)
        if answer.status_code != OK or SKIPPED in answer.headers:
            raise ValueError(f"{path}: {answer.status_code} before anything is wrong: {answer.text[:200]}")
        found[path] = digest(answer)
    return found


@dataclass(slots=True)
class Told:
    """What the answers were."""

    requests: int = 0
    wrong: int = 0
    skipped: int = 0
    """Tiles that said themselves that a scene is missing."""
    failures: list[tuple[float, str]] = field(default_factory=list)
    """When, on `time.monotonic`, and of which status or error."""
    took_s: dict[str, list[float]] = field(default_factory=dict)
    """Of each request that is not a tile, by its path."""
    wrong_ones: list[str] = field(default_factory=list)

    def recovered_s(self, ended: float) -> float:
        """Return the seconds from the end of a fault to the last failure; 0 if none came after it."""
        return max(0.0, max((when for when, _ in self.failures), default=ended) - ended)

    def median_s(self, path: str) -> float:
        """Return the median time of a request that is not a tile."""
        return statistics.median(self.took_s.get(path) or [0.0])

    @property
    def kinds(self) -> str:
        """How many failures there were of each kind."""
        kinds = sorted({kind for _, kind in self.failures})
        counts = {kind: sum(1 for _, each in self.failures if each == kind) for kind in kinds}
        return ", ".join(f"{count} of {kind}" for kind, count in counts.items())


class Load:
    """A few clients that ask for tiles and other things until the end of the block.

    Args:
        served: Who is asked.
        before: Digests of tiles before the fault.
        others: Further paths, which have to be answered 200.
        clients: How many ask at once.
    """

    def __init__(
        self,
        served: Served,
        before: dict[str, str],
        others: Sequence[str] = OTHERS,
        *,
        clients: int = CLIENTS,
    ) -> None:
        self.told = Told()
        self.peak_mb = 0.0
        self._served, self._before, self._others = served, before, others
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n, clients)) for n in range(clients)]
        self._threads.append(threading.Thread(target=self._watch))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLES_S):
            self.peak_mb = max(self.peak_mb, resident_mb(self._served.family()))

    def _ask(self, place: int, of: int) -> None:
        with _client(self._served) as client:
            for path in _in_turn([*self._before, *self._others], place, of):
                if self._ended.is_set():
                    return
                self._ask_for(client, path)
                time.sleep(PAUSE_S)

    def _ask_for(self, client: httpx.Client, path: str) -> None:
        began = time.monotonic()
        try:
            answer = client.get(path)
        except httpx.TransportError as error:
            with self._lock:
                self.told.requests += 1
                self.told.failures.append((time.monotonic(), type(error).__name__))
            return
        with self._lock:
            self.told.requests += 1
            self._judge(path, answer, began)

    def _judge(self, path: str, answer: httpx.Response, began: float) -> None:
        now, told = time.monotonic(), self.told
        expected = self._before.get(path)
        if expected is None:
            told.took_s.setdefault(path, []).append(now - began)
            if answer.status_code != OK:
                told.failures.append((now, str(answer.status_code)))
        elif answer.status_code not in (OK, EMPTY):
            told.failures.append((now, str(answer.status_code)))
        elif SKIPPED in answer.headers:
            told.skipped += 1
            told.failures.append((now, "a scene said to be missing"))
        elif digest(answer) != expected:
            told.wrong += 1
            told.wrong_ones.append(path)


def check_once(client: httpx.Client, before: dict[str, str]) -> Told:
    """Ask for every tile once."""
    told = Told()
    for path, expected in before.items():
        told.requests += 1
        try:
            answer = client.get(path)
        except httpx.TransportError as error:
            told.failures.append((time.monotonic(), type(error).__name__))
            continue
        if answer.status_code not in (OK, EMPTY):
            told.failures.append((time.monotonic(), str(answer.status_code)))
        elif SKIPPED in answer.headers:
            told.skipped += 1
        elif digest(answer) != expected:
            told.wrong += 1
            told.wrong_ones.append(path)
    return told


def _in_turn(paths: Sequence[str], place: int, of: int) -> Iterator[str]:
    """Yield paths without end, every client beginning at another one."""
    at = len(paths) * place // of
    while True:
        yield paths[at % len(paths)]
        at += 1


@contextmanager
def _client(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.address, timeout=PATIENCE_S) as client:
        yield client


@contextmanager
def client_of(served: Served) -> Iterator[httpx.Client]:
    """Provide a client of a server that waits as long as those of the load."""
    with _client(served) as client:
        yield client
