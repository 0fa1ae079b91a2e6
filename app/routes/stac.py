"""STAC: what has landed as a STAC API, so that any STAC client finds it.

The requests' models and the extensions' conformance classes are those of stac-fastapi; its application is not
used, since it brings error answers, layers and a documentation page of its own.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from stac_fastapi.api.models import (
    GeoJSONResponse,
    ItemCollectionUri,
    create_get_request_model,
    create_post_request_model,
    create_request_model,
)
from stac_fastapi.extensions import FieldsExtension, QueryExtension, SortExtension, TokenPaginationExtension
from stac_fastapi.types.conformance import OAFConformanceClasses, STACConformanceClasses
from stac_fastapi.types.rfc3339 import str_to_interval
from starlette.requests import Request

from app.catalogue.fields import Fields
from app.catalogue.search import (
    MAX_PAGE,
    Cursor,
    Search,
    SearchError,
    SortKey,
    box_shape,
    read_conditions,
    read_place,
    total_order,
)
from app.catalogue.store import find_scenes, holdings, read_scene
from app.database import Database
from app.desk import Desk
from app.errors import RequestError
from app.keys import Scope
from app.routes.areas import OpenDatabase
from app.routes.permission import require
from app.routes.queries import InformedDesk, known_names, revalidated
from app.routes.stac_documents import GEOJSON, Addresses, collection_document, item_document, link

TITLE = "Tilewatch"
DESCRIPTION = "What has landed in this Tilewatch, raw and derived, one item a scene."
EXTENSIONS = [QueryExtension(), SortExtension(), FieldsExtension(), TokenPaginationExtension()]
SORT_1_0 = "https://api.stacspec.org/v1.0.0/item-search#sort"
"""What pystac-client looks for; version 1.1 adds a list of what can be sorted by."""
CONFORMANCE = sorted(
    {
        *STACConformanceClasses,
        *(OAFConformanceClasses.CORE, OAFConformanceClasses.GEOJSON, SORT_1_0),
        *(
            name
            for extension in EXTENSIONS
            for name in extension.conformance_classes
            if "item-search" in name
        ),
    }
)
"""What is kept to. OGC's oas30 is not among it: `openapi.json` is written in OpenAPI 3.1."""

SearchGet: Any = create_get_request_model(EXTENSIONS)
SearchPost: Any = create_post_request_model(EXTENSIONS)
ItemsGet: Any = create_request_model(
    "ItemsGet", base_model=ItemCollectionUri, extensions=[TokenPaginationExtension()], request_type="GET"
)


