"""What tests of regions share: a file of them, products to show, and an application over both."""

import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.main import create_app
from app.products.registry import Registry
from app.settings import Settings
from tests.ingest.archives.server import ArchiveServer

NOTHING = (sys.executable, "-c", "")
"""In place of the command line: does nothing."""

WriteRegions = Callable[..., Path]


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The products that come with Tilewatch."""
    return Registry.load()


@pytest.fixture
def write_regions(tmp_path: Path) -> WriteRegions:
    """Writes the regions file: a text as it is, or regions as JSON."""

    def write(*regions: dict[str, Any], text: str | None = None) -> Path:
        path = tmp_path / "regions.json"
        path.write_text(json.dumps(regions) if text is None else text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings apart from any environment."""
    for name in [name for name in os.environ if name.startswith("TILEWATCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Settings(
        storage=(tmp_path / "store").as_uri(),
        render_threads=1,
        refresh_s=0.05,
        jobs_every_s=1,
        keyless_writes=True,
    )


@pytest.fixture
def archive() -> Iterator[ArchiveServer]:
    with ArchiveServer() as server:
        yield server


@asynccontextmanager
async def speaking_to(app: FastAPI | Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client on this machine of an application that runs."""
    app = create_app(app, program=NOTHING) if isinstance(app, Settings) else app
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client,
    ):
        yield client
