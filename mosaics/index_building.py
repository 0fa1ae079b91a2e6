"""Building the arrays of an index of the scenes of a mosaic, made once, with the mosaic."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

from mosaics.cells import MAX_LATITUDE, ORDINAL_BITS, Geometries, Level, Numbers, cover, levels_of
from mosaics.document import Arranged, SceneRecord
from mosaics.flat_file import FlatFile
from mosaics.index_arrays import BOX, CLOCKWISE, CONVEX, MARK, ROW, ROW_FIELDS, SYNTHETIC
from mosaics.near_real_time import PREFIX
from mosaics.overview import Overview, Places

_READ_TOGETHER = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_Batch: TypeAlias = tuple[Sequence[SceneRecord], Geometries]
"""Scenes and their footprints."""

_INSIDE = (0.75, 0.4)
"""Shares of the box around a footprint that are tried for the box inside of it, around the same middle, where
the footprint is not a box itself."""

_MOST_CORNERS = 40
"""Positions of a ring whose sides are looked at one by one."""
_STRAIGHT = 1e-12
"""Turns below this share of what they are computed from count as none, rounding aside."""


def microseconds(moment: datetime) -> int:
    """Return the whole microseconds from 1970 to a moment, UTC."""
    return (moment - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=4096)
def moment_of(microseconds_since: int) -> datetime:
    """Return the moment so many microseconds after 1970, UTC."""
    return _EPOCH + timedelta(0, 0, microseconds_since)


def build_arrays(records: Iterable[SceneRecord], quadkey_zoom: int) -> FlatFile:
    """Return the arrays of an index, without overviews.

    Args:
        records: Scenes, best first.
        quadkey_zoom: Zoom of the cells down to which it is worked out beforehand where scenes are seen.
    """
    pairs = [np.empty(0, np.int64)]

    def batches() -> Iterator[_Batch]:
        size = 0
        for batch in _batches(iter(records)):
            footprints = _footprints(batch)
            cells, positions = cover(footprints, quadkey_zoom)
            pairs.append(np.unique(cells << ORDINAL_BITS | positions + size))
            yield batch, footprints
            size += len(batch)

    return _built(batches(), pairs, quadkey_zoom)


def arrays_of(arranged: Arranged) -> FlatFile:
    """Return the arrays of an index of scenes that are arranged for a document, without overviews."""
    batches = (
        (arranged.scenes[start : start + _READ_TOGETHER], arranged.footprints[start : start + _READ_TOGETHER])
        for start in range(0, len(arranged.scenes), _READ_TOGETHER)
    )
    return _built(batches, [arranged.pairs], arranged.quadkey_zoom)


def _built(batches: Iterable[_Batch], pairs: Sequence[Numbers], quadkey_zoom: int) -> FlatFile:
    """Return the arrays; `pairs` are those of the batches once these have been taken."""
    rows, boxes = _Rows(), [np.empty(0, BOX)]
    for records, footprints in batches:
        boxes.append(_boxes(footprints))
        packed = shapely.to_wkb(footprints, byte_order=1), _shapes(footprints).tolist()
        for record, footprint, shape in zip(records, *packed, strict=True):
            rows.add_scene(record, footprint, shape)
    all_boxes = np.concatenate(boxes)
    around = all_boxes["around"]
    levels = levels_of(pairs, quadkey_zoom)
    arrays: dict[str, NDArray[Any]] = {
        "rows": rows.rows,
        "payload": np.frombuffer(rows.payload, np.uint8),
        "boxes": all_boxes,
        "marks": np.frombuffer(rows.marks, MARK),
        "beyond": np.flatnonzero((around[:, 1] < -MAX_LATITUDE) | (around[:, 3] > MAX_LATITUDE)).astype(
            "<u4"
        ),
        "places": np.empty(0, np.int64),
    }
    for zoom, level in enumerate(levels):
        arrays |= _named(level, zoom)
    facts = {
        "quadkey_zoom": quadkey_zoom,
        "size": rows.size,
        "period": rows.period,
        "bounds": _bounds(around),
        "resolution_m": rows.resolution_m if rows.size else None,
        "early": rows.early,
        "most": [level.most for level in levels],
    }
    return FlatFile(facts, arrays)


def with_overviews(flat: FlatFile, overviews: Mapping[Overview, str]) -> FlatFile:
    """Return the arrays of an index with overviews of different places, and what their ids begin with."""
    rows = _Rows(len(flat.arrays["payload"]))
    ordered = sorted(overviews, key=lambda overview: overview.place)
    for overview in ordered:
        rows.add_overview(overview, overviews[overview])
    more = {
        "rows": np.concatenate([flat.arrays["rows"], rows.rows]),
        "payload": np.concatenate([flat.arrays["payload"], np.frombuffer(rows.payload, np.uint8)]),
        "places": np.array([Places.number(overview.place) for overview in ordered], np.int64),
    }
    return FlatFile(flat.facts, {**flat.arrays, **more})


class _Rows:
    """Rows that grow, and the payload that they tell the places of.

    Args:
        begin: Bytes of payload that come before.
    """

    def __init__(self, begin: int = 0) -> None:
        self.size = 0
        self.payload, self.marks, self._rows = bytearray(), bytearray(), bytearray()
        self.period: str | None = None
        self.resolution_m = math.inf
        self.early = False
        self._begin = begin

    @property
    def rows(self) -> NDArray[Any]:
        return np.frombuffer(self._rows, ROW)

    def add_scene(self, record: SceneRecord, footprint: bytes, shape: int) -> None:
        clouds = math.nan if record.cloud_cover_percent is None else record.cloud_cover_percent
        payload = record.id.encode(), record.item_key.encode(), footprint
        self._add(record, payload, (clouds, record.resolution_m), shape)
        self.marks += blake2b(payload[1], digest_size=MARK.itemsize).digest()
        self.period = self.period or record.period.text
        self.early = self.early or record.id.startswith(PREFIX)
        self.resolution_m = min(self.resolution_m, record.resolution_m)

    def add_overview(self, overview: Overview, prefix: str) -> None:
        name = f"{prefix}overview {overview.zoom}/{overview.column}/{overview.row}"
        self._add(overview, (name.encode(), overview.item_key.encode(), b""), (math.nan, math.nan), 0)

    def _add(
        self, of: SceneRecord | Overview, payload: Sequence[bytes], numbers: tuple[float, float], shape: int
    ) -> None:
        """Add a row; its payload is id, item key and footprint, its numbers clouds and resolution."""
        at = self._begin + len(self.payload)
        times = microseconds(of.start), microseconds(of.end)
        flags = shape | (SYNTHETIC if of.synthetic else 0)
        self._rows += ROW_FIELDS.pack(*times, *numbers, at, *map(len, payload), flags)
        self.payload += b"".join(payload)
        self.size += 1


def _named(level: Level, zoom: int) -> dict[str, NDArray[Any]]:
    return {f"cells{zoom}": level.cells, f"starts{zoom}": level.starts, f"ordinals{zoom}": level.ordinals}


def _footprints(batch: Sequence[SceneRecord]) -> Geometries:
    found: Geometries = shapely.from_geojson([json.dumps(record.footprint) for record in batch])
    return found


def _boxes(geometries: Geometries) -> NDArray[Any]:
    """Return the boxes around footprints, and those inside of them."""
    boxes = np.empty(len(geometries), BOX)
    boxes["around"] = around = shapely.bounds(geometries)
    boxes["inside"] = math.nan
    middle = (around[:, :2] + around[:, 2:]) / 2
    half = (around[:, 2:] - around[:, :2]) / 2
    left = np.arange(len(geometries))
    shapely.prepare(geometries)
    for share in (1.0, *_INSIDE):
        inside = np.hstack([middle[left] - share * half[left], middle[left] + share * half[left]])
        if share == 1.0:
            inside = around  # without a rounding
        fits = shapely.covers(geometries[left], shapely.box(*inside.T))
        boxes["inside"][left[fits]] = inside[fits]
        left = left[~fits]
    shapely.destroy_prepared(geometries)
    return boxes


def _shapes(geometries: Geometries) -> NDArray[np.uint32]:
    """Return the flags that tell which footprints are one ring that turns one way only, and which way."""
    flags = np.zeros(len(geometries), np.uint32)
    counts = shapely.get_num_coordinates(geometries)
    is_ring = (shapely.get_type_id(geometries) == shapely.GeometryType.POLYGON) & (counts <= _MOST_CORNERS)
    is_ring &= (shapely.get_num_interior_rings(geometries) == 0) & ~shapely.has_z(geometries)
    for count in np.unique(counts[is_ring]).tolist():
        of_count = np.flatnonzero(is_ring & (counts == count))
        edges = np.diff(shapely.get_coordinates(geometries[of_count]).reshape(-1, count, 2), axis=1)
        (dx, dy), (next_dx, next_dy) = edges.T, np.roll(edges, -1, axis=1).T
        turns, least = dx * next_dy - dy * next_dx, _STRAIGHT * (abs(dx * next_dy) + abs(dy * next_dx))
        flags[of_count[(turns > least).all(axis=0)]] = CONVEX
        flags[of_count[(turns < -least).all(axis=0)]] = CONVEX | CLOCKWISE
    return flags


def _bounds(around: NDArray[np.float64]) -> list[float]:
    if not len(around):
        return [-180.0, -90.0, 180.0, 90.0]
    low: list[float] = around[:, :2].min(axis=0).tolist()
    high: list[float] = around[:, 2:].max(axis=0).tolist()
    return low + high


def _batches(records: Iterator[SceneRecord]) -> Iterator[list[SceneRecord]]:
    while batch := list(islice(records, _READ_TOGETHER)):
        yield batch
