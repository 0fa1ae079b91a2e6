"""The route's answer for a tile that the middleware did not find or could not resolve."""

from starlette.responses import Response
from starlette.types import Scope

from app.caching.headers import (
    UNCOVERED,
    Header,
    answer_headers,
    if_none_match,
    matches,
    requested_revision,
    validators,
)
from app.caching.tile_service import TileService
from app.rendering.resolving import ResolvedTile

RESOLVED = "tilewatch.resolved"
"""Scope entry in which the tile middleware leaves a tile it resolved but found in no cache."""


async def reply(service: TileService, resolved: ResolvedTile, scope: Scope) -> Response:
    """Answer a GET or HEAD for a resolved tile: 204 without scenes, 304 if unchanged, otherwise the tile.

    Raises:
        app.rendering.renderer.RenderingOverloadError: If too much is being rendered.
        mosaics.storage.StorageError: If storage does not answer.
    """
    if not resolved.scenes:
        return _response(204, UNCOVERED)
    revision = requested_revision(scope["query_string"])
    lasting = validators(resolved, revision)
    condition = if_none_match(scope["headers"])
    if condition is not None and matches(condition, lasting[0][1]):
        return _response(304, lasting)
    answer = await service.answer(resolved, redis_was_asked=scope.get(RESOLVED) is resolved)
    return _response(200, answer_headers(resolved, answer, revision), answer.body)


def _response(status: int, headers: list[Header], body: bytes = b"") -> Response:
    response = Response(body, status)
    response.raw_headers = headers.copy()
    return response
