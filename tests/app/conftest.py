"""An application over the small world, and a client that speaks to it without a network."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.main import create_app
from app.settings import Settings
from tests.app.landed import land_two_months
from tests.services.postgres import PostgresServer


@asynccontextmanager
async def serving(settings: Settings, app: FastAPI | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A started application, and a client of it."""
    app = app or create_app(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://tilewatch.test") as client,
    ):
        yield client


@asynccontextmanager
async def over_database(
    two_months: str, postgres: PostgresServer, folder: Path, **chosen: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one application over the two months and a database; for a whole module.

    Args:
        two_months: Their address.
        postgres: In which it gets a database.
        folder: Where it works.
        chosen: Settings beside the usual ones.
    """
    postgres.start()
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(folder)
        settings = Settings(
            storage=two_months, database_url=postgres.clone("tilewatch"), render_threads=1, **chosen
        )
        async with serving(settings) as client:
            yield client


@asynccontextmanager
async def indexed(
    two_months: str, postgres: PostgresServer, folder: Path, **chosen: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """The same, once the two months can be searched; programs may write without a key."""
    usual = {"jobs_every_s": 1, "keyless_writes": True}
    async with over_database(two_months, postgres, folder, **usual, **chosen) as client:

        async def is_indexed() -> bool:
            return bool((await client.get("/stac/search")).json().get("numberMatched") == 2)

        await eventually(is_indexed, within_s=60)
        yield client


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings apart from any environment: a folder nothing has landed in, no Redis, one render thread."""
    for name in [name for name in os.environ if name.startswith("TILEWATCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Settings(
        storage=(tmp_path / "secret-store").as_uri(), render_threads=1, refresh_s=0.05, keyless_writes=True
    )


@pytest.fixture(scope="session")
def two_months(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a folder that has the two months; no test writes to it."""
    folder = tmp_path_factory.mktemp("world")
    address = (folder / "secret-store").as_uri()
    asyncio.run(land_two_months(address, folder))
    return address


@pytest.fixture
async def client(settings: Settings, two_months: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that has the two months."""
    async with serving(settings.model_copy(update={"storage": two_months})) as client:
        yield client


async def eventually(condition: Callable[[], Awaitable[bool]], *, within_s: float = 20.0) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    end = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < end, "it did not come about in time"
        await asyncio.sleep(0.05)
