"""Tiles from the nearest place that has them: this process, Redis, or the renderer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from app.caching.process_cache import ProcessCache, SingleFlight
from app.caching.redis_tier import RedisTier
from app.rendering.renderer import RenderedTile
from app.rendering.resolving import ResolvedTile


class Tier(StrEnum):
    """Where a tile came from, as `X-Cache` states it."""

    PROCESS = "process"
    REDIS = "redis"
    COMPUTED = "computed"


@dataclass(frozen=True, slots=True)
class TileAnswer:
    """A tile's bytes and their origin."""

    body: bytes
    media_type: str
    tier: Tier
    key: str
    """The resolved tile's key."""
    skipped: tuple[str, ...] = ()
    """Ids of scenes that could not be read and that the tile lacks."""
    timing_ms: Mapping[str, float] = field(default_factory=dict)
    """Milliseconds of each step of the computation; empty for a cached tile."""
    files: int = 0
    """Number of files read; 0 for a cached tile."""


class TileRenderer(Protocol):
    """Turns a resolved tile into bytes."""

    async def render(self, resolved: ResolvedTile) -> RenderedTile:
        """Compute the tile."""
        ...


class TileService:
    """The tiers in order; a tile requested several times at once is computed once.

    A tile that lacks a scene is answered but not cached, since its key stands for all scenes.
    """

    def __init__(self, renderer: TileRenderer, process: ProcessCache, redis: RedisTier | None) -> None:
        self._renderer = renderer
        self._process = process
        self._redis = redis
        self._computations: SingleFlight[TileAnswer] = SingleFlight()
        self.computed = 0
        """Number of tiles rendered since the start."""

    def peek(self, key: str) -> bytes | None:
        """Return a tile if this process has it."""
        return self._process.get(key)

    async def fetch(self, key: str) -> bytes | None:
        """Return a tile if Redis has it, and keep it in this process."""
        if self._redis is None:
            return None
        body = await self._redis.get(key)
        if body is not None:
            self._process.put(key, body)
        return body

    async def answer(self, resolved: ResolvedTile, *, redis_was_asked: bool = False) -> TileAnswer:
        """Return a tile, computed if no tier has it; errors as `app.rendering.renderer.Renderer.render`.

        Args:
            resolved: The tile.
            redis_was_asked: Whether the caller knows that Redis does not have it.
        """
        key = resolved.key
        media_type = resolved.request.format.media_type
        body = self.peek(key)
        if body is not None:
            return TileAnswer(body, media_type, Tier.PROCESS, key)
        if not redis_was_asked:
            body = await self.fetch(key)
            if body is not None:
                return TileAnswer(body, media_type, Tier.REDIS, key)
        return await self._computations.run(key, lambda: self._compute(resolved))

    async def _compute(self, resolved: ResolvedTile) -> TileAnswer:
        tile = await self._renderer.render(resolved)
        self.computed += 1
        if not tile.skipped:
            self._process.put(resolved.key, tile.body)
            if self._redis is not None:
                self._redis.put(resolved.key, tile.body)
        return TileAnswer(
            tile.body, tile.media_type, Tier.COMPUTED, resolved.key, tile.skipped, tile.timing_ms, tile.files
        )
