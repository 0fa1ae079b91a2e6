"""Connections: the protocol of uvicorn, with an end to those that send nothing, half a request or no end."""

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 10.0
"""How long a connection may take until the headers of a request are complete."""

STALLED_S = 60.0
"""How long a caller may take none of an answer."""

REST_S, REST_BYTES = 2.0, 1 << 20
"""How long, and for how many bytes, what is left of a body is thrown away whose answer was given before it
had come. To close at once would reset the connection, and the caller might never see the answer."""

MAX_HEAD_BYTES = 64 * 1024
"""Bytes of a request before its body; GeoJSON in an address has some thousands."""

REFUSED = (
    "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {length}\r\n"
    "{more}connection: close\r\n\r\n{text}"
)


def connection_limit(wanted: int) -> int:
    """Return how many connections may be open: at most half of the descriptors, after asking for enough.

    The other half is for files, storage, database and cache, so that no number of callers starves those.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * wanted
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(wanted, soft // 2)


class GuardedProtocol(HttpToolsProtocol):
    """One connection; where there are as many as uvicorn's `limit_concurrency`, the longest idle one goes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.idle_since: float | None = None
        """Since when, on the clock of the loop, it waits for headers; None while a request is worked on."""
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._rest_bytes = 0
        """Of a body, that may still come after its answer."""
        self._rest_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection, in place of an idle one if there are too many."""
        super().connection_made(transport)
        self._await_head()
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        for timer in (self._head_timer, self._stall_timer, self._rest_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come; refuse headers without end."""
        if self._rest_timer is not None:
            self._rest_bytes -= len(data)
            if self._rest_bytes < 0:
                self.transport.close()
                return
        else:
            self._head_bytes += len(data)
        super().data_received(data)
        if self.idle_since is not None and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse("431 Request Header Fields Too Large", "The headers are too large.")

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """Begin to answer a request."""
        self.idle_since, self._head_bytes = None, 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        self._unset_keepalive_if_required()  # set where the rest of a body came with this request
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a body; where its answer was given before, wait for the next request."""
        super().on_message_complete()
        if self._rest_timer is not None:
            self._rest_timer.cancel()
            self._rest_timer = None
            self._head_bytes = 0
            self.idle_since = self.loop.time()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the rest of a body whose answer came before it had."""
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self.cycle.response_complete:
            self.idle_since = self.loop.time()
            if self.cycle.more_body:
                self._rest_bytes = REST_BYTES
                self._rest_timer = self.loop.call_later(REST_S, self.transport.close)

    def pause_writing(self) -> None:
        """Note that the caller does not take what is sent."""
        super().pause_writing()
        if self._stall_timer is None:
            self._stall_timer = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that the caller takes it."""
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _await_head(self) -> None:
        if self.idle_since is None:
            self.idle_since = self.loop.time()
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S, self._give_up)

    def _give_up(self) -> None:
        self._head_timer = None
        if self._head_bytes:
            self._refuse("408 Request Timeout", "The request came too slowly.")
        elif not self.transport.is_closing():
            self.transport.close()

    def _make_room(self) -> None:
        guarded = (each for each in self.connections if isinstance(each, GuardedProtocol))
        idle = {each: each.idle_since for each in guarded if each.idle_since is not None and each is not self}
        if idle:
            longest = min(idle, key=idle.__getitem__)
            self.connections.discard(longest)
            longest.transport.abort()
        else:
            self._refuse("503 Service Unavailable", "Too many connections.", "retry-after: 5\r\n")

    def _refuse(self, status: str, text: str, more: str = "") -> None:
        if not self.transport.is_closing():
            answer = REFUSED.format(status=status, length=len(text), more=more, text=text)
            self.transport.write(answer.encode())
            self.transport.close()
