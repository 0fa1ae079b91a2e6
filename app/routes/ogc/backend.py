"""A rio-tiler mosaic backend over the renderer, so that TiTiler's endpoints give the values of our tiles."""

import math
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any
from urllib.parse import urlencode

import anyio.from_thread
import attr
import numpy as np
import shapely
from morecantile import Tile
from rasterio.crs import CRS
from rio_tiler.errors import NoAssetFoundError
from rio_tiler.models import ImageData
from rio_tiler.mosaic.backend import BaseBackend
from shapely.geometry import mapping

from app.errors import RequestError
from app.http.extents import Extent
from app.http.zooms import crs_units, union_bounds, zoom_range
from app.products.product import Product
from app.rendering.resolving import SceneWindows, outline, scenes_in
from app.rendering.values import ItemOf, Values
from app.routes.ogc.crossing import continued, continued_polygon, moved_across, parts_on_turn
from app.state import AppState
from app.statistics.geometry import spelled_out
from app.statistics.pixel_grid import NativePixelGrids, PixelGrid, native_lattices
from mosaics.ellipsoid import WGS84
from mosaics.index import SceneRef
from mosaics.period import Period
from mosaics.raster.coordinates import Bounds, moved, to_crs, to_degrees
from mosaics.raster.grid import Grid

MAX_VERTICES = 10_000
MAX_SIZE = 2048
"""Pixels a side of the largest picture given."""

FARTHEST = 1e9
"""No map of the globe has coordinates beyond; its circumference is 4e7 m, or 1.3e8 feet."""


@dataclass(frozen=True, slots=True)
class LandedProduct:
    """A product at a time, with its scenes at hand: what a path dependency gives in place of an address."""

    state: AppState
    product: Product
    written: str
    """The time, as a `datetime` parameter says it."""
    periods: tuple[Period, ...]
    """Every period of the product, oldest first."""
    indexes: tuple[Extent, ...]
    """Of the periods the time means; of those offered, in a document that offers several."""
    pinned: tuple[tuple[str, str], ...] = ()
    """Parameters of tile addresses beside the time: the other windows and the offset asked for."""
    span: str | None = None
    """The time that is offered alone, if it is not made of whole periods."""
    skipped: set[str] = field(default_factory=set, compare=False)
    """Ids of scenes that an answer lacks, since their files could not be read."""

    @property
    def attribution(self) -> str:
        """The line a map shows for the data."""
        return self.state.catalogue.collection(self.product.collection).attribution

    @property
    def instants(self) -> list[str]:
        """When each period begins, ISO 8601 to the second: how WMTS clients write times."""
        return [self.span] if self.span else [_instant(period) for period in self.periods]

    @property
    def default_instant(self) -> str:
        """The last of them: when the latest period begins."""
        return self.instants[-1]

    @property
    def pinned_query(self) -> str:
        """What follows the time in a tile's address."""
        return "".join(f"&{urlencode([pair])}" for pair in self.pinned)


