"""A line to a server that can be told to fail: to answer 503 in its place, hang, trickle or cut answers."""

import re
import socket
import threading
import time
from contextlib import suppress
from enum import Enum, auto
from urllib.parse import urlsplit

OVERLOADED = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\nContent-Length: 88\r\n"
    b"Connection: close\r\n\r\n"
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate</Message></Error>  "
)


TRICKLE_BYTES, TRICKLE_S = 10, 0.05
"""200 bytes a second: the files of tests are small."""


class Fault(Enum):
    """How a line fails."""

    REFUSE = auto()
    """It answers 503, as an overloaded store does."""
    HANG = auto()
    """It takes requests and answers nothing."""
    TRICKLE = auto()
    """It answers at 200 bytes a second."""
    CUT = auto()
    """It ends each answer after half of its body."""


class FaultyLine:
    """Carries bytes between its own port and a server's, until told to fail.

    Attributes:
        endpoint: Its own address, http://127.0.0.1:port.
        refused: Requests answered 503 so far.
    """

    def __init__(self, endpoint: str) -> None:
        target = urlsplit(endpoint)
        self._target = (target.hostname or "127.0.0.1", target.port or 80)
        self._fault: Fault | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.refused = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def fail(self, fault: Fault = Fault.REFUSE) -> None:
        """Fail from now on; where requests are refused, what is open is cut."""
        self._fault = fault
        if fault is Fault.REFUSE:
            self._cut()

    def recover(self) -> None:
        """Carry again; what has failed is cut."""
        self._fault = None
        self._cut()

    def close(self) -> None:
        """End every connection and stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut()
        for thread in self._threads:
            thread.join(timeout=5)

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
            self._start(self._refuse if self._fault is Fault.REFUSE else self._join, client)

    def _start(self, work, *connections: socket.socket) -> None:
        thread = threading.Thread(target=work, args=connections, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _refuse(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            while b"\r\n\r\n" not in client.recv(65536):
                pass
            client.sendall(OVERLOADED)
            self.refused += 1

    def _join(self, client: socket.socket) -> None:
        server = socket.create_connection(self._target)
        with self._lock:
            self._open |= {client, server}
        self._start(self._carry_back, server, client)
        self._carry(client, server)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        self._carry_with(source, target, target.sendall)

    def _carry_back(self, source: socket.socket, target: socket.socket) -> None:
        self._carry_with(source, target, lambda data: self._answer(target, data))

    def _answer(self, client: socket.socket, data: bytes) -> None:
        while self._fault is Fault.HANG:
            time.sleep(0.02)
        if self._fault is Fault.CUT:
            head, _, body = data.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            client.sendall(head + b"\r\n\r\n" + body[: int(length[1]) // 2 if length else len(body) // 2])
            raise OSError("cut")
        while self._fault is Fault.TRICKLE and data:
            client.sendall(data[:TRICKLE_BYTES])
            data = data[TRICKLE_BYTES:]
            time.sleep(TRICKLE_S)
        client.sendall(data)

    def _carry_with(self, source: socket.socket, target: socket.socket, hand_on) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                hand_on(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            with self._lock:
                self._open.discard(end)
            end.close()
