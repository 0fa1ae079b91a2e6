"""Servers of a campaign or of fuzzing: Redis, PostgreSQL, the demo, and Tilewatch over them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

import migrations
from tests.services.child import Child
from tests.services.ports import free_port, wait_until_listening
from tests.services.postgres import PostgresServer
from tests.services.redis_server import RedisServer

START_S = 180
"""Importing a tile server takes a few seconds of CPU, and longer on a busy machine."""

PROGRAM = str(Path(sys.executable).with_name("tilewatch"))
FOREIGN = ("TILEWATCH_", "GDAL_", "AWS_", "CPL_", "PROJ_")
"""Beginnings of names that would change what is measured."""


@dataclass(frozen=True, slots=True)
class Services:
    """What Tilewatch uses beside its storage."""

    folder: Path
    redis: RedisServer
    postgres: PostgresServer

    @property
    def settings(self) -> dict[str, str]:
        """Where they are, as Tilewatch's settings."""
        return {
            "TILEWATCH_REDIS_URL": self.redis.url,
            "TILEWATCH_DATABASE_URL": self.postgres.url("tilewatch"),
        }


@contextmanager
def services() -> Iterator[Services]:
    """Provide an empty Redis and a PostgreSQL with the newest schema, in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="tilewatch-campaign-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL runs as a user of its own where root asks
        redis, postgres = RedisServer(folder), PostgresServer(folder)
        try:
            redis.start()
            postgres.start()
            migrations.upgrade(postgres.url("tilewatch"))
            yield Services(folder, redis, postgres)
        finally:
            postgres.resume()
            postgres.stop()
            redis.stop()


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return what a process of Tilewatch sees: nothing of this one's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return {**kept, **settings}


def run(*arguments: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Tilewatch to its end, in a folder without `.env`."""
    return subprocess.run(
        [PROGRAM, *arguments],
        cwd=folder,
        env=environment(settings),
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
    )


def commit() -> str:
    """Return the name of the commit that this is, with `-dirty` where something was changed since."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()


def landed_demo(kept: Path) -> Path:
    """Return a folder with the demo as this commit lands it, which is kept until another commit needs one."""
    store = kept / f"demo-{commit()}"
    if not store.is_dir():
        for older in kept.glob("demo*"):
            shutil.rmtree(older)
        kept.mkdir(parents=True, exist_ok=True)
        new = kept / "demo-unfinished"
        shutil.rmtree(new, ignore_errors=True)
        run("demo", "--storage", new.as_uri(), folder=kept).check_returncode()
        new.rename(store)
    return store


@dataclass(frozen=True, slots=True)
class Served:
    """Tilewatch while it is served."""

    child: Child
    port: int

    @property
    def address(self) -> str:
        """Where it is served."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def workers(self) -> list[int]:
        """Process ids of those that answer: the workers, or the one process where there are no others."""
        return [pid for pid in children(self.child.process.pid) if _is_worker(pid)] or [
            self.child.process.pid
        ]

    def family(self) -> list[int]:
        """Return the process ids of all of it."""
        found = [self.child.process.pid]
        for pid in found:
            found += children(pid)
        return found


@contextmanager
def tilewatch(
    store: str,
    folder: Path,
    settings: Mapping[str, str],
    *,
    workers: int = 1,
    descriptors: int | None = None,
) -> Iterator[Served]:
    """Serve a store until the end of the block.

    Args:
        store: Its address.
        folder: Where the log is kept, and where `.env` is not.
        settings: `TILEWATCH_*`, and what else is in the environment.
        workers: Number of processes that answer.
        descriptors: How many file descriptors a process may have; by default as many as this one.
    """
    port = free_port()
    command = [PROGRAM, "serve", "--port", str(port), "--workers", str(workers), "--storage", store]
    if descriptors is not None:
        command = ["prlimit", f"--nofile={descriptors}:{descriptors}", "--", *command]
    child = Child.start(command, folder, name="tilewatch", env=environment(settings))
    try:
        wait_until_listening(port, timeout_s=START_S, check=child.check)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            _wait_until_ready(client)
        yield Served(child, port)
    finally:
        end(child)


def end(child: Child) -> None:
    """End a server and its workers, paused ones too."""
    for pid in (*children(child.process.pid), child.process.pid):
        send(pid, signal.SIGCONT)
    child.process.terminate()
    try:
        child.process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        for pid in (*children(child.process.pid), child.process.pid):
            send(pid, signal.SIGKILL)
        child.process.wait()


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process of ours that may have ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def children(pid: int) -> list[int]:
    """Return the process ids of a process's children; none when it has ended."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in listed.split()]


def resident_mb(pids: list[int], line: str = "VmRSS") -> float:
    """Return the memory of processes in MB; `VmHWM` is the most they ever had."""
    return sum(_status_kb(pid, line) for pid in pids) / 1000


def _status_kb(pid: int, line: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(each.split()[1]) for each in lines if each.startswith(f"{line}:")), 0)


def _is_worker(pid: int) -> bool:
    """Return whether a process is one that answers, rather than the tracker of shared memory."""
    try:
        return b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _wait_until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            if client.get("/readyz").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server is not ready after {START_S} s")
        time.sleep(0.1)
