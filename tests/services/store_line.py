"""A line to a server that misbehaves as told: slow, hung, cut short, or answering in the server's place."""

import itertools
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from urllib.parse import urlsplit

PIECE = 64 * 1024
STEP_S = 0.05
"""How often a slow line sends, and how often a hung one looks whether it still is."""


class Fault(StrEnum):
    """What a line does."""

    NONE = "carries"
    BUSY = "answers 503"
    BROKEN = "answers 500"
    SLOW = "carries 20 kB a second"
    HUNG = "hangs"
    CUT = "ends every answer half way"
    HALF = "answers every second request 503"


ANSWERS = {
    Fault.BUSY: ("503 Slow Down", "SlowDown"),
    Fault.HALF: ("503 Slow Down", "SlowDown"),
    Fault.BROKEN: ("500 Internal Server Error", "InternalError"),
}


class StoreLine:
    """Carries bytes between its own port and a server's, with the fault that is set.

    Attributes:
        endpoint: Its own address, http://127.0.0.1:port.
        refused: Requests it has answered itself.

    Args:
        endpoint: The server's address.
        slow_bytes_s: What a slow line carries back in a second.
    """

    def __init__(self, endpoint: str, *, slow_bytes_s: int = 20_000) -> None:
        target = urlsplit(endpoint)
        self._target = (target.hostname or "127.0.0.1", target.port or 80)
        self._slow_step = max(1, int(slow_bytes_s * STEP_S))
        self._fault = Fault.NONE
        self._count = itertools.count()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.refused = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def fault(self) -> Fault:
        """What the line does; may be changed at any time, for open connections too."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        """Where it carries again what has failed is cut, as is what is open where it refuses everything."""
        self._fault = fault
        if fault in (Fault.NONE, Fault.BUSY, Fault.BROKEN):
            self._cut()

    def close(self) -> None:
        """End every connection and stop listening."""
        self._fault = Fault.NONE
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut()
        self._accepting.join(timeout=5)

    def _cut(self) -> None:
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        with self._lock:
            self._open |= {client, server}
        back = threading.Thread(
            target=self._carry, args=(server, client, lambda data: self._answer(client, data)), daemon=True
        )
        back.start()
        self._carry(client, server, lambda data: self._ask(client, server, data))

    def _carry(self, source: socket.socket, target: socket.socket, hand_on: Callable[[bytes], None]) -> None:
        with suppress(OSError):
            while data := source.recv(PIECE):
                hand_on(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            with self._lock:
                self._open.discard(end)
            end.close()

    def _ask(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        if self._answers_itself():
            self.refused += 1
            client.sendall(_answer(*ANSWERS[self._fault]))
            raise OSError("answered")
        server.sendall(data)

    def _answers_itself(self) -> bool:
        if self._fault is Fault.HALF:
            return next(self._count) % 2 == 0
        return self._fault in (Fault.BUSY, Fault.BROKEN)

    def _answer(self, client: socket.socket, data: bytes) -> None:
        while self._fault is Fault.HUNG:
            time.sleep(STEP_S)
        if self._fault is Fault.CUT:
            head, _, body = data.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            client.sendall(head + b"\r\n\r\n" + body[: int(length[1]) // 2 if length else len(body) // 2])
            raise OSError("cut")
        while self._fault is Fault.SLOW and data:
            client.sendall(data[: self._slow_step])
            data = data[self._slow_step :]
            time.sleep(STEP_S)
        client.sendall(data)


def _answer(status: str, code: str) -> bytes:
    body = f"<Error><Code>{code}</Code><Message>The line answers so</Message></Error>"
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n{body}".encode()
