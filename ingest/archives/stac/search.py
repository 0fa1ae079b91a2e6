"""Searching a STAC API: pages followed as the API links them, asked for in smaller parts where it chokes."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import httpx

from ingest.archives.http import ArchiveAnswerError, ArchiveClient, ArchiveError, Request, shown
from mosaics.bbox import Bbox
from mosaics.period import Interval

PAGE_ITEMS = 100
"""Earth Search fails above 267 Sentinel-2 items a page (stac-server#226), whatever its limit says."""
TOO_MUCH = frozenset({413, 500, 502})
"""How an API says that a page is too large for it; Earth Search answers 500 past 6 MB (earth-search#60)."""
MAX_ITEMS = 10_000


@dataclass(frozen=True, slots=True)
class ItemSearch:
    """What is asked of a STAC API.

    Clouds are not asked about: an API that leaves out the cloudy newest version of a scene would hand out an
    older one in its place, and not every API has the extension for it.
    """

    root: str
    collection: str
    bbox: Bbox
    interval: Interval
    method: str = "POST"

    def first_request(self) -> Request:
        """Return the request for page 1."""
        asked: dict[str, Any] = {
            "collections": [self.collection],
            "bbox": list(self.bbox.degrees),
            "datetime": self.interval.text,
            "limit": PAGE_ITEMS,
        }
        address = f"{self.root.rstrip('/')}/search"
        if self.method == "POST":
            return Request(address, "POST", asked)
        texts = {name: _text(value) for name, value in asked.items()}
        return Request(f"{address}?{urlencode(texts)}")


async def search_items(client: ArchiveClient, search: ItemSearch) -> AsyncIterator[dict[str, Any]]:
    """Yield every item an API has for a search, page after page, in its order.

    Raises:
        ArchiveError: If the API does not answer, or not with items, or with more than 10,000.
    """
    request: Request | None = search.first_request()
    count = 0
    while request is not None:
        page, request = await _page(client, request)
        for item in page["features"]:
            count += 1
            if count > MAX_ITEMS:
                raise ArchiveError(
                    f"the archive has more than {MAX_ITEMS} items for this search; "
                    "ask for a smaller area or a shorter time."
                )
            yield item
        following = _next_request(page, request)
        if following == request:
            raise ArchiveError(
                f"the archive names as the next page the one it has just given, at {shown(request.url)}."
            )
        request = following


async def _page(client: ArchiveClient, request: Request) -> tuple[dict[str, Any], Request]:
    """Return a page and the request it answers, which asks for fewer items where more were too much."""
    while True:
        limit = _limit(request)
        hopeless = frozenset() if limit == 1 else TOO_MUCH
        try:
            page = await client.document(request, final=hopeless)
        except ArchiveAnswerError as error:
            if error.status not in hopeless:
                raise
            request = _with_limit(request, limit // 2)
            continue
        features = page.get("features") if isinstance(page, dict) else None
        if not isinstance(features, list) or not all(isinstance(item, dict) for item in features):
            raise ArchiveError(f"the archive does not answer a page of items at {shown(request.url)}.")
        return page, request


def _next_request(page: Mapping[str, Any], answered: Request) -> Request | None:
    """Return what the page's `next` link says to ask; None on the last page, which may be full."""
    links = page.get("links") or []
    link = next((link for link in links if isinstance(link, dict) and link.get("rel") == "next"), None)
    if link is None:
        return None
    href = str(link.get("href", ""))
    if "://" not in href:
        href = str(httpx.URL(answered.url).join(href))
    if str(link.get("method", "GET")).upper() != "POST":
        return Request(href)
    body = link.get("body") or {}
    if not isinstance(body, dict):
        raise ArchiveError(
            f"the archive links a next page by a request that is not valid, at {shown(answered.url)}."
        )
    return Request(href, "POST", {**(answered.body or {}), **body} if link.get("merge") else body)


def _limit(request: Request) -> int:
    asked = httpx.URL(request.url).params.get("limit") if request.body is None else request.body.get("limit")
    text = str(asked)
    return max(1, int(text)) if text.isdigit() else PAGE_ITEMS


def _with_limit(request: Request, limit: int) -> Request:
    if request.body is not None:
        return replace(request, body={**request.body, "limit": limit})
    return replace(request, url=str(httpx.URL(request.url).copy_set_param("limit", limit)))


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
