"""Overviews of real small files for tests: a grid of scenes, and somebody who looks at its tiles."""

from dataclasses import replace
from io import BytesIO

import morecantile
import numpy as np
from numpy.typing import NDArray

from app.products.product import Product
from app.products.registry import Registry
from app.rendering.address import TileFormat, TileRequest
from app.rendering.renderer import Renderer
from app.rendering.resolving import resolve_tile
from ingest.overviews.building import build_overviews
from mosaics.catalogue import Catalogue
from mosaics.descriptions.collections import load_collections
from mosaics.document import MosaicDocument
from mosaics.log import read_state
from mosaics.period import Period
from tests.app.rendering.windows import one_window
from tests.ingest.overviews.scenes import COLLECTION, put_grid

TMS = morecantile.tms.get("WebMercatorQuad")
CLEAR = load_collections()[COLLECTION.id].clear
NDVI = Registry.load().get("ndvi")
FINEST = 6
PIXEL_DEG = 1600 / 111319.49
"""1600 m. Zoom 6 has 2446 m at the equator, 1.53 times as much, 1.51 at 8 degrees north; zoom 7 has half."""


class Viewer:
    """Somebody who looks at tiles, and how many files that took."""

    def __init__(self, storage):
        self.catalogue = Catalogue(storage)
        self.renderer = Renderer(self.catalogue, threads=2)

    async def resolved(self, x, y, z, *, product=NDVI, when=None, size=256):
        await self.catalogue.refresh()
        request = TileRequest(product, TMS, z, x, y, size, TileFormat.NPY, when)
        return await resolve_tile(self.catalogue, request, limit=64)

    async def values(self, x, y, z, **asked):
        """The values of a tile, NaN where there is none, and the files it took."""
        resolved = await self.resolved(x, y, z, **asked)
        tile = await self.renderer.render(resolved)
        planes = np.load(BytesIO(tile.body))
        return np.where(planes[-1] == 255, planes[0], np.nan), tile.files

    async def from_scenes(self, x: int, y: int, z: int, *, product: Product = NDVI) -> NDArray[np.float32]:
        """The same tile from the scenes themselves, as many as there may be."""
        (period,) = self.catalogue.periods(COLLECTION.id)
        index = await self.catalogue.index(COLLECTION.id, period)
        grid = TileRequest(product, TMS, z, x, y, 256, TileFormat.NPY, None).grid()
        values = await self.renderer.values(product, one_window(index.scenes_in_tile(x, y, z)), grid)
        plane: NDArray[np.float32] = values.planes[0]
        return plane


async def bring(storage, clear=CLEAR):
    return await build_overviews(storage, COLLECTION, clear, threads=2)


async def overviews_of(storage, period="2024-06"):
    state = await read_state(storage, COLLECTION.id)
    document = MosaicDocument(await storage.get(state.mosaics[Period.parse(period)]))
    return {(one.zoom, one.column, one.row): one for one in document.overviews}


async def small_grid(storage, **given):
    """Four by three scenes of 128 px, crowding tiles down to zoom 6 (nine of them in some)."""
    return await put_grid(storage, 4, 3, pixel_deg=PIXEL_DEG, side=128, **given)


def tile_of(lon, lat, z):
    tile = TMS.tile(lon, lat, z)
    return tile.x, tile.y, tile.z


MIDDLE = (10.0 + 200 * PIXEL_DEG, 8.0 - 150 * PIXEL_DEG)


def renamed(record, name):
    return replace(record, id=name)
