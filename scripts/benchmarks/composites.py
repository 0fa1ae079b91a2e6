"""Composites: the time and memory that a month of Sentinel-2 takes on this machine.

The month is twelve overpasses of the benchmark's scene: the same ground, each with clouds and an offset of
its own, so that no two scenes mask a pixel alike.
"""

import asyncio
import copy
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from ingest.landing import put_collection
from mosaics.descriptions.collections import find_collection, load_collections
from mosaics.document import MosaicDocument, SceneRecord
from mosaics.log import commit_scenes, read_state
from mosaics.seals import sealed, unsealed
from mosaics.storage import Storage, open_storage
from scripts.benchmarks.report import Goal, Row
from scripts.benchmarks.scene import COLLECTION, item_path, landed_scene

OVERPASSES = 12
"""A month of two satellites over one place."""
CLOUD_CELLS = 60
"""Clouds along one side of a scene; about a third of the pixels are cloudy."""
QUARTER = "5.0,50.72,5.76,51.2"
"""Degrees: about a quarter of the scene."""
MEMORY_GOAL_MB = Goal(1_500, 2_500, higher_is_better=False)


def measure(work: Path, folder: Path, *, rounds: int) -> Iterator[list[Row]]:
    """Measure the median over a quarter of a tile, by the command, in a process of its own."""
    store = folder / "store"
    asyncio.run(_land_month(landed_scene(work), store))
    spent_s, memory_mb, cpu_s = [], [], []
    for _ in range(min(rounds, 3)):
        shutil.rmtree(store / "collections/sentinel-2-monthly", ignore_errors=True)
        began = time.monotonic()
        said, usage = _run(
            *(str(Path(sys.executable).with_name("tilewatch")), "composite", COLLECTION),
            *(f"--bbox={QUARTER}", "--datetime=2021-06", "--bands=red,nir", f"--storage={store.as_uri()}"),
        )
        spent_s.append(time.monotonic() - began)
        cpu_s.append(usage.ru_utime + usage.ru_stime)
        memory_mb.append(usage.ru_maxrss / 1024)
    yield [
        Row(
            f"composite: {said.splitlines()[0]}",
            "s",
            spent_s,
            (),
            figures=memory_mb,
            figure_unit="MB",
            goal=MEMORY_GOAL_MB,
            more={"cpu_s": min(cpu_s)},
        )
    ]


def _run(*command: str) -> tuple[str, resource.struct_rusage]:
    """Run a command; return what it prints and what it takes."""
    alone = {**os.environ, "TILEWATCH_DASK_SCHEDULER": ""}
    with tempfile.TemporaryFile("w+") as said, subprocess.Popen(command, stdout=said, env=alone) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, command)
        said.seek(0)
        return said.read(), usage


async def _land_month(scene: Path, store: Path) -> None:
    """Make twelve scenes from one: the same files under other names, with items and clouds of their own."""
    item_file = item_path(scene)
    item = unsealed(await asyncio.to_thread(item_file.read_bytes))
    async with await open_storage(scene.as_uri()) as original:
        (mosaic,) = (await read_state(original, COLLECTION)).mosaics.values()
        (record,) = MosaicDocument(await original.get(mosaic)).scenes()
    async with await open_storage(store.as_uri()) as storage:
        source = find_collection(load_collections(), COLLECTION)
        await put_collection(storage, source.collection)
        records = [
            await _land_copy(storage, record, item, day, files=item_file.parent, store=store)
            for day in range(OVERPASSES)
        ]
        await commit_scenes(storage, COLLECTION, add=records)


async def _land_copy(
    storage: Storage, record: SceneRecord, item: dict[str, Any], number: int, *, files: Path, store: Path
) -> SceneRecord:
    when = record.start.replace(day=1) + timedelta(days=2.5 * number)
    scene_id = f"{record.id}-{number:02d}"
    key = f"collections/{COLLECTION}/scenes/{scene_id}/copy/item.json"
    document = copy.deepcopy(item) | {"id": scene_id}
    document["properties"]["datetime"] = f"{when:%Y-%m-%dT%H:%M:%SZ}"
    for band in ("red", "nir"):
        document["assets"][band]["bands"][0]["raster:offset"] = number % 5 / 1000
    await storage.put_new(key, sealed(document), "application/geo+json")
    await asyncio.to_thread(_copy_files, files, (store / key).parent, number)
    return replace(record, id=scene_id, item_key=key, start=when, end=when)


def _copy_files(source: Path, target: Path, number: int) -> None:
    for band in ("red", "nir"):
        os.link(source / f"{band}.tif", target / f"{band}.tif")
    _cloud(source / "scl.tif", target / "scl.tif", number)


def _cloud(source: Path, target: Path, seed: int) -> None:
    """Write the classification with other clouds."""
    random = np.random.default_rng(seed)
    with rasterio.open(source) as dataset:
        codes, profile = dataset.read(1), dataset.profile
    cell = -(-len(codes) // CLOUD_CELLS)
    clouds = (random.random((CLOUD_CELLS, CLOUD_CELLS)) < 1 / 3).repeat(cell, 0).repeat(cell, 1)
    codes[clouds[: len(codes), : codes.shape[1]]] = 9
    with rasterio.open(target, "w", **profile) as dataset:
        dataset.write(codes, 1)
