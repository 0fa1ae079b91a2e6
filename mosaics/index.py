"""The index of a mosaic: from a tile or an area to the scenes seen there, best first, in microseconds."""

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from struct import unpack_from
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from mosaics.cells import (
    Geometries,
    cell_number,
    cell_of,
    cells_under,
    cover,
    merged,
    ring_shares_area,
    share_area,
    tile_bounds,
)
from mosaics.document import Arranged, MosaicDocument, SceneRecord
from mosaics.ellipsoid import polygon_area_m2
from mosaics.flat_file import FlatFile
from mosaics.index_arrays import BOX_FIELDS, CLOCKWISE, CONVEX, ROW_FIELDS, SYNTHETIC, levels_in
from mosaics.index_building import arrays_of, build_arrays, microseconds, moment_of, with_overviews
from mosaics.minzooms import NO_ZOOM, Minzooms
from mosaics.near_real_time import PREFIX
from mosaics.overview import TILE_PX, Overview, Places, cell_zoom, zoom_of_tiles
from mosaics.period import Interval, Period

_FIRST_TOGETHER = 64
_SCENES_KEPT = 1000
_RING_BEGINS = 13
"""Bytes of WKB before the positions of a polygon of one ring: order, type, number of rings, of positions."""
_FEW = 100
"""Scenes of a cell that are looked at one by one, which is quicker than all at once."""


class TooManyScenesError(Exception):
    """More scenes than a limit allows would be needed; the message says from which zoom it works."""

    def __init__(self, count: int, limit: int, minzoom: int) -> None:
        self.count, self.limit, self.minzoom = count, limit, minzoom
        remedy = "no zoom has fewer everywhere" if minzoom >= NO_ZOOM else f"zoom {minzoom} and deeper work"
        super().__init__(f"{count} scenes are seen here and {limit} is the limit; {remedy}")


class SceneRef(NamedTuple):
    """A scene, or an overview in place of many, as it stands in an index."""

    id: str
    item_key: str
    start: datetime
    end: datetime
    period: Period
    cloud_cover_percent: float | None
    """0..100; None where the source does not tell."""
    synthetic: bool


