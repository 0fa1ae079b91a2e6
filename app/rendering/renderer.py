"""The renderer: turns resolved tiles into bytes on threads of its own, one a core."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias, TypeVar

from app.products.product import Product
from app.rendering.computing import Clock, compute_values, pixels_of
from app.rendering.memory import keep_freed_memory
from app.rendering.painting import encode
from app.rendering.point import PointAnswer, point_value
from app.rendering.resolving import ResolvedTile, SceneWindows, place_of, scenes_in
from app.rendering.values import ItemOf, Values
from mosaics.catalogue import Catalogue
from mosaics.hosts import host_of
from mosaics.index import SceneRef
from mosaics.lanes import LaneFullError, Lanes, LaneTurn
from mosaics.raster.damage import DAMAGE
from mosaics.raster.fetched import Attempts
from mosaics.raster.fetching import KEPT_BYTES, Fetching
from mosaics.raster.gdal import GDAL_OPTIONS, enter_gdal
from mosaics.raster.grid import Grid
from mosaics.raster.reading import AssetReadError
from mosaics.raster.store_errors import ask_store, require_steady
from mosaics.scene import Asset, SceneError, SceneItem
from mosaics.storage import ObjectNotFoundError

log = logging.getLogger(__name__)

T = TypeVar("T")


class ReadScenes(Protocol):
    """What came of reading scenes."""

    @property
    def failed(self) -> Sequence[Asset]:
        """Files that could not be read."""


R = TypeVar("R", bound=ReadScenes)

DAMAGED_REMEMBERED = 1000
"""Files taken for damaged, so that they are not tried twice for every tile."""

TRIED = 8
"""Files of one answer that are tried again, each once: of a store that comes back they fail in turn."""

DAMAGED_S = 60.0
"""How long: a file left in an archive may only have been out of reach, and GDAL remembers that for ever."""

ITEMS_AHEAD = 2
"""Items fetched before a rendering starts; most tiles need no more scenes than that."""

DAMAGED_ITEM = (SceneError, ObjectNotFoundError)
"""What an item is when it is not there or says nothing; storage that does not answer is another matter."""


Turns: TypeAlias = AbstractAsyncContextManager[object]

FREE: Turns = nullcontext()
"""Any number of turns."""

RenderingOverloadError = LaneFullError
"""More renderings wait than can be answered in good time."""


@dataclass(frozen=True, slots=True)
class RenderedTile:
    """A tile's bytes, and how they came about."""

    body: bytes
    media_type: str
    skipped: tuple[str, ...]
    """Ids of scenes under the tile whose files could not be read; such a tile must not be kept."""
    timing_ms: Mapping[str, float]
    """By step: read, mask, compute, paint, encode."""
    files: int = 0
    """Files read from, each band of each scene being one."""
    failed: Sequence[Asset] = ()
    """Files that could not be read."""


