"""Building: overviews of a collection's mosaics wherever a tile would open many scenes, and only what is new.

A zoom's overviews are made of those of the next zoom, the finest of the scenes. What a mosaic names already
and was made of the very scenes that are there now is left alone, with everything below it.
"""

import asyncio
import hashlib
import json
import logging
import math
import os
import time
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ingest.landing import require_space, workspace
from ingest.overviews.piece import Cell, PieceWriter, tile_bounds_m
from ingest.overviews.pixels import (
    BandForm,
    Pixels,
    UnlikeScenesError,
    common_forms,
    compose,
    halve,
)
from mosaics.cells import cell_number, tile_bounds
from mosaics.collection import Collection
from mosaics.descriptions.collections import ClearRule
from mosaics.document import MosaicDocument
from mosaics.index import QuadkeyIndex
from mosaics.log import commit_overviews, read_document, read_state
from mosaics.overview import TILE_PX, Overview
from mosaics.period import Period
from mosaics.processing import processing_of_all
from mosaics.raster.gdal import GDAL_OPTIONS, enter_gdal
from mosaics.raster.grid import Grid
from mosaics.raster.handles import WEB_MERCATOR
from mosaics.raster.reading import AssetReadError
from mosaics.raster.store_errors import ask_store, require_steady
from mosaics.scene import SceneError, SceneItem, read_item
from mosaics.seals import unsealed
from mosaics.storage import ObjectNotFoundError, Storage

EDITION = 2
"""Counts the ways of making overviews; with a new one all of them are made again."""
SCENES_A_TILE = 4
"""Tiles that need more scenes get an overview. On a grid of scenes four meet at a corner at any zoom, so that
fewer would never end; of two bands they are eight files."""
LEAST_COARSER = 1.5
"""An overview's pixels are at least so much wider than the finest scene's: all zooms of it together hold less
than 0.6 pixels for each of one layer of scenes (1 / 1.5**2 * 4/3), whatever lies upon one another there."""
TILES_AHEAD = 16
"""Tiles worked on before they are written; of 13 bands they take 40 MB."""
ITEMS_AT_ONCE = 16
ITEMS_KEPT = 20_000
COMMIT_EVERY_S = 300.0
"""After so much work what is done is committed, so that a run that is killed has not been for nothing."""

Progress: TypeAlias = Callable[[int, int], None]

_EQUATOR_M = 2 * math.pi * 6378137.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class OverviewOutcome:
    """What came of building."""

    made: int = 0
    """Overviews that were made."""
    kept: int = 0
    """Overviews that were as they should be."""
    mended: int = 0
    """Overviews that were damaged, and are made again or of no use any more."""
    unlike: dict[str, str] = field(default_factory=dict)
    """Why a mosaic has none in places, by period."""
    left_out: set[str] = field(default_factory=set)
    """Scenes with a file that could not be read."""


async def build_overviews(
    storage: Storage,
    collection: Collection,
    clear: ClearRule | None,
    *,
    periods: Sequence[Period] | None = None,
    damaged: Container[str] = frozenset(),
    progress: Progress = lambda _done, _total: None,
    threads: int | None = None,
) -> OverviewOutcome:
    """Make the overviews that a collection's mosaics lack, and let the mosaics name them.

    Args:
        storage: Where the collection lies.
        collection: Whose mosaics.
        clear: Which pixels show the ground; None where all do.
        periods: Of the mosaics; None for all.
        damaged: Keys of the items of overviews that are damaged, and made again.
        progress: Told the overviews done, and how many there are to be made of a mosaic.
        threads: That read; one a core.

    Raises:
        StorageError: If storage fails; what had been committed stays.
        LogError: If the log cannot be followed, or a mosaic is damaged.
        DiskFullError: If there is no room for the files of one overview.
    """
    state = await read_state(storage, collection.id)
    outcome = OverviewOutcome()
    threads = threads or os.cpu_count() or 1
    options = {**GDAL_OPTIONS, **storage.gdal_options()}
    pool = ThreadPoolExecutor(threads, "overview", initializer=enter_gdal, initargs=(options,))
    with workspace() as folder, pool:
        work = _Work(storage, collection, clear, damaged, folder, pool, progress, outcome)
        for period in sorted(state.mosaics) if periods is None else periods:
            if period in state.mosaics:
                document = await read_document(storage, collection.id, state.mosaics[period])
                index = await asyncio.to_thread(QuadkeyIndex.from_document, document)
                await _Mosaic(work, period, document, index).build()
    return outcome


@dataclass(slots=True)
class _Tile:
    """A tile of an overview, and what it is made of."""

    x: int
    y: int
    halved: bool
    """Whether it is made of the overview of the next zoom, not of scenes."""
    synthetic: bool
    lacking: bool
    """Whether a scene has been left out."""
    items: list[SceneItem] = field(default_factory=list)
    """The scenes, best first; or that overview."""


