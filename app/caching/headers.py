"""The headers of a tile, for the tile middleware and the route, and what a caller already has."""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from app.caching.tile_service import Tier, TileAnswer
from app.rendering.resolving import ResolvedTile

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


def etag(resolved: ResolvedTile) -> bytes:
    """The entity tag, quoted: strong, since equal keys mean equal bytes."""
    return b'"' + resolved.key[:ETAG_DIGITS].encode() + b'"'


def tile_headers(resolved: ResolvedTile, tier: Tier, requested_revision: str | None) -> list[Header]:
    """The headers of a whole tile, save for its length.

    Args:
        resolved: The tile answered.
        tier: Where it came from.
        requested_revision: What the address gave as `v`.
    """
    headers = [
        (b"content-type", resolved.request.format.media_type.encode()),
        *validators(resolved, requested_revision),
        (b"x-cache", tier.encode()),
    ]
    if resolved.synthetic:
        headers.append(SYNTHETIC)
    return headers + comparison_headers(resolved)


def comparison_headers(resolved: ResolvedTile) -> list[Header]:
    """The windows compared and the offset subtracted, of a product that has them."""
    headers = []
    if resolved.windows:
        windows = ", ".join(f"{window.role}={window.text}" for window in resolved.windows)
        headers.append((b"x-tilewatch-windows", windows.encode()))
    if resolved.offset is not None:
        headers.append((b"x-tilewatch-offset", f"{resolved.offset:g}".encode()))
    return headers


def validators(resolved: ResolvedTile, requested_revision: str | None) -> list[Header]:
    """What a 304 says as well: the tag, and how long it holds."""
    lasting = IMMUTABLE if requested_revision == resolved.revision else REVALIDATED
    return [(b"etag", etag(resolved)), lasting]


def answer_headers(
    resolved: ResolvedTile, answer: TileAnswer, requested_revision: str | None
) -> list[Header]:
    """The headers of a tile as the service answered it, with what computing it took."""
    headers = tile_headers(resolved, answer.tier, requested_revision)
    if answer.skipped:
        headers = [h for h in headers if h[0] not in {b"etag", b"cache-control"}]
        headers += [UNKEPT, (b"x-tilewatch-skipped", b"%d" % len(answer.skipped))]
    if answer.timing_ms:
        headers.append((b"server-timing", server_timing(answer.timing_ms, answer.files)))
    return [*headers, (b"content-length", b"%d" % len(answer.body))]


def server_timing(timing_ms: Mapping[str, float], files: int) -> bytes:
    """Steps and their milliseconds, and the files read, in the form of the W3C Server Timing header."""
    steps = [f"{step};dur={spent_ms:.2f}" for step, spent_ms in timing_ms.items()]
    return ", ".join([*steps, f'files;desc="{files}"']).encode()


def requested_revision(query_string: bytes) -> str | None:
    """The `v` of a query."""
    return dict(parse_qsl(query_string.decode("latin-1"))).get("v")


def if_none_match(headers: Iterable[Header]) -> bytes | None:
    """What the caller already has, as it wrote it; several lines count as one list (RFC 9110, 5.3)."""
    found = None
    for name, value in headers:
        if name == b"if-none-match":
            found = value if found is None else found + b", " + value
    return found


def matches(condition: bytes, tag: bytes) -> bool:
    """Whether an If-None-Match names this tag, compared weakly (RFC 9110, 13.1.2).

    A tag holds no quote inside, so a quoted tag that occurs in a list is a member of it; before it
    may stand `W/`, which the weak comparison leaves out.
    """
    return tag in condition or condition.strip() == b"*"
