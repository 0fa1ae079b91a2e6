"""STAC: what has landed, as a STAC API that any STAC client can search.

Request models and the conformance classes of extensions come from stac-fastapi; its application is not used,
since it brings its own error answers, layers and documentation page.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from stac_fastapi.api.models import GeoJSONResponse, JSONSchemaResponse
from stac_fastapi.extensions.collection_search.collection_search import CollectionSearchConformanceClasses
from stac_fastapi.extensions.filter.filter import FilterConformanceClasses
from stac_fastapi.extensions.free_text.free_text import FreeTextConformanceClasses
from stac_fastapi.types.conformance import OAFConformanceClasses, STACConformanceClasses
from starlette.requests import Request

from app.http.auth import require
from app.http.paging import Page, asked_page, next_query
from app.http.parameters import OpenDatabase, ReadyState, known_names, revalidated
from app.http.stac_documents import (
    GEOJSON,
    JSON_SCHEMA,
    QUERYABLES_REL,
    Addresses,
    collection_document,
    geojson,
    item_document,
    link,
)
from app.keys import Scope
from app.routes.stac import search as stac_search
from app.stac.collection_search import CollectionSearch, read_box, read_terms
from app.stac.filters import queryables_document
from app.stac.scene_store import holdings, read_scene

TITLE = "Tilewatch"
DESCRIPTION = "The scenes that have landed in this Tilewatch, raw and derived, one item per scene."
SORT_1_0 = "https://api.stacspec.org/v1.0.0/item-search#sort"
"""The class pystac-client looks for; version 1.1 adds a list of sortable fields."""
FILTER_1_0 = "https://api.stacspec.org/v1.0.0/item-search#filter"
FILTERS = (
    FilterConformanceClasses.FILTER,
    FilterConformanceClasses.SEARCH,
    FilterConformanceClasses.ITEMS,
    FilterConformanceClasses.CQL2_TEXT,
    FilterConformanceClasses.CQL2_JSON,
    FilterConformanceClasses.BASIC_CQL2,
    FilterConformanceClasses.BASIC_SPATIAL_FUNCTIONS,
    FilterConformanceClasses.ADVANCED_COMPARISON_OPERATORS,
)
CONFORMANCE = sorted(
    {
        *STACConformanceClasses,
        *(OAFConformanceClasses.CORE, OAFConformanceClasses.GEOJSON, SORT_1_0),
        *(each.value for each in CollectionSearchConformanceClasses),
        FreeTextConformanceClasses.COLLECTIONS.value,
        FILTER_1_0,
        *(each.value for each in FILTERS),
        *(
            name
            for extension in stac_search.EXTENSIONS
            for name in extension.conformance_classes
            if "item-search" in name
        ),
    }
)
"""The conformance classes. OGC's oas30 is not one of them: `openapi.json` is OpenAPI 3.1."""

router = APIRouter(
    prefix="/stac",
    tags=["STAC"],
    dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.READ))],
)
found_by_search = APIRouter(route_class=stac_search.StacRoute)
"""Routes that answer invalid requests as searches do."""


@router.get("", name="stac")
async def landing(request: Request, state: ReadyState) -> dict[str, Any]:
    """Return the catalogue with links to its collections and to its search."""
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
            link(QUERYABLES_REL, f"{own}/queryables", JSON_SCHEMA),
            link("search", search, GEOJSON) | {"method": "GET"},
            link("search", search, GEOJSON) | {"method": "POST"},
            link("service-desc", str(request.url_for("openapi"))),
            link("service-doc", str(request.url_for("docs")), "text/html"),
            *(
                link("child", f"{own}/collections/{collection.id}", title=collection.title)
                for _, collection in sorted(state.catalogue.collections().items())
            ),
        ],
    }


@router.get("/conformance", name="stac_conformance")
async def conformance() -> dict[str, Any]:
    """List the conformance classes."""
    return {"conformsTo": CONFORMANCE}


@router.get("/queryables", name="stac_queryables", response_class=JSONSchemaResponse)
async def queryables(request: Request) -> Response:
    """Describe the properties that `filter` may name (JSON Schema)."""
    return JSONSchemaResponse(queryables_document(str(request.url_for("stac_queryables")), TITLE))


@router.get(
    "/collections/{collection_id}/queryables",
    name="stac_collection_queryables",
    response_class=JSONSchemaResponse,
)
async def collection_queryables(request: Request, state: ReadyState, collection_id: str) -> Response:
    """Describe the properties that `filter` may name among a collection's items (JSON Schema)."""
    found = state.catalogue.collection(collection_id)
    own = str(request.url_for("stac_collection_queryables", collection_id=found.id))
    return JSONSchemaResponse(queryables_document(own, found.title))


@found_by_search.get("/collections", name="stac_collections")
async def list_collections(
    *,
    request: Request,
    state: ReadyState,
    database: OpenDatabase,
    page: Annotated[Page, Depends(asked_page)],
    bbox: Annotated[str | None, Query(max_length=400, description="West,south,east,north.")] = None,
    datetime: Annotated[str | None, Query(max_length=100, description="RFC 3339, or an interval.")] = None,
    q: Annotated[str | None, Query(max_length=1000, description="Terms, separated by commas.")] = None,
) -> dict[str, Any]:
    """List collections with extents and products, all or those a place, a time and words match."""
    search = CollectionSearch(read_box(bbox), terms=read_terms(q), **stac_search.moments(datetime))
    async with database.connection() as connection:
        held = await holdings(connection)
    found = search.among([one for _, one in sorted(state.catalogue.collections().items())], held)
    here, following = page.of(found)
    addresses = Addresses.of(request)
    own = f"{addresses.stac}/collections"
    more = [] if following is None else [link("next", f"{own}?{next_query(request, following)}")]
    return {
        "collections": [collection_document(state, addresses, one, held.get(one.id)) for one in here],
        "links": [link("self", own), link("root", addresses.stac), *more],
        "numberMatched": len(found),
        "numberReturned": len(here),
    }


@router.get("/collections/{collection_id}", name="stac_collection")
async def describe_collection(
    request: Request, state: ReadyState, database: OpenDatabase, collection_id: str
) -> dict[str, Any]:
    """Return a collection."""
    found = state.catalogue.collection(collection_id)
    async with database.connection() as connection:
        held = await holdings(connection)
    return collection_document(state, Addresses.of(request), found, held.get(found.id))


@router.get("/collections/{collection_id}/items/{item_id}", name="stac_item", response_class=GeoJSONResponse)
async def read_item(
    *, request: Request, state: ReadyState, database: OpenDatabase, collection_id: str, item_id: str
) -> Response:
    """Return an item."""
    collection = state.catalogue.collection(collection_id)
    async with database.connection() as connection:
        scene = await read_scene(connection, collection.id, item_id)
    return geojson(item_document(state, Addresses.of(request), scene))


router.include_router(stac_search.router)
router.include_router(found_by_search)
