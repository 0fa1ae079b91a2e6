"""A line to a server that can be told to answer 503 in the server's place, as an overloaded store does."""

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit

OVERLOADED = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\nContent-Length: 88\r\n"
    b"Connection: close\r\n\r\n"
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate</Message></Error>  "
)


class FaultyLine:
    """Carries bytes between its own port and a server's, until told to fail.

    Attributes:
        endpoint: Its own address, http://127.0.0.1:port.
        refused: Requests answered 503 so far.
    """

    def __init__(self, endpoint: str) -> None:
        target = urlsplit(endpoint)
        self._target = (target.hostname or "127.0.0.1", target.port or 80)
        self._failing = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.refused = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def fail(self) -> None:
        """Answer 503 from now on, and cut what is open."""
        self._failing = True
        self._cut()

    def recover(self) -> None:
        """Carry again."""
        self._failing = False

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
            self._start(self._refuse if self._failing else self._join, client)

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
        self._start(self._carry, server, client)
        self._carry(client, server)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            with self._lock:
                self._open.discard(end)
            end.close()
