"""The extents of mosaics: what a layer of many periods needs to know of each, kept without their indexes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakKeyDictionary

import shapely

from app.state import AppState
from mosaics.bbox import Degrees
from mosaics.catalogue import Catalogue
from mosaics.index import QuadkeyIndex
from mosaics.overview import TILE_PX
from mosaics.period import Interval, Period

LOADED_AT_ONCE = 8
"""Mosaics fetched concurrently for one answer."""

MAX_KEPT = 100_000
"""Extents kept per catalogue; each takes a few hundred bytes."""

MAX_PLACES = 1_000
"""Places kept per catalogue. Requests make layers of their own, by intervals and parameters, without end."""

MAX_FOOTPRINTS = 200
"""Scenes in which a centre is looked for when there are no data at the middle of a box."""


class Extent(Protocol):
    """Where something can be drawn, and how finely."""

    @property
    def bounds(self) -> Degrees:
        """West, south, east, north in degrees."""

    @property
    def resolution_m(self) -> float:
        """Pixel size of the finest data, in metres."""

    def minzoom(self, limit: int, *, size: int = TILE_PX, overviews: bool = False) -> int:
        """Return the lowest WebMercatorQuad zoom at which every tile needs at most `limit` scenes."""


@dataclass(frozen=True, slots=True)
class KnownExtent:
    """The extent of a mosaic or of one scene, apart from its index."""

    bounds: Degrees
    resolution_m: float
    lowest: int = 0
    """The lowest zoom, for the limit it was made with."""
    lowest_overviewed: int = 0
    """The same where overviews count."""

    def minzoom(self, limit: int, *, size: int = TILE_PX, overviews: bool = False) -> int:
        """Return the lowest zoom, for the limit and the tile size the extent was made with."""
        del limit, size
        return self.lowest_overviewed if overviews else self.lowest


_Kept = dict[tuple[str, int], KnownExtent]
_kept: WeakKeyDictionary[Catalogue, _Kept] = WeakKeyDictionary()
"""By key of the mosaic, whose content never changes, and limit of scenes."""


async def extents_of(
    state: AppState, collection: str, periods: Sequence[Period], *, limit: int
) -> list[KnownExtent]:
    """Return the extents of the mosaics of some periods; each mosaic is read once.

    Args:
        state: Where the catalogue is.
        collection: A collection that has landed.
        periods: Periods it has a mosaic for.
        limit: Number of scenes a tile may need.

    Raises:
        mosaics.storage.StorageError: If a mosaic cannot be fetched.
    """
    kept = _kept.setdefault(state.catalogue, {})
    turn = asyncio.Semaphore(LOADED_AT_ONCE)

    async def extent(period: Period) -> KnownExtent:
        key = (state.catalogue.mosaic_key(collection, period), limit)
        if key not in kept:
            async with turn:
                index = await state.catalogue.index(collection, period)
            lowest = index.minzoom(limit)
            overviewed = index.minzoom(limit, overviews=True)
            while len(kept) >= MAX_KEPT:
                del kept[next(iter(kept))]
            kept[key] = KnownExtent(index.bounds, index.resolution_m, lowest, overviewed)
        return kept[key]

    return await asyncio.gather(*(extent(period) for period in periods))


_places: WeakKeyDictionary[Catalogue, dict[tuple[str, Degrees], tuple[float, float]]] = WeakKeyDictionary()
"""By the mark of a layer, which changes with its mosaics, and the box."""


async def kept_place_of_data(
    state: AppState,
    revision: str,
    bounds: Degrees,
    windows: Sequence[Sequence[tuple[QuadkeyIndex, Interval | None]]],
) -> tuple[float, float]:
    """Return a place that has data in every window of a layer, worked out once.

    Args:
        state: Where the catalogue is.
        revision: The mark of the layer (`app.rendering.resolving.revision_of`).
        bounds: As of `place_of_data`.
        windows: As of `place_of_data`.
    """
    kept = _places.setdefault(state.catalogue, {})
    if (revision, bounds) not in kept:
        place = await asyncio.to_thread(place_of_data, bounds, windows)
        while len(kept) >= MAX_PLACES:
            del kept[next(iter(kept))]
        kept[revision, bounds] = place
    return kept[revision, bounds]


def place_of_data(
    bounds: Degrees, windows: Sequence[Sequence[tuple[QuadkeyIndex, Interval | None]]]
) -> tuple[float, float]:
    """Return a place that has data in every window: the middle of a box, or else the nearest one found.

    Args:
        bounds: West, south, east, north in degrees.
        windows: For each window its mosaics with the time in which their scenes count.

    Returns:
        Longitude and latitude in degrees; the middle of the box if no place has data in every window.
    """
    west, south, east, north = bounds
    middle = ((west + east) / 2, (south + north) / 2)
    if _is_seen(middle, windows):
        return middle
    footprints = [
        part
        for index, interval in windows[0]
        for part in index.nearest_footprints(*middle, interval, limit=MAX_FOOTPRINTS)
    ]
    inside = [shapely.point_on_surface(part) for part in footprints]
    places = sorted(((p.x, p.y) for p in inside), key=lambda p: _distance(p, middle))
    seen = (place for place in places[:MAX_FOOTPRINTS] if _is_seen(place, windows))
    return next(seen, places[0] if places else middle)


def _is_seen(
    place: tuple[float, float], windows: Sequence[Sequence[tuple[QuadkeyIndex, Interval | None]]]
) -> bool:
    point = shapely.Point(place)
    return all(
        any(
            interval is None or interval.overlaps(scene.start, scene.end)
            for index, interval in window
            for scene in index.scenes_in(point)
        )
        for window in windows
    )


def _distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2