@attr.s
class ProductBackend(BaseBackend):
    """Reads a `LandedProduct` through the renderer; used from a worker thread, which waits for it."""

    input: LandedProduct

    def __attrs_post_init__(self) -> None:
        """Set what rio-tiler asks every backend for."""
        self.bounds = union_bounds(self.input.indexes)
        self.crs = WGS84
        limit = self.input.state.settings.max_scenes_per_tile
        zooms = zoom_range(self.input.indexes, self.tms, tilesize=256, limit=limit)
        self.minzoom, self.maxzoom = zooms.lowest, zooms.highest

    def assets_for_tile(self, x: int, y: int, z: int, **_: Any) -> list[SceneRef]:
        """The scenes under a tile."""
        return self.assets_for_bbox(*self.tms.bounds(Tile(x, y, z)))

    def assets_for_point(
        self, lng: float, lat: float, coord_crs: CRS | None = None, **_: Any
    ) -> list[SceneRef]:
        """The scenes that cover a place."""
        return self.assets_for_bbox(lng, lat, lng, lat, coord_crs)

    def assets_for_bbox(
        self, xmin: float, ymin: float, xmax: float, ymax: float, coord_crs: CRS | None = None, **_: Any
    ) -> list[SceneRef]:
        """The scenes that meet a box."""
        return list(self._scenes(Grid(coord_crs or WGS84, (xmin, ymin, xmax, ymax), 1, 1)).best_first)

    def asset_name(self, asset: SceneRef) -> str:
        """A scene by its id, never by its address."""
        return asset.id

    def part(  # type: ignore[override]
        self,
        bbox: Bounds,
        *,
        bounds_crs: CRS = WGS84,
        dst_crs: CRS | None = None,
        max_size: int = MAX_SIZE,
        height: int | None = None,
        width: int | None = None,
        tells_absence: bool = False,
        **_: Any,
    ) -> tuple[ImageData, list[str]]:
        """Compute the values in a box, at the data's resolution up to `max_size` pixels a side.

        With `tells_absence` they tell of each pixel why it has no value.
        """
        crs = dst_crs or bounds_crs
        bounds = _transformed(bbox, bounds_crs, crs)
        scenes = self._scenes(Grid(crs, bounds, 1, 1))
        wide, high = self._own_size(scenes, bounds, crs)
        if width is not None and height is None:
            height = round(high * width / wide)
        elif height is not None and width is None:
            width = round(wide * height / high)
        elif width is None or height is None:
            shrink = min(1.0, max_size / max(wide, high))
            width, height = round(wide * shrink), round(high * shrink)
        grid = Grid(crs, bounds, _within_limits(width), _within_limits(height))
        return self._image(grid, scenes, tells_absence=tells_absence)

    def feature(  # type: ignore[override]
        self, shape: dict[str, Any], **more: Any
    ) -> tuple[ImageData, list[str]]:
        """Compute the values inside a polygon; the image masks the pixels it does not touch."""
        geometry = shape.get("geometry") or {}
        if geometry.get("type") not in ("Polygon", "MultiPolygon"):
            raise RequestError("the feature needs a geometry of type Polygon or MultiPolygon")
        with np.errstate(invalid="ignore"):  # NaN is not valid, which is told below
            polygon = spelled_out(geometry)
        count = shapely.get_num_coordinates(polygon)
        if count > MAX_VERTICES:
            raise RequestError(f"the polygon has {count} vertices; {MAX_VERTICES} are read at most")
        if polygon.is_empty or not polygon.is_valid:
            raise RequestError(f"the polygon is not a valid area: {shapely.is_valid_reason(polygon)}")
        west, south, east, north = polygon.bounds
        if max(-west, east) > 360 or max(-south, north) > 90:
            raise RequestError("the polygon leaves longitudes -360..360 or latitudes -90..90")
        image, names = super().feature(mapping(continued_polygon(polygon)), **more)
        return image, names

    def _scenes(self, grid: Grid) -> SceneWindows:
        landed = self.input
        area = shapely.union_all([outline(part) for part in parts_on_turn(grid)])
        if shapely.is_empty(area):
            raise _elsewhere()
        found = anyio.from_thread.run(self._scenes_async, landed, area)
        if not found.best_first:
            raise NoAssetFoundError("no scene covers the place")
        return found

    @staticmethod
    async def _scenes_async(landed: LandedProduct, geometry: shapely.Geometry) -> SceneWindows:
        limit = landed.state.settings.max_scenes_per_tile
        return await scenes_in(landed.state.catalogue, landed.product, geometry, landed.written, limit=limit)

    def _own_size(self, scenes: SceneWindows, bounds: Bounds, crs: CRS) -> tuple[float, float]:
        """Return how many of the best scene's own pixels a box is wide and high."""
        landed = self.input

        def work(item_of: ItemOf) -> NativePixelGrids:
            return native_lattices(landed.product, scenes.best_first, item_of)

        grids = anyio.from_thread.run(landed.state.renderer.run, work)
        pixel = _pixel_in(grids.levels[0], bounds, crs) if grids.levels else None
        if pixel is None:
            return _native_size(bounds, crs, min(index.resolution_m for index in landed.indexes))
        left, bottom, right, top = bounds
        return (right - left) / pixel[0], (top - bottom) / pixel[1]

    def _image(self, grid: Grid, scenes: SceneWindows, *, tells_absence: bool) -> tuple[ImageData, list[str]]:
        landed = self.input
        compute = partial(landed.state.renderer.values, thorough=tells_absence)
        parts = [anyio.from_thread.run(compute, landed.product, scenes, part) for part in parts_on_turn(grid)]
        values = reduce(Values.beside, parts)
        landed.skipped.update(scene.id for scene in values.skipped)
        image = ImageData(
            np.ma.MaskedArray(values.planes, False),
            crs=grid.crs,
            bounds=grid.bounds,
            assets=list(values.used),
            metadata={"product": landed.product, "values": values},
        )
        return image, list(values.used)


