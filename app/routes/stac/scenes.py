"""Scenes in short form: those over a box at a time, without their complete items."""

import asyncio
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from stac_fastapi.api.models import GeoJSONResponse
from starlette.requests import Request
from starlette.responses import Response

from app.http.auth import require
from app.http.paging import next_query
from app.http.parameters import OpenDatabase, ReadyState, known_names, revalidated
from app.http.stac_documents import GEOJSON, Addresses, box_of, link, products_of, shown_by
from app.keys import Scope
from app.stac.collection_search import read_box
from app.stac.scene_store import IndexedScene, find_scenes
from app.stac.search import MAX_PAGE, Condition, Cursor, Search, total_order
from app.state import AppState
from mosaics.period import Interval, Period, PeriodError, instant_text, parse_instant

router = APIRouter(
    tags=["STAC"], dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.READ))]
)

SHOWN = ("title", "platform", "eo:cloud_cover", "tilewatch:synthetic")
"""Properties included if the item has them."""

LAST_BEFORE = timedelta(microseconds=1)
"""Between the last moment of a period and the first after it, in PostgreSQL's time resolution."""


@router.get("/catalog/scenes", name="catalog_scenes", response_class=GeoJSONResponse)
async def scenes(
    *,
    request: Request,
    state: ReadyState,
    database: OpenDatabase,
    bbox: Annotated[str | None, Query(description="west,south,east,north in degrees")] = None,
    datetime: Annotated[
        str | None,
        Query(
            description="A period (2024-06), an RFC 3339 instant, or an interval A/B, open with ..",
            max_length=100,
        ),
    ] = None,
    collection: Annotated[str | None, Query(description="One collection; all if absent")] = None,
    max_cloud: Annotated[float | None, Query(ge=0, le=100, description="Most cloud cover, percent")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    token: Annotated[str | None, Query(description="From a next link")] = None,
) -> Response:
    """List scenes over a box at a time, newest first: what `/stac/search` finds, in short form."""
    search = Search(
        collections=None if collection is None else (state.catalogue.collection(collection).id,),
        place=read_box(bbox),
        conditions=() if max_cloud is None else (Condition("eo:cloud_cover", "lte", max_cloud),),
        **moments(datetime),
    )
    after = None if token is None else Cursor.parse(token, total_order(()))
    async with database.searching() as connection:
        page = await find_scenes(connection, search, after=after, limit=limit)
    addresses = Addresses.of(request)
    own = str(request.url_for("catalog_scenes"))
    links = [link("self", own, GEOJSON), link("alternate", f"{addresses.stac}/search", GEOJSON)]
    if page.following is not None:
        links.append(link("next", f"{own}?{next_query(request, page.following.token)}", GEOJSON))

    def document() -> Response:
        found = {
            "type": "FeatureCollection",
            "features": [feature(state, addresses, scene) for scene in page.scenes],
            "links": links,
            "numberReturned": len(page.scenes),
        }
        matched = {} if page.matched is None else {"numberMatched": page.matched}
        return GeoJSONResponse(found | matched, headers={"Cache-Control": "no-cache"})

    return await asyncio.to_thread(document)


def moments(text: str | None) -> dict[str, Any]:
    """Return the first and last moment, both included, of a period, an instant or an interval."""
    if text is None:
        return {}
    if "/" not in text:
        try:
            interval = Period.parse(text).interval()
        except PeriodError:
            moment = parse_instant(text)
            return {"first": moment, "last": moment}
    else:
        interval = Interval.parse(text)
    return {"first": interval.start, "last": interval.end and interval.end - LAST_BEFORE}


def feature(state: AppState, addresses: Addresses, scene: IndexedScene) -> dict[str, Any]:
    """Return a scene in short form."""
    properties = scene.item["properties"]
    return {
        "type": "Feature",
        "id": scene.id,
        "geometry": scene.item["geometry"],
        "bbox": scene.item.get("bbox") or box_of(scene.item["geometry"]),
        "properties": {
            "collection": scene.collection,
            "datetime": instant_text(scene.starts),
            "period": scene.period,
            **{name: properties[name] for name in SHOWN if name in properties},
        },
        "links": [
            link("item", addresses.item(scene.collection, scene.id), GEOJSON),
            *shown_by(addresses, scene, products_of(state, scene)),
        ],
    }
