"""A writer in a process of its own, that tests race and kill."""

import asyncio
import multiprocessing
import os
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event

from mosaics.log import commit_scenes
from mosaics.storage import ObjectExistsError, open_storage
from tests.mosaics.records import scene

# Forked from a server that has imported this module, a writer starts in milliseconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


def start_writer(address: str, name: str, first: int, last: int) -> BaseProcess:
    """Start a writer of the scenes `name` + `first` up to `name` + `last`; it has begun when this returns."""
    begun = PROCESSES.Event()
    writer = PROCESSES.Process(target=_run, args=(dict(os.environ), begun, address, name, first, last))
    writer.start()
    assert begun.wait(60)
    return writer


def _run(
    environment: Mapping[str, str], begun: Event, address: str, name: str, first: int, last: int
) -> None:
    os.environ.update(environment)
    asyncio.run(_write(begun, address, name, first, last))


async def _write(begun: Event, address: str, name: str, first: int, last: int) -> None:
    """As landing does: objects first, the commit last, and what was done before is not done again."""
    async with await open_storage(address) as storage:
        begun.set()
        for number in range(first, last + 1):
            record = scene(f"{name}{number}")
            with suppress(ObjectExistsError):
                await storage.put_new(record.item_key, record.id.encode() * 1000, "application/json")
            await commit_scenes(storage, "harvest", add=[record])