class StacRoute(APIRoute):
    """A route that answers 400 where a request is not what it declares, as the STAC API wants it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with FastAPI's refusals in the form of ours."""
        handle = super().get_route_handler()

        async def refusing(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                reasons = (f"{entry['loc'][-1]}: {entry['msg']}" for entry in error.errors())
                raise RequestError("; ".join(reasons)) from error

        return refusing


router = APIRouter(
    prefix="/stac",
    tags=["STAC"],
    route_class=StacRoute,
    dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.READ))],
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A search as a request has it."""

    search: Search
    fields: Fields | None
    limit: int
    after: Cursor | None


@router.get("", name="stac")
async def landing(request: Request, desk: InformedDesk) -> dict[str, Any]:
    """The catalogue: where its collections are, and where it is searched."""
    own = str(request.url_for("stac"))
    search = str(request.url_for("stac_search"))
    return {
        "type": "Catalog",
        "id": "tilewatch",
        "title": TITLE,
        "description": DESCRIPTION,
        "stac_version": "1.1.0",
        "conformsTo": CONFORMANCE,
        "links": [
            link("self", own),
            link("root", own),
            link("conformance", f"{own}/conformance"),
            link("data", f"{own}/collections"),
            link("search", search, GEOJSON) | {"method": "GET"},
            link("search", search, GEOJSON) | {"method": "POST"},
            link("service-desc", str(request.url_for("openapi"))),
            link("service-doc", str(request.url_for("docs")), "text/html"),
            *(
                link("child", f"{own}/collections/{collection.id}", title=collection.title)
                for _, collection in sorted(desk.catalogue.collections().items())
            ),
        ],
    }


@router.get("/conformance", name="stac_conformance")
async def conformance() -> dict[str, Any]:
    """The parts of the STAC API that are kept to."""
    return {"conformsTo": CONFORMANCE}


@router.get("/collections", name="stac_collections")
async def list_collections(request: Request, desk: InformedDesk, database: OpenDatabase) -> dict[str, Any]:
    """Every collection, with its extent and products."""
    addresses = Addresses.of(request)
    async with database.connection() as connection:
        held = await holdings(connection)
    collections = [
        collection_document(desk, addresses, collection, held.get(collection.id))
        for _, collection in sorted(desk.catalogue.collections().items())
    ]
    return {
        "collections": collections,
        "links": [link("self", f"{addresses.stac}/collections"), link("root", addresses.stac)],
        "numberMatched": len(collections),
        "numberReturned": len(collections),
    }


@router.get("/collections/{collection_id}", name="stac_collection")
async def describe_collection(
    request: Request, desk: InformedDesk, database: OpenDatabase, collection_id: str
) -> dict[str, Any]:
    """One collection."""
    found = desk.catalogue.collection(collection_id)
    async with database.connection() as connection:
        held = await holdings(connection)
    return collection_document(desk, Addresses.of(request), found, held.get(found.id))


@router.get("/collections/{collection_id}/items", name="stac_items", response_class=GeoJSONResponse)
async def list_items(
    *,
    request: Request,
    desk: InformedDesk,
    database: OpenDatabase,
    asked: Annotated[Any, Depends(ItemsGet)],
    collections: Annotated[
        str | None, Query(description="The same collection; pystac-client names it twice.")
    ] = None,
) -> Response:
    """The items of a collection, newest first; `next` leads to the following page."""
    collection = desk.catalogue.collection(asked.collection_id)
    if collections not in {None, collection.id}:
        raise SearchError(f"these are the items of {collection.id!r}; /stac/search has those of others")
    search = Search(
        collections=(collection.id,),
        place=None if asked.bbox is None else box_shape(asked.bbox),
        **moments(asked.datetime),
    )
    own = str(request.url_for("stac_items", collection_id=collection.id))
    wanted = Asked(search, None, page_size(asked.limit), cursor(asked.token, search))
    return await answer(request, desk, database, wanted, own)


@router.get("/collections/{collection_id}/items/{item_id}", name="stac_item", response_class=GeoJSONResponse)
async def read_item(
    *, request: Request, desk: InformedDesk, database: OpenDatabase, collection_id: str, item_id: str
) -> Response:
    """One item."""
    collection = desk.catalogue.collection(collection_id)
    async with database.connection() as connection:
        scene = await read_scene(connection, collection.id, item_id)
    return geojson(item_document(desk, Addresses.of(request), scene))


@router.get("/search", name="stac_search", response_class=GeoJSONResponse)
async def search(
    request: Request, desk: InformedDesk, database: OpenDatabase, asked: Annotated[Any, Depends(SearchGet)]
) -> Response:
    """Items of all collections, newest first unless `sortby` says otherwise."""
    if asked.bbox is not None and asked.intersects is not None:
        raise SearchError("bbox and intersects exclude each other; give one of the two")
    place = None if asked.intersects is None else parsed("intersects", asked.intersects)
    query = None if asked.query is None else parsed("query", asked.query)
    fields = None if request.query_params.get("fields") is None else Fields.parse(asked.fields or ())
    order = total_order([SortKey.parse(text) for text in asked.sortby or ()])
    return await answer(
        request,
        desk,
        database,
        wanted(asked, order=order, place=place, query=query, fields=fields),
        str(request.url_for("stac_search")),
    )


@router.post("/search", name="stac_search_by_body", response_class=GeoJSONResponse)
async def search_by_body(
    request: Request, desk: InformedDesk, database: OpenDatabase, asked: SearchPost
) -> Response:
    """Items of all collections, asked for by a JSON body."""
    place = None if asked.intersects is None else asked.intersects.model_dump(exclude_none=True)
    fields = None
    if "fields" in asked.model_fields_set:
        if asked.fields is None:
            raise SearchError('fields is an object: {"include": […], "exclude": […]}')
        fields = Fields(frozenset(asked.fields.include or ()), frozenset(asked.fields.exclude or ()))
    order = total_order(
        [SortKey.parse(f"{'-' if key.direction == 'desc' else '+'}{key.field}") for key in asked.sortby or ()]
    )
    return await answer(
        request,
        desk,
        database,
        wanted(asked, order=order, place=place, query=asked.query, fields=fields),
        str(request.url_for("stac_search")),
        body=await request.json(),
    )


def wanted(
    asked: Any,
    *,
    order: tuple[SortKey, ...],
    place: Mapping[str, Any] | None,
    query: Mapping[str, Any] | None,
    fields: Fields | None,
) -> Asked:
    """A search of either method."""
    shape = None if asked.bbox is None else box_shape(asked.bbox)
    search = Search(
        collections=None if asked.collections is None else tuple(asked.collections),
        ids=None if asked.ids is None else tuple(asked.ids),
        place=shape if place is None else read_place(place),
        conditions=read_conditions(query or {}),
        order=order,
        **moments(asked.datetime),
    )
    return Asked(search, fields, page_size(asked.limit), cursor(asked.token, search))


def moments(text: str | None) -> dict[str, Any]:
    """The first and last moment of STAC's `datetime`, both included."""
    interval = str_to_interval(text)
    first, last = interval if isinstance(interval, tuple) else (interval, interval)
    return {"first": first, "last": last}


