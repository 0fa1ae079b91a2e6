"""Polling: a server is killed at twenty instants while its leader polls a feed, and started again."""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from mosaics.descriptions.sources import SHIPPED
from mosaics.log import read_commits, read_state
from mosaics.storage import open_storage
from scripts.campaigns.row import Row
from scripts.campaigns.services import START_S, Services, end, environment
from tests.ingest.archives.cmr.playing import TOKEN, Laads
from tests.ingest.archives.server import ArchiveServer
from tests.ingest.synthetic_tiles import RADIANCE, usual_layers, write_tile
from tests.services.child import Child
from tests.services.ports import free_port, wait_until_listening

KILLS = 20
SOURCE = COLLECTION = "black-marble-monthly-noaa20"
FEED = {
    "source": SOURCE,
    "aoi": [-39.0, 10.5, 179.0, 19.5],
    "bands": ["radiance", "num_observations", "quality"],
    "from": "2026-07",
}
"""Over the tiles h14v07 to h35v07, of which one more is published each time."""
CHECKOUT = Path(__file__).parents[2]
PATIENCE_S = 240


@dataclass(frozen=True, slots=True)
class World:
    """An archive that is played, and where a server over it keeps everything."""

    used: Services
    laads: Laads

    @property
    def store(self) -> Path:
        """The folder of the store."""
        return self.used.folder / "polling-store"

    def publish(self, number: int) -> str:
        """Let the archive have one more tile, and return what its scene is called."""
        name = f"VJ146A3.A2026182.h{14 + number:02d}v07.002.2026252{number:06d}.h5"
        layers = usual_layers()
        layers[RADIANCE][:] = 2.5
        content = write_tile(self.used.folder, name, layers)
        self.laads.publish(name, content, revised=f"2026-09-{9 + number // 2:02d}T{number % 2:02d}:00:00Z")
        return f"h{14 + number:02d}v07"

    @contextmanager
    def served(self) -> Iterator[tuple[Child, httpx.Client]]:
        """Serve the store; the server may be killed meanwhile."""
        port = free_port()
        settings = {
            "PYTHONPATH": os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")]),
            "TILEWATCH_STORAGE": self.store.as_uri(),
            "TILEWATCH_DATABASE_URL": self.used.postgres.url("tilewatch"),
            "TILEWATCH_SOURCES": str(self.used.folder / "sources"),
            "TILEWATCH_DOWNLOADS": str(self.used.folder / "downloads"),
            "TILEWATCH_ARCHIVE_TOKENS": f"{self.laads.server.url}={TOKEN}",
            "TILEWATCH_KEYLESS_WRITES": "true",
            "TILEWATCH_JOBS_EVERY_S": "1",
            "TILEWATCH_VERIFY_MB_PER_S": "0",
        }
        command = [sys.executable, "-m", "tests.end_to_end.serve_played", str(port)]
        child = Child.start(command, self.used.folder, name="polling", env=environment(settings))
        try:
            wait_until_listening(port, timeout_s=START_S, check=child.check)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                yield child, client
        finally:
            if child.process.poll() is None:
                end(child)


def scenarios(used: Services, store: Path) -> Iterator[Row]:  # noqa: ARG001 - has a store of its own
    """Yield the row of polls whose server is killed once each before they are made to their end."""
    with ArchiveServer() as archive, ArchiveServer() as files:
        world = World(used, Laads(archive, files, SOURCE))
        sources = used.folder / "sources"
        sources.mkdir()
        shipped = (SHIPPED / f"{SOURCE}.toml").read_text()
        (sources / f"{SOURCE}.toml").write_text(f'api = "{archive.url}/search"\n{shipped}')
        yield _polled(world)


def _polled(world: World) -> Row:
    chance = random.Random(14)  # noqa: S311 - instants, not keys
    tiles = [world.publish(0)]
    with world.served() as (_, client):
        feed = client.post("/feeds", json=FEED).raise_for_status().json()["id"]
        whole_s = _wait_until_landed(world, client, feed, tiles)
        began = time.monotonic()
        tiles.append(world.publish(1))
        client.post(f"/feeds/{feed}/poll").raise_for_status()
        whole_s = _wait_until_landed(world, client, feed, tiles) + time.monotonic() - began
    stages, slowest_s = Counter[str](), 0.0
    for number in range(KILLS):
        with world.served() as (child, client):
            _wait_until_landed(world, client, feed, tiles)  # what the server before left
            tiles.append(world.publish(len(tiles)))
            client.post(f"/feeds/{feed}/poll").raise_for_status()
            time.sleep(whole_s * (number + chance.random()) / KILLS)
            stages[_stage(world, client, feed, tiles)] += 1
            child.kill()
    with world.served() as (_, client):
        slowest_s = _wait_until_landed(world, client, feed, tiles)
        jobs = client.get("/jobs", params={"limit": 100}).raise_for_status().json()["jobs"]
        downloads = len(world.laads.downloads())
    landings = _landings(world.store)
    twice = sum(times - 1 for times in landings.values())
    lost = len(tiles) - len(landings)
    remarks = (
        f"killed {', '.join(f'{count} {stage}' for stage, count in sorted(stages.items()))}; a poll takes "
        f"{whole_s:.0f} s; {len(tiles)} tiles landed by {sum(landings.values())} commits, {twice} twice; "
        f"{len(jobs)} jobs, {downloads} requests for files; the last came {slowest_s:.0f} s after the start"
    )
    return Row(
        f"a server killed at {KILLS} instants of a poll", KILLS, 0, lost + twice, lost=lost, remarks=remarks
    )


def _wait_until_landed(world: World, client: httpx.Client, feed: int, tiles: list[str]) -> float:
    """Wait until all tiles are there and no order of the feed is under way; return for how many seconds."""
    began = time.monotonic()
    while True:
        document = client.get(f"/feeds/{feed}").raise_for_status().json()
        if _tiles_of(world.store) >= set(tiles) and _order(document) is None:
            return time.monotonic() - began
        if time.monotonic() - began > PATIENCE_S:
            raise TimeoutError(f"the feed has not landed {tiles[-1]} within {PATIENCE_S} s: {document}")
        time.sleep(0.2)


def _stage(world: World, client: httpx.Client, feed: int, tiles: list[str]) -> str:
    """Return in words how far a poll was when it was killed."""
    if set(tiles) <= _tiles_of(world.store):
        order = _order(client.get(f"/feeds/{feed}").json())
        return "after its end" if order is None else "after landing, before that was recorded"
    return "before ordering" if _order(client.get(f"/feeds/{feed}").json()) is None else "while ingesting"


def _order(document: dict[str, Any]) -> int | None:
    found: int | None = document["progress"]["job"]
    return found


def _tiles_of(store: Path) -> set[str]:
    """Return the tiles that readers see."""

    async def seen() -> set[str]:
        async with await open_storage(store.as_uri()) as storage:
            return {_tile(name) for name in (await read_state(storage, COLLECTION)).scenes}

    return asyncio.run(seen())


def _landings(store: Path) -> Counter[str]:
    """Return by how many commits each tile was added."""

    async def added() -> Counter[str]:
        async with await open_storage(store.as_uri()) as storage:
            commits = [commit async for commit in read_commits(storage, COLLECTION)]
        return Counter(_tile(record.id) for commit in commits for record in commit.added)

    return asyncio.run(added())


def _tile(scene_id: str) -> str:
    return next(part for part in scene_id.split(".") if part.endswith("v07"))
