"""How finished answers travel: compressed where they are long texts, tagged where they are revalidated."""

import gzip
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.http.compression import Compression, accepts
from app.settings import Settings
from tests.app.conftest import serving

TILE = "/tiles/ndvi/14/8430/5463"
LONG = [
    "/products",
    "/products/ndvi/WebMercatorQuad/tilejson.json",
    "/products/ndvi/WMTSCapabilities.xml",
    "/products/ndvi/legend.svg",
    "/collections",
    "/metrics",
    "/openapi.json",
]


@pytest.mark.parametrize("path", LONG)
async def test_long_texts_are_compressed_for_who_takes_them(client: httpx.AsyncClient, path: str) -> None:
    await client.get(path)  # counters of /metrics stand still afterwards
    plain = await client.get(path, headers={"Accept-Encoding": "identity"})
    async with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as packed:
        sent = b"".join([part async for part in packed.aiter_raw()])
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-type"] == plain.headers["content-type"]
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert len(sent) == int(packed.headers["content-length"]) < len(plain.content) / 1.5
    if path != "/metrics":
        assert gzip.decompress(sent) == plain.content


@pytest.mark.parametrize(
    "path", ["/healthz", f"{TILE}.png", f"{TILE}.tif", "/products/ndvi/legend.png", "/tiles/ndvi/1/0/0.png"]
)
async def test_short_answers_pictures_and_tiles_are_left_alone(client: httpx.AsyncClient, path: str) -> None:
    for _ in range(2):
        answer = await client.get(path, headers={"Accept-Encoding": "gzip, br"})
        assert answer.status_code in (200, 204)
        assert "content-encoding" not in answer.headers
        assert "vary" not in answer.headers


async def test_what_comes_in_parts_goes_on_in_parts_and_nothing_is_compressed_twice() -> None:
    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        async def rows() -> AsyncIterator[str]:
            for number in range(3):
                yield json.dumps({"row": number, "padding": "x" * 2000}) + "\n"

        path = Request(scope).url.path
        answers = {
            "/rows": StreamingResponse(rows(), media_type="application/json"),
            "/packed": Response(b"x" * 5000, media_type="text/html", headers={"Content-Encoding": "br"}),
            "/part": Response(b"x" * 5000, 206, {"Content-Range": "bytes 0-4999/9000"}, "text/html"),
            "/strong": JSONResponse(["x" * 5000], headers={"ETag": '"strong"'}),
        }
        await answers[path](scope, receive, send)

    transport = httpx.ASGITransport(Compression(endpoint))
    async with httpx.AsyncClient(transport=transport, base_url="http://transfer.test") as client:
        encodings = {}
        for path in ("/rows", "/packed", "/part", "/strong"):
            async with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
                encodings[path] = answer.headers.get("content-encoding")
                await answer.aclose()
        tag = (await client.get("/strong", headers={"Accept-Encoding": "gzip"})).headers["etag"]
    assert encodings == {"/rows": None, "/packed": "br", "/part": None, "/strong": "gzip"}
    assert tag == 'W/"strong"'


@pytest.mark.parametrize(
    "path",
    [
        "/products",
        "/products/ndvi/WebMercatorQuad/tilejson.json",
        "/products/ndvi/legend.json",
        "/products/ndvi/legend.png",
        "/products/ndvi/legend.svg",
    ],
)
async def test_what_has_to_be_revalidated_is_not_sent_again(client: httpx.AsyncClient, path: str) -> None:
    first = await client.get(path)
    tag = first.headers["etag"]
    again = await client.get(path, headers={"If-None-Match": f'"other", {tag}'})
    plain = await client.get(path, headers={"If-None-Match": tag, "Accept-Encoding": "identity"})
    head = await client.head(path, headers={"If-None-Match": tag})
    other = await client.get(path, headers={"If-None-Match": 'W/"other"'})
    assert tag.startswith('W/"')
    for unchanged in (again, plain, head):
        assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", tag)
        assert unchanged.headers["cache-control"] == "no-cache"
        assert "content-type" not in unchanged.headers
    assert (other.status_code, other.content) == (200, first.content)


async def test_tags_differ_where_answers_do(client: httpx.AsyncClient) -> None:
    address = "/products/ndvi/WebMercatorQuad/tilejson.json?datetime="
    tags = [(await client.get(f"{address}{period}")).headers["etag"] for period in ("2024-05", "2024-06")]
    elsewhere = await client.get(f"{address}2024-06", headers={"Host": "other.example"})
    assert len({*tags, elsewhere.headers["etag"]}) == 3


async def test_refusals_carry_no_tag(client: httpx.AsyncClient) -> None:
    assert "etag" not in (await client.get("/products/ndvx")).headers


async def test_named_origins_vary_by_both(settings: Settings, two_months: str) -> None:
    named = settings.model_copy(update={"storage": two_months, "cors_origins": ("https://maps.example",)})
    async with serving(named) as client:
        answer = await client.get("/products")
    assert set(answer.headers.get_list("vary")) == {"Accept-Encoding", "Origin"}


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5, br", True),
        ("gzip; q=0", False),
        ("gzip;q=0.000, br", False),
        ("br", False),
        ("xgzip", False),
        ("", False),
    ],
)
def test_a_coding_is_taken_where_it_is_named_and_not_refused(header: str, taken: bool) -> None:
    assert accepts(header, "gzip") is taken