def page_size(limit: int | None) -> int:
    """Items on a page, where fewer may be given than are asked for."""
    return min(limit or 10, MAX_PAGE)


def cursor(token: str | None, search: Search) -> Cursor | None:
    """Where a page begins."""
    return None if token is None else Cursor.parse(token, search.order)


def parsed(name: str, text: str) -> Mapping[str, Any]:
    """The JSON object that a parameter holds."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SearchError(f"{name} is a JSON object; this is none") from error
    if not isinstance(document, dict):
        raise SearchError(f"{name} is a JSON object")
    return document


async def answer(
    request: Request,
    desk: Desk,
    database: Database,
    asked: Asked,
    own: str,
    *,
    body: Mapping[str, Any] | None = None,
) -> Response:
    """A page of items, with the link to the next one."""
    async with database.connection() as connection:
        page = await find_scenes(connection, asked.search, after=asked.after, limit=asked.limit)
    addresses = Addresses.of(request)
    links = [link("self", own, GEOJSON), link("root", addresses.stac)]
    if page.following is not None and body is None:
        query = request.url.include_query_params(token=page.following.token).query
        links.append(link("next", f"{own}?{query}", GEOJSON) | {"method": "GET"})
    elif page.following is not None:
        paging = {"method": "POST", "body": {"token": page.following.token}, "merge": True}
        links.append(link("next", own, GEOJSON) | paging)

    def document() -> Response:
        items = (item_document(desk, addresses, scene) for scene in page.scenes)
        found = {
            "type": "FeatureCollection",
            "features": [asked.fields.of(item) if asked.fields else item for item in items],
            "links": links,
            "numberReturned": len(page.scenes),
        }
        return geojson(found | ({} if page.matched is None else {"numberMatched": page.matched}))

    return await asyncio.to_thread(document)


def geojson(document: Mapping[str, Any]) -> Response:
    """An answer in GeoJSON that nobody keeps without asking again."""
    return GeoJSONResponse(document, headers={"Cache-Control": "no-cache"})
