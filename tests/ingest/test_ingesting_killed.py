"""An ingest killed at any instant: the next completes it, and fetches or lands nothing twice.

Every other scene is ingested as the part under a box, which is so large that the part is the whole.
"""

import asyncio
import random
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from ingest.archives.http import ArchiveClient
from ingest.options import IngestOptions
from mosaics.bbox import Bbox
from mosaics.log import read_commits
from mosaics.storage import open_storage
from mosaics.sweeping import unreferenced
from tests.ingest.archives.conftest import QUICK
from tests.ingest.archives.playing import days, ingest, play
from tests.ingest.test_landing_killed import in_a_child, look
from tests.rasters import write_cog

KILLS = 20
SENTINEL = "sentinel-2-l2a"
BANDS = ("red", "nir", "scl")
BOX = Bbox(5.0, 51.0, 5.5, 51.5)


def bring(url: str, store: str, downloads: Path, day: int) -> None:
    async def work() -> None:
        async with (
            ArchiveClient(patience=QUICK, local_http=True) as client,
            await open_storage(store) as opened,
        ):
            date = f"2024-06-{day:02}"
            options = IngestOptions(clip=BOX) if day % 2 else IngestOptions()
            _, outcome = await ingest(
                url, client, opened, downloads, interval=f"{date}/{date}", options=options
            )
            assert outcome.failures == {}

    asyncio.run(work())


def finished(downloads: Path) -> set[str]:
    """Bands whose files lie whole in the downloads."""
    return {path.name.partition(".")[0] for path in downloads.glob("*/*/*/*.tif")}


def ingest_with_kills(url: str, store: str, downloads: Path, files: dict[str, Path]) -> list[dict[str, Any]]:
    """Ingests a scene a day, each killed once, later from one day to the next, and ingested again."""
    began = time.perf_counter()
    assert in_a_child(bring, url, store, downloads, KILLS + 1) == 0
    whole_s = time.perf_counter() - began
    results: list[dict[str, Any]] = []
    for at in range(KILLS):
        delay_s = whole_s * (at + random.Random(at).random()) / KILLS
        killed = in_a_child(bring, url, store, downloads, at + 1, killed_after_s=delay_s)
        whole = finished(downloads)
        killed_at = time.time()
        looked = in_a_child(look, store, files)
        again = in_a_child(bring, url, store, downloads, at + 1)
        results.append({"killed": killed, "looked": looked, "again": again, "whole": whole, "at": killed_at})
    return results


async def test_killed_at_any_instant(archive, tmp_path):
    store, downloads = (tmp_path / "store").as_uri(), tmp_path / "downloads"
    noise = np.random.default_rng(1)
    files = {
        band: write_cog(
            tmp_path / f"{band}.tif",
            noise.integers(1000, 9000, (300, 300), "uint16")
            if band != "scl"
            else np.full((300, 300), 4, dtype="uint8"),
            nodata=0,
        )
        for band in BANDS
    }
    items = days(archive, KILLS + 1)
    for item in items:
        for asset in item["assets"].values():
            asset["proj:shape"] = [300, 300]
    play(archive, items, {band: file.read_bytes() for band, file in files.items()}, pause_s=0.001)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        running = pool.submit(ingest_with_kills, archive.url, store, downloads, files)
        results = await asyncio.wrap_future(running)
    assert results[0]["killed"] == -signal.SIGKILL
    assert {result["looked"] for result in results} == {0}
    assert {result["again"] for result in results} == {0}
    # kills fell into the fetching as well as after it
    assert len({len(result["whole"]) for result in results}) > 1
    for at, result in enumerate(results):
        for band, name in (("red", "B04"), ("nir", "B08"), ("scl", "SCL")):
            path = f"/S2A_31UFT_202406{at + 1:02}_0_L2A/{name}.tif"
            after = [one for one in archive.of(path) if one.at > result["at"] and not one.is_probe]
            assert not (band in result["whole"] and after), f"{path} was fetched again"
    async with await open_storage(store) as storage:
        added = [record.id async for commit in read_commits(storage, SENTINEL) for record in commit.added]
        assert sorted(scene_id[:24] for scene_id in added) == sorted(item["id"] for item in items)
        async for info in unreferenced(storage, timedelta(0)):
            await storage.delete(info.key)
        left = [info.key async for info in storage.list("collections/")]
    folders = {key.split("/")[3][:24] for key in left if "/scenes/" in key}
    assert folders == {item["id"] for item in items}
    assert sum(key.endswith(".tif") for key in left) == len(BANDS) * len(items)
    assert list(downloads.iterdir()) == []
