"""The page: its files, and a sentence where they have not been built."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.routes.service.page import add_page


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>Map</title>")
    (folder / "icon.svg").write_text("<svg/>")
    (folder / "assets" / "index-B3qOT7sH.js").write_text("1")
    for name, text in (("assets/index-B3qOT7sH.css", "body{}"), ("docs.html", "<title>Interface</title>")):
        (folder / name).write_text(text)
        (folder / f"{name}.br").write_text(f"br of {name}")
        (folder / f"{name}.gz").write_text(f"gz of {name}")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


async def client_of(dist: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(docs_url=None, redoc_url=None)
    add_page(app, dist)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page.test") as client:
        yield client


async def test_the_page_is_revalidated_and_its_hashed_files_last(dist: Path) -> None:
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


STYLE = "/assets/index-B3qOT7sH.css"


@pytest.mark.parametrize(
    ("accepted", "coding", "content"),
    [
        ("gzip, deflate, br", "br", "br of assets/index-B3qOT7sH.css"),
        ("gzip", "gzip", "gz of assets/index-B3qOT7sH.css"),
        ("gzip, br;q=0", "gzip", "gz of assets/index-B3qOT7sH.css"),
        ("identity", None, "body{}"),
    ],
)
async def test_a_file_is_sent_in_the_smallest_form_the_caller_takes(
    dist: Path, accepted: str, coding: str | None, content: str
) -> None:
    async for client in client_of(dist):
        async with client.stream("GET", STYLE, headers={"Accept-Encoding": accepted}) as answer:
            sent = b"".join([part async for part in answer.aiter_raw()])
        assert (answer.headers.get("content-encoding"), sent.decode()) == (coding, content)
        assert answer.headers["content-type"] == "text/css; charset=utf-8"
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        unchanged = await client.get(
            STYLE, headers={"Accept-Encoding": accepted, "If-None-Match": answer.headers["etag"]}
        )
        assert (unchanged.status_code, unchanged.headers["vary"]) == (304, "Accept-Encoding")


async def test_each_form_of_a_file_has_its_own_tag_and_no_address(dist: Path) -> None:
    async for client in client_of(dist):
        tags = set()
        for accepted in ("br", "gzip", "identity"):
            async with client.stream("GET", STYLE, headers={"Accept-Encoding": accepted}) as answer:
                tags.add(answer.headers["etag"])
        assert len(tags) == 3
        for path in (f"{STYLE}.br", f"{STYLE}.gz", "/docs.html.br"):
            assert (await client.get(path)).status_code == 404


async def test_the_interface_is_a_page_of_the_build(dist: Path) -> None:
    async for client in client_of(dist):
        plain = await client.get("/docs", headers={"Accept-Encoding": "identity"})
        assert (plain.text, plain.headers["cache-control"]) == ("<title>Interface</title>", "no-cache")
        assert "default-src 'self'" in plain.headers["content-security-policy"]
        async with client.stream("GET", "/docs", headers={"Accept-Encoding": "gzip, br"}) as packed:
            assert packed.headers["content-encoding"] == "br"


async def test_an_unbuilt_page_says_how_to_build_it(tmp_path: Path) -> None:
    async for client in client_of(tmp_path / "nothing"):
        for path in ("/", "/docs"):
            page = await client.get(path)
            assert (page.status_code, "scripts/setup run" in page.text) == (200, True)
        assert (await client.get("/icon.svg")).status_code == 404
        assert (await client.get("/assets/index.js")).status_code == 404


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/..%2fsecret.txt", "/assets/..%2f..%2fsecret.txt", "/secret.txt"]
)
async def test_files_beside_the_page_stay_where_they_are(dist: Path, path: str) -> None:
    async for client in client_of(dist):
        assert (await client.get(path)).status_code == 404
