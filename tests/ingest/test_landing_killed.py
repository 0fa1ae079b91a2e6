"""A landing killed at any instant: readers never see half of it, and the next one completes it, once."""

import asyncio
import os
import random
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import rasterio

import mosaics.storage.s3  # noqa: F401 - once, not in every fork
from ingest.landing import land_scene
from ingest.landing_request import BandFile, LandingRequest
from ingest.planning import ScenePlan, plan_scene
from mosaics.catalogue import Catalogue
from mosaics.descriptions.collections import load_collections
from mosaics.log import read_commits
from mosaics.storage import open_storage
from tests.rasters import ramp, write_geotiff

KILLS = {"file": 20, "s3": 6}
"""By the scheme of storage; a landing takes longer over the network."""
SENTINEL = "sentinel-2-l2a"


def land(address: str, plan: ScenePlan) -> None:
    async def work() -> None:
        async with await open_storage(address) as storage:
            await land_scene(storage, plan)

    asyncio.run(work())


def look(address: str, files: dict[str, Path]) -> None:
    """Reads everything a reader can see, and stops at the first thing that is not whole."""

    async def work() -> None:
        expected = {band: rasterio.open(file).read(1) for band, file in files.items()}
        async with await open_storage(address) as storage:
            catalogue = Catalogue(storage)
            await catalogue.refresh()
            for collection_id in catalogue.collections():
                for period in catalogue.periods(collection_id):
                    index = await catalogue.index(collection_id, period)
                    assert index.size
                newest = [commit async for commit in read_commits(storage, collection_id)][-1]
                item = await catalogue.item(newest.added[0].item_key)
                for band in item.assets:
                    data = await storage.get(item.item_key.replace("item.json", f"{band}.tif"))
                    with rasterio.MemoryFile(data) as memory, memory.open() as dataset:
                        assert np.array_equal(dataset.read(1), expected[band])

    asyncio.run(work())


def in_a_child(work, *given, killed_after_s: float | None = None) -> int:
    """Runs work in a fork; its exit status, -9 where it was killed first."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work(*given)
            status = 0
        finally:
            os._exit(status)
    if killed_after_s is not None:
        time.sleep(killed_after_s)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def land_with_kills(address: str, files: dict[str, Path]) -> list[tuple[int, int, int]]:
    """Lands scenes one after the other, each killed once and landed again.

    Returns:
        For each the exit status of the landing killed, of looking then, and of the landing after it.
    """
    when = datetime(2024, 6, 15, tzinfo=UTC)
    assets = tuple(BandFile(band, file) for band, file in files.items())
    order = LandingRequest(id="first", start=when, end=when, assets=assets, baseline="05.10")
    sources = load_collections()
    plan = plan_scene(sources[SENTINEL], order)
    began = time.perf_counter()
    assert in_a_child(land, address, plan) == 0
    whole_s = time.perf_counter() - began
    results = []
    kills = KILLS[address.partition(":")[0]]
    delays = [whole_s * (at + random.Random(at).random()) / kills for at in range(kills)]
    for at, delay_s in enumerate(delays):
        plan = plan_scene(sources[SENTINEL], replace(order, id=f"scene-{at}"))
        results.append(
            (
                in_a_child(land, address, plan, killed_after_s=delay_s),
                in_a_child(look, address, files),
                in_a_child(land, address, plan),
            )
        )
    return results


async def test_killed_at_any_instant(storage_address, tmp_path):
    files = {
        band: write_geotiff(tmp_path / f"{band}.tif", ramp(600, 500, low=low), nodata=0)
        for band, low in (("red", 1), ("nir", 2))
    }
    # a process of its own, without threads, that may fork
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        results = pool.submit(land_with_kills, storage_address, files).result()
    assert results[0][0] == -signal.SIGKILL
    assert {looked for _, looked, _ in results} == {0}
    assert {again for _, _, again in results} == {0}
    async with await open_storage(storage_address) as storage:
        added = [record.id async for commit in read_commits(storage, SENTINEL) for record in commit.added]
        assert sorted(added) == sorted(["first", *(f"scene-{at}" for at in range(len(results)))])
