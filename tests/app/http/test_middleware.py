"""What every answer carries, for any caller and whatever went wrong."""

import logging
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from mosaics.catalogue import Catalogue
from mosaics.period import Period
from mosaics.storage import open_storage
from tests.app.conftest import serving
from tests.app.landed import land, lonlat

TILE = "/tiles/ndvi/14/8430/5463.png"


@pytest.mark.parametrize("path", ["/healthz", "/products", TILE, "/nothing", "/"])
async def test_every_answer_may_be_read_from_anywhere_and_is_what_it_says(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "ETag" in answer.headers["access-control-expose-headers"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_named_origins_alone_may_read_where_they_are_named(settings: Settings, two_months: str) -> None:
    named = settings.model_copy(update={"storage": two_months, "cors_origins": ("https://maps.example",)})
    async with serving(named) as client:
        ours = await client.get(TILE, headers={"Origin": "https://maps.example"})
        other = await client.get(TILE, headers={"Origin": "https://else.example"})
    assert ours.headers["access-control-allow-origin"] == "https://maps.example"
    assert "access-control-allow-origin" not in other.headers
    assert ours.headers["vary"] == other.headers["vary"] == "Origin"


async def test_a_browser_may_ask_first(client: httpx.AsyncClient) -> None:
    asked = {"Origin": "https://maps.example", "Access-Control-Request-Method": "GET"}
    answer = await client.options(TILE, headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD"
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert {"Range", "If-Range", "If-Match", "If-None-Match"} <= {*allowed}
    readable = (await client.get(TILE)).headers["access-control-expose-headers"].split(", ")
    assert {"Content-Range", "Accept-Ranges", "ETag"} <= {*readable}


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/products/ndvi/statistics", "GET, HEAD, POST"),
        ("/products/ndvi/feature.png", "GET, HEAD, POST"),
        ("/products/ndvi/feature/64x64.png", "GET, HEAD, POST"),
        ("/products/statistics", "GET, HEAD"),
        ("/areas", "GET, HEAD"),
        ("/areas/statistics", "GET, HEAD, POST"),
        ("/areas/1/statistics", "GET, HEAD"),
    ],
)
async def test_a_page_elsewhere_may_ask_for_statistics_and_not_write(
    client: httpx.AsyncClient, path: str, methods: str
) -> None:
    asked = {"Origin": "https://maps.example", "Access-Control-Request-Method": "POST"}
    answer = await client.options(path, headers=asked)
    assert answer.headers["access-control-allow-methods"] == methods
    assert ("Content-Type" in answer.headers["access-control-allow-headers"]) == ("POST" in methods)


@pytest.mark.parametrize(
    "path", ["/healthz", "/products", "/products/ndvi", "/collections", "/metrics", "/docs", "/"]
)
async def test_head_is_answered_wherever_get_is(client: httpx.AsyncClient, path: str) -> None:
    head, get = await client.head(path), await client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


async def test_an_unforeseen_error_is_told_by_an_id_alone(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await open_storage(settings.storage) as storage:
        await land(storage, tmp_path)

    async def fails(self: Catalogue, collection_id: str, period: Period) -> None:
        raise RuntimeError("a fault of the program, at some.json.gz")

    monkeypatch.setattr(Catalogue, "index", fails)
    lon, lat = lonlat(64, 128)
    async with serving(settings) as client:
        with caplog.at_level(logging.ERROR):
            answers = [await client.get(TILE), await client.get(f"/products/ndvi/point/{lon},{lat}")]
    for answer in answers:
        document = answer.json()
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert set(document) == {"type", "title", "status", "detail", "request_id"}
        assert "json.gz" not in answer.text
        assert document["request_id"] in caplog.text
    assert "RuntimeError" in caplog.text
