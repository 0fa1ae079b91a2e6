"""Compression and entity tags of finished answers.

Tiles are left alone: they are compressed and tagged when they are made. Streamed answers stay streams.
"""

import asyncio
from hashlib import blake2b
from http import HTTPStatus

from isal import igzip
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.caching.tile_reply import matches

WORTH_BYTES = 1024
"""Shorter answers fit into one network packet either way."""

OFF_LOOP_BYTES = 512 * 1024
"""Longer answers take more than about a millisecond to compress, so a thread does it."""

COMPRESSIBLE = frozenset(
    {
        *("application/json", "application/geo+json", "application/problem+json", "application/xml"),
        *("image/svg+xml", "text/css", "text/csv", "text/html", "text/javascript", "text/plain"),
        "application/vnd.mapbox-vector-tile",
    }
)

KEPT_UNCHANGED = ("cache-control", "content-location", "date", "etag", "expires", "vary")
"""Headers that a 304 repeats from the full answer (RFC 9110, 15.4.5)."""

GZIP_LEVEL = 3
"""ISA-L's best: 91 kB of JSON come out a tenth larger than at zlib's level 6, in 0.2 ms instead of 1.1."""


class Compression:
    """Middleware that tags and compresses answers sent in one piece.

    An answer that must be revalidated (`Cache-Control: no-cache`) gets a weak tag of its content; a caller
    that already has this content is answered 304.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        start: Message | None = None

        async def send_finished(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if start is not None:
                held, start = start, None
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    message["body"] = await finished(scope["method"], asked, held, message.get("body", b""))
                await send(held)
            await send(message)

        await self.app(scope, receive, send_finished)


async def finished(method: str, asked: Headers, start: Message, body: bytes) -> bytes:
    """Return the body to send; adapts the status and headers in `start` to it."""
    headers = MutableHeaders(raw=list(start["headers"]))
    start["headers"] = headers.raw
    if method == "GET" and start["status"] == HTTPStatus.OK and headers.get("cache-control") == "no-cache":
        tag = headers.setdefault("etag", weak_tag(body))
        condition = asked.get("if-none-match")
        if condition is not None and matches(condition.encode("latin-1"), tag.removeprefix("W/").encode()):
            start["status"] = HTTPStatus.NOT_MODIFIED
            start["headers"] = [pair for pair in headers.raw if pair[0].decode() in KEPT_UNCHANGED]
            return b""
    if not is_compressible(headers, body):
        return body
    headers.add_vary_header("Accept-Encoding")
    if not accepts(asked.get("accept-encoding", ""), "gzip"):
        return body
    packed = await compressed(body)
    headers["content-encoding"] = "gzip"
    headers["content-length"] = str(len(packed))
    strong = headers.get("etag")
    if strong is not None and not strong.startswith("W/"):
        headers["etag"] = f"W/{strong}"
    return packed


def is_compressible(headers: Headers, body: bytes) -> bool:
    """Return whether an answer is text, complete, long enough, and not yet compressed."""
    media_type = headers.get("content-type", "").partition(";")[0].strip()
    is_plain = "content-encoding" not in headers and "content-range" not in headers
    return is_plain and media_type in COMPRESSIBLE and len(body) >= WORTH_BYTES


async def compressed(body: bytes) -> bytes:
    """Return a body compressed with gzip; equal bodies give equal bytes."""
    if len(body) < OFF_LOOP_BYTES:
        return igzip.compress(body, GZIP_LEVEL, mtime=0)
    return await asyncio.to_thread(igzip.compress, body, GZIP_LEVEL, mtime=0)


def weak_tag(body: bytes) -> str:
    """Return an entity tag of an answer's content, however it is compressed."""
    return f'W/"{blake2b(body, digest_size=16).hexdigest()}"'


def accepts(accept_encoding: str, coding: str) -> bool:
    """Return whether an `Accept-Encoding` header accepts a coding."""
    for entry in accept_encoding.lower().split(","):
        name, _, weight = entry.partition(";")
        if name.strip() == coding:
            return weight.strip().replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
