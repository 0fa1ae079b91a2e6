"""The area that a model looks at: its grid, and its pixels read by strips as tiles are."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from app.models.description import ModelDescription
from app.models.results import bands_product
from app.products.product import Product
from app.rendering.renderer import Renderer
from app.rendering.resolving import outline, scenes_in
from app.rendering.selecting import select
from mosaics.bbox import Bbox
from mosaics.catalogue import Catalogue
from mosaics.ellipsoid import WGS84
from mosaics.index import SceneRef, TooManyScenesError
from mosaics.period import Period
from mosaics.raster.cell_areas import metres_of
from mosaics.raster.coordinates import moved_bounds
from mosaics.raster.gdal import GDAL_OPTIONS
from mosaics.raster.grid import Grid
from mosaics.raster.opening import open_raster
from mosaics.scene import SceneItem

MAX_SCENES = 256
"""Scenes over the box; a month of Sentinel-2 over 100 x 100 km has about 100."""
MAX_PIXELS = 400_000_000
"""200 x 200 km at 10 m: 0.8 GB on disk while it is written."""
SAME_SIZE = 0.05
"""How far a pixel may be from the size the model states, as a share."""


class ModelAreaError(ValueError):
    """An area that a model cannot look at; the message says why, and what would be right."""


class FileFacts(NamedTuple):
    """Where a file's pixels lie."""

    crs: CRS
    transform: Affine
    bounds: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Strip:
    """Whole rows of an area."""

    planes: NDArray[np.float32]
    """(bands, rows, columns), in units; NaN where missing."""
    used: tuple[str, ...]
    """Ids of the scenes that gave a pixel."""
    skipped: tuple[str, ...]
    """Ids of scenes that could not be read."""


@dataclass(frozen=True, slots=True)
class ModelArea:
    """What a model looks at."""

    product: Product
    """The bands and the mask."""
    grid: Grid
    period: Period
    datetime: str
    scenes: tuple[SceneRef, ...]
    """Over the box, best first."""

    def rows(self, first: int, end: int) -> Grid:
        """Return the grid of some rows."""
        left, _, right, top = self.grid.bounds
        side = (top - self.grid.bounds[1]) / self.grid.height
        bounds = (left, top - end * side, right, top - first * side)
        return Grid(self.grid.crs, bounds, self.grid.width, end - first)

    async def read(self, catalogue: Catalogue, renderer: Renderer, first: int, end: int) -> Strip:
        """Read rows: each pixel from the best scene that has all bands under the mask.

        Raises:
            mosaics.storage.StorageUnavailableError: If the store does not answer.
        """
        grid = self.rows(first, end)
        scenes = await scenes_in(catalogue, self.product, outline(grid), self.datetime, limit=MAX_SCENES)
        values = await renderer.values(self.product, scenes, grid)
        skipped = tuple(scene.id for scene in values.skipped)
        return Strip(np.asarray(values.planes, np.float32), values.used, skipped)


async def find_area(
    catalogue: Catalogue, model: ModelDescription, box: Bbox, datetime: str | None
) -> ModelArea:
    """Find the scenes over a box and lay a grid along their pixels.

    The grid has the coordinate system and the pixels of the best scene, joined to the model's size, and ends
    where the scenes or the box end.

    Raises:
        ModelAreaError: If there is nothing, more than one period, or pixels of another size.
        PeriodError: If the time is not valid.
    """
    product = bands_product(model)
    if not catalogue.has(model.collection):
        raise ModelAreaError(f"nothing has landed in {model.collection!r}, which model {model.id!r} reads")
    selection = select(catalogue, product, datetime)
    if len(selection.periods) != 1:
        raise ModelAreaError(
            f"a model looks at one {catalogue.collection(model.collection).cadence.value} at a time; "
            f"{datetime!r} has {len(selection.periods)}"
        )
    period, when = selection.periods[0], datetime or selection.periods[0].text
    if box.west > box.east:
        raise ModelAreaError("a box across the antimeridian has two grids; give each side by itself")
    polygon = shapely.box(box.west, box.south, box.east, box.north)
    try:
        found = await scenes_in(catalogue, product, polygon, when, limit=MAX_SCENES)
    except TooManyScenesError as error:
        raise ModelAreaError(f"more than {MAX_SCENES} scenes lie over the box; give a smaller one") from error
    items = [await catalogue.item(scene.item_key) for scene in found.best_first]
    whole = [item for item in items if set(model.bands) <= item.assets.keys()]
    if not whole:
        raise ModelAreaError(_why_none(model, period, items))
    grid = await asyncio.to_thread(_grid, model, box, whole, catalogue.storage.gdal_options())
    return ModelArea(product, grid, period, when, found.best_first)


