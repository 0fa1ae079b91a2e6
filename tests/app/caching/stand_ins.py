"""Resolved tiles without files behind them, a renderer that can be held back, and a client of ASGI."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from starlette.types import ASGIApp, Message

from app.caching.tile_middleware import TileState
from app.caching.tile_service import TileService
from app.rendering.address import TileFormat, TileRequest
from app.rendering.renderer import RenderedTile
from app.rendering.resolving import ResolvedTile, SceneWindows, WindowScenes
from mosaics.index import SceneRef
from mosaics.period import Period

PATIENT_S = 5.0
"""How long tests wait for a Redis that is up: a busy machine must not look like an outage."""


def resolved_tile(
    key: str = "ab" * 32,
    *,
    format: TileFormat = TileFormat.PNG,  # noqa: A002
    covered: bool = True,
    revision: str = "0123456789abcdef",
    synthetic: bool = False,
    scene_id: str = "scene",
) -> ResolvedTile:
    """A resolved tile; caching looks at its key, format, scenes, revision and synthetic mark only."""
    product = tms = cast("Any", None)
    request = TileRequest(product, tms, 13, 4200, 2700, 256, format, None)
    hour = Period.parse("2026-09-13T16")
    scene = SceneRef(scene_id, f"{scene_id}/item.json", hour.start, hour.end, hour, None, synthetic)
    scenes = (scene,) if covered else ()
    return ResolvedTile(
        request,
        scenes=SceneWindows((WindowScenes("", (scenes,)),)),
        key=key,
        revision=revision,
        synthetic=synthetic,
    )


def body_of(key: str) -> bytes:
    """The bytes the renderer below gives for a key."""
    return hashlib.sha512(key.encode()).digest() * 40


@dataclass
class KeyedRenderer:
    """A renderer whose bytes follow from the key; it waits for `gate` and fails where told to."""

    gate: asyncio.Event | None = None
    error: Exception | None = None
    skipped: tuple[str, ...] = ()
    timing_ms: Mapping[str, float] = field(default_factory=lambda: {"read": 4.0, "encode": 0.25})
    rendered: list[str] = field(default_factory=list)
    cancelled: int = 0

    async def render(self, resolved: ResolvedTile) -> RenderedTile:
        self.rendered.append(resolved.key)
        try:
            if self.gate is not None:
                await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        media_type = resolved.request.format.media_type
        return RenderedTile(body_of(resolved.key), media_type, self.skipped, self.timing_ms)


def state_of(service: TileService, generation: int = 1) -> TileState:
    """A state for the tile middleware, whose catalogue is at a generation."""
    return cast(
        "TileState", SimpleNamespace(service=service, catalogue=SimpleNamespace(generation=generation))
    )


@dataclass(frozen=True)
class Received:
    """An answer as it came over the ASGI interface."""

    status: int
    headers: dict[str, str]
    body: bytes


async def ask(
    app: ASGIApp,
    path: str,
    *,
    query: str = "",
    method: str = "GET",
    root_path: str = "",
    headers: Mapping[str, str] | None = None,
) -> Received:
    """Send one request to an application; a header given twice by it is an error."""
    scope = {
        "type": "http",
        "method": method,
        "path": root_path + path,
        "root_path": root_path,
        "query_string": query.encode(),
        "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *bodies = sent
    found = {k.decode(): v.decode() for k, v in start["headers"]}
    assert len(found) == len(start["headers"])
    assert not any(message.get("more_body") for message in bodies)
    return Received(start["status"], found, b"".join(message["body"] for message in bodies))
