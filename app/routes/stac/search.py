"""Searches of the STAC API: reads search requests and returns pages of items."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import Field, model_validator
from stac_fastapi.api.models import (
    GeoJSONResponse,
    ItemCollectionUri,
    create_get_request_model,
    create_post_request_model,
    create_request_model,
)
from stac_fastapi.extensions import (
    FieldsExtension,
    FilterExtension,
    QueryExtension,
    SortExtension,
    TokenPaginationExtension,
)
from starlette.requests import Request

from app.database import Database
from app.errors import RequestError
from app.http.bodies import refuse_other_media
from app.http.paging import next_query
from app.http.parameters import OpenDatabase, ReadyState
from app.http.stac_documents import GEOJSON, Addresses, geojson, item_document, link
from app.stac.fields import Fields
from app.stac.filters import read_filter
from app.stac.scene_store import find_scenes
from app.stac.search import (
    MAX_PAGE,
    Cursor,
    Search,
    SearchError,
    SortKey,
    box_shape,
    read_conditions,
    read_moments,
    read_place,
    total_order,
)
from app.state import AppState

EXTENSIONS = [
    QueryExtension(),
    SortExtension(),
    FieldsExtension(),
    FilterExtension(),
    TokenPaginationExtension(),
]
SearchGet: Any = create_get_request_model(EXTENSIONS)


class SearchPost(create_post_request_model(EXTENSIONS), extra="forbid"):  # type: ignore[misc,call-arg]
    """A search by body; its time and shape are read here, within limits, and not by the model."""

    bbox: list[float] | None = Field(None, description="west, south, east, north in degrees.", max_length=6)
    datetime: str | None = Field(None, description="An RFC 3339 instant, or two with a slash.")
    intersects: dict[str, Any] | None = Field(None, description="A GeoJSON geometry of any kind.")
    filter_expr: dict[str, Any] | str | None = Field(
        None, alias="filter", description="A CQL2 filter, JSON or text; see /stac/queryables."
    )
    filter_lang: Literal["cql2-json", "cql2-text"] | None = Field(
        None, alias="filter-lang", description="Of what kind filter is; cql2-json for an object."
    )

    @model_validator(mode="before")
    @classmethod
    def validate_spatial(cls, values: Any) -> Any:
        """Refuse what is not an object, and two places at once."""
        if not isinstance(values, dict):
            raise ValueError("the body is not a JSON object")  # noqa: TRY004 - pydantic's form of a refusal
        if values.get("intersects") and values.get("bbox") is not None:
            raise ValueError("intersects and bbox parameters are mutually exclusive")
        return values


ItemsGet: Any = create_request_model(
    "ItemsGet",
    base_model=ItemCollectionUri,
    extensions=[FilterExtension(), TokenPaginationExtension()],
    request_type="GET",
)


class StacRoute(APIRoute):
    """A route that answers invalid requests with 400, as the STAC API requires, and other bodies with 415."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with FastAPI's validation errors turned into ours."""
        handle = super().get_route_handler()

        async def refusing(request: Request) -> Response:
            if request.method == "POST":
                refuse_other_media(request)
            try:
                return await handle(request)
            except RequestValidationError as error:
                reasons = (f"{entry['loc'][-1]}: {entry['msg']}" for entry in error.errors())
                raise RequestError("; ".join(reasons)) from error

        return refusing


router = APIRouter(route_class=StacRoute)


@dataclass(frozen=True, slots=True)
class Asked:
    """A search as requested."""

    search: Search
    fields: Fields | None
    limit: int
    after: Cursor | None


@router.get("/collections/{collection_id}/items", name="stac_items", response_class=GeoJSONResponse)
async def list_items(
    *,
    request: Request,
    state: ReadyState,
    database: OpenDatabase,
    asked: Annotated[Any, Depends(ItemsGet)],
    collections: Annotated[
        str | None, Query(description="The same collection again, as pystac-client sends it.")
    ] = None,
) -> Response:
    """List the items of a collection, newest first; `next` links to the following page."""
    collection = state.catalogue.collection(asked.collection_id)
    if collections not in {None, collection.id}:
        raise SearchError(f"these are the items of {collection.id!r}; use /stac/search for those of others")
    search = Search(
        collections=(collection.id,),
        place=None if asked.bbox is None else box_shape(asked.bbox),
        filter=read_filter(asked.filter_expr, asked.filter_lang, asked.filter_crs),
        **moments(asked.datetime),
    )
    own = str(request.url_for("stac_items", collection_id=collection.id))
    wanted = Asked(search, None, page_size(asked.limit), cursor(asked.token, search))
    return await answer(request, state, database, wanted, own)


