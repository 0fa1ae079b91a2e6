"""Resolving: which scenes lie under a tile, in which order, and the key its bytes are known by.

A tile is a pure function of what is hashed here, so the hash is its cache key and its ETag: a new scene
changes the key of the tiles its footprint touches and of no other.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import shapely
from morecantile import Tile, TileMatrixSet
from rasterio.crs import CRS
from rasterio.warp import transform as transform_coordinates

from app.products.model import Product
from app.rendering.request import Grid, TileRequest, crs_of
from mosaics.catalogue import Catalogue
from mosaics.index import QuadkeyIndex, SceneRef, TooManyScenesError
from mosaics.period import Interval, Period, PeriodError, parse_when

RENDERER_VERSION = "1"
"""Part of every key: changes whenever the same scenes and product would give other bytes."""

MAX_PERIODS = 400
"""Periods one answer may draw on; a day of hours or a year of days is well within."""

OUTLINE_POINTS_A_SIDE = 21
"""Points a side of a tile's outline in lon/lat; rasterio's own densification uses as many."""

WGS84 = CRS.from_epsg(4326)


@dataclass(frozen=True, slots=True)
class Selection:
    """The periods a request means, and the scenes' time limits within them."""

    periods: tuple[Period, ...]
    """Latest first."""
    interval: Interval | None
    """None: every scene of the periods counts."""


@dataclass(frozen=True, slots=True)
class ResolvedTile:
    """A tile request with the scenes that will answer it."""

    request: TileRequest
    scenes: tuple[SceneRef, ...]
    """Best first: the latest period before earlier ones, the clearest scene first within one."""
    periods: tuple[str, ...]
    """The periods asked for that exist, latest first."""
    key: str
    """SHA-256 of all that determines the tile's bytes, 64 hexadecimal digits."""
    revision: str
    """Short mark of the product and the mosaics used, the same for every tile of a layer."""
    synthetic: bool
    """Whether any scene holds synthetic data."""


def select_periods(catalogue: Catalogue, collection_id: str, datetime: str | None) -> Selection:
    """The periods that a `datetime` parameter means.

    Args:
        catalogue: What exists now.
        collection_id: The collection asked.
        datetime: A period, an interval or an instant; None for the latest period.

    Raises:
        PeriodError: If the text is none of those, or means more than `MAX_PERIODS` periods.
    """
    known = catalogue.periods(collection_id)
    if datetime is None:
        return Selection(known[-1:], None)
    interval = parse_when(datetime, catalogue.collection(collection_id).cadence)
    chosen = _overlapping(known, interval)[::-1]
    if len(chosen) > MAX_PERIODS:
        raise PeriodError(
            f"'{datetime}' spans {len(chosen)} periods; one answer takes {MAX_PERIODS}: "
            "ask for a shorter interval"
        )
    return Selection(chosen, interval)


def _overlapping(periods: tuple[Period, ...], interval: Interval) -> tuple[Period, ...]:
    """Those of ascending periods that share a moment with an interval, found by bisection."""
    first = 0 if interval.start is None else bisect_right(periods, interval.start, key=lambda p: p.end)
    last = len(periods) if interval.end is None else bisect_left(periods, interval.end, key=lambda p: p.start)
    return periods[first:last]


def revision_of(catalogue: Catalogue, product: Product, selection: Selection) -> str:
    """Mark of everything that a layer's tiles depend on: 16 hexadecimal digits."""
    mosaics = [catalogue.mosaic_key(product.collection, period) for period in selection.periods]
    interval = selection.interval.text if selection.interval else ""
    return _digest(RENDERER_VERSION, product.digest, interval, *mosaics)[:16]


async def resolve_tile(catalogue: Catalogue, request: TileRequest, *, limit: int) -> ResolvedTile:
    """Find the scenes under a tile, loading the mosaics it needs.

    Args:
        catalogue: What exists now.
        request: The tile.
        limit: Scenes a tile may need.

    Raises:
        PeriodError: If the request's time makes no sense.
        TooManyScenesError: If more than `limit` scenes lie under the tile.
        mosaics.storage.StorageError: If a mosaic cannot be fetched.
    """
    product = request.product
    selection = select_periods(catalogue, product.collection, request.datetime)
    indexes = [await catalogue.index(product.collection, period) for period in selection.periods]
    return _resolved(catalogue, request, selection, indexes, limit)


