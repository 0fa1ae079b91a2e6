"""Connections: two thousand that say nothing, half a request, or headers without end."""

import resource
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from scripts.campaigns.load import Load, client_of, recorded
from scripts.campaigns.row import Row
from scripts.campaigns.services import Services, tilewatch

COUNT = 2000
LASTING_S = 25.0
EVERY_S = 1.0

FIRST_WORDS = (
    b"",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\n",
    b"POST /products/ndvi/statistics HTTP/1.1\r\nHost: a\r\n",
)
MORE = b"X-More: more\r\n"
DESCRIPTORS = 4096


def scenarios(used: Services, store: Path) -> Iterator[Row]:
    """Yield a row with many descriptors, and one with 256 of them; tiles are computed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, hard), hard))
    settings = {**used.settings, "TILEWATCH_CACHE_BYTES": "0"}
    for descriptors in (None, 256):
        with (
            tilewatch(store.as_uri(), used.folder, settings, workers=2, descriptors=descriptors) as served,
            client_of(served) as client,
        ):
            before = recorded(client)
            with Load(served, before) as load:
                time.sleep(2)
                opened = [_opened(served.port, FIRST_WORDS[n % 3]) for n in range(COUNT)]
                made = [each for each in opened if each is not None]
                _drip([each for n, each in enumerate(made) if n % 3 == 2])
                still = sum(map(_is_open, made))
                for each in made:
                    each.close()
                ended = time.monotonic()
                time.sleep(8)
        told = load.told
        where = "" if descriptors is None else f" and {descriptors} descriptors"
        remarks = (
            f"{len(made)} opened, {still} still open after {LASTING_S:.0f} s; {told.kinds or 'all answered'}"
        )
        yield Row(
            f"{COUNT:,} silent, half-sent and endless requests{where}", told.requests, told.wrong,
            len(told.failures), recovered_s=told.recovered_s(ended), memory_mb=load.peak_mb, remarks=remarks,
        )  # fmt: skip


def _opened(port: int, first: bytes) -> socket.socket | None:
    """Open a connection and send the beginning of a request; None if it is refused."""
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=2)
        connection.sendall(first)
    except OSError:
        return None
    return connection


def _drip(endless: Sequence[socket.socket]) -> None:
    """Send one more header on each, again and again."""
    until = time.monotonic() + LASTING_S
    while time.monotonic() < until:
        for connection in endless:
            with suppress(OSError):
                connection.sendall(MORE)
        time.sleep(EVERY_S)


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        while connection.recv(65536):
            pass
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
