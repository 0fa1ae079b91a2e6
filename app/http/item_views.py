"""Views of one item: what a product is drawn from where a single scene is shown, and on which grid."""

import math
from typing import Any

import numpy as np
import shapely
from rasterio.crs import CRS
from rasterio.errors import CRSError

from app.errors import NothingLandedError
from app.http.stac_documents import PREVIEW_PIXELS, box_of, products_of
from app.products.product import Product
from app.rendering.address import TileRequest
from app.rendering.resolving import (
    RENDERER_VERSION,
    ResolvedTile,
    SceneWindows,
    WindowScenes,
    digest,
    outline,
)
from app.stac.scene_store import IndexedScene, read_scene
from app.state import AppState
from mosaics.bbox import Degrees
from mosaics.ellipsoid import WGS84
from mosaics.index import SceneRef
from mosaics.period import Period
from mosaics.raster.grid import Grid


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
    key = digest("item", RENDERER_VERSION, tile.product.digest, tile.text, *sources.key_parts)
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


def sized(crs: CRS, bounds: Degrees, ratio: float) -> Grid:
    """Return a grid whose longer side has `PREVIEW_PIXELS`; `ratio` is its width through its height."""
    width, height = (1.0, 1 / ratio) if ratio >= 1 else (ratio, 1.0)
    pixels = np.maximum(1, np.rint(np.array([width, height]) * PREVIEW_PIXELS)).astype(int)
    return Grid(crs, bounds, int(pixels[0]), int(pixels[1]))
