"""The reply to a tile request: headers for the middleware and the route, and what a caller already has."""

from collections.abc import Iterable
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import Scope

from app.caching.tile_service import Tier, TileAnswer, TileService
from app.products.parameters import written_parameters
from app.rendering.resolving import ResolvedTile
from mosaics.near_real_time import PREFIX

Header = tuple[bytes, bytes]

ETAG_DIGITS = 32
"""Hexadecimal digits of the key an ETag shows: 128 bits, past any accident, at half the bytes of the key."""

IMMUTABLE = (b"cache-control", b"public, max-age=31536000, immutable")
"""For an address that carries the revision it was answered with (RFC 8246)."""

REVALIDATED = (b"cache-control", b"public, max-age=60, must-revalidate")
"""For an address whose answer may change when a scene lands."""

UNCOVERED = [REVALIDATED]
"""A tile that no scene covers has no bytes to tag, and the next scene may cover it."""

UNKEPT = (b"cache-control", b"no-store")
"""For a tile that lacks a scene which could not be read just now."""

SYNTHETIC = (b"x-tilewatch-synthetic", b"1")
NEAR_REAL_TIME = (b"x-tilewatch-near-real-time", b"1")

RESOLVED = "tilewatch.resolved"
"""Scope entry in which the tile middleware leaves a tile it resolved but found in no cache."""


async def reply(service: TileService, resolved: ResolvedTile, scope: Scope) -> Response:
    """Answer a GET or HEAD for a resolved tile: 204 without scenes, 304 if unchanged, otherwise the tile.

    Errors are those of `TileService.answer`.
    """
    revision = requested_revision(scope["query_string"])
    was_looked_for = scope.get(RESOLVED) is resolved
    if not was_looked_for and (known := _without_body(resolved, revision, scope)) is not None:
        return known
    answer = await service.answer(resolved, redis_was_asked=was_looked_for)
    return _response(200, answer_headers(resolved, answer, revision), answer.body)


def _without_body(resolved: ResolvedTile, revision: str | None, scope: Scope) -> Response | None:
    """Return the reply if no scene covers the tile or the caller has it; otherwise None."""
    if not resolved.scenes.best_first:
        return _response(204, UNCOVERED)
    lasting = validators(resolved, revision)
    condition = if_none_match(scope["headers"])
    if condition is not None and matches(condition, lasting[0][1]):
        return _response(304, lasting)
    return None


def tile_headers(resolved: ResolvedTile, tier: Tier, requested_revision: str | None) -> list[Header]:
    """Return the headers of a whole tile, save for its length; the revision is what the address gave as `v`.

    A tile of a product that compares windows tells those, and the offset subtracted where it has one.
    """
    headers = [
        (b"content-type", resolved.request.format.media_type.encode()),
        *validators(resolved, requested_revision),
        (b"x-cache", tier.encode()),
    ]
    headers += [SYNTHETIC] * resolved.synthetic
    headers += [NEAR_REAL_TIME] * any(scene.id.startswith(PREFIX) for scene in resolved.scenes.best_first)
    if resolved.windows:
        windows = ", ".join(f"{window.role}={window.text}" for window in resolved.windows)
        headers.append((b"x-tilewatch-windows", windows.encode()))
    if resolved.parameters:
        headers.append((b"x-tilewatch-parameters", written_parameters(resolved.parameters).encode()))
    if resolved.offset is not None:
        headers.append((b"x-tilewatch-offset", f"{resolved.offset:g}".encode()))
    return headers


def validators(resolved: ResolvedTile, requested_revision: str | None) -> list[Header]:
    """Return what a 304 says as well: the tag, strong as equal keys mean equal bytes, and its lasting."""
    lasting = IMMUTABLE if requested_revision == resolved.revision else REVALIDATED
    return [(b"etag", b'"%b"' % resolved.key[:ETAG_DIGITS].encode()), lasting]


def answer_headers(
    resolved: ResolvedTile, answer: TileAnswer, requested_revision: str | None
) -> list[Header]:
    """Return the headers of a tile as the service answered it, with what computing it took."""
    headers = tile_headers(resolved, answer.tier, requested_revision)
    if answer.skipped:
        headers = [h for h in headers if h[0] not in {b"etag", b"cache-control"}]
        headers += [UNKEPT, (b"x-tilewatch-skipped", b"%d" % len(answer.skipped))]
    if answer.timing_ms:  # in the form of the W3C Server Timing header
        steps = [f"{step};dur={spent_ms:.2f}" for step, spent_ms in answer.timing_ms.items()]
        timing = ", ".join([*steps, f'files;desc="{answer.files}"'])
        headers.append((b"server-timing", timing.encode()))
    return [*headers, (b"content-length", b"%d" % len(answer.body))]


def requested_revision(query_string: bytes) -> str | None:
    """Return the `v` of a query."""
    return dict(parse_qsl(query_string.decode("latin-1"))).get("v")


def if_none_match(headers: Iterable[Header]) -> bytes | None:
    """Return what the caller already has, as it wrote it; several lines count as one list (RFC 9110, 5.3)."""
    found = None
    for name, value in headers:
        if name == b"if-none-match":
            found = value if found is None else found + b", " + value
    return found


def matches(condition: bytes, tag: bytes) -> bool:
    """Tell whether an If-None-Match names this tag, compared weakly (RFC 9110, 13.1.2).

    A tag holds no quote inside, so a quoted tag that occurs in a list is a member of it; before it
    may stand `W/`, which the weak comparison leaves out.
    """
    return tag in condition or condition.strip() == b"*"


def _response(status: int, headers: list[Header], body: bytes = b"") -> Response:
    response = Response(body, status)
    response.raw_headers = headers.copy()
    return response
