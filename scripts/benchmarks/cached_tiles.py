"""How fast a known tile is answered, as a fraction of a bare ASGI app sending as many bytes in the same run.

Middleware, service, both tiers, uvicorn and Redis are the real ones. What stands in, here alone: the
renderer gives random bytes, and addresses are resolved from their coordinates, since neither happens when
a tile is known. Every answer is checked before anything is measured. Needs redis-server; without wrk a
client of our own asks, which is so slow itself that the servers look more alike than they are.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from app.caching.process_cache import ProcessCache
from app.caching.redis_tier import RedisTier
from app.caching.tile_middleware import TileMiddleware, TileState
from app.caching.tile_reply import RESOLVED, reply
from app.caching.tile_service import TileService
from app.rendering.address import TileFormat, TileRequest
from app.rendering.renderer import RenderedTile
from app.rendering.resolving import ResolvedTile, SceneWindows, WindowScenes
from scripts.benchmarks.load import Ask, keep_busy
from scripts.benchmarks.report import Goal, Row
from scripts.benchmarks.servers import Server
from tests.services.ports import free_port, wait_until_listening
from tests.services.redis_server import RedisServer

TILE_BYTES = 20_000
TILES = 256
CONNECTIONS = 32
COLUMNS = 16
PATHS = [
    f"/products/ndvi/tiles/WebMercatorQuad/13/{4200 + n % COLUMNS}/{2700 + n // COLUMNS}.png"
    for n in range(TILES)
]
QUERY = "datetime=2024-06"

CASES = {
    "process": ("cached tile, from the process", Goal(0.8, 0.7)),
    "redis": ("cached tile, through Redis", Goal(0.5, 0.35)),
    "unchanged": ("cached tile, 304", Goal(0.85, 0.7)),
}
"""What is measured, with its goal."""


def key_of(path: str, query: str) -> str:
    """Return the key of an address."""
    return hashlib.sha256(f"{path}?{query}".encode()).hexdigest()


def body_of(key: str) -> bytes:
    """Return the bytes of a key."""
    return hashlib.shake_256(key.encode()).digest(TILE_BYTES)


class NoiseTiles:
    """A substitute for the renderer: incompressible bytes, the same for a key in every process."""

    async def render(self, resolved: ResolvedTile) -> RenderedTile:
        """Return the bytes of a key."""
        return RenderedTile(body_of(resolved.key), "image/png", (), {})


def resolve(_: TileState, path: str, query: str) -> ResolvedTile:
    """Resolve an address to a covered tile whose key is the address."""
    z, x, y = (int(part) for part in path.removesuffix(".png").split("/")[-3:])
    product = tms = cast("Any", None)
    request = TileRequest(product, tms, z, x, y, 256, TileFormat.PNG, "2024-06")
    key = key_of(path, query)
    scenes = SceneWindows((WindowScenes("", (cast("Any", ("a scene",)),)),))
    return ResolvedTile(request, scenes=scenes, key=key, revision="r", synthetic=False)


def bare() -> ASGIApp:
    """Return the fastest possible server of these bytes: it finds the body by path and adds two headers."""
    headers = [(b"content-type", b"image/png"), (b"content-length", b"%d" % TILE_BYTES)]
    bodies = {path: body_of(key_of(path, QUERY)) for path in PATHS}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI gives it
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bodies[scope["path"]]})

    return app


def tilewatch(cache_bytes: int, redis_url: str | None) -> ASGIApp:
    """Return the tile middleware in front of a route."""
    redis = RedisTier(redis_url) if redis_url else None
    service = TileService(NoiseTiles(), ProcessCache(cache_bytes), redis)
    state = cast("TileState", SimpleNamespace(service=service, catalogue=SimpleNamespace(generation=1)))

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        await (await reply(service, scope[RESOLVED], scope))(scope, receive, send)

    return TileMiddleware(route, state=lambda: state, resolve=resolve)


def serve(kind: str, port: int, redis_url: str) -> None:
    """Serve one application until killed."""
    apps: dict[str, Any] = {
        "bare": bare,
        "process": lambda: tilewatch(256 << 20, None),
        "redis": lambda: tilewatch(0, redis_url),
    }
    uvicorn.run(
        apps[kind](), port=port, http="httptools", loop="uvloop", lifespan="off",
        access_log=False, log_level="warning",
    )  # fmt: skip


@contextmanager
def served(kind: str, redis_url: str) -> Iterator[Server]:
    """Provide a running server."""
    port = free_port()
    command = [sys.executable, "-m", "scripts.benchmarks.cached_tiles", kind, str(port), redis_url]
    with subprocess.Popen(command) as server:

        def check() -> None:
            if server.poll() is not None:
                raise click.ClickException(f"the {kind} server ended")

        try:
            wait_until_listening(port, timeout_s=20, check=check)
            yield Server(port, server.pid)
        finally:
            server.kill()


def verified_tags(port: int, tier: str) -> list[str]:
    """Request every tile twice, computed and then from the tier, with equal bytes; return the ETags."""
    tags = []
    first = [_get(port, path)[1] for path in PATHS]
    for path, computed in zip(PATHS, first, strict=True):
        headers, body = _get(port, path)
        if headers["X-Cache"] != tier or body != computed or len(body) != TILE_BYTES:
            raise click.ClickException(f"{path} came from {headers['X-Cache']}, not from {tier}")
        tags.append(headers["ETag"])
    return tags


def requests_per_second(port: int, seconds: float, folder: Path, tags: list[str] | None = None) -> float:
    """Return the rate of a client with one thread; any status but 200 (304 with tags) is an error."""
    if shutil.which("wrk") is None:
        asks = [Ask(f"{path}?{QUERY}", tags[n] if tags else None) for n, path in enumerate(PATHS)]
        return keep_busy(port, asks, connections=CONNECTIONS, seconds=seconds, reuse=1_000_000).per_second
    script = wrk_script(folder, "conditional" if tags else "plain", tags)
    url = f"http://127.0.0.1:{port}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "-s", str(script), url]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", report)
    if found is None or "Non-2xx" in report or "Socket errors" in report:
        raise click.ClickException(report)
    return float(found[1])


def wrk_script(folder: Path, name: str, tags: list[str] | None = None) -> Path:
    """Write a script for wrk that requests all tiles, with ETags if given."""
    lines = ["local requests = {}"]
    for number, path in enumerate(PATHS):
        condition = f", {{['If-None-Match'] = {json.dumps(tags[number])}}}" if tags else ""
        lines.append(f"requests[{number}] = wrk.format('GET', '{path}?{QUERY}'{condition})")
    lines += ["local n = 0", f"request = function() n = (n + 1) % {TILES} return requests[n] end"]
    script = folder / f"{name}.lua"
    script.write_text("init = function(args)\n" + "\n".join(lines[:-2]).replace("local ", "") + "\nend\n")
    with script.open("a") as more:
        more.write("\n".join(lines[-2:]))
    return script


def measure(*, rounds: int, seconds: float) -> list[Row]:
    """Measure each case next to the bare app in the same round; rounds alternate in direction."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = RedisServer(folder)
        redis.start()
        stack.callback(redis.stop)
        kinds = ("bare", "process", "redis")
        servers = {kind: stack.enter_context(served(kind, redis.url)) for kind in kinds}
        verified_tags(servers["redis"].port, "redis")
        tags = verified_tags(servers["process"].port, "process")
        servers["unchanged"] = servers["process"]
        rates: dict[str, list[float]] = {case: [] for case in ("bare", *CASES)}
        cpu_ms: dict[str, list[float]] = {case: [] for case in rates}
        for number in range(rounds):
            for case in rates if number % 2 == 0 else reversed(rates):
                server = servers[case]
                before = server.cpu_s()
                rate = requests_per_second(
                    server.port, seconds, folder, tags if case == "unchanged" else None
                )
                rates[case].append(rate)
                cpu_ms[case].append((server.cpu_s() - before) * 1000 / (rate * seconds))
        return [
            Row(name, "/s", rates[case], rates["bare"], cpu_ms[case], cpu_ms["bare"], goal=goal)
            for case, (name, goal) in CASES.items()
        ]


def _get(port: int, path: str) -> tuple[Any, bytes]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}?{QUERY}", timeout=10) as answer:
        return answer.headers, answer.read()


@click.command()
@click.argument("kind")
@click.argument("port", type=int)
@click.argument("redis_url")
def main(kind: str, port: int, redis_url: str) -> None:
    """Serve one of the applications compared."""
    serve(kind, port, redis_url)


if __name__ == "__main__":
    main()
