"""The answer middleware: pure ASGI before routing, which answers a repeated question by its hash.

A dashboard asks for the statistics of the same fields again and again, in the same bytes. As long as nothing
has landed since, the answer is the same, too: nothing of the question is parsed, no polygon is read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol

from starlette._utils import get_route_path
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.caching.process_cache import LINK_BYTES, BoundedCache
from mosaics.catalogue import Catalogue

LONGEST_QUESTION = 64 << 10
LONGEST_ANSWER = 256 << 10
"""Bytes of bodies of questions that are looked up, and of answers that are kept."""

ENTRY_BYTES = 500
"""Memory per answer besides its body: its key and its headers."""

BESIDE = frozenset({b"authorization", b"x-api-key"})
"""Headers with which a route decides whether to answer at all."""

READ = frozenset({b"accept", b"content-type", b"content-encoding"})
"""Headers by which an answer may differ."""

REPEATABLE = "tilewatch.repeatable"
"""Key of the scope that a route sets where the same question has the same answer until something lands."""


class AnswerState(Protocol):
    """The parts of a worker's state that the answer middleware needs."""

    @property
    def catalogue(self) -> Catalogue: ...  # noqa: D102
    @property
    def kept_answers(self) -> "KeptAnswers": ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer with status 200."""

    generation: int
    """The catalogue's generation when the question came; the answer holds for this one alone."""
    headers: list[tuple[bytes, bytes]]
    body: bytes


class KeptAnswers(BoundedCache[bytes, KeptAnswer]):
    """Answers by the hash of their questions.

    Args:
        max_bytes: Of all.
    """

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes, lambda _, answer: len(answer.body) + ENTRY_BYTES + LINK_BYTES)


class AnswerMiddleware:
    """ASGI middleware in front of an application that routes, behind what bounds bodies.

    Args:
        app: Answers what is not known.
        state: Returns the worker's state, or None before it is open.
    """

    def __init__(self, app: ASGIApp, *, state: Callable[[], AnswerState | None]) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request or pass it on."""
        state = self._state() if _asks_again(scope) else None
        if state is None:
            await self._app(scope, receive, send)
            return
        try:
            first = await receive()
        except HTTPException as error:  # the body is refused, which the application tells
            await self._app(scope, _raising(error), send)
            return
        generation, key = state.catalogue.generation, _key(scope, first)
        kept = None if key is None else state.kept_answers.get(key)
        if kept is not None and kept.generation == generation:
            await send({"type": "http.response.start", "status": 200, "headers": kept.headers.copy()})
            await send({"type": "http.response.body", "body": kept.body})
            return
        told = send if key is None else _Noting(state.kept_answers, key, generation, scope, send)
        await self._app(scope, _given_back(first, receive), told)


class _Noting:
    """Passes an answer on, and keeps it if it is in one piece and its route says that it is repeatable."""

    def __init__(self, kept: KeptAnswers, key: bytes, generation: int, scope: Scope, send: Send) -> None:
        self._kept, self._key, self._generation = kept, key, generation
        self._scope, self._send = scope, send
        self._headers: list[tuple[bytes, bytes]] | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._headers = list(message["headers"]) if message["status"] == 200 else None
        elif message["type"] == "http.response.body" and self._headers is not None:
            body = message.get("body", b"")
            in_one_piece = not message.get("more_body", False)
            if in_one_piece and self._scope.get(REPEATABLE) and len(body) <= LONGEST_ANSWER:
                self._kept.put(self._key, KeptAnswer(self._generation, self._headers, bytes(body)))
            self._headers = None
        await self._send(message)


def _asks_again(scope: Scope) -> bool:
    """Return whether a request may be one that was answered before: for statistics, and without a key."""
    if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].endswith("/statistics"):
        return False
    return not any(name in BESIDE for name, _ in scope["headers"])


def _key(scope: Scope, message: Message) -> bytes | None:
    """Return the hash of all that a question says; None where it is too long, or has gone."""
    body: Any = message.get("body", b"")
    if message["type"] != "http.request" or message.get("more_body") or len(body) > LONGEST_QUESTION:
        return None
    said = sorted(header for header in scope["headers"] if header[0] in READ)
    path = get_route_path(scope).encode("utf-8", "surrogatepass")
    parts = (path, scope["query_string"], repr(said).encode())
    digest = blake2b(body, digest_size=32)
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    return digest.digest()


def _raising(error: HTTPException) -> Receive:
    """Return what refuses a body once more."""

    async def again() -> Message:
        raise error

    return again


def _given_back(first: Message, receive: Receive) -> Receive:
    """Return what gives a message that was taken once more, and then those that come."""
    left = [first]

    async def again() -> Message:
        return left.pop() if left else await receive()

    return again
