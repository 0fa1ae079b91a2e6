"""The headers of a tile, for the tile middleware and the routes, and revalidation."""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from app.caching.tile_service import Tier, TileAnswer
from app.rendering.resolving import ResolvedTile

Header = tuple[bytes, bytes]

ETAG_DIGITS = 32
"""Hexadecimal digits of the key in an ETag: 128 bits rule out collisions at half the key's length."""

IMMUTABLE = (b"cache-control", b"public, max-age=31536000, immutable")
"""For an address that names the revision it was answered with (RFC 8246)."""

REVALIDATED = (b"cache-control", b"public, max-age=60, must-revalidate")
"""For an address whose answer may change when a scene lands."""

UNCOVERED = [REVALIDATED]
"""A tile without scenes has no bytes to tag, and the next scene may cover it."""

UNKEPT = (b"cache-control", b"no-store")
"""For a tile that lacks a scene which could not be read."""

SYNTHETIC = (b"x-tilewatch-synthetic", b"1")


def etag(resolved: ResolvedTile) -> bytes:
    """Return the entity tag, quoted; it is strong, since equal keys mean equal bytes."""
    return b'"' + resolved.key[:ETAG_DIGITS].encode() + b'"'


def tile_headers(resolved: ResolvedTile, tier: Tier, requested_revision: str | None) -> list[Header]:
    """Return the headers of a complete tile, except its length.

    Args:
        resolved: The tile answered.
        tier: Where the tile came from.
        requested_revision: The `v` in the address.
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
    """Return the windows compared and the offset subtracted, for products that have them."""
    headers = []
    if resolved.windows:
        windows = ", ".join(f"{window.role}={window.text}" for window in resolved.windows)
        headers.append((b"x-tilewatch-windows", windows.encode()))
    if resolved.offset is not None:
        headers.append((b"x-tilewatch-offset", f"{resolved.offset:g}".encode()))
    return headers


def validators(resolved: ResolvedTile, requested_revision: str | None) -> list[Header]:
    """Return the headers a 304 repeats: the tag and how long it is valid."""
    lasting = IMMUTABLE if requested_revision == resolved.revision else REVALIDATED
    return [(b"etag", etag(resolved)), lasting]


def answer_headers(
    resolved: ResolvedTile, answer: TileAnswer, requested_revision: str | None
) -> list[Header]:
    """Return the headers of a tile as the service answered it, with what computing it took."""
    headers = tile_headers(resolved, answer.tier, requested_revision)
    if answer.skipped:
        headers = [h for h in headers if h[0] not in {b"etag", b"cache-control"}]
        headers += [UNKEPT, (b"x-tilewatch-skipped", b"%d" % len(answer.skipped))]
    if answer.timing_ms:
        headers.append((b"server-timing", server_timing(answer.timing_ms, answer.files)))
    return [*headers, (b"content-length", b"%d" % len(answer.body))]


def server_timing(timing_ms: Mapping[str, float], files: int) -> bytes:
    """Return the steps with their milliseconds, and the files read, as a Server-Timing header (W3C)."""
    steps = [f"{step};dur={spent_ms:.2f}" for step, spent_ms in timing_ms.items()]
    return ", ".join([*steps, f'files;desc="{files}"']).encode()


def requested_revision(query_string: bytes) -> str | None:
    """Return the `v` of a query."""
    return dict(parse_qsl(query_string.decode("latin-1"))).get("v")


def if_none_match(headers: Iterable[Header]) -> bytes | None:
    """Return the caller's If-None-Match; several lines count as one list (RFC 9110, 5.3)."""
    found = None
    for name, value in headers:
        if name == b"if-none-match":
            found = value if found is None else found + b", " + value
    return found


def matches(condition: bytes, tag: bytes) -> bool:
    """Return whether an If-None-Match contains a tag, by weak comparison (RFC 9110, 13.1.2).

    A tag contains no quotes, so a quoted tag found in a list is a member of it; a preceding `W/` is ignored
    by the weak comparison.
    """
    return tag in condition or condition.strip() == b"*"