def _transformed(bbox: Bounds, source: CRS, target: CRS) -> Bounds:
    box = left, bottom, right, top = continued(bbox, source)
    if not (left < right and bottom < top and _is_on_globe(box)):
        raise RequestError("the box is minx,miny,maxx,maxy with minx below maxx and miny below maxy")
    if source.is_geographic and not (left >= -180 and right - left <= 360 and max(-bottom, top) <= 90):
        raise RequestError("the box leaves longitudes -360..360 or latitudes -90..90, or is wider than 360")
    if source == target:
        return box
    bounds = moved_across(box, source, target)
    if bounds is None or not (_is_on_globe(bounds) and bounds[0] < bounds[2] and bounds[1] < bounds[3]):
        raise _elsewhere()
    return bounds


def _pixel_in(own: PixelGrid, bounds: Bounds, crs: CRS) -> tuple[float, float] | None:
    """Width and height of a file's pixel in another system, in the middle of a box; None if it has none."""
    if own.crs == crs:
        return own.cell_width, own.cell_height
    left, bottom, right, top = bounds
    middle = to_degrees(crs, np.array([(left + right) / 2]), np.array([(bottom + top) / 2]))
    x, y = (float(axis[0]) for axis in to_crs(own.crs, *middle))
    xs, ys = np.array([x, x + own.cell_width, x]), np.array([y, y, y + own.cell_height])
    across, up = (np.abs(axis[1:] - axis[0]) for axis in to_crs(crs, *to_degrees(own.crs, xs, ys)))
    width, height = math.hypot(*across), math.hypot(*up)
    return (width, height) if 0 < width < math.inf and 0 < height < math.inf else None


def _native_size(bounds: Bounds, crs: CRS, pixel_m: float) -> tuple[float, float]:
    left, bottom, right, top = bounds
    lons, lats = moved(crs, WGS84, [(left + right) / 2], [(bottom + top) / 2])
    if not (np.isfinite(lons[0]) and np.isfinite(lats[0])):
        raise _elsewhere()
    pixel = crs_units(pixel_m, crs, lon=float(lons[0]), lat=float(lats[0]))
    if not 0 < pixel < math.inf:
        raise _elsewhere()
    return (right - left) / pixel, (top - bottom) / pixel


def _is_on_globe(numbers: Bounds) -> bool:
    return all(abs(number) <= FARTHEST for number in numbers)


def _elsewhere() -> RequestError:
    return RequestError("the box lies where the coordinate system asked for has no coordinates")


def _within_limits(pixels: int | None) -> int:
    return max(1, min(MAX_SIZE, pixels or 1))


def _instant(period: Period) -> str:
    return f"{period.start:%Y-%m-%dT%H:%M:%SZ}"
