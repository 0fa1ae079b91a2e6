"""Tiles: of products, in a long and a short form, and of a collection's bands and expressions.

Parameters are declared here for the documentation; `TileAddresses` reads them, for the tile middleware and
these routes alike.
"""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, params
from starlette._utils import get_route_path
from starlette.requests import Request
from starlette.responses import Response

from app.caching.tile_reply import RESOLVED, reply
from app.http.parameters import Datetime, ReadyState, TileSize, Windows, declared
from app.products.product import Product
from app.rendering.address import ABSENCE, SHORT_FORM_TMS, TileFormat, product_over
from app.rendering.resolving import resolve_tile
from app.state import AppState

router = APIRouter(tags=["tiles"])

SENTINEL = ("sentinel-2-l2a", "sentinel-2-c1-l2a")
"""The collections whose bands the short address of Sentinel-2 shows: the first that has landed."""

SENTINEL_BANDS = {
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge1",
    "B06": "rededge2",
    "B07": "rededge3",
    "B08": "nir",
    "B8A": "nir08",
    "B09": "nir09",
    "B11": "swir16",
    "B12": "swir22",
    "SCL": "scl",
}
"""Our names of bands, by those of ESA."""

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The tile.", "content": {form.media_type: {} for form in TileFormat}},
    204: {"description": "No scene covers the tile."},
    304: {"description": "The caller has the current tile."},
}


@dataclass(frozen=True)
class OfProduct:
    """What is drawn: a product."""

    product: Annotated[str, Path(description="A product of /products.")]


@dataclass(frozen=True)
class OfCollection:
    """What is drawn: bands of a collection, an expression of them, or a published index."""

    collection: Annotated[str, Path(description="A collection of /collections.")]
    bands: Annotated[
        str | None, Query(description="One band, or three for red, green and blue: red,green,blue.")
    ] = None
    expression: Annotated[str | None, Query(description="Band math: (nir - red) / (nir + red).")] = None
    index: Annotated[str | None, Query(description="A published index of /indices: EVI.")] = None
    rescale: Annotated[
        str | None,
        Query(description="The values at the ends of the colours: -0.2,1; an index has its expected range."),
    ] = None
    colormap: Annotated[str | None, Query(description="A colormap of /colorMaps.")] = None

    @property
    def query(self) -> dict[str, str]:
        """The query parameters that are given."""
        fields = ("bands", "expression", "index", "rescale", "colormap")
        return {name: value for name in fields if (value := getattr(self, name)) is not None}

    def shown(self, state: AppState, *, painted: bool) -> Product:
        """Return what is asked for as a product.

        Raises:
            mosaics.collection.UnknownCollectionError: If there is no such collection.
            app.products.adhoc.ProductRequestError: If it is not valid.
        """
        return product_over(state.catalogue.collection(self.collection), self.query, painted=painted)


@dataclass(frozen=True)
class OfBand:
    """What is drawn: one band of Sentinel-2."""

    band: Annotated[str, Path(description="B02 to B12, or a name of ours: red, nir, swir16.")]
    rescale: Annotated[str | None, Query(description="The values at the ends of the colours: 0,0.4.")] = None
    colormap: Annotated[str | None, Query(description="A colormap of /colorMaps.")] = None


@dataclass(frozen=True)
class OnGrid:
    """The grid that numbers the tiles."""

    tms: Annotated[str, Path(description="A tile matrix set of /tileMatrixSets.")]


@dataclass(frozen=True)
class OneTile:
    """The tile, its time and its format."""

    z: Annotated[int, Path(description="Zoom level.")]
    x: Annotated[int, Path(description="Column, from the west.")]
    y: Annotated[int, Path(description="Row, from the north.")]
    format: Annotated[TileFormat, Path(description="png and webp are pictures; npy and tif hold the values.")]
    datetime: Datetime = None
    tilesize: Annotated[TileSize, Query(description="Pixels per side.")] = TileSize.SMALL
    absence: Annotated[bool, Query(description=ABSENCE)] = False
    v: Annotated[
        str | None, Query(description="The revision from TileJSON; the answer may then be cached forever.")
    ] = None


def declaring(*kinds: type[Any]) -> list[params.Depends]:
    """Return dependencies that declare the fields of classes; `TileAddresses` reads what is asked."""
    return [Depends(declared(kind)) for kind in kinds]


@router.get(
    "/products/{product}/tiles/{tms}/{z}/{x}/{y}.{format}",
    name="product_tile",
    dependencies=declaring(OfProduct, OnGrid, OneTile, Windows),
    responses=ANSWERS,
    response_class=Response,
)
async def product_tile(request: Request, state: ReadyState) -> Response:
    """Return a product's tile on any tile matrix set."""
    return await answer(request, state)


@router.get(
    "/tiles/{product}/{z}/{x}/{y}.{format}",
    name="short_tile",
    dependencies=declaring(OfProduct, OneTile, Windows),
    responses=ANSWERS,
    response_class=Response,
)
async def short_tile(request: Request, state: ReadyState) -> Response:
    """Return a product's tile on WebMercatorQuad."""
    return await answer(request, state)


@router.get(
    "/collections/{collection}/tiles/{tms}/{z}/{x}/{y}.{format}",
    name="collection_tile",
    dependencies=declaring(OfCollection, OnGrid, OneTile),
    responses=ANSWERS,
    response_class=Response,
)
async def collection_tile(request: Request, state: ReadyState) -> Response:
    """Return a collection's tile: one raw band, three as a picture, band math or a published index."""
    return await answer(request, state)


@router.get(
    "/tiles/sentinel/{band}/{z}/{x}/{y}.{format}",
    name="sentinel_tile",
    dependencies=declaring(OfBand, OneTile),
    responses=ANSWERS,
    response_class=Response,
)
async def sentinel_tile(request: Request, state: ReadyState) -> Response:
    """Return a band of Sentinel-2 on WebMercatorQuad: its collection's tile under a short address."""
    given = request.path_params
    band = SENTINEL_BANDS.get(given["band"].upper(), given["band"])
    collection = next((name for name in SENTINEL if state.catalogue.has(name)), SENTINEL[0])
    path = f"/collections/{collection}/tiles/{SHORT_FORM_TMS}/{given['z']}/{given['x']}/{given['y']}"
    query = request.scope["query_string"].decode("latin-1")
    tile = state.addresses.parse(f"{path}.{given['format']}", f"bands={quote(band, safe='')}&{query}")
    resolved = await resolve_tile(state.catalogue, tile, limit=state.settings.max_scenes_per_tile)
    return await reply(state.service, resolved, request.scope)


async def answer(request: Request, state: AppState) -> Response:
    """Return the tile that the tile middleware resolved, or the one the address means."""
    scope = request.scope
    resolved = scope.get(RESOLVED)
    if resolved is None:
        tile = state.addresses.parse(get_route_path(scope), scope["query_string"].decode("latin-1"))
        resolved = await resolve_tile(state.catalogue, tile, limit=state.settings.max_scenes_per_tile)
    return await reply(state.service, resolved, scope)
