"""Collections that have landed, as STAC Collections."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request

from app.http.edr_documents import edr_extent, edr_fields, query_links
from app.http.extents import extents_of
from app.http.paging import Page, asked_page, next_query
from app.http.parameters import ReadyState, known_names, revalidated
from app.http.zooms import union_bounds
from app.state import AppState
from mosaics.bbox import Degrees
from mosaics.collection import Collection
from mosaics.period import Period

router = APIRouter(tags=["collections"], dependencies=[Depends(known_names), Depends(revalidated)])


@router.get("/collections", name="collections")
async def list_collections(
    request: Request, state: ReadyState, page: Annotated[Page, Depends(asked_page)]
) -> dict[str, Any]:
    """List the collections that have landed, by id; `next` links to the following page."""
    own = str(request.url_for("collections"))
    links = [{"rel": "self", "href": own, "type": "application/json"}]
    here, following = page.of([one for _, one in sorted(state.catalogue.collections().items())])
    if following is not None:
        href = f"{own}?{next_query(request, following)}"
        links.append({"rel": "next", "href": href, "type": "application/json"})
    return {
        "collections": [
            described(request, state, collection, box=await whole_box(state, collection))
            for collection in here
        ],
        "links": links,
    }


@router.get("/collections/{collection}", name="collection")
async def describe_collection(request: Request, state: ReadyState, collection: str) -> dict[str, Any]:
    """Return a collection with its bands, its periods and examples of tile addresses."""
    found = state.catalogue.collection(collection)
    periods = state.catalogue.periods(found.id)
    return described(request, state, found, box=await whole_box(state, found)) | {
        "bands": [band.model_dump(mode="json") for band in found.bands],
        "tilewatch:periods": [period.text for period in periods],
    }


def described(
    request: Request,
    state: AppState,
    collection: Collection,
    *,
    box: Degrees | None,
) -> dict[str, Any]:
    """Return a STAC Collection with its current extent and links.

    Args:
        request: The request whose host the links start with.
        state: Where the periods and products are.
        collection: The collection.
        box: The box around its scenes, west, south, east, north in degrees; None if it has none.
    """
    document = collection.to_stac()
    document["extent"]["temporal"] = {"interval": [time_span(state.catalogue.periods(collection.id))]}
    if box is not None:
        document["extent"]["spatial"] = {"bbox": [list(box)]}
    document["tilewatch:synthetic"] = state.catalogue.is_synthetic(collection.id)
    document["extent"] = edr_extent(document["extent"])
    document["links"] = [*links_of(request, state, collection), *query_links(request, collection)]
    return document | edr_fields(request, state, collection)


async def whole_box(state: AppState, collection: Collection) -> Degrees | None:
    """Return the box around the scenes of all periods: west, south, east, north; None without scenes."""
    periods = state.catalogue.periods(collection.id)
    limit = state.settings.max_scenes_per_tile
    extents = await extents_of(state, collection.id, periods, limit=limit)
    return union_bounds(extents) if extents else None


def time_span(periods: tuple[Period, ...]) -> list[str | None]:
    """Return the first and last moment of ascending periods, as RFC 3339."""
    if not periods:
        return [None, None]
    return [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (periods[0].start, periods[-1].end)]


def links_of(request: Request, state: AppState, collection: Collection) -> list[dict[str, Any]]:
    """Return links to where the collection is described and drawn."""
    own = str(request.url_for("collection", collection=collection.id))
    tile = request.url_for(
        "collection_tile",
        collection=collection.id,
        tms="WebMercatorQuad",
        z="{z}",
        x="{x}",
        y="{y}",
        format="png",
    )
    examples = [("bands", "{bands}", "One band, or three as red, green and blue")]
    examples.append(("expression", "{expression}", "Band math"))
    examples.append(("index", "{index}", "A published index"))
    products = [product for product in state.registry.all() if product.collection == collection.id]
    return [
        {"rel": "self", "href": own, "type": "application/json"},
        {"rel": "root", "href": str(request.url_for("collections")), "type": "application/json"},
        *(
            {
                "rel": "tiles",
                "href": f"{tile}?{name}={value}&rescale={{low}},{{high}}",
                "type": "image/png",
                "title": title,
                "templated": True,
            }
            for name, value, title in examples
        ),
        *(
            {
                "rel": "product",
                "href": str(request.url_for("product", product=product.id)),
                "type": "application/json",
                "title": product.title,
            }
            for product in products
        ),
    ]
