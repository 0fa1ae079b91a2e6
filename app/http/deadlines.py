"""Deadlines: middleware that ends answers which take too long, or whose callers have gone."""

import asyncio
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from http import HTTPStatus

from starlette._utils import get_route_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import ASKING, problem
from mosaics.lanes import CALLER, Caller

SAYS = (
    "The answer was not ready in time: what it is made from does not answer, or is too much at the moment; "
    "try again in a moment, or ask for less."
)


class Kind(StrEnum):
    """A class of requests."""

    ANSWER = "answer"
    """Tiles, points, documents, areas: what a person waits for."""
    PICTURE = "picture"
    """Boxes and polygons as pictures."""
    SERIES = "series"
    """Statistics, which may be of many polygons and periods."""


PICTURE = re.compile(r"/products/[^/]+/(bbox/|feature)")
SERIES = re.compile(
    r"/products/[^/]+/(statistics|profile)|/areas/([^/]+/)?(timeseries|trend)|/areas/statistics$"
    r"|/routes/[^/]+/(exposure|profile)|/collections/[^/]+/(trajectory|corridor)$"
)


def kind_of(path: str) -> Kind:
    """Return the class of a request by its path."""
    if PICTURE.match(path):
        return Kind.PICTURE
    return Kind.SERIES if SERIES.match(path) else Kind.ANSWER


class Deadlines:
    """Middleware that gives every answer a time until it begins, by the class of its request.

    The time that a body takes to come does not count. What is made of many files ends when its caller goes
    away, too, between two scenes.

    Args:
        app: Serves the request.
        limits_s: By class.
        picture_pixels: Pixels of files that a picture may be made from.
    """

    def __init__(self, app: ASGIApp, *, limits_s: Mapping[Kind, float], picture_pixels: int) -> None:
        self.app = app
        self._limits_s = limits_s
        self._picture_pixels = picture_pixels

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        kind = kind_of(get_route_path(scope))
        answer = _Answer(receive, send, self._limits_s[kind])
        if kind is Kind.ANSWER:
            await answer.give(self.app, scope)
            return
        pixels = self._picture_pixels if kind is Kind.PICTURE else float("inf")
        await answer.give_watched(self.app, scope, Caller(pixels, pixels))


class _Answer:
    """One answer: until when it has to begin, and how far it is."""

    def __init__(self, receive: Receive, send: Send, limit_s: float) -> None:
        self._receive, self._send, self._limit_s = receive, send, limit_s
        self._deadline = asyncio.timeout(limit_s)
        self._has_begun = False
        self._is_complete = False

    async def give(self, app: ASGIApp, scope: Scope, receive: Receive | None = None) -> None:
        """Have an application answer; in its place, if that takes too long, say so."""
        try:
            async with self._deadline:
                await app(scope, receive or self.receive, self.send)
        except TimeoutError:
            if self._has_begun or not self._deadline.expired():
                raise
            status = HTTPStatus.SERVICE_UNAVAILABLE
            await problem(status, SAYS, headers=ASKING[status])(scope, self._receive, self._send)

    async def give_watched(self, app: ASGIApp, scope: Scope, caller: Caller) -> None:
        """Have an application answer as long as the caller waits for it."""
        watch = _Watch(self.receive, self._receive, caller, has_body=scope["method"] not in ("GET", "HEAD"))
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        watch.leaves = lambda: None if self._is_complete else task.cancel()
        set_before = CALLER.set(caller)
        try:
            await self.give(app, scope, watch.receive)
        except asyncio.CancelledError:
            if not watch.has_left:
                raise
            task.uncancel()
        finally:
            caller.is_gone = True
            CALLER.reset(set_before)
            await watch.end()

    async def receive(self) -> Message:
        """Return what the caller sends; the time it takes does not count."""
        self._put_off(None)
        try:
            return await self._receive()
        finally:
            self._put_off(asyncio.get_running_loop().time() + self._limit_s)

    async def send(self, message: Message) -> None:
        """Send a part of the answer; the first ends the deadline."""
        if not self._has_begun:
            self._put_off(None)
            self._has_begun = True
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._is_complete = True
        await self._send(message)

    def _put_off(self, until: float | None) -> None:
        if not (self._has_begun or self._deadline.expired()):
            self._deadline.reschedule(until)


class _Watch:
    """Notices that a caller goes away, once what it sends has been received."""

    def __init__(self, receive: Receive, raw: Receive, caller: Caller, *, has_body: bool) -> None:
        self.leaves: Callable[[], object] = lambda: None
        """Called when the caller goes away."""
        self.has_left = False
        """Whether the answer was ended for that."""
        self._receive = receive
        self._raw = raw
        self._caller = caller
        self._gone = asyncio.Event()
        self._awaits_body = True
        self._task = None if has_body else asyncio.create_task(self._look())

    async def receive(self) -> Message:
        """Return what the caller sends; after the body that it has gone."""
        if self._task is None:
            message = await self._receive()
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                self._awaits_body = False
                self._task = asyncio.create_task(self._look())
            return message
        if self._awaits_body:
            self._awaits_body = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def end(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])  # which a cancellation of this request goes through

    async def _look(self) -> None:
        while (await self._raw())["type"] != "http.disconnect":
            pass
        self._gone.set()
        self._caller.is_gone = True
        self.has_left = bool(self.leaves())
