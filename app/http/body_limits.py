"""Body limits: middleware that bounds what one request body costs, and all of them together."""

import asyncio
import time
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any

from starlette._utils import get_route_path
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import RETRY_AFTER_S
from app.http.body_scan import MAX_ELEMENTS, MAX_GEOMETRY_ELEMENTS, refusal

MAX_BODY_BYTES = 2 * 1024 * 1024
"""A polygon of 10 000 vertices, with 17 digits per coordinate, takes a fifth of this."""

MAX_GEOMETRY_BYTES = 16 * 1024 * 1024
"""For routes that take large polygons: the allowed 200 000 vertices take 8 MB at 17 digits each."""

PATIENCE_S = 10.0
"""How long a body may take besides what its size allows."""

LEAST_BYTES_S = 32 * 1024
"""Bytes a second that a caller must send: a slow mobile line."""

SCANNED_AT_ONCE_BYTES = 64 * 1024
"""Bodies up to this size are scanned on the event loop, in half a millisecond."""

CLOSE = {"Connection": "close"}
"""What is left of a body that was not read must not be taken for the next request."""


class BodyLimits:
    """Middleware that reads a body whole before its route does, within limits of its own and of all.

    Args:
        app: Serves the request.
        bytes_in_flight: Bytes that all bodies that are being read or worked on may have.
    """

    def __init__(self, app: ASGIApp, *, bytes_in_flight: int) -> None:
        self.app = app
        self._limit = bytes_in_flight
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        body = _Body(self, scope, receive)
        try:
            await self.app(scope, body.receive, send)
        finally:
            self._held -= body.held

    def hold(self, size: int) -> None:
        """Take part of what all bodies may have.

        Raises:
            HTTPException: If they have it all; status 503.
        """
        if self._held + size > self._limit:
            raise HTTPException(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Too many large requests are being worked on; try again in a moment.",
                headers={"Retry-After": str(RETRY_AFTER_S), **CLOSE},
            )
        self._held += size


class _Body:
    """The body of one request, which is read when its route first asks for it."""

    def __init__(self, limits: BodyLimits, scope: Scope, receive: Receive) -> None:
        self.held = 0
        self._limits = limits
        self._receive = receive
        self._is_read = False
        path = get_route_path(scope)
        takes_polygons = path.startswith("/areas") or path.endswith("/statistics")
        self._max_bytes = MAX_GEOMETRY_BYTES if takes_polygons else MAX_BODY_BYTES
        self._max_elements = MAX_GEOMETRY_ELEMENTS if takes_polygons else MAX_ELEMENTS
        self._announced = _announced(scope)

    async def receive(self) -> Message:
        """Return the whole body as one message, then what the server sends."""
        if self._is_read:
            return await self._receive()
        self._is_read = True
        body = await self._read()
        if body is None:
            return {"type": "http.disconnect"}
        if len(body) > SCANNED_AT_ONCE_BYTES:
            reason = await asyncio.to_thread(refusal, body, max_elements=self._max_elements)
        else:
            reason = refusal(body, max_elements=self._max_elements)
        if reason is not None:
            raise HTTPException(HTTPStatus.BAD_REQUEST, reason)
        return {"type": "http.request", "body": body, "more_body": False}

    async def _read(self) -> bytes | None:
        """Return the body; None if the caller goes away meanwhile."""
        if self._announced > self._max_bytes:
            raise self._too_large()
        began, pieces = time.monotonic(), list[bytes]()
        while True:
            message = await self._next(began)
            if message["type"] == "http.disconnect":
                return None
            piece = message.get("body", b"")
            if self.held + len(piece) > self._max_bytes:
                raise self._too_large()
            self._limits.hold(len(piece))
            self.held += len(piece)
            pieces.append(piece)
            if not message.get("more_body", False):
                return b"".join(pieces)

    async def _next(self, began: float) -> MutableMapping[str, Any]:
        left_s = began + PATIENCE_S + self.held / LEAST_BYTES_S - time.monotonic()
        try:
            async with asyncio.timeout(left_s):
                return await self._receive()
        except TimeoutError as error:
            raise HTTPException(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the body comes too slowly; send at least {LEAST_BYTES_S // 1024} kB a second",
                headers=CLOSE,
            ) from error

    def _too_large(self) -> HTTPException:
        return HTTPException(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the body is larger than {self._max_bytes} bytes",
            headers=CLOSE,
        )


def _announced(scope: Scope) -> int:
    """Return the length that the request announces; 0 where it announces none, or no number."""
    text = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(text[:20]) if text.isdigit() else 0
