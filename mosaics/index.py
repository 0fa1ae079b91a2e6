"""The index of a mosaic: from a tile or an area to the scenes seen there, best first, in microseconds."""

import json
import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b, sha256

import numpy as np
import shapely
from numpy.typing import NDArray

from mosaics.cells import (
    MAX_LATITUDE,
    ORDINAL_BITS,
    Geometries,
    Packed,
    cell_number,
    cells_under,
    cover,
    levels_of,
    merged,
    polygons_of,
    share_area,
    tile_bounds,
    tile_box,
)
from mosaics.document import MosaicDocument, SceneRecord
from mosaics.ellipsoid import polygon_area_m2
from mosaics.minzooms import NO_ZOOM, Minzooms
from mosaics.near_real_time import PREFIX
from mosaics.overview import TILE_PX, Overview, cell_zoom, zoom_of_tiles
from mosaics.period import Interval, Period

_READ_TOGETHER = 10_000
_FIRST_TOGETHER = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MARK_BYTES = 16
"""Of an item's key, to tell scenes apart: a coincidence among a million takes 2**88 mosaics."""


class TooManyScenesError(Exception):
    """More scenes than a limit allows would be needed; the message says from which zoom it works."""

    def __init__(self, count: int, limit: int, minzoom: int) -> None:
        self.count, self.limit, self.minzoom = count, limit, minzoom
        remedy = "no zoom has fewer everywhere" if minzoom >= NO_ZOOM else f"zoom {minzoom} and deeper work"
        super().__init__(f"{count} scenes are seen here and {limit} is the limit; {remedy}")


