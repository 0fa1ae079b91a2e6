"""Maps of one item: a product drawn from a single scene, whatever else lies over the same place."""

import asyncio
import math
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any

import numpy as np
import shapely
from fastapi import APIRouter, Depends, Path, Query
from rasterio.crs import CRS
from rasterio.errors import CRSError
from starlette.requests import Request
from starlette.responses import Response

from app.caching.tile_reply import if_none_match, matches, reply
from app.errors import NothingLandedError
from app.http.auth import require
from app.http.extents import Box, KnownExtent
from app.http.parameters import ReadyState, TileSize, known_names
from app.http.schemas import TileJson
from app.http.stac_documents import PREVIEW_PIXELS, box_of, products_of
from app.http.zooms import whole_view_zoom, zoom_range
from app.keys import Scope
from app.products.legend import legend_json
from app.products.product import Product
from app.rendering.address import TileFormat, TileRequest, UnknownTileError, matrix_set
from app.rendering.computing import Clock
from app.rendering.painting import encode
from app.rendering.resolving import RENDERER_VERSION, ResolvedTile, SceneWindows, WindowScenes, outline
from app.routes.areas.areas import OpenDatabase
from app.routes.products.legend import synthetic_note
from app.stac.scene_store import IndexedScene, read_scene
from app.state import AppState
from mosaics.index import SceneRef
from mosaics.period import Period
from mosaics.raster.grid import Grid

TMS = "WebMercatorQuad"
WGS84 = CRS.from_epsg(4326)

ADDRESS = "/stac/collections/{collection_id}/items/{item_id}/products/{product}"

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
    bounds: Box = footprint.bounds
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
        legend=legend_json(shown, note=synthetic_note(state, shown)),
        synthetic=reference(scene).synthetic,
        offset=shown.offset,
    )


@router.get(f"{ADDRESS}/tiles/{{z}}/{{x}}/{{y}}.{{format}}", name="stac_item_tile", response_class=Response)
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


@router.get(f"{ADDRESS}/preview.png", name="stac_item_preview", response_class=Response)
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
    body = await asyncio.to_thread(encode, shown, values, grid, TileFormat.PNG, Clock())
    return Response(body, headers=headers, media_type=TileFormat.PNG.media_type)


async def drawn(
    state: AppState, database: Any, collection_id: str, item_id: str, product_id: str
) -> tuple[IndexedScene, Product]:
    """Return a scene and the product that is drawn from it.

    Raises:
        app.stac.search.UnknownSceneError: If there is no such item.
        app.products.registry.UnknownProductError: If there is no such product.
        NothingLandedError: If the item lacks the product's bands.
    """
    async with database.connection() as connection:
        scene = await read_scene(connection, collection_id, item_id)
    product = state.registry.get(product_id)
    shown = products_of(state, scene)
    if product.id not in {each.id for each in shown}:
        names = ", ".join(each.id for each in shown) or "none"
        raise NothingLandedError(f"{product.id!r} cannot be drawn from {scene.id!r}; these can: {names}")
    return scene, product


def reference(scene: IndexedScene) -> SceneRef:
    """Return a scene of the index as rendering takes it."""
    properties = scene.item["properties"]
    return SceneRef(
        scene.id,
        scene.item_key,
        scene.starts,
        scene.ends,
        Period.parse(scene.period),
        properties.get("eo:cloud_cover"),
        bool(properties.get("tilewatch:synthetic")),
    )


async def sources_of(
    state: AppState, scene: IndexedScene, product: Product, area: shapely.Geometry
) -> SceneWindows:
    """Return what a product is drawn from in an area: the scene, and those of mask collections over it."""
    own = (reference(scene),)
    zones: dict[str, tuple[SceneRef, ...]] = {}
    landed = state.catalogue.collections()
    limit = state.settings.max_scenes_per_tile
    for zone in product.zone_rules:
        found: list[SceneRef] = []
        for period in state.catalogue.periods(zone)[::-1] if zone in landed else ():
            index = await state.catalogue.index(zone, period)
            found.extend(index.scenes_in(area, limit=limit))
        zones[zone] = tuple(found)
    return SceneWindows((WindowScenes("", (own,)),), zones)


async def resolved(state: AppState, scene: IndexedScene, tile: TileRequest) -> ResolvedTile:
    """Return a tile with the one scene it is drawn from; without it where the footprint does not reach."""
    area = outline(tile.grid())
    meets = shapely.intersects(shapely.geometry.shape(scene.item["geometry"]), area)
    sources = await sources_of(state, scene, tile.product, area) if meets else SceneWindows()
    place = f"{tile.tms.id}/{tile.z}/{tile.x}/{tile.y}/{tile.size}.{tile.format}"
    key = digest("item", RENDERER_VERSION, tile.product.digest, place, *sources.key_parts)
    return ResolvedTile(
        request=tile,
        scenes=sources,
        key=key,
        revision=revision_of(scene, tile.product),
        synthetic=any(source.synthetic for source in sources.best_first),
        offset=tile.product.offset,
    )


def revision_of(scene: IndexedScene, product: Product) -> str:
    """Return a short mark of what a scene's maps depend on: 16 hexadecimal digits."""
    return digest("item", RENDERER_VERSION, product.digest, scene.item_key)[:16]


def digest(*parts: str) -> str:
    """Return the SHA-256 of some texts, 64 hexadecimal digits."""
    return sha256("\n".join(parts).encode()).hexdigest()


def preview_grid(scene: IndexedScene, product: Product) -> Grid | None:
    """Return the grid of a preview: of the files or of the box; None if the box crosses the antimeridian."""
    return file_grid(scene, product) or box_grid(scene)


def file_grid(scene: IndexedScene, product: Product) -> Grid | None:
    """Return a grid over the first file a product reads, in its projection; None if the item does not say."""
    asset = scene.item["assets"].get(product.bands[0], {}) if product.bands else {}
    box = asset.get("proj:bbox")
    code = asset.get("proj:code") or scene.item["properties"].get("proj:code")
    wkt = asset.get("proj:wkt2") or scene.item["properties"].get("proj:wkt2")
    if not (box and (code or wkt)):
        return None
    try:
        crs = CRS.from_string(code) if code else CRS.from_wkt(wkt)
    except CRSError:
        return None
    west, south, east, north = box
    return sized(crs, (west, south, east, north), (east - west) / (north - south))


def box_grid(scene: IndexedScene) -> Grid | None:
    """Return a grid over a scene's box in degrees, about as wide and high as it is on the ground."""
    west, south, east, north = scene.item.get("bbox") or box_of(scene.item["geometry"])
    if west >= east:
        return None
    narrowed = max(0.05, math.cos(math.radians((south + north) / 2)))
    return sized(WGS84, (west, south, east, north), (east - west) * narrowed / (north - south))


def sized(crs: CRS, bounds: Box, ratio: float) -> Grid:
    """Return a grid whose longer side has `PREVIEW_PIXELS`; `ratio` is its width through its height."""
    width, height = (1.0, 1 / ratio) if ratio >= 1 else (ratio, 1.0)
    pixels = np.maximum(1, np.rint(np.array([width, height]) * PREVIEW_PIXELS)).astype(int)
    return Grid(crs, bounds, int(pixels[0]), int(pixels[1]))
