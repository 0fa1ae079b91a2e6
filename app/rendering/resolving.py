"""Resolving: which scenes lie under a tile, in which order, and the key its bytes are known by.

A tile is a pure function of what is hashed here, so the hash is its cache key and its ETag: a new scene
changes the key of the tiles its footprint touches and of no other.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from itertools import chain
from weakref import WeakKeyDictionary

import numpy as np
import shapely

from app.products.product import Product
from app.rendering.address import TileRequest
from app.rendering.selecting import MAX_PERIODS, Selection, Span, Window, select
from mosaics.catalogue import Catalogue
from mosaics.index import QuadkeyIndex, SceneRef, TooManyScenesError
from mosaics.period import Interval, Period
from mosaics.raster.coordinates import holds_pole, to_degrees
from mosaics.raster.grid import Grid

RENDERER_VERSION = "2"
"""Part of every key: changes whenever the same scenes and product would give other bytes."""

OUTLINE_POINTS_A_SIDE = 21
"""Points a side of a tile's outline in lon/lat; rasterio's own densification uses as many."""

LAYERS_KEPT = 1000
"""Layers remembered; a worker that is asked for more of them between two landings begins afresh."""


@dataclass(frozen=True, slots=True)
class WindowScenes:
    """The scenes of one window."""

    role: str
    """Empty for the one window of a product without roles."""
    spans: tuple[tuple[SceneRef, ...], ...]
    """Best first; one list, or one for each year of a role that has several, the latest first."""
    least: int = 1
    """Of these lists, how many must have a scene for there to be any value."""


@dataclass(frozen=True)
class SceneWindows:
    """The scenes of a product: of each of its windows, and of its mask collections."""

    windows: tuple[WindowScenes, ...] = ()
    """The tested role's first; a product without roles has one window, of no name."""
    zones: Mapping[str, tuple[SceneRef, ...]] = field(default_factory=dict)
    """Scenes of mask collections, by collection, the latest period's first; empty where none has landed."""

    @cached_property
    def best_first(self) -> tuple[SceneRef, ...]:
        """The scenes values come from: the tested window's first, the clearest of a period before others.

        None where a window has no scene, since there is nothing to compare then.
        """
        if not all(sum(map(bool, window.spans)) >= window.least for window in self.windows):
            return ()
        return tuple(chain.from_iterable(chain.from_iterable(window.spans for window in self.windows)))

    @property
    def key_parts(self) -> tuple[str, ...]:
        """What a key over the scenes is made from: every scene, and where it stands."""
        if not self.zones and [window.role for window in self.windows] == [""]:
            return tuple(scene.item_key for scene in self.windows[0].spans[0])
        parts: list[str] = []
        for window in self.windows:
            for number, scenes in enumerate(window.spans):
                parts += [f"window {window.role} {number}", *(scene.item_key for scene in scenes)]
        for collection, scenes in self.zones.items():
            parts += [f"zone {collection}", *(scene.item_key for scene in scenes)]
        return tuple(parts)


@dataclass(frozen=True, slots=True)
class ResolvedTile:
    """A tile request with the scenes that will answer it."""

    request: TileRequest
    scenes: SceneWindows
    """Of each window the latest period before earlier ones, the clearest scene first within one."""
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
    parameters: Mapping[str, float] = field(default_factory=dict)
    """The numbers of the product's parameters, where it has any."""


@dataclass(frozen=True, slots=True)
class LayerSpan:
    """Periods that a layer draws on."""

    collection: str
    periods: tuple[Period, ...]
    """Latest first."""
    interval: Interval | None
    """None: every scene of the periods counts."""
    mosaics: tuple[str, ...]
    """The keys of the periods' mosaics."""
    are_whole: tuple[bool, ...]
    """Of each period whether every scene of it counts, so that an overview may stand for them."""

    def counts(self, scene: SceneRef) -> bool:
        """Return whether a scene of one of its periods lies in its time, too."""
        return self.interval is None or self.interval.overlaps(scene.start, scene.end)


@dataclass(frozen=True, slots=True)
class Layer:
    """A product at a time: what all of its tiles have in common."""

    selection: Selection
    spans: tuple[LayerSpan, ...]
    """Those of the windows in their order, then all of each mask collection."""
    revision: str
    """Mark of everything that its tiles depend on: 16 hexadecimal digits."""


_layers: WeakKeyDictionary[Catalogue, tuple[int, dict[tuple[object, ...], Layer]]] = WeakKeyDictionary()
"""By what a layer is made from, until something lands: every tile of a map asks for the same."""


def layer_of(catalogue: Catalogue, product: Product, datetime: str | None) -> Layer:
    """Return the layer that a product and a `datetime` parameter mean; remembered until something lands.

    Raises:
        PeriodError, WindowError, EmptyWindowError: If the time makes no sense.
    """
    generation, layers = _layers.get(catalogue, (-1, {}))
    if generation != catalogue.generation or len(layers) >= LAYERS_KEPT:
        _layers[catalogue] = (catalogue.generation, layers := {})
    windows = [role.window for role in product.roles.values()]
    name = (product.id, product.digest, datetime, *windows)
    if name not in layers:
        layers[name] = _layer(catalogue, product, select(catalogue, product, datetime))
    return layers[name]


def revision_of(catalogue: Catalogue, product: Product, selection: Selection) -> str:
    """Return a mark of everything that a layer's tiles depend on: 16 hexadecimal digits."""
    return _layer(catalogue, product, selection).revision


