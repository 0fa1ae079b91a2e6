"""Maps of one item: a product drawn from a single scene, whatever else lies over the same place."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any

import shapely
from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app.caching.tile_reply import if_none_match, matches, reply
from app.errors import NothingLandedError
from app.http.auth import require
from app.http.extents import KnownExtent
from app.http.item_views import drawn, preview_grid, reference, resolved, revision_of, sources_of
from app.http.parameters import OpenDatabase, ReadyState, TileSize, known_names
from app.http.schemas import PeriodRange, TileJson
from app.http.zooms import whole_view_zoom, zoom_range
from app.keys import Scope
from app.products.legend import legend_json
from app.rendering.address import TileFormat, TileRequest, UnknownTileError, matrix_set
from app.rendering.computing import Clock
from app.rendering.painting import encode
from app.rendering.resolving import outline
from app.routes.products.legend import synthetic_note
from app.routes.products.tiles import ANSWERS
from mosaics.bbox import Degrees
from mosaics.period import Period

TMS = "WebMercatorQuad"

ADDRESS = "/stac/collections/{collection_id}/items/{item_id}/products/{product}"

PREVIEW: dict[int | str, dict[str, Any]] = {
    200: {"description": "The picture.", "content": {TileFormat.PNG.media_type: {}}},
    304: {"description": "The caller has the current picture."},
}

router = APIRouter(tags=["STAC"], dependencies=[Depends(known_names), Depends(require(Scope.READ))])


@router.get(f"{ADDRESS}/tilejson.json", name="stac_item_tilejson")
async def item_tilejson(
    *,
    request: Request,
    response: Response,
    state: ReadyState,
    database: OpenDatabase,
    collection_id: str,
    item_id: str,
    product: Annotated[str, Path(description="A product of the item's `renders`.")],
) -> TileJson:
    """Return the TileJSON 3.0.0 of a product drawn from this item alone."""
    scene, shown = await drawn(state, database, collection_id, item_id, product)
    index = await state.catalogue.index(scene.collection, Period.parse(scene.period))
    footprint = shapely.geometry.shape(scene.item["geometry"])
    bounds: Degrees = footprint.bounds
    grid = matrix_set(TMS)
    extent = KnownExtent(bounds, index.resolution_m)
    zooms = zoom_range([extent], grid, tilesize=256, limit=1)
    largest = max(shapely.get_parts(footprint), key=shapely.area)
    center = shapely.point_on_surface(largest)
    names = {"collection_id": collection_id, "item_id": item_id, "product": product}
    tile = request.url_for("stac_item_tile", **names, z="{z}", x="{x}", y="{y}", format="png")
    response.headers["Cache-Control"] = "no-cache"
    return TileJson(
        name=f"{shown.title}, {scene.id}",
        description=shown.description,
        attribution=state.catalogue.collection(scene.collection).attribution,
        tiles=[f"{tile}?v={revision_of(scene, shown)}"],
        minzoom=zooms.lowest,
        maxzoom=zooms.highest,
        bounds=bounds,
        center=(center.x, center.y, whole_view_zoom(bounds, grid, tilesize=256, zooms=zooms)),
        tilesize=256,
        tile_size=256,
        period=scene.period,
        periods=[scene.period],
        period_range=PeriodRange(count=1, first=scene.period, last=scene.period),
        legend=legend_json(shown, note=synthetic_note(state, shown)),
        synthetic=reference(scene).synthetic,
        offset=shown.offset,
    )


@router.get(
    f"{ADDRESS}/tiles/{{z}}/{{x}}/{{y}}.{{format}}",
    name="stac_item_tile",
    responses=ANSWERS,
    response_class=Response,
)
async def item_tile(
    *,
    request: Request,
    state: ReadyState,
    database: OpenDatabase,
    collection_id: str,
    item_id: str,
    product: str,
    z: Annotated[int, Path(ge=0, description="Zoom level.")],
    x: Annotated[int, Path(ge=0, description="Column, from the west.")],
    y: Annotated[int, Path(ge=0, description="Row, from the north.")],
    format: TileFormat,  # noqa: A002 - the name in the address, as of other tiles
    tilesize: Annotated[TileSize, Query(description="Pixels per side.")] = TileSize.SMALL,
    v: Annotated[str | None, Query(description="The revision from the item's TileJSON.")] = None,
) -> Response:
    """Return a WebMercatorQuad tile of a product drawn from this item alone; 204 where it has nothing."""
    del v  # read from the query by `reply`
    scene, shown = await drawn(state, database, collection_id, item_id, product)
    tms = matrix_set(TMS)
    if z > tms.maxzoom or max(x, y) >= 2**z:
        raise UnknownTileError(f"{TMS} has no tile {z}/{x}/{y}; zooms run from 0 to {tms.maxzoom}")
    tile = TileRequest(shown, tms, z, x, y, int(tilesize), format, scene.period)
    return await reply(state.service, await resolved(state, scene, tile), request.scope)


@router.get(f"{ADDRESS}/preview.png", name="stac_item_preview", responses=PREVIEW, response_class=Response)
async def item_preview(
    *,
    request: Request,
    state: ReadyState,
    database: OpenDatabase,
    collection_id: str,
    item_id: str,
    product: str,
) -> Response:
    """Return a picture of a product drawn from this item alone, in the projection of its files."""
    scene, shown = await drawn(state, database, collection_id, item_id, product)
    headers = {"ETag": f'"{revision_of(scene, shown)}"', "Cache-Control": "no-cache"}
    condition = if_none_match(request.scope["headers"])
    if condition is not None and matches(condition, headers["ETag"].encode()):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    grid = preview_grid(scene, shown)
    if grid is None:
        raise NothingLandedError(f"{scene.id!r} crosses the antimeridian; its tiles show it")
    sources = await sources_of(state, scene, shown, outline(grid))
    values = await state.renderer.values(shown, sources, grid)
    if values.skipped:
        headers = {"X-Tilewatch-Skipped": str(len(values.skipped)), "Cache-Control": "no-store"}
    body = await asyncio.to_thread(encode, shown, values, grid, TileFormat.PNG, Clock())
    return Response(body, headers=headers, media_type=TileFormat.PNG.media_type)