class QuadkeyIndex:
    """The scenes of one mosaic by place. It never changes and may be used by many threads.

    A scene is seen in a tile or area when its footprint shares some area with it; a common border is not
    enough. Down to the quadkey zoom that is worked out beforehand, below it footprints are looked at.

    An overview answers for its tiles in place of their scenes as long as it was made of just the scenes that
    lie over its cell now.
    """

    def __init__(self, flat: FlatFile) -> None:
        """Answer from arrays that hold what `mosaics.index_arrays.check` looks at."""
        self.flat = flat
        facts, arrays = flat.facts, flat.arrays
        self.quadkey_zoom: int = facts["quadkey_zoom"]
        self.size: int = facts["size"]
        self.resolution_m: float = facts["resolution_m"] or math.inf
        """Pixel size of the finest scene, in metres."""
        self._period = None if facts["period"] is None else Period.parse(facts["period"])
        self._levels = levels_in(flat)
        self._rows, self._boxes = arrays["rows"], arrays["boxes"]
        # One element of a memoryview costs a third of one of an array.
        self._row_bytes, self._box_bytes = self._rows.view(np.uint8).data, self._boxes.view(np.uint8).data
        self._payload = arrays["payload"].data
        self._places = Places(arrays["places"])
        self._scenes: dict[int, SceneRef] = {}
        """Those that were asked for: neighbouring tiles have the same."""
        self._minzooms = Minzooms(self._levels, self._geometries, self._places)

    @classmethod
    def of(
        cls, records: Iterable[SceneRecord], quadkey_zoom: int, overviews: Iterable[Overview] = ()
    ) -> "QuadkeyIndex":
        """Build from scenes that come best first, and the overviews a mosaic names."""
        return cls(build_arrays(records, quadkey_zoom)).with_overviews(overviews)

    @classmethod
    def of_arranged(cls, arranged: Arranged, overviews: Iterable[Overview]) -> "QuadkeyIndex":
        """Build from scenes as they are arranged for a document."""
        return cls(arrays_of(arranged)).with_overviews(overviews)

    def with_overviews(self, overviews: Iterable[Overview]) -> "QuadkeyIndex":
        """Return an index where those overviews answer that were made of just the scenes over their cells."""
        holding = {
            overview.place: overview
            for overview in overviews
            if self.made_of(overview.column, overview.row, overview.cell_zoom) == overview.made_of
        }
        named = {one: self._prefix(one) for one in holding.values()}
        return QuadkeyIndex(with_overviews(self.flat, named)) if holding else self

    @classmethod
    def from_document(cls, document: MosaicDocument) -> "QuadkeyIndex":
        """Build the index of a mosaic document."""
        return cls.of(document.scenes(), document.quadkey_zoom, document.overviews)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north of all scenes, in degrees; the whole Earth without one."""
        west, south, east, north = self.flat.facts["bounds"]
        return west, south, east, north

    @property
    def is_mapped(self) -> bool:
        """Whether it lies in a file, and not in memory of this process."""
        return self.flat.mapped is not None

    def scenes_in_tile(
        self,
        x: int,
        y: int,
        z: int,
        *,
        limit: int | None = None,
        size: int = TILE_PX,
        overviews: bool = False,
    ) -> tuple[SceneRef, ...]:
        """Return the scenes seen in a WebMercatorQuad tile, best first; or the overview that holds them all.

        Args:
            x: Column.
            y: Row.
            z: Zoom.
            limit: Most scenes to give.
            size: Pixels a side; larger tiles want finer overviews.
            overviews: Whether an overview may answer, which takes every scene of the mosaic into account.

        Raises:
            TooManyScenesError: If there are more than `limit`.
        """
        if not (0 <= x < 1 << z and 0 <= y < 1 << z):
            return ()
        ordinals = self._in_tile(x, y, z)
        if overviews and ordinals and (found := self._overview_in_tile(x, y, z, size)) is not None:
            return (found,)
        if limit is not None and len(ordinals) > limit:
            minzoom = self.minzoom(limit, size=size, overviews=overviews)
            raise TooManyScenesError(len(ordinals), limit, minzoom)
        return tuple([self._scene(ordinal) for ordinal in ordinals])

    def made_of(self, x: int, y: int, z: int) -> str:
        """Return a fingerprint of the scenes seen in a tile and of their order, 32 hexadecimal digits."""
        marks = self.flat.arrays["marks"]
        return sha256(marks[self._in_tile(x, y, z)].tobytes()).hexdigest()[:32]

    def finest_m(self, x: int, y: int, z: int) -> float:
        """Return the pixel size in metres of the finest scene seen in a tile; infinite without a scene."""
        resolutions = self._rows["resolution_m"][self._in_tile(x, y, z)]
        return float(resolutions.min(initial=math.inf))

    def most_scenes(self, x: int, y: int, z: int, depth: int) -> int:
        """Return how many scenes the fullest of the tiles `depth` zooms below a tile has."""
        zoom, number = z + depth, cell_number(x, y)
        if zoom <= self.quadkey_zoom:
            level = self._levels[zoom]
            first, last = level.cells.searchsorted([number << 2 * depth, (number + 1) << 2 * depth])
            return int(np.diff(level.starts[first : last + 1]).max(initial=0))
        ordinals = np.array(self._in_tile(x, y, z), np.uint32)
        if not len(ordinals):
            return 0
        cells, owners = cover(self._geometries(ordinals), zoom)
        within = cells >> 2 * depth == number
        pairs = np.unique(np.stack([cells[within], owners[within]], axis=1), axis=0)
        return int(np.unique(pairs[:, 0], return_counts=True)[1].max(initial=0))

    def scenes_in(self, geometry: shapely.Geometry, *, limit: int | None = None) -> tuple[SceneRef, ...]:
        """Return the scenes seen in an area (or under a point or line) in degrees, best first.

        Args:
            geometry: In degrees, split at the antimeridian.
            limit: Most scenes to give.

        Raises:
            TooManyScenesError: If there are more than `limit`; they are counted only that far.
        """
        found: list[int] = []
        for ordinals, geometries in self._candidates(geometry):
            found += ordinals[share_area(geometry, geometries)].tolist()
            self._check(len(found), limit)
        return tuple(self._scene(ordinal) for ordinal in found)

    def covered_fraction(self, geometry: shapely.Geometry) -> float:
        """Return the share of an area that the footprints together cover, 0..1, by area on the ellipsoid."""
        whole = polygon_area_m2(geometry)
        if whole <= 0:
            return float(bool(self.scenes_in(geometry)))
        left = geometry
        for _, geometries in self._candidates(geometry):
            left = shapely.difference(left, shapely.union_all(geometries))
            if shapely.is_empty(left):
                return 1.0
        return min(max(1 - polygon_area_m2(left) / whole, 0.0), 1.0)

    def covered_part(self, geometry: shapely.Geometry, interval: Interval) -> shapely.Geometry:
        """Return the part of an area that the footprints of an interval's scenes together cover."""
        parts = []
        for ordinals, geometries in self._candidates(geometry):
            parts.append(shapely.union_all(geometries[self._are_in(interval, ordinals)]))
        return shapely.intersection(geometry, shapely.union_all(parts))

    def nearest_footprints(
        self, lon: float, lat: float, interval: Interval | None, *, limit: int
    ) -> list[shapely.Geometry]:
        """Return the polygons of the scenes of an interval whose boxes are nearest to a place, nearest first.

        Args:
            lon: Degrees east.
            lat: Degrees north.
            interval: Time in which scenes count; None for all of them.
            limit: Number of scenes at most.
        """
        place = np.array([lon, lat])
        around = self._boxes["around"]
        gaps = np.maximum(np.maximum(around[:, :2] - place, place - around[:, 2:]), 0)
        order = np.argsort(np.hypot(gaps[:, 0], gaps[:, 1]), kind="stable").astype(np.uint32)
        if interval is not None:
            order = order[self._are_in(interval, order)]
        return list(shapely.get_parts(self._geometries(order[:limit])))

    def minzoom(self, limit: int, *, size: int = TILE_PX, overviews: bool = False) -> int:
        """Return the lowest WebMercatorQuad zoom from which on no tile needs more than `limit` scenes.

        `NO_ZOOM` where more than that lie upon one another somewhere. Below the quadkey zoom the search ends
        after a bounded number of footprints, and the zoom it came to is the answer. Where overviews count and
        lead up to the deepest zoom they have, it is where they begin.
        """
        return self._minzooms.of(limit, size=size, overviews=overviews)

    def _scene(self, ordinal: int) -> SceneRef:
        """Return a scene, or an overview, which follow the scenes."""
        found = self._scenes.get(ordinal)
        if found is None:
            if len(self._scenes) >= _SCENES_KEPT:
                self._scenes.clear()
            found = self._scenes[ordinal] = self._read_scene(ordinal)
        return found

    def _read_scene(self, ordinal: int) -> SceneRef:
        assert self._period is not None  # noqa: S101 - there is a scene
        start, end, clouds, _, at, id_bytes, key_bytes, _, flags = ROW_FIELDS.unpack_from(
            self._row_bytes, ordinal * ROW_FIELDS.size
        )
        text = self._payload[at : at + id_bytes + key_bytes].tobytes()
        return SceneRef(
            text[:id_bytes].decode(),
            text[id_bytes:].decode(),
            moment_of(start),
            moment_of(end),
            self._period,
            None if clouds != clouds else clouds,  # noqa: PLR0124 - NaN
            bool(flags & SYNTHETIC),
        )

    def _are_in(self, interval: Interval, ordinals: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Return which scenes have a moment in common with an interval, as `Interval.overlaps` says."""
        starts, ends = self._rows["start"][ordinals], self._rows["end"][ordinals]
        are_in = np.ones(len(ordinals), np.bool_)
        if interval.end is not None:
            are_in &= starts < microseconds(interval.end)
        if interval.start is not None:
            begin = microseconds(interval.start)
            are_in &= (ends > begin) | (starts >= begin)
        return are_in

    def _in_tile(self, x: int, y: int, z: int) -> list[int]:
        """Return the scenes seen in a tile, best first."""
        depth = max(0, z - self.quadkey_zoom)
        ordinals = self._levels[z - depth].ordinals_in(cell_of(x >> depth, y >> depth))
        return self._reaching(tile_bounds(x, y, z), ordinals) if depth and ordinals else ordinals

    def _reaching(self, bounds: tuple[float, float, float, float], ordinals: list[int]) -> list[int]:
        """Return those of `ordinals` whose footprint shares some area with a box."""
        if len(ordinals) > _FEW:
            ordinals = self._meeting(bounds, np.array(ordinals, np.uint32)).tolist()
        left, lower, right, upper = bounds
        found, unsure = [], []
        for ordinal in ordinals:
            west, south, east, north, *inside = BOX_FIELDS.unpack_from(
                self._box_bytes, ordinal * BOX_FIELDS.size
            )
            if west < right and left < east and south < upper and lower < north:
                if inside[0] <= left and inside[1] <= lower and right <= inside[2] and upper <= inside[3]:
                    found.append(ordinal)
                elif (shares := self._shares_area(ordinal, bounds)) is None:
                    unsure.append(ordinal)
                elif shares:
                    found.append(ordinal)
        if not unsure:
            return found
        seen = share_area(shapely.box(*bounds), self._geometries(np.array(unsure, np.uint32)))
        return sorted(found + np.array(unsure)[seen].tolist())

    def _shares_area(self, ordinal: int, bounds: tuple[float, float, float, float]) -> bool | None:
        """Return whether a footprint shares area with a box that meets the one around it; None if unsure."""
        *_, at, id_bytes, key_bytes, size, flags = ROW_FIELDS.unpack_from(
            self._row_bytes, ordinal * ROW_FIELDS.size
        )
        if not flags & CONVEX:
            return None
        begin = at + id_bytes + key_bytes + _RING_BEGINS
        ring = unpack_from(f"<{(size - _RING_BEGINS) // 8}d", self._payload, begin)
        xs, ys = ring[::2], ring[1::2]
        return (
            ring_shares_area(xs[::-1], ys[::-1], bounds)
            if flags & CLOCKWISE
            else ring_shares_area(xs, ys, bounds)
        )

    def _prefix(self, overview: Overview) -> str:
        """Return what the id of an overview begins with: it says so if a scene in near real time is in it."""
        if not self.flat.facts["early"]:
            return ""
        ordinals = self._in_tile(overview.column, overview.row, overview.cell_zoom)
        return PREFIX if any(self._read_scene(ordinal).id.startswith(PREFIX) for ordinal in ordinals) else ""

    def _overview_in_tile(self, x: int, y: int, z: int, size: int) -> SceneRef | None:
        zoom = zoom_of_tiles(z, size)
        up = z - cell_zoom(zoom)
        position = self._places.position((zoom, cell_number(x >> up, y >> up))) if self._places else None
        return None if position is None else self._scene(self.size + position)

    def _geometries(self, ordinals: NDArray[np.uint32]) -> Geometries:
        packed = []
        for ordinal in ordinals.tolist():
            _, _, _, _, at, id_bytes, key_bytes, size, _ = ROW_FIELDS.unpack_from(
                self._row_bytes, ordinal * ROW_FIELDS.size
            )
            begin = at + id_bytes + key_bytes
            packed.append(bytes(self._payload[begin : begin + size]))
        found: Geometries = shapely.from_wkb(packed)
        return found

    def _meeting(
        self, bounds: tuple[float, float, float, float], ordinals: NDArray[np.uint32]
    ) -> NDArray[np.uint32]:
        """Return those of `ordinals` whose bounding box meets a box."""
        west, south, east, north = bounds
        lefts, lowers, rights, uppers = self._boxes["around"][ordinals].T
        meets = (lefts <= east) & (lowers <= north) & (rights >= west) & (uppers >= south)
        return np.asarray(ordinals[meets])

    def _candidates(self, geometry: shapely.Geometry) -> Iterator[tuple[NDArray[np.uint32], Geometries]]:
        """Yield the scenes whose box meets that of a part of an area, best first, in growing batches."""
        parts = shapely.get_parts(geometry)
        boxes = shapely.bounds(parts[~shapely.is_empty(parts)])
        near = [self._meeting(tuple(box), self._around(box)) for box in boxes.tolist()]
        ordinals = merged(near)
        size = _FIRST_TOGETHER
        while len(ordinals):
            yield ordinals[:size], self._geometries(ordinals[:size])
            ordinals, size = ordinals[size:], size * 2

    def _around(self, box: Sequence[float]) -> NDArray[np.uint32]:
        """Return the scenes in the cells under a box, at a zoom of few cells, and those near the poles."""
        zoom = self.quadkey_zoom
        left, top, right, bottom = cells_under(box, zoom)
        while zoom and (right - left + 1) * (bottom - top + 1) > 16:
            zoom -= 1
            left, top, right, bottom = left >> 1, top >> 1, right >> 1, bottom >> 1
        level = self._levels[zoom]
        cells = [cell_number(x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)]
        return merged([self.flat.arrays["beyond"], *(level.scenes(cell) for cell in cells)])

    def _check(self, count: int, limit: int | None) -> None:
        if limit is not None and count > limit:
            raise TooManyScenesError(count, limit, self.minzoom(limit))
