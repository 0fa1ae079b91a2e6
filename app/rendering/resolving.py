"""Resolving: which scenes lie under a tile, in which order, and the key its bytes are known by.

A tile is a pure function of what is hashed here, so the hash is its cache key and its ETag: a new scene
changes the key of the tiles its footprint touches and of no other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import shapely
from morecantile import Tile, TileMatrixSet

from app.products.product import Product
from app.rendering.scene_windows import SceneWindows, WindowScenes, key_parts
from app.rendering.selecting import MAX_PERIODS, Selection, Span, Window, select
from app.rendering.tile_request import TileRequest, crs_of
from mosaics.catalogue import Catalogue
from mosaics.index import QuadkeyIndex, SceneRef, TooManyScenesError
from mosaics.period import Interval
from mosaics.raster.circle import holds_pole, to_degrees
from mosaics.raster.grid import Grid

RENDERER_VERSION = "1"
"""Part of every key: changes whenever the same scenes and product would give other bytes."""

OUTLINE_POINTS_A_SIDE = 21
"""Points a side of a tile's outline in lon/lat; rasterio's own densification uses as many."""


@dataclass(frozen=True, slots=True)
class ResolvedTile:
    """A tile request with the scenes that will answer it."""

    request: TileRequest
    scenes: Sequence[SceneRef]
    """Best first: the latest period before earlier ones, the clearest scene first within one.
    `SceneWindows` of a product that reads windows; then empty where a window has none."""
    periods: tuple[str, ...]
    """The periods asked for that exist, latest first."""
    key: str
    """SHA-256 of all that determines the tile's bytes, 64 hexadecimal digits."""
    revision: str
    """Short mark of the product and the mosaics used, the same for every tile of a layer."""
    synthetic: bool
    """Whether any scene holds synthetic data."""
    windows: tuple[Window, ...] = ()
    """Of a product with roles, as used."""
    offset: float | None = None
    """Subtracted from every value, of a product that has an offset."""


def revision_of(catalogue: Catalogue, product: Product, selection: Selection) -> str:
    """Mark of everything that a layer's tiles depend on: 16 hexadecimal digits."""
    parts = [RENDERER_VERSION, product.digest]
    for collection, span in _spans(catalogue, product, selection):
        mosaics = [catalogue.mosaic_key(collection, period) for period in span.periods]
        parts += [span.interval.text if span.interval else "", *mosaics]
    return _digest(*parts)[:16]


async def resolve_tile(catalogue: Catalogue, request: TileRequest, *, limit: int) -> ResolvedTile:
    """Find the scenes under a tile, loading the mosaics it needs.

    Args:
        catalogue: What exists now.
        request: The tile.
        limit: Scenes a tile may need, of all windows together.

    Raises:
        PeriodError, WindowError, EmptyWindowError: If the request's time makes no sense.
        TooManyScenesError: If more than `limit` scenes lie under the tile.
        mosaics.storage.StorageError: If a mosaic cannot be fetched.
    """
    selection = select(catalogue, request.product, request.datetime)
    indexes = [
        [await catalogue.index(collection, period) for period in span.periods]
        for collection, span in _spans(catalogue, request.product, selection)
    ]
    return _resolved(catalogue, request, selection, indexes, limit)


def resolve_tile_now(catalogue: Catalogue, request: TileRequest, *, limit: int) -> ResolvedTile | None:
    """Find the scenes under a tile from memory alone; None where a mosaic must be fetched first.

    Raises:
        PeriodError, WindowError, EmptyWindowError: If the request's time makes no sense.
        TooManyScenesError: If more than `limit` scenes lie under the tile.
    """
    selection = select(catalogue, request.product, request.datetime)
    loaded: list[list[QuadkeyIndex]] = []
    for collection, span in _spans(catalogue, request.product, selection):
        indexes = [catalogue.loaded_index(collection, period) for period in span.periods]
        loaded.append([index for index in indexes if index is not None])
        if len(loaded[-1]) < len(indexes):
            return None
    return _resolved(catalogue, request, selection, loaded, limit)


async def scenes_in(
    catalogue: Catalogue, product: Product, geometry: shapely.Geometry, datetime: str | None, *, limit: int
) -> Sequence[SceneRef]:
    """The scenes of a product that meet a lon/lat geometry, best first; `SceneWindows` for windows.

    Raises:
        PeriodError, WindowError, EmptyWindowError: If `datetime` makes no sense.
        TooManyScenesError: If there are more than `limit`.
        mosaics.storage.StorageError: If a mosaic cannot be fetched.
    """
    selection = select(catalogue, product, datetime)
    groups: list[list[SceneRef]] = []
    count = 0
    for collection, span in _spans(catalogue, product, selection):
        found: list[SceneRef] = []
        for period in span.periods:
            index = await catalogue.index(collection, period)
            found.extend(_in_time(index.scenes_in(geometry, limit=limit), span.interval))
            _refuse_too_many(count + len(found), limit, index)
        count += len(found)
        groups.append(found)
    return _placed(product, selection, groups)


def _spans(catalogue: Catalogue, product: Product, selection: Selection) -> Sequence[tuple[str, Span]]:
    """What is drawn on, with its collection: the windows in their order, then all of each mask collection."""
    if not product.reads_windows:
        return [(product.collection, selection)]
    of_roles = [span for window in selection.windows for span in window.spans] or [selection]
    landed = catalogue.collections()
    zones = [
        (zone, Span(catalogue.periods(zone)[: -MAX_PERIODS - 1 : -1] if zone in landed else (), None))
        for zone in product.zone_rules
    ]
    return [*((product.collection, span) for span in of_roles), *zones]


