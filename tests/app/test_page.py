"""The page: its files, and a sentence where they have not been built."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.routes.page import add_page


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>Map</title>")
    (folder / "icon.svg").write_text("<svg/>")
    (folder / "assets" / "index-B3qOT7sH.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


async def client_of(dist: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    add_page(app, dist)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page.test") as client:
        yield client


async def test_the_page_is_asked_for_anew_and_its_hashed_files_last(dist: Path) -> None:
    async for client in client_of(dist):
        page, script, icon = [
            await client.get(path) for path in ("/", "/assets/index-B3qOT7sH.js", "/icon.svg")
        ]
        assert (page.status_code, page.text) == (200, "<title>Map</title>")
        assert page.headers["cache-control"] == "no-cache"
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert icon.headers["content-type"].startswith("image/svg+xml")


async def test_the_page_may_load_from_here_alone_and_run_map_workers(dist: Path) -> None:
    async for client in client_of(dist):
        policy = (await client.get("/")).headers["content-security-policy"].split("; ")
        assert {"default-src 'self'", "connect-src 'self'", "worker-src 'self' blob:"} <= set(policy)


async def test_an_unbuilt_page_says_how_to_build_it(tmp_path: Path) -> None:
    async for client in client_of(tmp_path / "nothing"):
        page = await client.get("/")
        assert (page.status_code, "scripts/setup run" in page.text) == (200, True)
        assert (await client.get("/assets/index.js")).status_code == 404


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/..%2fsecret.txt", "/assets/..%2f..%2fsecret.txt", "/secret.txt"]
)
async def test_files_beside_the_page_stay_where_they_are(dist: Path, path: str) -> None:
    async for client in client_of(dist):
        assert (await client.get(path)).status_code == 404
