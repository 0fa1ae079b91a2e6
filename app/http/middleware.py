"""Middleware around every answer: common headers, CORS, HEAD, the tile meter, errors."""

import logging
import re
import secrets
from collections.abc import MutableMapping, Sequence
from http import HTTPStatus
from time import perf_counter
from typing import Any

from starlette._utils import get_route_path
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import unforeseen, without_descriptors
from app.metrics import Metrics
from mosaics.storage.descriptors import comes_of_none_left

log = logging.getLogger(__name__)

READABLE = ", ".join(
    [
        *("ETag", "X-Cache", "Server-Timing", "Retry-After", "Content-Bbox", "Content-Crs"),
        *("Accept-Ranges", "Content-Length", "Content-Range"),
        *("X-Tilewatch-Skipped", "X-Tilewatch-Synthetic", "X-Tilewatch-Windows", "X-Tilewatch-Offset"),
        *("X-Tilewatch-Parameters", "X-Tilewatch-Near-Real-Time"),
        *("X-Tilewatch-Unfilled", "X-Tilewatch-Changed", "X-Tilewatch-Dropped"),
    ]
)
"""Headers a page on another site may read, besides those every page may."""

CONDITIONS = "If-None-Match, If-Match, If-Range, Range"
"""Headers a page on another site may send with any request: readers of COGs fetch parts of files."""

PREFLIGHT_AGE_S = 24 * 60 * 60


def common_headers(origins: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """Return the headers of every answer, regardless of the caller."""
    shared = (b"access-control-allow-origin", b"*") if "*" in origins else (b"vary", b"Origin")
    return [
        (b"x-content-type-options", b"nosniff"),
        (b"access-control-expose-headers", READABLE.encode()),
        shared,
    ]


def private_headers(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer to a key of an owner: no cache may give it to anyone else."""
    told = [
        (name, b"private, " + value if name.lower() == b"cache-control" else value) for name, value in headers
    ]
    return [*told, (b"vary", b"Authorization, X-API-Key")]


class BelowRoot:
    """Middleware that sets the path a proxy puts before ours, whether or not the proxy strips it."""

    def __init__(self, app: ASGIApp, *, root_path: str) -> None:
        self.app = app
        self.root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            scope["root_path"] = self.root_path
        await self.app(scope, receive, send)


READING_POST = re.compile(r"(statistics|feature)(\.|$)")
"""Matches what follows the product in the address of a POST that only reads."""


class CommonHeaders:
    """Middleware that adds the common headers to every answer and answers unexpected errors."""

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        """Wrap `app`; pages of `origins` may read its answers, and pages of any site if `*` is among them."""
        self.app = app
        self.headers = common_headers(origins)
        self.origins = frozenset() if "*" in origins else frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = [*self.headers, *self._named_origin(scope)] if self.origins else self.headers
        started = False
        state = scope.setdefault("state", {})

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), *headers]
                if state.get("is_bound"):
                    message["headers"] = private_headers(message["headers"])
            await send(message)

        if scope["method"] == "OPTIONS" and _header(scope, b"access-control-request-method"):
            await _preflight(scope, receive, send_with_headers)
            return
        try:
            await self.app(scope, receive, send_with_headers)
        except Exception as error:
            if comes_of_none_left(error) and not started:
                log.warning("no file descriptors are left: %s %s", scope["method"], scope["path"])
                await without_descriptors()(scope, receive, send_with_headers)
                return
            request_id = secrets.token_hex(8)
            log.exception("request %s failed: %s %s", request_id, scope["method"], scope["path"])
            if started:
                raise
            await unforeseen(request_id)(scope, receive, send_with_headers)

    def _named_origin(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        origin = _header(scope, b"origin")
        return [(b"access-control-allow-origin", origin)] if origin in self.origins else []


class TileMeter:
    """Counts the tiles that the tile middleware leaves to the routes."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not _is_tile(scope["path"]):
            await self.app(scope, receive, send)
            return
        began = perf_counter()
        status, tier = 500, "none"

        async def send_noting(message: Message) -> None:
            nonlocal status, tier
            if message["type"] == "http.response.start":
                status = message["status"]
                for name, value in message["headers"]:
                    if name == b"x-cache":
                        tier = value.decode("latin-1")
                    elif name == b"x-tilewatch-skipped":
                        self.metrics.skipped_scenes += int(value)
            await send(message)

        try:
            await self.app(scope, receive, send_noting)
        finally:
            self.metrics.note_tile(get_route_path(scope), tier, status, perf_counter() - began)


class HeadAsGet:
    """Middleware that answers HEAD wherever GET is served, with the same headers and no body.

    `asked_by_head` in the scope lets a route skip reading that only its body would need.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {
                    "type": "http.response.body",
                    "body": b"",
                    "more_body": message.get("more_body", False),
                }
            await send(message)

        get: MutableMapping[str, Any] = {**scope, "method": "GET", "asked_by_head": True}
        await self.app(get, receive, send_without_body)


def _is_tile(path: str) -> bool:
    """Tell whether a path has the form of a picture's tile, which ends in a format."""
    return "/tiles/" in path and "." in path[-5:] and "/areas/tiles/" not in path


def posts_to_read(path: str) -> bool:
    """Return whether a POST at a path only reads: statistics or a picture of a polygon, or a search.

    Pages of other sites may send those, but may not write: if no keys are configured, every program on this
    machine may write, and a page that its user happens to visit must not.
    """
    parts = path.split("/")
    if parts[1:] in (["stac", "search"], ["areas", "statistics"], ["areas", "search"], ["parcels", "search"]):
        return True
    return parts[1:2] == ["products"] and parts[3:4] != [] and READING_POST.match(parts[3]) is not None


async def _preflight(scope: Scope, receive: Receive, send: Send) -> None:
    reads = posts_to_read(get_route_path(scope))
    headers = {
        "Access-Control-Allow-Methods": "GET, HEAD, POST" if reads else "GET, HEAD",
        "Access-Control-Allow-Headers": f"Content-Type, {CONDITIONS}" if reads else CONDITIONS,
        "Access-Control-Max-Age": str(PREFLIGHT_AGE_S),
    }
    await Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)(scope, receive, send)


def _header(scope: Scope, name: bytes) -> bytes | None:
    return next((value for key, value in scope["headers"] if key == name), None)
