"""The same bytes wherever the graph runs: threads, two processes, workers over TCP, one of them killed."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from ingest.compositing.composing import compose
from ingest.compositing.scene_reader import UnreadableSceneError
from ingest.compositing.schedulers import Cluster, ClusterError, Threads, scheduler_at
from ingest.compositing.stacking import stacking
from mosaics.storage import open_storage
from tests.ingest.compositing.scenes import MONTH, composed, order, planned
from tests.services.ports import free_port

CHECKOUT = Path(__file__).parents[3]
BLOCK_SIDE = 48
"""Pixels; nine blocks, of which a cluster of two workers has four under way."""


async def bytes_of(storage, scheduler, target, progress=lambda _: None):
    """The COGs of a composite that is landed in an empty storage."""
    plan = replace(await planned(storage, order()), side=BLOCK_SIDE)
    reading = stacking(plan.selection.scenes, plan.order.composition.mask, storage.gdal_options())
    async with await open_storage(target.as_uri()) as empty:
        landing = await compose(empty, plan, reading, scheduler, progress)
        return {band: await empty.get(landing.plan.cog_key(band)) for band in ("red", "nir", "count")}


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """A folder where the scenes of a month have landed, and what one process makes of them."""
    folder = tmp_path_factory.mktemp("clusters")

    async def land():
        async with await open_storage((folder / "store").as_uri()) as storage:
            for scene in MONTH:
                await scene.land(storage)
            return await bytes_of(storage, Threads(2), folder / "threads")

    return folder / "store", asyncio.run(land())


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    """The address of a scheduler, and two workers over TCP that nothing starts again."""
    address = f"tcp://127.0.0.1:{free_port()}"
    folder = tmp_path_factory.mktemp("dask")
    programs = [
        ("dask_scheduler", "--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--no-dashboard"),
        *[
            (
                "dask_worker",
                address,
                "--no-nanny",
                "--nthreads",
                "1",
                "--no-dashboard",
                "--local-directory",
                str(folder),
            )
        ]
        * 2,
    ]
    with ExitStack() as stack:
        started: list[subprocess.Popen[bytes]] = []
        for program, *words in programs:
            log = stack.enter_context((folder / f"{program}-{len(started)}.log").open("w"))
            command = [sys.executable, "-m", f"distributed.cli.{program}", *words]
            child = stack.enter_context(subprocess.Popen(command, cwd=CHECKOUT, stdout=log, stderr=log))
            stack.callback(child.kill)
            started.append(child)
        with Client(address, timeout=30, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=30)
        yield address, started[1:]


async def test_two_processes_make_the_same_bytes(month, tmp_path):
    folder, expected = month
    with (
        LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        async with await open_storage(folder.as_uri()) as storage:
            assert await bytes_of(storage, Cluster(client), tmp_path / "target") == expected


async def test_two_workers_over_tcp_make_the_same_bytes_from_s3(month, s3_address, workers, tmp_path):
    address, _ = workers
    async with await open_storage(s3_address) as storage:
        for scene in MONTH:
            await scene.land(storage)
        with scheduler_at(address, threads=2) as scheduler:
            assert await bytes_of(storage, scheduler, tmp_path / "target") == month[1]


async def test_a_scene_that_workers_cannot_read_is_named(month, workers, tmp_path):
    folder, _ = month
    async with await open_storage(folder.as_uri()) as storage:
        plan = await planned(storage, order())
        gone = plan.selection.scenes[1]
        file = gone.item.assets["nir"].path
        shutil.move(file, tmp_path / "away.tif")
        try:
            with (
                scheduler_at(workers[0], threads=2) as scheduler,
                pytest.raises(UnreadableSceneError, match="nir of scene second cannot be read"),
            ):
                await composed(storage, plan, scheduler)
        finally:
            shutil.move(tmp_path / "away.tif", file)


async def test_a_worker_killed_on_the_way_changes_nothing(month, workers, tmp_path):
    folder, expected = month
    address, (first, second) = workers
    told = []

    def progress(steps):
        told.append(steps)
        if len(told) == 2:
            os.kill(first.pid, signal.SIGKILL)

    async with await open_storage(folder.as_uri()) as storage:
        with scheduler_at(address, threads=2) as scheduler:
            assert await bytes_of(storage, scheduler, tmp_path / "target", progress) == expected
    assert first.wait(5) == -signal.SIGKILL
    assert second.poll() is None
    assert len(told) > 9  # a step a block, then those of landing


def test_a_cluster_that_is_not_there_is_said():
    address = f"tcp://127.0.0.1:{free_port()}"
    with (
        pytest.raises(ClusterError, match=f"no Dask scheduler answers at {address}"),
        scheduler_at(address, threads=1, timeout_s=0.5),
    ):
        pass
