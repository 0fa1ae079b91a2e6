"""Two real servers on one store and one database: each slot once, and one is killed."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from mosaics.storage import open_storage
from tests.app.landed import land
from tests.app.tasks.conftest import square
from tests.services.postgres import PostgresServer

CHECKOUT = Path(__file__).parents[3]
START_S = 90
TAKEOVER_S = 30


@dataclass
class Server:
    """A server that runs."""

    process: subprocess.Popen[bytes]
    address: str

    def get(self, path: str) -> Any:
        return httpx.get(self.address + path, timeout=30).json()


@contextmanager
def server(folder: Path, name: str, **environment: str) -> Iterator[Server]:
    log = folder / f"{name}.log"
    usual = {each: value for each, value in os.environ.items() if not each.startswith("TILEWATCH_")}
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", "0"],
            cwd=folder,
            env=usual | environment | {"PYTHONPATH": str(CHECKOUT)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Server(process, _address(process, log))
    finally:
        process.terminate()
        process.wait(timeout=30)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"running on (http://[\d.]+:\d+)", log.read_text()):
            return found[1]
        time.sleep(0.1)
    pytest.fail(f"the server did not start: {log.read_text()}")


def wait_for(condition: Any, within_s: float) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s, "it did not come about in time"
        time.sleep(0.25)
    return time.monotonic() - began


def landed(store: Path, folder: Path, scene: str, month: str) -> None:
    async def put() -> None:
        async with await open_storage(store.as_uri()) as storage:
            await land(storage, folder, scene, month=month)

    asyncio.run(put())


def test_of_two_servers_one_keeps_series_and_the_other_goes_on_when_it_is_killed(
    tmp_path: Path, database_url: str, postgres: PostgresServer
) -> None:
    database = database_url.rpartition("/")[2]
    store = tmp_path / "store"
    landed(store, tmp_path, "may", "2024-05")
    chosen = {
        "TILEWATCH_STORAGE": store.as_uri(),
        "TILEWATCH_DATABASE_URL": database_url,
        "TILEWATCH_JOBS_EVERY_S": "2",
        "TILEWATCH_KEYLESS_WRITES": "true",
        "TILEWATCH_RENDER_THREADS": "1",
    }

    def periods() -> str:
        return postgres.psql(database, "select string_agg(period, ' ' order by starts) from area_statistics")

    with ExitStack() as stack:
        servers = [stack.enter_context(server(tmp_path, name, **chosen)) for name in ("one", "two")]
        document = {
            "type": "Feature",
            "geometry": square(20, 100),
            "properties": {"name": "Field", "products": ["ndvi"]},
        }
        assert httpx.post(f"{servers[0].address}/areas", json=document).status_code == 201
        wait_for(lambda: periods() == "2024-05", 60)

        states = [each.get("/jobs") for each in servers]
        assert states[0]["leader"] == states[1]["leader"] is not None
        pid = int(states[0]["leader"].partition("-")[0])
        killed = next(each for each in servers if each.process.pid == pid)
        other = next(each for each in servers if each.process.pid != pid)
        killed.process.send_signal(signal.SIGKILL)
        landed(store, tmp_path, "june", "2024-06")
        took_s = wait_for(lambda: periods() == "2024-05 2024-06", TAKEOVER_S)
        after = other.get("/jobs")
    assert took_s < TAKEOVER_S
    assert after["leader"] == after["this_worker"] != states[0]["leader"]
    kept = next(task for task in after["tasks"] if task["name"] == "kept-series")
    assert kept["last"][0]["status"] in {"running", "done"}
    twice = "select count(*) from (select from job_slots group by job, slot having count(*) > 1) repeated"
    assert postgres.psql(database, twice) == "0"
    ran = "select count(distinct holder) from job_slots where job = 'kept-series'"
    assert postgres.psql(database, ran) == "2"
