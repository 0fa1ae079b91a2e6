"""Features: GeoJSON answers, of one Feature and of a page of them."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from app.database import is_storable
from app.errors import RequestError

GEOJSON = "application/geo+json"


class GeoJsonResponse(Response):
    """A GeoJSON answer."""

    media_type = GEOJSON


class Registered(Protocol):
    """What is registered under a number, and can be told as a Feature."""

    @property
    def id(self) -> int:
        """Its number."""

    def feature(self) -> str:
        """Return it as a GeoJSON Feature."""


def geojson_answer(
    content: str, *, status_code: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a GeoJSON answer that clients must revalidate."""
    return Response(
        content,
        status_code=status_code,
        media_type=GEOJSON,
        headers={"Cache-Control": "no-cache", **(headers or {})},
    )


async def feature_answer(
    feature: Callable[[], str], *, status_code: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer with one Feature, which is written on a thread."""
    content = await asyncio.to_thread(feature)
    return geojson_answer(content, status_code=status_code, headers=headers)


async def features_page(
    request: Request,
    found: Sequence[Registered],
    *,
    more: bool = False,
    following: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
) -> Response:
    """Return a page of Features.

    Args:
        request: Whose query the link to the next page repeats.
        found: Those of the page.
        more: Whether there are more after them, in order of their numbers.
        following: The parameters that give the next page, in any other order; None on the last.
        body: What was sent with POST, which the link to the next page repeats.
    """
    links: list[dict[str, Any]] = [{"rel": "self", "href": str(request.url), "type": GEOJSON}]
    if more:
        following = {"after": found[-1].id}
    if following is not None and body is not None:
        sent = {"method": "POST", "body": {**body, **following}}
        links.append({"rel": "next", "href": str(request.url), "type": GEOJSON, **sent})
    elif following is not None:
        href = str(request.url.include_query_params(**following))
        links.append({"rel": "next", "href": href, "type": GEOJSON})
    features = await asyncio.to_thread(lambda: ",".join(each.feature() for each in found))
    return geojson_answer(
        f'{{"type":"FeatureCollection","features":[{features}],'
        f'"numberReturned":{len(found)},"links":{json.dumps(links)}}}'
    )


def searched(field: str, text: str | None) -> str | None:
    """Return a search text.

    Raises:
        RequestError: If it contains a character that cannot be stored, and so cannot be found.
    """
    if text is not None and not is_storable(text):
        raise RequestError(f"{field} contains the character U+0000, which nothing kept here can have")
    return text
