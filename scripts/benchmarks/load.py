"""A client that keeps a server busy with tiles, never requesting the same one twice at a time.

Equal tiles in flight are computed once, so measuring computation must not ask for them; and every answer is
checked to be a whole one. wrk does neither, and its speed is not needed where an answer takes milliseconds.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.request import urlopen

import uvloop


class WrongAnswerError(Exception):
    """A server's answer is not the one to be measured; the message says what it was."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    path: str
    """Path and query."""
    tag: str | None = None
    """An ETag the caller has, so that the answer should be 304."""

    def text(self, port: int) -> bytes:
        """Return the request in the form it is sent."""
        condition = f"If-None-Match: {self.tag}\r\n" if self.tag else ""
        return f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{condition}\r\n".encode()

    def is_answered_by(self, head: bytes, length: int) -> bool:
        """Return whether an answer is the requested one."""
        if self.tag:
            return head.startswith(b"HTTP/1.1 304 ") and not length
        return head.startswith(b"HTTP/1.1 200 ") and length > 0


@dataclass(slots=True)
class Load:
    """The outcome of keeping a server busy."""

    elapsed_s: float = 0.0
    seconds: list[float] = field(default_factory=list)
    """Seconds of each answer."""

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return len(self.seconds) / self.elapsed_s


def keep_busy(port: int, asks: Sequence[Ask], *, connections: int, seconds: float, reuse: int = 8) -> Load:
    """Send requests in turn, repeatedly, for a time; each again only after it was answered.

    Args:
        port: The server's, on 127.0.0.1.
        asks: The requests; there are never more connections than these.
        connections: Kept open, one request at a time on each.
        seconds: How long new requests are sent.
        reuse: Requests on a connection before it is opened again. It is the idler worker of a server that
            accepts a connection, so that the work stays shared evenly among them.

    Raises:
        WrongAnswerError: If an answer is not what was asked for.
    """
    return uvloop.run(_keep_busy(port, asks, min(connections, len(asks)), seconds, reuse))


def fetch(port: int, path: str) -> bytes:
    """Return the body of one answer; empty if the answer is 204."""
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=120) as answer:
        body: bytes = answer.read()
    return body


async def _keep_busy(port: int, asks: Sequence[Ask], connections: int, seconds: float, reuse: int) -> Load:
    waiting = deque((ask, ask.text(port)) for ask in asks)
    load = Load()
    began = time.perf_counter()

    async def ask_on_and_on() -> None:
        while time.perf_counter() < began + seconds:
            await _converse(port, waiting, load, reuse, began + seconds)

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(ask_on_and_on())
    load.elapsed_s = time.perf_counter() - began
    return load


async def _converse(
    port: int, waiting: deque[tuple[Ask, bytes]], load: Load, reuse: int, until: float
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for _ in range(reuse):
            ask, text = waiting.popleft()
            began = time.perf_counter()
            writer.write(text)
            head = await reader.readuntil(b"\r\n\r\n")
            length = _body_length(head)
            if not ask.is_answered_by(head, length):
                raise WrongAnswerError(f"{ask.path} on port {port}: {head[:200].decode('latin-1')}")
            await reader.readexactly(length)
            load.seconds.append(time.perf_counter() - began)
            waiting.append((ask, text))
            if time.perf_counter() >= until:
                break
    finally:
        writer.close()


def _body_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
