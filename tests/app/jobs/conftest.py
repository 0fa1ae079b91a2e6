"""An archive to order from, servers that share a store and a database, and what is seen of their children."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from mosaics.descriptions.sources import SHIPPED
from tests.app.conftest import settings, two_months
from tests.ingest.archives.playing import EARTH_SEARCH
from tests.ingest.archives.server import ArchiveServer

__all__ = ["settings", "two_months"]

CHECKOUT = Path(__file__).parents[3]
START_S = 90


@dataclass
class Server:
    """A server that runs."""

    process: subprocess.Popen[bytes]
    client: httpx.Client
    log: Path

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def order(self, path: str, document: dict[str, Any], **headers: str) -> dict[str, Any]:
        answer = self.client.post(path, json=document, headers=headers)
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        assert answer.headers["location"] == f"{self.client.base_url}/jobs/{job['id']}"
        return job

    def job(self, job_id: int) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/jobs/{job_id}").json()
        return found


@contextmanager
def serve(folder: Path, names: Sequence[str], environment: dict[str, str]) -> Iterator[list[Server]]:
    """Servers on free ports."""
    usual = {each: value for each, value in os.environ.items() if not each.startswith("TILEWATCH_")}
    logs = [folder / f"{name}.log" for name in names]
    processes = []
    for log in logs:
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.app.jobs.serving"],
                cwd=folder,
                env=usual | environment | {"TILEWATCH_KEYLESS_WRITES": "true", "PYTHONPATH": str(CHECKOUT)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        processes.append(process)
    try:
        with ExitStack() as stack:
            servers = []
            for process, log in zip(processes, logs, strict=True):
                client = httpx.Client(base_url=_address(process, log), timeout=30)
                servers.append(Server(process, stack.enter_context(client), log))
            yield servers
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=30)


def wait_for(condition: Callable[[], Any], within_s: float = 120) -> Any:
    """What a condition gives once it holds."""
    end = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.1)
    return found


def children(pid: int, word: str) -> list[int]:
    """The processes that a process has started with a word among theirs."""
    found = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [
        each for each in found if word.encode() in Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0")
    ]


def is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture(scope="module")
def archive() -> Iterator[ArchiveServer]:
    """An archive that the sources of `sources` lead to."""
    with ArchiveServer() as server:
        yield server


@pytest.fixture(scope="module")
def sources(archive: ArchiveServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one source, `local`: the archive."""
    folder = tmp_path_factory.mktemp("sources")
    shipped = (SHIPPED / f"{EARTH_SEARCH}.toml").read_text()
    own = shipped.replace("https://earth-search.aws.element84.com", archive.url)
    (folder / "local.toml").write_text(own)
    return folder


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    found = wait_for(
        lambda: process.poll() is not None or re.search(r"running on (http://[\d.]+:\d+)", log.read_text()),
        START_S,
    )
    if found is True:
        pytest.fail(f"the server did not start: {log.read_text()}")
    return str(found[1])
