"""A server over the scenes of `landed`, whose own job has filled the index."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.database import Database
from mosaics.storage import Storage, open_storage
from tests.app.conftest import settings
from tests.app.stac.landed import land_all
from tests.services.child import Child
from tests.services.ports import free_port, wait_until_listening
from tests.services.postgres import PostgresServer

__all__ = ["settings"]

CHECKOUT = Path(__file__).parents[3]


async def still_leading() -> None:
    """What a task is told while no other process takes over."""


@dataclass(frozen=True)
class Served:
    """A running server, and what it serves."""

    url: str
    storage: str
    database_url: str

    @property
    def stac(self) -> str:
        return f"{self.url}/stac"


async def land(address: str) -> None:
    """Land the six scenes."""
    async with await open_storage(address) as storage:
        await land_all(storage)


@pytest.fixture(scope="package")
def served(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`tilewatch serve` over the six scenes, once it has found them."""
    folder = tmp_path_factory.mktemp("catalogue")
    port = free_port()
    postgres.start()
    here = Served(f"http://127.0.0.1:{port}", (folder / "secret-store").as_uri(), postgres.clone("tilewatch"))
    asyncio.run(land(here.storage))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TILEWATCH_")}
    environment |= {"TILEWATCH_STORAGE": here.storage, "TILEWATCH_DATABASE_URL": here.database_url}
    environment |= {"TILEWATCH_JOBS_EVERY_S": "1", "PYTHONPATH": str(CHECKOUT)}
    program = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", str(port)]
    child = Child.start(program, folder, name="serve", env=environment)
    wait_until_listening(port, timeout_s=60, check=child.check)
    wait_for_scenes(here, 6)
    yield here
    child.kill()


def wait_for_scenes(served: Served, count: int) -> None:
    """Wait until the server's index has so many scenes."""
    end = time.monotonic() + 30
    while (answer := httpx.get(f"{served.stac}/search", timeout=10)).json().get("numberMatched") != count:
        assert time.monotonic() < end, answer.text
        time.sleep(0.1)


@pytest.fixture(scope="package")
def client(served: Served) -> Iterator[httpx.Client]:
    """A client of the server."""
    with httpx.Client(base_url=served.url) as client:
        yield client


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    """An empty storage."""
    async with await open_storage((tmp_path / "store").as_uri()) as storage:
        yield storage


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty database."""
    database = Database(database_url, max_connections=4)
    yield database
    await database.close()


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the application's."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()