def resolve_tile_now(catalogue: Catalogue, request: TileRequest, *, limit: int) -> ResolvedTile | None:
    """Find the scenes under a tile from memory alone; None where a mosaic must be fetched first.

    Raises:
        PeriodError: If the request's time makes no sense.
        TooManyScenesError: If more than `limit` scenes lie under the tile.
    """
    product = request.product
    selection = select_periods(catalogue, product.collection, request.datetime)
    indexes = [catalogue.loaded_index(product.collection, period) for period in selection.periods]
    loaded = [index for index in indexes if index is not None]
    if len(loaded) < len(indexes):
        return None
    return _resolved(catalogue, request, selection, loaded, limit)


async def scenes_in(
    catalogue: Catalogue, product: Product, geometry: shapely.Geometry, datetime: str | None, *, limit: int
) -> tuple[SceneRef, ...]:
    """The scenes of a product that meet a lon/lat geometry, best first.

    Raises:
        PeriodError: If `datetime` makes no sense.
        TooManyScenesError: If there are more than `limit`.
        mosaics.storage.StorageError: If a mosaic cannot be fetched.
    """
    selection = select_periods(catalogue, product.collection, datetime)
    found: list[SceneRef] = []
    for period in selection.periods:
        index = await catalogue.index(product.collection, period)
        found.extend(_in_time(index.scenes_in(geometry, limit=limit), selection.interval))
        _refuse_too_many(found, limit, index)
    return tuple(found)


def outline(grid: Grid) -> shapely.Geometry:
    """A grid's outline in lon/lat, its edges densified.

    Grids in lon/lat are their own outline. Others are followed edge by edge; one whose outline cannot be
    followed (around a pole, over the antimeridian) is covered by the box around its points.
    """
    left, bottom, right, top = grid.bounds
    if grid.crs.is_geographic:
        return shapely.box(left, bottom, right, top)
    side = np.linspace(0.0, 1.0, OUTLINE_POINTS_A_SIDE)
    across, up = left + (right - left) * side, bottom + (top - bottom) * side
    xs = np.concatenate([across, np.full_like(up, right), across[::-1], np.full_like(up, left)])
    ys = np.concatenate([np.full_like(across, bottom), up, np.full_like(across, top), up[::-1]])
    lons, lats = (np.asarray(c) for c in transform_coordinates(grid.crs, WGS84, xs, ys))
    finite = np.isfinite(lons) & np.isfinite(lats)
    polygon = shapely.Polygon(np.column_stack([lons[finite], lats[finite]]))
    if finite.all() and polygon.is_valid and polygon.bounds[2] - polygon.bounds[0] < 180:
        return polygon
    return shapely.box(*polygon.bounds)


def _resolved(
    catalogue: Catalogue,
    request: TileRequest,
    selection: Selection,
    indexes: Sequence[QuadkeyIndex],
    limit: int,
) -> ResolvedTile:
    scenes: list[SceneRef] = []
    for index in indexes:
        scenes.extend(_in_time(_scenes_in_tile(index, request, limit), selection.interval))
        _refuse_too_many(scenes, limit, index)
    key = _digest(
        RENDERER_VERSION,
        request.product.digest,
        f"{request.tms.id}/{request.z}/{request.x}/{request.y}/{request.size}.{request.format}",
        *(scene.item_key for scene in scenes),
    )
    return ResolvedTile(
        request=request,
        scenes=tuple(scenes),
        periods=tuple(period.text for period in selection.periods),
        key=key,
        revision=revision_of(catalogue, request.product, selection),
        synthetic=any(scene.synthetic for scene in scenes),
    )


def _scenes_in_tile(index: QuadkeyIndex, request: TileRequest, limit: int) -> tuple[SceneRef, ...]:
    if request.tms.id == "WebMercatorQuad":
        return index.scenes_in_tile(request.x, request.y, request.z, limit=limit)
    return index.scenes_in(_tile_outline(request.tms, request.x, request.y, request.z), limit=limit)


def _tile_outline(tms: TileMatrixSet, x: int, y: int, z: int) -> shapely.Geometry:
    left, bottom, right, top = tms.xy_bounds(Tile(x, y, z))
    return outline(Grid(crs_of(tms.id), (left, bottom, right, top), 1, 1))


def _in_time(scenes: Sequence[SceneRef], interval: Interval | None) -> list[SceneRef]:
    return [s for s in scenes if interval is None or interval.overlaps(s.start, s.end)]


def _refuse_too_many(scenes: Sequence[SceneRef], limit: int, index: QuadkeyIndex) -> None:
    if len(scenes) > limit:
        raise TooManyScenesError(len(scenes), limit, index.minzoom(limit))


def _digest(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()