def _why_none(model: ModelDescription, period: Period, items: Sequence[SceneItem]) -> str:
    if not items:
        return f"no scene of {model.collection!r} lies over the box in {period.text}"
    lacking = [band for band in model.bands if band not in items[0].assets]
    return f"no scene over the box has all bands of the model; {items[0].id} lacks {', '.join(lacking)}"


def _grid(model: ModelDescription, box: Bbox, items: Sequence[SceneItem], options: Any) -> Grid:
    with rasterio.Env(**GDAL_OPTIONS, **options):
        first = min(
            (_facts(items[0], band) for band in model.bands), key=lambda facts: abs(facts.transform.a)
        )
        others = [_facts(item, model.bands[0]) for item in items[1:]]
    step_x, step_y = _steps(model, first)
    asked = moved_bounds(WGS84, first.crs, (box.west, box.south, box.east, box.north))
    held = [moved for facts in (first, *others) if (moved := _bounds_in(facts, first.crs)) is not None]
    if asked is None:
        raise ModelAreaError("the box is nowhere in the coordinate system of the scenes")
    left, bottom = (max(asked[i], min(bounds[i] for bounds in held)) for i in (0, 1))
    right, top = (min(asked[i], max(bounds[i] for bounds in held)) for i in (2, 3))
    west = _snapped(left, first.transform.c, step_x, np.floor)
    east = _snapped(right, first.transform.c, step_x, np.ceil)
    south = -_snapped(-bottom, -first.transform.f, step_y, np.ceil)
    north = -_snapped(-top, -first.transform.f, step_y, np.floor)
    width, height = round((east - west) / step_x), round((north - south) / step_y)
    if width < 1 or height < 1:
        raise ModelAreaError("the box does not meet the pixels of any scene")
    if width * height > MAX_PIXELS:
        raise ModelAreaError(
            f"the box has {width * height:,} pixels of {model.pixel_m:g} m; at most {MAX_PIXELS:,} work"
        )
    return Grid(first.crs, (west, south, east, north), width, height)


def _facts(item: SceneItem, band: str) -> FileFacts:
    with open_raster(item.assets[band].path) as file:
        return FileFacts(file.crs, file.transform, tuple(file.bounds))


def _bounds_in(facts: FileFacts, crs: CRS) -> tuple[float, float, float, float] | None:
    return facts.bounds if facts.crs == crs else moved_bounds(facts.crs, crs, facts.bounds)


def _steps(model: ModelDescription, facts: FileFacts) -> tuple[float, float]:
    """Return the width and height of the model's pixel, whole multiples of the file's."""
    across, down = abs(facts.transform.a), abs(facts.transform.e)
    metres = (down if facts.crs.is_geographic else across) * metres_of(facts.crs)
    times = max(1, round(model.pixel_m / metres))
    if abs(times * metres / model.pixel_m - 1) > SAME_SIZE:
        raise ModelAreaError(
            f"model {model.id!r} looks at pixels of {model.pixel_m:g} m, which is not a multiple of the "
            f"{metres:g} m of the scenes"
        )
    return times * across, times * down


def _snapped(place: float, origin: float, step: float, to: Any) -> float:
    """Return the edge of a pixel at or beyond a place; one that is an edge but for roundings stays."""
    pixels = (place - origin) / step
    nearest = round(pixels)
    whole = nearest if abs(pixels - nearest) < 1e-6 else int(to(pixels))
    return float(origin + whole * step)