@dataclass(frozen=True, slots=True)
class _Work:
    """What the mosaics of a collection are built with."""

    storage: Storage
    collection: Collection
    clear: ClearRule | None
    damaged: Container[str]
    """Keys of the items of overviews that are damaged."""
    folder: Path
    pool: ThreadPoolExecutor
    progress: Progress
    outcome: OverviewOutcome


class _Mosaic:
    """The overviews of one mosaic, being built."""

    def __init__(self, work: _Work, period: Period, document: MosaicDocument, index: QuadkeyIndex) -> None:
        self.work, self.period, self.document, self.index = work, period, document, index
        self.categorical = frozenset(band.name for band in work.collection.bands if band.categorical)
        rule = work.clear.model_dump() if work.clear else None
        determining = json.dumps([EDITION, rule, sorted(self.categorical)])
        self.recipe = hashlib.sha256(determining.encode()).hexdigest()[:16]
        current = [
            one
            for one in document.overviews
            if index.made_of(one.column, one.row, one.cell_zoom) == one.made_of
        ]
        self.damaged = {
            Cell(one.zoom, one.column, one.row) for one in current if one.item_key in work.damaged
        }
        work.outcome.mended += sum(one.item_key in work.damaged for one in document.overviews)
        self.overviews = {one.place: one for one in current if one.item_key not in work.damaged}
        self.committed_s = time.monotonic()
        self.items: dict[str, SceneItem | None] = {}

    async def build(self) -> None:
        """Make what is missing, and let the mosaic forget overviews of other scenes."""
        outcome = self.work.outcome
        unlike, made = set[Cell](), 0
        missing = await asyncio.to_thread(self._missing, Cell(0, 0, 0))
        # The finest first; what lies above one that is damaged may be right.
        missing = sorted({*missing, *self._mistaken()}, key=lambda cell: -cell.zoom)
        for number, cell in enumerate(missing):
            self.work.progress(number, len(missing))
            if not unlike.isdisjoint(cell.finer()):
                unlike.add(cell)
                continue
            try:
                overview = await self._make(cell)
            except UnlikeScenesError as error:
                unlike.add(cell)
                outcome.unlike[self.period.text] = str(error)
                continue
            if overview is not None:
                self.overviews[overview.place] = overview
                made += 1
                if time.monotonic() > self.committed_s + COMMIT_EVERY_S:
                    await self._commit()
        if made or len(self.overviews) < len(self.document.overviews):
            await self._commit()
        if missing:
            self.work.progress(len(missing), len(missing))
        outcome.made += made
        outcome.kept += len(self.overviews) - made

    async def _commit(self) -> None:
        of_period = {self.period: list(self.overviews.values())}
        await commit_overviews(self.work.storage, self.work.collection.id, of_period)
        self.committed_s = time.monotonic()

    def _missing(self, cell: Cell) -> list[Cell]:
        """Return the cells whose overview is to be made, of a cell and those below it, the finest first."""
        known = self._known(cell)
        if known is not None and known.recipe == self.recipe:
            return []
        crowd = self.index.most_scenes(cell.column, cell.row, cell.of_zoom, cell.depth)
        if crowd <= SCENES_A_TILE or not self._is_coarse(cell):
            return []
        return [*(below for part in cell.finer() for below in self._missing(part)), cell]

    def _mistaken(self) -> set[Cell]:
        """Return the cells whose overview is damaged, and those that may have been made of it while it was.

        Files in a bucket are not checked as they are read, so that all above a damaged one is made again.
        """
        cells = set(self.damaged)
        if self.work.storage.gdal_path("x").startswith("/vsi"):
            for one in sorted(self.overviews.values(), key=lambda one: -one.zoom):
                cell = Cell(one.zoom, one.column, one.row)
                cells |= set() if cells.isdisjoint(cell.finer()) else {cell}
        return cells

    def _known(self, cell: Cell) -> Overview | None:
        return self.overviews.get((cell.zoom, cell_number(cell.column, cell.row)))

    def _is_coarse(self, cell: Cell) -> bool:
        """Return whether the cell's pixels are coarser than its finest scene's by enough, on the ground."""
        _, south, _, north = tile_bounds(cell.column, cell.row, cell.of_zoom)
        nearest_equator = 0.0 if south <= 0 <= north else min(abs(south), abs(north))
        pixel_m = _EQUATOR_M * math.cos(math.radians(nearest_equator)) / TILE_PX / 2**cell.zoom
        finest_m = self.index.finest_m(cell.column, cell.row, cell.of_zoom)
        return bool(pixel_m >= LEAST_COARSER * finest_m)

    async def _make(self, cell: Cell) -> Overview | None:
        """Make the overview of a cell of finer ones, else of scenes; None where nothing has a value."""
        tasks = await self._tasks(cell)
        forms = common_forms((item for task in tasks for item in task.items), self.categorical)
        if not forms:
            return None
        pixel_bytes = sum(np.dtype(form.dtype).itemsize for form in forms.values()) + 5
        require_space(self.work.folder, 2 * pixel_bytes * len(tasks) * TILE_PX**2, work="making overviews")
        places = [(task.x, task.y) for task in tasks]
        processing = processing_of_all(item for task in tasks for item in task.items)
        with PieceWriter(cell, forms, places, self.work.folder, processing=processing) as piece:
            for begin in range(0, len(tasks), TILES_AHEAD):
                some = tasks[begin : begin + TILES_AHEAD]
                found = await asyncio.gather(*(self._pixels(cell, task, forms) for task in some))
                for task, pixels in zip(some, found, strict=True):
                    await asyncio.to_thread(piece.write, task.x, task.y, pixels)
            if piece.is_empty:
                return None
            await asyncio.to_thread(piece.finish)
        synthetic = any(task.synthetic for task in tasks)
        whole = not any(task.lacking for task in tasks)
        return Overview(
            zoom=cell.zoom,
            column=cell.column,
            row=cell.row,
            item_key=await piece.upload(
                self.work.storage,
                self.work.collection.id,
                self.period,
                synthetic,
                damaged=self.work.damaged,
            ),
            made_of=self.index.made_of(cell.column, cell.row, cell.of_zoom),
            recipe=self.recipe if whole else f"{self.recipe}, lacking scenes",
            start=self.period.start,
            end=self.period.end,
            synthetic=synthetic,
        )

    async def _tasks(self, cell: Cell) -> list[_Tile]:
        """Return what each tile of a cell that has scenes is made of."""
        tiles: list[tuple[_Tile, list[str]]] = []
        for x, y in cell.tiles():
            scenes = self.index.scenes_in_tile(x, y, cell.zoom)
            below = self._known(cell.of_tile(x, y))
            if below is not None and scenes:
                lacking = below.recipe != self.recipe
                tile = _Tile(x, y, halved=True, synthetic=below.synthetic, lacking=lacking)
                tiles.append((tile, [below.item_key]))
            elif scenes:
                synthetic = any(scene.synthetic for scene in scenes)
                tile = _Tile(x, y, halved=False, synthetic=synthetic, lacking=False)
                tiles.append((tile, [scene.item_key for scene in scenes]))
        await self._fetch({key for _, keys in tiles for key in keys})
        for tile, keys in tiles:
            tile.items = [item for key in keys if (item := self.items[key]) is not None]
            tile.lacking |= len(tile.items) < len(keys)
        return [tile for tile, _ in tiles]

    async def _fetch(self, keys: set[str]) -> None:
        """Make sure that items are in memory; None stands for one that is damaged or gone."""
        if len(self.items) > ITEMS_KEPT:
            self.items.clear()
        gate = asyncio.Semaphore(ITEMS_AT_ONCE)

        async def fetch(key: str) -> None:
            async with gate:
                try:
                    document = unsealed(await self.work.storage.get(key))
                    self.items[key] = read_item(document, key, self.work.storage)
                except (ObjectNotFoundError, SceneError, ValueError) as error:
                    logger.warning("the scene of %s is left out of overviews: %s", key, error)
                    self.items[key] = None
                    self.work.outcome.left_out.add(key)

        await asyncio.gather(*(fetch(key) for key in keys - self.items.keys()))

    async def _pixels(self, cell: Cell, tile: _Tile, forms: Mapping[str, BandForm]) -> Pixels:
        """Return the pixels of a tile, without scenes that have an unreadable file; these are noted."""
        asked: set[str] = set()
        loop = asyncio.get_running_loop()
        while True:
            try:
                return await loop.run_in_executor(self.work.pool, self._compute, cell, tile, forms)
            except AssetReadError as error:
                if error.asset.path not in asked:
                    asked.add(error.asset.path)
                    await ask_store(self.work.storage, [error.asset])
                    continue
                await require_steady(self.work.storage, [error.asset])
                damaged = [item for item in tile.items if error.asset in item.assets.values()]
                tile.items = [item for item in tile.items if item not in damaged]
                tile.lacking = True
                for item in damaged:
                    logger.warning("scene %s is left out of an overview: %s", item.id, error)
                    self.work.outcome.left_out.add(item.item_key)

    def _compute(self, cell: Cell, tile: _Tile, forms: Mapping[str, BandForm]) -> Pixels:
        bounds = tile_bounds_m(tile.x, tile.y, cell.zoom)
        side = 2 * TILE_PX if tile.halved else TILE_PX
        grid = Grid(WEB_MERCATOR, bounds, side, side)
        pixels = compose(tile.items, grid, forms=forms, clear=self.work.clear)
        if tile.halved:
            return halve(pixels, forms=forms, categorical=self.categorical)
        return pixels