def _layer(catalogue: Catalogue, product: Product, selection: Selection) -> Layer:
    of_windows = [span for window in selection.windows for span in window.spans] or [selection]
    drawn_on: list[tuple[str, Span]] = [(product.collection, span) for span in of_windows]
    for zone in product.zone_rules:
        landed = catalogue.periods(zone) if zone in catalogue.collections() else ()
        drawn_on.append((zone, Span(landed[: -MAX_PERIODS - 1 : -1], None)))
    spans, parts = [], [RENDERER_VERSION, product.digest]
    for collection, span in drawn_on:
        time = span.interval
        mosaics = tuple(catalogue.mosaic_key(collection, period) for period in span.periods)
        are_whole = tuple(time is None or time.covers(period) for period in span.periods)
        spans.append(LayerSpan(collection, span.periods, time, mosaics, are_whole))
        parts += [time.text if time else "", *mosaics]
    return Layer(selection, tuple(spans), digest(*parts)[:16])


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
    layer = layer_of(catalogue, request.product, request.datetime)
    indexes = await _indexes(catalogue, layer)
    revision = revision_of(catalogue, request.product, layer.selection)  # loading may bring news
    return _resolved(replace(layer, revision=revision), request, indexes, limit)


def resolve_tile_now(catalogue: Catalogue, request: TileRequest, *, limit: int) -> ResolvedTile | None:
    """Find the scenes under a tile as `resolve_tile` does; None where a mosaic must be fetched first."""
    layer = layer_of(catalogue, request.product, request.datetime)
    keys = [key for span in layer.spans for key in span.mosaics]
    loaded = [index for key in keys if (index := catalogue.loaded_index(key)) is not None]
    return _resolved(layer, request, loaded, limit) if len(loaded) == len(keys) else None


async def scenes_in(
    catalogue: Catalogue, product: Product, geometry: shapely.Geometry, datetime: str | None, *, limit: int
) -> SceneWindows:
    """Find the scenes of a product that meet a lon/lat geometry, best first.

    Raises:
        PeriodError, WindowError, EmptyWindowError: If `datetime` makes no sense.
        TooManyScenesError: If there are more than `limit`.
        mosaics.storage.StorageError: If a mosaic cannot be fetched.
    """
    layer = layer_of(catalogue, product, datetime)
    indexes = await _indexes(catalogue, layer)
    return _placed(product, layer, indexes, lambda index, _: index.scenes_in(geometry, limit=limit), limit)


async def _indexes(catalogue: Catalogue, layer: Layer) -> list[QuadkeyIndex]:
    return [await catalogue.index(span.collection, period) for span in layer.spans for period in span.periods]


def _placed(
    product: Product,
    layer: Layer,
    indexes: Iterable[QuadkeyIndex],
    find: Callable[[QuadkeyIndex, bool], Sequence[SceneRef]],
    limit: int,
) -> SceneWindows:
    """The scenes that `find` gives of each index, told whether all of its scenes count, in their windows."""
    groups: list[tuple[SceneRef, ...]] = []
    count, rest = 0, iter(indexes)
    for span in layer.spans:
        found: list[SceneRef] = []
        for is_whole, index in zip(span.are_whole, rest, strict=False):
            found += [s for s in find(index, is_whole) if is_whole or span.counts(s)]
            if count + len(found) > limit:
                raise TooManyScenesError(count + len(found), limit, index.minzoom(limit))
        count += len(found)
        groups.append(tuple(found))
    lists = iter(groups)
    windows = tuple(
        WindowScenes(w.role, tuple(next(lists) for _ in w.spans), product.roles[w.role].minimum_years or 1)
        for w in layer.selection.windows
    ) or (WindowScenes("", (next(lists),)),)
    return SceneWindows(windows, dict(zip(product.zone_rules, lists, strict=True)))


def place_of(lon: float, lat: float) -> shapely.Geometry:
    """A place as what meets the footprints that hold it: 180 and -180 degrees are one meridian."""
    if abs(lon) == 180:
        return shapely.MultiPoint([(-180.0, lat), (180.0, lat)])
    return shapely.Point(lon, lat)


def outline(grid: Grid) -> shapely.Geometry:
    """Return a grid's outline in lon/lat, its edges densified.

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
    south, north = max(float(lats.min()), -90.0), min(float(lats.max()), 90.0)
    return shapely.box(float(lons.min()), south, float(lons.max()), north)


def _resolved(
    layer: Layer, request: TileRequest, indexes: Iterable[QuadkeyIndex], limit: int
) -> ResolvedTile:
    product, x, y, z, size = request.product, request.x, request.y, request.z, request.size

    def seen(index: QuadkeyIndex, is_whole: bool) -> Sequence[SceneRef]:
        if request.tms.id == "WebMercatorQuad":
            return index.scenes_in_tile(x, y, z, limit=limit, size=size, overviews=is_whole)
        return index.scenes_in(outline(request.grid()), limit=limit)

    scenes = _placed(product, layer, indexes, seen, limit)
    return ResolvedTile(
        request=request,
        scenes=scenes,
        key=digest(RENDERER_VERSION, product.digest, request.text, *scenes.key_parts),
        revision=layer.revision,
        synthetic=any(scene.synthetic for scene in scenes.best_first),
        windows=layer.selection.windows,
        offset=product.offset,
        parameters=product.parameter_values,
    )


def digest(*parts: str) -> str:
    """Return the SHA-256 of some texts, 64 hexadecimal digits."""
    return sha256("\n".join(parts).encode()).hexdigest()