@router.get("/search", name="stac_search", response_class=GeoJSONResponse)
async def search(
    request: Request, state: ReadyState, database: OpenDatabase, asked: Annotated[Any, Depends(SearchGet)]
) -> Response:
    """Search the items of all collections; newest first unless `sortby` says otherwise."""
    if asked.bbox is not None and asked.intersects is not None:
        raise SearchError("bbox and intersects exclude each other; give one of the two")
    place = None if asked.intersects is None else parsed("intersects", asked.intersects)
    query = None if asked.query is None else parsed("query", asked.query)
    fields = None if request.query_params.get("fields") is None else Fields.parse(asked.fields or ())
    order = total_order([SortKey.parse(text) for text in asked.sortby or ()])
    return await answer(
        request,
        state,
        database,
        wanted(asked, order=order, place=place, query=query, fields=fields),
        str(request.url_for("stac_search")),
    )


@router.post("/search", name="stac_search_by_body", response_class=GeoJSONResponse)
async def search_by_body(
    request: Request, state: ReadyState, database: OpenDatabase, asked: SearchPost
) -> Response:
    """Search the items of all collections, with a JSON body."""
    fields = None
    if "fields" in asked.model_fields_set:
        if asked.fields is None:
            raise SearchError('fields must be an object: {"include": […], "exclude": […]}')
        fields = Fields(frozenset(asked.fields.include or ()), frozenset(asked.fields.exclude or ()))
    order = total_order(
        [SortKey.parse(f"{'-' if key.direction == 'desc' else '+'}{key.field}") for key in asked.sortby or ()]
    )
    return await answer(
        request,
        state,
        database,
        wanted(asked, order=order, place=asked.intersects, query=asked.query, fields=fields),
        str(request.url_for("stac_search")),
        by_body=True,
    )


def wanted(
    asked: Any,
    *,
    order: tuple[SortKey, ...],
    place: Mapping[str, Any] | None,
    query: Mapping[str, Any] | None,
    fields: Fields | None,
) -> Asked:
    """Read a search requested by either method."""
    shape = None if asked.bbox is None else box_shape(asked.bbox)
    search = Search(
        collections=tuple(asked.collections) if asked.collections else None,
        ids=tuple(asked.ids) if asked.ids else None,
        place=shape if place is None else read_place(place),
        conditions=read_conditions(query or {}),
        filter=read_filter(asked.filter_expr, asked.filter_lang, asked.filter_crs),
        order=order,
        **moments(asked.datetime),
    )
    return Asked(search, fields, page_size(asked.limit), cursor(asked.token, search))


def moments(text: str | None) -> dict[str, Any]:
    """Return the first and last moment of a STAC `datetime`, both included."""
    first, last = read_moments(text)
    return {"first": first, "last": last}


def page_size(limit: int | None) -> int:
    """Return the number of items per page, which may be fewer than requested."""
    return min(limit or 10, MAX_PAGE)


def cursor(token: str | None, search: Search) -> Cursor | None:
    """Return where a page begins."""
    return None if token is None else Cursor.parse(token, search.order)


def parsed(name: str, text: str) -> Mapping[str, Any]:
    """Read the JSON object in a parameter."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SearchError(f"{name} is not valid JSON; give a JSON object") from error
    if not isinstance(document, dict):
        raise SearchError(f"{name} is not a JSON object")
    return document


async def answer(
    request: Request,
    state: AppState,
    database: Database,
    asked: Asked,
    own: str,
    *,
    by_body: bool = False,
) -> Response:
    """Return a page of items, with a link to the next page."""
    async with database.searching() as connection:
        page = await find_scenes(connection, asked.search, after=asked.after, limit=asked.limit)
    addresses = Addresses.of(request)
    links = [link("self", own, GEOJSON), link("root", addresses.stac)]
    if page.following is not None:
        token = page.following.token
        if by_body:
            paging = {"method": "POST", "body": {"token": token}, "merge": True}
            links.append(link("next", own, GEOJSON) | paging)
        else:
            links.append(link("next", f"{own}?{next_query(request, token)}", GEOJSON) | {"method": "GET"})

    def document() -> Response:
        items = (item_document(state, addresses, scene) for scene in page.scenes)
        found = {
            "type": "FeatureCollection",
            "features": [asked.fields.of(item) if asked.fields else item for item in items],
            "links": links,
            "numberReturned": len(page.scenes),
        }
        return geojson(found | ({} if page.matched is None else {"numberMatched": page.matched}))

    return await asyncio.to_thread(document)