class Renderer:
    """Renders on a bounded pool of threads.

    Args:
        catalogue: Where scenes' items come from.
        threads: Render threads; by default one a core.
        max_scenes: Scenes one answer may need.
        damaged_s: How long a file that cannot be read is not tried again.
        gdal_options: Further options for GDAL.
        fetched_bytes: Of the bucket's files, kept until they are decoded.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        threads: int | None = None,
        max_scenes: int = 64,
        damaged_s: float = DAMAGED_S,
        gdal_options: Mapping[str, object] | None = None,
        fetched_bytes: int = KEPT_BYTES,
    ) -> None:
        self._catalogue = catalogue
        self._threads = threads or os.cpu_count() or 1
        self._max_scenes = max_scenes
        keep_freed_memory(self._threads)
        options = {**GDAL_OPTIONS, **catalogue.storage.gdal_options(), **(gdal_options or {})}
        home = host_of(catalogue.storage.gdal_path("x"))
        self._lanes = Lanes(home, self._threads, partial(enter_gdal, options))
        self.fetching = Fetching(catalogue.storage, limit_bytes=fetched_bytes)
        """Brings what reading files of the bucket needs."""
        self._damaged_s = damaged_s
        self._damaged: dict[str, float] = {}
        """Until when, on the monotonic clock, by path."""

    @property
    def threads(self) -> int:
        """Threads that render."""
        return self._threads

    @property
    def waiting(self) -> int:
        """Renderings running or waiting for a thread."""
        return self._lanes.waiting.total()

    @property
    def waiting_by_host(self) -> Mapping[str, int]:
        """Renderings running or waiting for a thread, by the host of their files; empty for this machine."""
        return self._lanes.waiting

    async def render(self, resolved: ResolvedTile) -> RenderedTile:
        """Render one tile.

        Raises:
            RenderingOverloadError: If too many renderings wait.
            mosaics.storage.StorageUnavailableError: If the store does not answer.
        """
        request, clock = resolved.request, Clock()
        product, grid = request.product, request.grid()
        await self._fetch_ahead(resolved.scenes)

        def draw(item_of: ItemOf) -> RenderedTile:
            clock.lap("wait")
            pixels, thorough = pixels_of(grid), request.tells_absence
            values = compute_values(product, resolved.scenes, pixels, item_of, clock, thorough=thorough)
            body = encode(product, values, grid, request.format, clock)
            skipped = tuple(scene.id for scene in values.skipped)
            media_type = request.format.media_type
            return RenderedTile(body, media_type, skipped, clock.ms, values.files, values.failed)

        return await self.run(draw)

    async def values(
        self, product: Product, scenes: SceneWindows, grid: Grid, *, thorough: bool = False
    ) -> Values:
        """Compute a product's values on any grid, as `compute_values` does; errors as `render`."""
        await self._fetch_ahead(scenes)
        return await self.run(
            lambda item_of: compute_values(
                product, scenes, pixels_of(grid), item_of, Clock(), thorough=thorough
            )
        )

    async def run(self, work: Callable[[ItemOf], R], turns: Turns = FREE) -> R:
        """Do other work that reads scenes on a render thread, in turn with the tiles; errors as `render`.

        Callers that have much of it hand in little at a time, so that tiles need not wait behind it, and what
        bounds how many of their turns run or wait at once; none are taken while bytes are fetched.
        """
        found = await self._run(work, turns)
        return await self._tried_again(work, found, turns) if found.failed else found

    async def point(self, product: Product, lon: float, lat: float, datetime: str | None) -> PointAnswer:
        """Return the value at a place, or why there is none; errors as `render`, and those of `scenes_in`."""
        scenes = await scenes_in(
            self._catalogue, product, place_of(lon, lat), datetime, limit=self._max_scenes
        )
        await self._fetch_ahead(scenes)
        return await self.run(lambda item_of: point_value(product, scenes, lon, lat, item_of))

    def close(self) -> None:
        """Stop the threads, after what they are at."""
        self._lanes.close()

    async def _run(self, work: Callable[[ItemOf], T], turns: Turns = FREE) -> T:
        loop = asyncio.get_running_loop()

        def take(turn: LaneTurn) -> T:
            def item_of(scene: SceneRef) -> SceneItem:
                item = self._catalogue.loaded_item(scene.item_key)
                item = self._fetched_item(scene.item_key, loop) if item is None else item
                turn.go_on()
                return item

            return work(item_of)

        async def attempt(attempts: Attempts) -> T:
            async with turns:
                return await self._lanes.run(take, attempts)

        return await self.fetching.run(attempt)

    def _fetched_item(self, item_key: str, loop: asyncio.AbstractEventLoop) -> SceneItem:
        """Return an item that is not in memory, on a render thread, which waits for it."""
        try:
            return asyncio.run_coroutine_threadsafe(self._catalogue.item(item_key), loop).result()
        except DAMAGED_ITEM as error:
            asset = self._item_as_asset(item_key)
            DAMAGE.note(asset.path, f"the item is missing or damaged ({error!s:.100})")
            raise AssetReadError(asset) from error

    async def _fetch_ahead(self, scenes: SceneWindows) -> None:
        """Load the items that a rendering begins with, so that its thread need not wait for them."""
        keys = (scene.item_key for scene in scenes.best_first[:ITEMS_AHEAD])
        if unknown := [key for key in keys if self._catalogue.loaded_item(key) is None]:
            await self._fetch(unknown)

    async def _fetch(self, item_keys: Sequence[str]) -> None:
        fetches: list[Awaitable[SceneItem]] = [self._catalogue.item(key) for key in item_keys]
        for outcome in await asyncio.gather(*fetches, return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, DAMAGED_ITEM):
                raise outcome

    def _item_as_asset(self, item_key: str) -> Asset:
        """An item that cannot be read, as one of its scene's files that cannot."""
        path = self._catalogue.storage.gdal_path(item_key)
        return Asset("item.json", path, dtype="uint8", nodata=None, scale=1.0, offset=0.0, unit="1")

    async def _tried_again(self, work: Callable[[ItemOf], R], found: R, turns: Turns) -> R:
        """Do work again in which files could not be read, each of which may fail once."""
        tried = set[str]()
        while found.failed and len(tried) < TRIED and await self._worth_another_try(found.failed):
            tried |= {asset.path for asset in found.failed}
            found = await self._run(work, turns)
            await self._remember_damaged([asset for asset in found.failed if asset.path in tried])
        return found

    async def _worth_another_try(self, failed: Sequence[Asset]) -> bool:
        """Whether files that could not be read may be readable after all, now that the store answers.

        Raises:
            mosaics.storage.StorageUnavailableError: If it does not answer.
        """
        now = time.monotonic()
        unknown = [asset for asset in failed if self._damaged.get(asset.path, now) <= now]
        await ask_store(self._catalogue.storage, unknown)
        return bool(unknown)

    async def _remember_damaged(self, failed: Sequence[Asset]) -> None:
        """Leave files that failed twice alone for a while; errors as `require_steady`."""
        await require_steady(self._catalogue.storage, failed)
        for asset in failed:
            log.error("a scene is left out: its %s cannot be read (%s)", asset.band, asset.path)
            self._damaged.pop(asset.path, None)
            self._damaged[asset.path] = time.monotonic() + self._damaged_s
            while len(self._damaged) > DAMAGED_REMEMBERED:
                del self._damaged[next(iter(self._damaged))]
