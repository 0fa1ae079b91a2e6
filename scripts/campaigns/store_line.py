"""A line to an S3 server that misbehaves as told: slow, hung, cut short, or answering itself."""

import itertools
import socket
import threading
import time
from contextlib import suppress
from enum import StrEnum
from urllib.parse import urlsplit

PIECE = 64 * 1024
SLOW_BYTES_S = 20_000
LOOK_S = 0.05


class Fault(StrEnum):
    """What the line does."""

    NONE = "carries"
    BUSY = "answers 503"
    BROKEN = "answers 500"
    SLOW = "carries 20 kB a second"
    HUNG = "hangs"
    CUT = "ends every answer half way"
    HALF = "answers every second request 503"


ANSWERS = {
    Fault.BUSY: "503 Slow Down",
    Fault.HALF: "503 Slow Down",
    Fault.BROKEN: "500 Internal Server Error",
}


class StoreLine:
    """Carries bytes between its own port and a server's, with the fault that is set.

    Attributes:
        endpoint: Its own address, http://127.0.0.1:port.
        fault: What it does; may be changed at any time, for open connections too.
    """

    def __init__(self, endpoint: str) -> None:
        target = urlsplit(endpoint)
        self._target = (target.hostname or "127.0.0.1", target.port or 80)
        self.fault = Fault.NONE
        self._count = itertools.count()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening; open connections end with their ends."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

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
        threading.Thread(target=self._answers, args=(server, client), daemon=True).start()
        self._requests(client, server)

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(PIECE):
                if self._answers_itself():
                    client.sendall(_answer(ANSWERS[self.fault]))
                    break
                server.sendall(data)
        _end(client, server)

    def _answers_itself(self) -> bool:
        if self.fault is Fault.HALF:
            return next(self._count) % 2 == 0
        return self.fault in (Fault.BUSY, Fault.BROKEN)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(PIECE):
                while self.fault is Fault.HUNG:
                    time.sleep(LOOK_S)
                if self.fault is Fault.CUT:
                    client.sendall(data[: len(data) // 2])
                    break
                self._send(client, data)
        _end(client, server)

    def _send(self, client: socket.socket, data: bytes) -> None:
        step = int(SLOW_BYTES_S * LOOK_S)
        while data and self.fault is Fault.SLOW:
            client.sendall(data[:step])
            data = data[step:]
            time.sleep(LOOK_S)
        client.sendall(data)


def _answer(status: str) -> bytes:
    body = b"<Error><Code>Fault</Code></Error>"
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


def _end(*connections: socket.socket) -> None:
    for connection in connections:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()