def _placed(
    product: Product, selection: Selection, groups: Sequence[Sequence[SceneRef]]
) -> Sequence[SceneRef]:
    """Scenes of the spans of `_spans`, as rendering takes them."""
    if not product.reads_windows:
        return tuple(groups[0])
    lists = iter([tuple(group) for group in groups])
    windows = tuple(
        WindowScenes(w.role, tuple(next(lists) for _ in w.spans), product.roles[w.role].minimum_years or 1)
        for w in selection.windows
    ) or (WindowScenes("", (next(lists),)),)
    return SceneWindows(windows, {zone: next(lists) for zone in product.zone_rules})


def place_of(lon: float, lat: float) -> shapely.Geometry:
    """A place as what meets the footprints that hold it: 180 and -180 degrees are one meridian."""
    if abs(lon) == 180:
        return shapely.MultiPoint([(-180.0, lat), (180.0, lat)])
    return shapely.Point(lon, lat)


def outline(grid: Grid) -> shapely.Geometry:
    """A grid's outline in lon/lat, its edges densified.

    Grids in lon/lat are their own outline. Others are followed edge by edge; one whose outline cannot be
    followed (around a pole, over the antimeridian) is covered by the box around its points, and around those
    of its inside; one with a pole inside by all that lies from that pole to the farthest of its points.
    """
    left, bottom, right, top = grid.bounds
    if grid.crs.is_geographic:
        return shapely.box(left, bottom, right, top)
    side = np.linspace(0.0, 1.0, OUTLINE_POINTS_A_SIDE)
    across, up = left + (right - left) * side, bottom + (top - bottom) * side
    xs = np.concatenate([across, np.full_like(up, right), across[::-1], np.full_like(up, left)])
    ys = np.concatenate([np.full_like(across, bottom), up, np.full_like(across, top), up[::-1]])
    lons, lats = to_degrees(grid.crs, xs, ys)
    finite = np.isfinite(lons) & np.isfinite(lats)
    poles = holds_pole(grid.crs, grid.bounds)
    if finite.all() and not poles:
        polygon = shapely.Polygon(np.column_stack([lons, lats]))
        if polygon.is_valid and polygon.bounds[2] - polygon.bounds[0] < 180:
            return polygon
    inside = to_degrees(grid.crs, *(c.ravel() for c in np.meshgrid(across, up)))
    lons, lats = (np.concatenate(pair) for pair in zip((lons, lats), inside, strict=True))
    finite = np.isfinite(lons) & np.isfinite(lats)
    lons, lats = lons[finite], lats[finite]
    if not lons.size:
        return shapely.Polygon()
    if np.ptp(lons) > 180 or poles:
        lons = np.array([-180.0, 180.0])
    lats = np.append(lats, poles)
    return shapely.box(lons.min(), max(lats.min(), -90.0), lons.max(), min(lats.max(), 90.0))


def _resolved(
    catalogue: Catalogue,
    request: TileRequest,
    selection: Selection,
    indexes: Sequence[Sequence[QuadkeyIndex]],
    limit: int,
) -> ResolvedTile:
    groups: list[list[SceneRef]] = []
    count = 0
    spans = _spans(catalogue, request.product, selection)
    for (_, span), of_span in zip(spans, indexes, strict=True):
        found: list[SceneRef] = []
        for period, index in zip(span.periods, of_span, strict=True):
            whole = span.interval is None or span.interval.covers(period)
            found.extend(_in_time(_scenes_in_tile(index, request, limit, whole), span.interval))
            _refuse_too_many(count + len(found), limit, index)
        count += len(found)
        groups.append(found)
    scenes = _placed(request.product, selection, groups)
    key = _digest(
        RENDERER_VERSION,
        request.product.digest,
        f"{request.tms.id}/{request.z}/{request.x}/{request.y}/{request.size}.{request.format}",
        *key_parts(scenes),
    )
    return ResolvedTile(
        request=request,
        scenes=scenes,
        periods=tuple(period.text for period in selection.periods),
        key=key,
        revision=revision_of(catalogue, request.product, selection),
        synthetic=any(scene.synthetic for scene in scenes),
        windows=selection.windows,
        offset=request.product.offset,
    )


def _scenes_in_tile(
    index: QuadkeyIndex, request: TileRequest, limit: int, whole: bool
) -> tuple[SceneRef, ...]:
    """The scenes of a mosaic under a tile; where all its scenes count, an overview may stand for them."""
    if request.tms.id == "WebMercatorQuad":
        x, y, z = request.x, request.y, request.z
        return index.scenes_in_tile(x, y, z, limit=limit, size=request.size, overviews=whole)
    return index.scenes_in(_tile_outline(request.tms, request.x, request.y, request.z), limit=limit)


def _tile_outline(tms: TileMatrixSet, x: int, y: int, z: int) -> shapely.Geometry:
    left, bottom, right, top = tms.xy_bounds(Tile(x, y, z))
    return outline(Grid(crs_of(tms.id), (left, bottom, right, top), 1, 1))


def _in_time(scenes: Sequence[SceneRef], interval: Interval | None) -> list[SceneRef]:
    return [s for s in scenes if interval is None or interval.overlaps(s.start, s.end)]


def _refuse_too_many(count: int, limit: int, index: QuadkeyIndex) -> None:
    if count > limit:
        raise TooManyScenesError(count, limit, index.minzoom(limit))


def _digest(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()
