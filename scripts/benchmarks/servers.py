"""The servers compared: two workers each, reading the same files in a local folder."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import migrations
from tests.services.child import Child
from tests.services.ports import free_port, wait_until_listening
from tests.services.postgres import PostgresServer

WORKERS = 2
START_S = 120
"""Importing a tile server takes a few seconds of CPU, and longer on a busy machine."""

STOCK_ENVIRONMENT = {
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif,.TIF,.tiff",
    "CPL_VSIL_CURL_CACHE_SIZE": "200000000",
    "GDAL_BAND_BLOCK_CACHE": "HASHSET",
    "GDAL_CACHEMAX": "200",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MULTIPLEX": "YES",
    "GDAL_HTTP_VERSION": "2",
    "VSI_CACHE": "TRUE",
    "VSI_CACHE_SIZE": "5000000",
}
"""What TiTiler recommends (Performance tuning, "Recommended Configuration for dynamic tiling")."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    pid: int

    def cpu_s(self) -> float:
        """Return the CPU time its processes have taken, in seconds."""
        return sum(_cpu_s(pid) for pid in [self.pid, *_children(self.pid)])

    def resident_mb(self) -> float:
        """Return the memory of its processes in MB, with shared pages counted in equal parts."""
        family = [self.pid, *_children(self.pid)]
        return sum(_proportional_kb(pid) for pid in family) / 1000


@contextmanager
def database() -> Iterator[str]:
    """Provide a PostgreSQL of its own with the newest schema; yield its address."""
    with TemporaryDirectory() as private:
        Path(private).chmod(0o711)  # root's postgres user must be able to reach it
        server = PostgresServer(Path(private))
        server.start()
        try:
            url = server.url("tilewatch")
            migrations.upgrade(url)
            yield url
        finally:
            server.stop()


@contextmanager
def tilewatch(store: Path | str, folder: Path, **settings: str) -> Iterator[Server]:
    """Provide Tilewatch without a tile cache, so that every tile is computed; `settings` are TILEWATCH_*."""
    program = str(Path(sys.executable).with_name("tilewatch"))
    command = [program, "serve", "--workers", str(WORKERS), "--storage", str(store)]
    with _running("tilewatch", command, folder, {"TILEWATCH_CACHE_BYTES": "0", **settings}) as server:
        yield server


@contextmanager
def tilewatch_worker(store: Path, folder: Path) -> Iterator[Server]:
    """Provide one worker of Tilewatch with the settings that it has by default."""
    program = str(Path(sys.executable).with_name("tilewatch"))
    with _running("tilewatch", [program, "serve", "--storage", str(store)], folder, {}) as server:
        yield server


@contextmanager
def titiler(folder: Path) -> Iterator[Server]:
    """Provide TiTiler's own application as installed."""
    command = [sys.executable, "-m", "uvicorn", "titiler.application.main:app", "--workers", str(WORKERS),
               "--no-access-log"]  # fmt: skip
    with _running("titiler", command, folder, STOCK_ENVIRONMENT) as server:
        yield server


@contextmanager
def stock_mosaics(folder: Path) -> Iterator[Server]:
    """Provide TiTiler's factory for mosaics of STAC items, with as many workers."""
    command = [sys.executable, "-m", "uvicorn", "scripts.benchmarks.stock_mosaics:app",
               "--workers", str(WORKERS), "--no-access-log"]  # fmt: skip
    with _running("titiler-mosaic", command, folder, STOCK_ENVIRONMENT) as server:
        yield server


@contextmanager
def _running(name: str, command: list[str], folder: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    port = free_port()
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("TILEWATCH_", "GDAL_", "TITILER_"))}
    child = Child.start(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        folder, name=name, env={**inherited, **environment},
    )  # fmt: skip
    try:
        wait_until_listening(port, timeout_s=START_S, check=child.check)
        yield Server(port, child.process.pid)
    finally:
        child.process.terminate()
        child.process.wait()


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [grandchild for child in map(int, listed) for grandchild in (child, *_children(child))]


def _cpu_s(pid: int) -> float:
    """Return user plus system time: fields 14 and 15 of proc_pid_stat(5), counted after the name."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _proportional_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
