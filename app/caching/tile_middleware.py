"""The tile middleware: pure ASGI before routing, which answers known tiles without parsing anything twice.

A known address costs two dictionary look-ups and two sends. Anything unknown, or refused by the parser, goes
on to the routes unchanged, which answer it or say why not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from sys import getsizeof
from time import perf_counter
from typing import Protocol

from starlette._utils import get_route_path
from starlette.types import ASGIApp, Receive, Scope, Send

from app.caching.process_cache import LINK_BYTES, BoundedCache
from app.caching.tile_reply import (
    RESOLVED,
    UNCOVERED,
    Header,
    if_none_match,
    matches,
    requested_revision,
    tile_headers,
    validators,
)
from app.caching.tile_service import Tier, TileService
from app.rendering.address import TileAddresses
from app.rendering.resolving import ResolvedTile, resolve_tile_now
from app.settings import Settings
from mosaics.catalogue import Catalogue
from mosaics.index import TooManyScenesError

MEMO_BYTES = 16 << 20
"""Memory for known addresses: about 10,000 of them."""

ENTRY_BYTES = 1500
"""Memory per known address besides its text: its key, its headers, and the lists that hold them."""

MAX_ADDRESS = 512
"""Longest path and query, in characters, that are remembered; an ad-hoc expression fits."""

Address = tuple[str, bytes, str]
"""Path, query string and root path, as received."""


class TileState(Protocol):
    """The parts of a worker's state that the tile middleware needs."""

    @property
    def settings(self) -> Settings: ...  # noqa: D102
    @property
    def catalogue(self) -> Catalogue: ...  # noqa: D102
    @property
    def addresses(self) -> TileAddresses: ...  # noqa: D102
    @property
    def service(self) -> TileService: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class KnownTile:
    """A resolved address, with the headers of its answers ready to send."""

    generation: int
    """The catalogue's generation when the address was resolved; if it differs, resolve again."""
    path: str
    """The path below the root path."""
    key: str
    is_covered: bool
    tag: bytes
    unchanged: list[Header]
    from_process: list[Header]
    from_redis: list[Header]


Resolve = Callable[[TileState, str, str], ResolvedTile | None]

Note = Callable[[str, str, int, float], None]
"""Takes the path below the root, the tier or "none", the status and the seconds of an answer."""


def resolve_now(state: TileState, path: str, query: str) -> ResolvedTile | None:
    """Return the tile an address means; None if it means none, or if storage must be read first.

    A refusal is not lost: the route parses the address again and raises the same error.
    """
    try:
        request = state.addresses.parse(path, query)
        return resolve_tile_now(state.catalogue, request, limit=state.settings.max_scenes_per_tile)
    except (ValueError, LookupError, TooManyScenesError):
        return None


class TileMiddleware:
    """ASGI middleware in front of an application that routes."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        state: Callable[[], TileState | None],
        resolve: Resolve = resolve_now,
        note: Note | None = None,
        headers: Sequence[Header] = (),
        memo_bytes: int = MEMO_BYTES,
    ) -> None:
        """Wrap an application.

        Args:
            app: Answers everything else.
            state: Returns the worker's state, or None before it is open.
            resolve: Returns the tile of a path and query.
            note: Receives every answer given here, so that no layer around this one has to observe them.
            headers: Further headers of every answer given here, for the same reason.
            memo_bytes: Memory for known addresses.
        """
        self._app = app
        self._state = state
        self._resolve = resolve
        self._note = note
        self._headers = list(headers)
        self._uncovered = [*UNCOVERED, *headers]
        self._memo_of: TileState | None = None
        self._memo: BoundedCache[Address, KnownTile] = BoundedCache(memo_bytes, _weight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request or pass it on."""
        if scope["type"] == "http" and scope["method"] in {"GET", "HEAD"} and "/tiles/" in scope["path"]:
            state = self._state()
            if state is not None and await self._answer(scope, send, state):
                return
        await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, send: Send, state: TileState) -> bool:
        began = perf_counter()
        if state is not self._memo_of:
            self._memo.clear()
            self._memo_of = state
        address = (scope["path"], scope["query_string"], scope.get("root_path", ""))
        known = self._memo.get(address)
        resolved = None
        if known is None or known.generation != state.catalogue.generation:
            resolved = self._look(scope, state)
            if resolved is None:
                return False
            known = self._remember(address, get_route_path(scope), resolved, state.catalogue.generation)
        if not known.is_covered:
            await _send_empty(send, 204, self._uncovered)
            return self._answered(known, "none", 204, began)
        condition = if_none_match(scope["headers"])
        if condition is not None and matches(condition, known.tag):
            await _send_empty(send, 304, known.unchanged)
            return self._answered(known, "none", 304, began)
        body = state.service.peek(known.key)
        if body is not None:
            await _send_tile(scope, send, known.from_process, body)
            return self._answered(known, Tier.PROCESS, 200, began)
        body = await state.service.fetch(known.key)
        if body is not None:
            await _send_tile(scope, send, known.from_redis, body)
            return self._answered(known, Tier.REDIS, 200, began)
        scope[RESOLVED] = resolved or self._look(scope, state)
        return False

    def _answered(self, known: KnownTile, tier: str, status: int, began: float) -> bool:
        if self._note is not None:
            self._note(known.path, tier, status, perf_counter() - began)
        return True

    def _look(self, scope: Scope, state: TileState) -> ResolvedTile | None:
        return self._resolve(state, get_route_path(scope), scope["query_string"].decode("latin-1"))

    def _remember(
        self, address: Address, route_path: str, resolved: ResolvedTile, generation: int
    ) -> KnownTile:
        path, query_string, root_path = address
        revision = requested_revision(query_string)
        unchanged = validators(resolved, revision)
        known = KnownTile(
            generation=generation,
            path=route_path,
            key=resolved.key,
            is_covered=bool(resolved.scenes.best_first),
            tag=unchanged[0][1],
            unchanged=[*unchanged, *self._headers],
            from_process=[*tile_headers(resolved, Tier.PROCESS, revision), *self._headers],
            from_redis=[*tile_headers(resolved, Tier.REDIS, revision), *self._headers],
        )
        if len(path) + len(query_string) + len(root_path) <= MAX_ADDRESS:
            self._memo.put(address, known)
        return known


async def _send_empty(send: Send, status: int, headers: list[Header]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers.copy()})
    await send({"type": "http.response.body", "body": b""})


async def _send_tile(scope: Scope, send: Send, headers: list[Header], body: bytes) -> None:
    sized = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": sized})
    await send({"type": "http.response.body", "body": body if scope["method"] == "GET" else b""})


def _weight(address: Address, known: KnownTile) -> int:
    return ENTRY_BYTES + LINK_BYTES + sum(map(getsizeof, (*address, known.path)))