@dataclass(frozen=True, slots=True)
class SceneRef:
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

    def __init__(
        self, records: Iterator[SceneRecord], quadkey_zoom: int, overviews: Iterable[Overview] = ()
    ) -> None:
        """Build from scenes that come best first, and the overviews a mosaic names."""
        self.quadkey_zoom = quadkey_zoom
        self.resolution_m = math.inf
        """Pixel size of the finest scene, in metres."""
        self._ids, self._item_keys, self._footprints = Packed(), Packed(), Packed()
        self._starts, self._ends = array("q"), array("q")
        self._clouds, self._synthetic, self._resolutions = array("d"), array("b"), array("d")
        self._marks = bytearray()
        self._period: Period | None = None
        self._has_early = False
        boxes, pairs = [np.empty((0, 4))], [np.empty(0, np.int64)]
        for batch in _batches(records):
            geometries = self._take(batch)
            boxes.append(shapely.bounds(geometries))
            cells, positions = cover(geometries, quadkey_zoom)
            pairs.append(np.unique(cells << ORDINAL_BITS | positions + (len(self._ids) - len(batch))))
        self.size = len(self._ids)
        self._boxes = np.concatenate(boxes)
        self._levels = levels_of(pairs, quadkey_zoom)
        self._beyond = np.flatnonzero(
            (self._boxes[:, 1] < -MAX_LATITUDE) | (self._boxes[:, 3] > MAX_LATITUDE)
        ).astype(np.uint32)
        self._overviews = {
            overview.place: self._overview_ref(overview)
            for overview in overviews
            if self.made_of(overview.column, overview.row, overview.cell_zoom) == overview.made_of
        }
        self._minzooms = Minzooms(self._levels, self._footprints, self._overviews.keys())

    @classmethod
    def from_document(cls, document: MosaicDocument) -> "QuadkeyIndex":
        """Build the index of a mosaic document."""
        return cls(document.scenes(), document.quadkey_zoom, document.overviews)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north of all scenes, in degrees."""
        if not self.size:
            return (-180.0, -90.0, 180.0, 90.0)
        west, south = self._boxes[:, :2].min(axis=0).tolist()
        east, north = self._boxes[:, 2:].max(axis=0).tolist()
        return west, south, east, north

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
        may_answer = overviews and self._overviews and len(ordinals)
        if may_answer and (found := self._overview_in_tile(x, y, z, size)) is not None:
            return (found,)
        if limit is not None and len(ordinals) > limit:
            minzoom = self.minzoom(limit, size=size, overviews=overviews)
            raise TooManyScenesError(len(ordinals), limit, minzoom)
        return tuple(self._scene(ordinal) for ordinal in ordinals.tolist())

    def made_of(self, x: int, y: int, z: int) -> str:
        """Return a fingerprint of the scenes seen in a tile and of their order, 32 hexadecimal digits."""
        marks = np.frombuffer(self._marks, np.dtype(f"V{_MARK_BYTES}"))
        return sha256(marks[self._in_tile(x, y, z)].tobytes()).hexdigest()[:32]

    def finest_m(self, x: int, y: int, z: int) -> float:
        """Return the pixel size in metres of the finest scene seen in a tile; infinite without a scene."""
        resolutions = np.frombuffer(self._resolutions, np.float64)
        return float(resolutions[self._in_tile(x, y, z)].min(initial=math.inf))

    def most_scenes(self, x: int, y: int, z: int, depth: int) -> int:
        """Return how many scenes the fullest of the tiles `depth` zooms below a tile has."""
        zoom, number = z + depth, cell_number(x, y)
        if zoom <= self.quadkey_zoom:
            level = self._levels[zoom]
            first, last = level.cells.searchsorted([number << 2 * depth, (number + 1) << 2 * depth])
            return int(np.diff(level.starts[first : last + 1]).max(initial=0))
        ordinals = self._in_tile(x, y, z)
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
            scenes = map(self._scene, ordinals.tolist())
            in_time = [interval.overlaps(scene.start, scene.end) for scene in scenes]
            parts.append(shapely.union_all(geometries[in_time]))
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
        gaps = np.maximum(np.maximum(self._boxes[:, :2] - place, place - self._boxes[:, 2:]), 0)
        order = np.argsort(np.hypot(gaps[:, 0], gaps[:, 1]), kind="stable").astype(np.uint32)
        if interval is not None:
            scenes = map(self._scene, order.tolist())
            order = order[[interval.overlaps(scene.start, scene.end) for scene in scenes]]
        return list(shapely.get_parts(self._geometries(order[:limit])))

    def minzoom(self, limit: int, *, size: int = TILE_PX, overviews: bool = False) -> int:
        """Return the lowest WebMercatorQuad zoom from which on no tile needs more than `limit` scenes.

        `NO_ZOOM` where more than that lie upon one another somewhere. Below the quadkey zoom the search ends
        after a bounded number of footprints, and the zoom it came to is the answer. Where overviews count and
        lead up to the deepest zoom they have, it is where they begin.
        """
        return self._minzooms.of(limit, size=size, overviews=overviews)

    def _take(self, batch: Sequence[SceneRecord]) -> Geometries:
        for record in batch:
            self._period = record.period
            self._has_early |= record.id.startswith(PREFIX)
            self.resolution_m = min(self.resolution_m, record.resolution_m)
            self._ids.append(record.id.encode())
            self._item_keys.append(record.item_key.encode())
            self._marks += blake2b(record.item_key.encode(), digest_size=_MARK_BYTES).digest()
            self._starts.append((record.start - _EPOCH) // _MICROSECOND)
            self._ends.append((record.end - _EPOCH) // _MICROSECOND)
            clouds = record.cloud_cover_percent
            self._clouds.append(math.nan if clouds is None else clouds)
            self._synthetic.append(record.synthetic)
            self._resolutions.append(record.resolution_m)
        geometries: Geometries = shapely.from_geojson([json.dumps(record.footprint) for record in batch])
        for wkb in shapely.to_wkb(geometries):
            self._footprints.append(wkb)
        return geometries

    def _scene(self, ordinal: int) -> SceneRef:
        assert self._period is not None  # noqa: S101 - there is a scene
        clouds = self._clouds[ordinal]
        return SceneRef(
            self._ids[ordinal].decode(),
            self._item_keys[ordinal].decode(),
            _EPOCH + timedelta(microseconds=self._starts[ordinal]),
            _EPOCH + timedelta(microseconds=self._ends[ordinal]),
            self._period,
            None if clouds != clouds else clouds,  # noqa: PLR0124 - NaN
            bool(self._synthetic[ordinal]),
        )

    def _overview_ref(self, overview: Overview) -> SceneRef:
        assert self._period is not None  # noqa: S101 - it was made of a scene
        made_of = self._in_tile(overview.column, overview.row, overview.cell_zoom) if self._has_early else ()
        early = any(self._ids[ordinal].startswith(PREFIX.encode()) for ordinal in made_of)
        return SceneRef(
            id=f"{PREFIX * early}overview {overview.zoom}/{overview.column}/{overview.row}",
            item_key=overview.item_key,
            start=overview.start,
            end=overview.end,
            period=self._period,
            cloud_cover_percent=None,
            synthetic=overview.synthetic,
        )

    def _in_tile(self, x: int, y: int, z: int) -> NDArray[np.uint32]:
        """Return the scenes seen in a tile, best first."""
        depth = max(0, z - self.quadkey_zoom)
        ordinals = self._levels[z - depth].scenes(cell_number(x >> depth, y >> depth))
        if depth and len(ordinals):
            ordinals = self._meeting(tile_bounds(x, y, z), ordinals)
            if len(ordinals):
                ordinals = ordinals[share_area(tile_box(x, y, z), self._geometries(ordinals))]
        return ordinals

    def _overview_in_tile(self, x: int, y: int, z: int, size: int) -> SceneRef | None:
        zoom = zoom_of_tiles(z, size)
        up = z - cell_zoom(zoom)
        return self._overviews.get((zoom, cell_number(x >> up, y >> up)))

    def _geometries(self, ordinals: NDArray[np.uint32]) -> Geometries:
        return polygons_of(self._footprints, ordinals)

    def _meeting(
        self, bounds: tuple[float, float, float, float], ordinals: NDArray[np.uint32]
    ) -> NDArray[np.uint32]:
        """Return those of `ordinals` whose bounding box meets a box."""
        west, south, east, north = bounds
        lefts, lowers, rights, uppers = self._boxes[ordinals].T
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
        return merged([self._beyond, *(level.scenes(cell) for cell in cells)])

    def _check(self, count: int, limit: int | None) -> None:
        if limit is not None and count > limit:
            raise TooManyScenesError(count, limit, self.minzoom(limit))


def _batches(records: Iterator[SceneRecord]) -> Iterator[list[SceneRecord]]:
    batch: list[SceneRecord] = []
    for record in records:
        batch.append(record)
        if len(batch) == _READ_TOGETHER:
            yield batch
            batch = []
    if batch:
        yield batch
