"""Searching a STAC API: pages followed as the API links them, asked for in smaller parts where it chokes."""

import json
import logging
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import httpx

from ingest.archives.http import ArchiveAnswerError, ArchiveClient, ArchiveError, Request, shown
from mosaics.bbox import Bbox
from mosaics.period import Interval

logger = logging.getLogger(__name__)

PAGE_ITEMS = 100
"""Earth Search fails above 267 Sentinel-2 items a page (stac-server#226), whatever its limit says."""
TOO_MUCH = frozenset({413, 500, 502, 504})
"""How an API says that a page is too large for it; Earth Search answers 500 past 6 MB (earth-search#60)."""
MAX_ITEMS = 10_000
MAX_PAGES = 1000
"""Of one search; an API that gives ten items a page, whatever is asked, has given all of them by then."""
MAX_IDLE_PAGES = 3
"""Pages in a row without an item that was not there before, after which a search ends. One may come before
others, where an API filters what it has paged; some link a next page for ever (pystac-client#334)."""
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
HEADER_TEXT = re.compile(r"[\x20-\x7e]{0,4096}")
OWN_HEADERS = frozenset(
    {
        *("accept-encoding", "authorization", "connection", "content-length", "content-type", "cookie"),
        *("expect", "host", "keep-alive", "proxy-authorization", "proxy-connection", "range", "te"),
        *("trailer", "transfer-encoding", "upgrade", "user-agent"),
    }
)
"""Headers that a link does not decide: those of the connection, of the body and of credentials."""


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


async def search_items(client: ArchiveClient, search: ItemSearch) -> AsyncIterator[object]:
    """Yield everything an API lists for a search, page after page, in its order.

    What it lists should be items; that is for the caller to look at. A search ends with the last page, with
    the third in a row that has nothing new, and where a page links one that has been asked for.

    Raises:
        ArchiveError: If the API does not answer, or not with items, or with more than 10,000.
    """
    first = request = search.first_request()
    asked: list[Request] = []
    seen: set[str] = set()
    count = idle = 0
    for _ in range(MAX_PAGES):
        page, request = await _page(client, request)
        asked.append(request)
        before = len(seen)
        for item in page["features"]:
            count += 1
            if count > MAX_ITEMS:
                raise _too_much(f"{MAX_ITEMS} items")
            seen.add(_identity(item))
            yield item
        idle = 0 if len(seen) > before else idle + 1
        if _limit(request) < _limit(first):
            first = _with_limit(first, _limit(request))
        following = _next_request(page, request, first)
        if following is None:
            return
        if idle == MAX_IDLE_PAGES or following in asked:
            logger.warning("the archive links a next page without end at %s", shown(request.url))
            return
        request = following
    raise _too_much(f"{MAX_PAGES} pages")


def _too_much(said: str) -> ArchiveError:
    return ArchiveError(
        f"the archive has more than {said} for this search; ask for a smaller area or a shorter time."
    )


def _identity(item: object) -> str:
    """Return what tells an item from others."""
    facts = [item.get("collection"), item.get("id")] if isinstance(item, Mapping) else item
    return json.dumps(facts, sort_keys=True)


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
        if not isinstance(features, list) or (features and not any(isinstance(f, dict) for f in features)):
            raise ArchiveError(f"the archive does not answer a page of items at {shown(request.url)}.")
        return page, request


def _next_request(page: Mapping[str, Any], answered: Request, first: Request) -> Request | None:
    """Return what the page's `next` link says to ask; None on the last page, which may be full.

    Args:
        page: An answer.
        answered: What was asked for it.
        first: What was asked for page 1, which a link may be merged with (STAC API, item search, paging).
    """
    links = page.get("links")
    listed = [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    link = next((link for link in listed if link.get("rel") == "next"), None)
    href = None if link is None else link.get("href")
    if link is None or not isinstance(href, str) or not href.strip():
        return None
    try:
        href = str(httpx.URL(answered.url).join(href.strip()))
        headers = _headers(link.get("headers"))
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise _invalid_link(answered) from error
    if str(link.get("method", "GET")).upper() != "POST":
        return Request(href, headers=headers)
    body = link.get("body")
    if not isinstance(body, dict | None):
        raise _invalid_link(answered)
    merged = body is None or link.get("merge")
    return Request(href, "POST", {**(first.body or {}), **(body or {})} if merged else body, headers)


def _invalid_link(answered: Request) -> ArchiveError:
    return ArchiveError(
        f"the archive links a next page by a request that is not valid, at {shown(answered.url)}."
    )


def _headers(said: object) -> dict[str, str]:
    """Return the headers of a link that are to be sent, in lower case.

    Raises:
        TypeError, ValueError: If they are not headers.
    """
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise TypeError("headers are an object")
    headers = {}
    for name, value in said.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        if not (HEADER_NAME.fullmatch(name) and HEADER_TEXT.fullmatch(text)):
            raise ValueError(f"{name[:64]!r} is not a valid header")
        if name.lower() not in OWN_HEADERS:
            headers[name.lower()] = text
    return headers


def _limit(request: Request) -> int:
    asked = httpx.URL(request.url).params.get("limit") if request.body is None else request.body.get("limit")
    text = str(asked)
    return max(1, int(text)) if re.fullmatch(r"[0-9]{1,9}", text) else PAGE_ITEMS


def _with_limit(request: Request, limit: int) -> Request:
    if request.body is not None:
        return replace(request, body={**request.body, "limit": limit})
    return replace(request, url=str(httpx.URL(request.url).copy_set_param("limit", limit)))


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
