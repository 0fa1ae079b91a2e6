"""What our pages load: files of this server, and of no other."""

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

PAGES = [
    "/",
    "/docs",
    "/products/ndvi/tiles",
    "/products/ndvi/tiles/WebMercatorQuad",
    "/tileMatrixSets",
    "/tileMatrixSets/WebMercatorQuad",
    "/colorMaps",
    "/colorMaps/viridis?f=html",
]


class Addresses(HTMLParser):
    """Every address a document loads or leads to."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = [value for name, value in attrs if name in ("src", "href", "action") and value]
        (self.linked if tag == "a" else self.loaded).extend(found)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_names_no_other_server_and_its_files_are_there(
    client: httpx.AsyncClient, path: str
) -> None:
    page = await client.get(path, headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    found = Addresses(page.text)
    for address in (*found.loaded, *found.linked):
        if not address.startswith("data:"):
            target = urlsplit(urljoin(f"http://tilewatch.test{path}", address))
            assert target.netloc == "tilewatch.test"
    for address in found.loaded:
        if not address.startswith("data:"):
            assert (await client.get(urljoin(path, address))).status_code == 200
    assert found.linked or any(address.endswith(".js") for address in found.loaded)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_lets_a_browser_load_nothing_from_elsewhere(
    client: httpx.AsyncClient, path: str
) -> None:
    page = await client.get(path, headers={"Accept": "text/html"})
    policy = page.headers.get("content-security-policy", page.text)
    assert "default-src 'self'" in policy or "default-src 'none'" in policy
