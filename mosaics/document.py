"""The MosaicJSON document of one collection and period, as it stands in storage, and its records of scenes.

A standard MosaicJSON 0.0.3, gzipped, whose tiles list STAC Items, best scene first; any reader of MosaicJSON
takes it. Our own reader needs only the scene records it carries beside the standard fields, one a line under
``tilewatch:scenes``, and stops before the tiles; so a document of a million scenes is read in little memory.
Overviews, where there are any, stand among the fields before the scenes, under ``tilewatch:overviews``.
"""

import gzip
import hashlib
import io
import json
import math
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
import shapely
from cogeo_mosaic.mosaic import MosaicJSON
from shapely.geometry import MultiPolygon, Polygon, shape

from mosaics.cells import ORDINAL_BITS, Geometries, Numbers, cell_quadkey, cells_needed, cover
from mosaics.overview import Overview, OverviewError
from mosaics.period import Period, PeriodError, instant_text, parse_instant
from mosaics.scene import SceneError

Footprint: TypeAlias = Polygon | MultiPolygon

MEDIA_TYPE = "application/gzip"
SCENES = "tilewatch:scenes"
OVERVIEWS = "tilewatch:overviews"
MAX_CELLS = 4_000_000
"""A document lists at most about this many pairs of tile and scene."""
MIN_QUADKEY_ZOOM, MAX_QUADKEY_ZOOM = 1, 14
"""Zoom 14 cells are 2.4 km wide at the equator; smaller scenes are told apart by their footprints."""
ZOOMS_ABOVE = 4
"""A stock reader looks up 4**n quadkeys for a tile n levels above the quadkey zoom: 256 at this minzoom."""

_WRITTEN_TOGETHER = 1000
"""Rows that are packed together."""

_DIGEST = re.compile(r"-([0-9a-f]{12})\.json\.gz")
_SCENES_BEGIN = f',"{SCENES}":[\n'
_SCENES_END = "]\n"
_WIDTH_M = 2 * math.pi * 6378137.0
"""Width of the Web Mercator square (EPSG:3857)."""


@dataclass(frozen=True, slots=True)
class SceneRecord:
    """What has to be known of a scene to decide where it is seen and before which others."""

    id: str
    item_key: str
    """Key of the STAC Item in storage; other content, other key."""
    start: datetime
    """First moment the scene shows, UTC."""
    end: datetime
    """First moment after; equal to `start` for a scene of one instant."""
    period: Period
    """The mosaic it belongs to."""
    cloud_cover_percent: float | None
    """0..100; None where the source does not tell."""
    footprint: Mapping[str, Any]
    """GeoJSON Polygon or MultiPolygon in degrees of longitude and latitude, split at the antimeridian."""
    synthetic: bool
    """Whether the pixels were made up for a demonstration."""
    resolution_m: float
    """Pixel size of the finest band, in metres."""

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None or self.end.utcoffset() is None or self.end < self.start:
            raise SceneError(
                f"scene {self.id!r} lasts from {self.start} to {self.end}, which is not a UTC time span"
            )
        if self.cloud_cover_percent is not None and not 0 <= self.cloud_cover_percent <= 100:
            raise SceneError(f"scene {self.id!r} has {self.cloud_cover_percent} % of clouds, not 0 to 100")
        if not self.resolution_m > 0:
            raise SceneError(f"scene {self.id!r} has pixels of {self.resolution_m} m")
        if self.footprint.get("type") not in {"Polygon", "MultiPolygon"}:
            raise SceneError(
                f"scene {self.id!r} has a {self.footprint.get('type')} as its footprint, not polygons"
            )

    @property
    def best_first(self) -> tuple[float, float, str]:
        """Sorts scenes best first: few clouds (unknown last), then the latest, then by id."""
        clouds = 101.0 if self.cloud_cover_percent is None else self.cloud_cover_percent
        return (clouds, -self.start.timestamp(), self.id)

    def polygons(self) -> Footprint:
        """Return the footprint as a geometry.

        Raises:
            SceneError: If it is empty, crosses itself, or leaves the longitudes and latitudes there are.
        """
        try:
            geometry = shape(dict(self.footprint))
        except (ValueError, TypeError, KeyError, IndexError, shapely.GEOSException) as error:
            raise SceneError(
                f"the footprint of scene {self.id!r} is not a GeoJSON geometry: {error}"
            ) from error
        if geometry.is_empty or not geometry.is_valid:
            raise SceneError(
                f"the footprint of scene {self.id!r} is not a valid area: {shapely.is_valid_reason(geometry)}"
            )
        west, south, east, north = geometry.bounds
        if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
            raise SceneError(
                f"the footprint of scene {self.id!r} reaches from {west},{south} to {east},{north}; "
                "longitudes end at -180 and 180, so one that crosses the antimeridian is split there"
            )
        assert isinstance(geometry, Polygon | MultiPolygon)  # noqa: S101 - __post_init__ has seen the type
        return geometry

    def to_json(self) -> dict[str, Any]:
        """Return the record as it stands in commits and mosaics."""
        return {
            "id": self.id,
            "item": self.item_key,
            "start": instant_text(self.start),
            "end": instant_text(self.end),
            "period": self.period.text,
            "cloud_cover": self.cloud_cover_percent,
            "resolution_m": self.resolution_m,
            "synthetic": self.synthetic,
            "footprint": dict(self.footprint),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "SceneRecord":
        """Read what `to_json` wrote.

        Raises:
            SceneError: If a field is missing or wrong.
        """
        try:
            return cls(
                id=document["id"],
                item_key=document["item"],
                start=parse_instant(document["start"]),
                end=parse_instant(document["end"]),
                period=Period.parse(document["period"]),
                cloud_cover_percent=document["cloud_cover"],
                footprint=document["footprint"],
                synthetic=document["synthetic"],
                resolution_m=document["resolution_m"],
            )
        except (KeyError, TypeError, AttributeError, PeriodError) as error:
            raise SceneError(f"no record of a scene: {error!r}") from error


class MosaicDocumentError(ValueError):
    """Bytes that are no mosaic document of ours, or not all of one."""


class MosaicDocument:
    """A mosaic document as it was read from storage."""

    def __init__(self, data: bytes) -> None:
        """Read the fields before the scenes.

        Raises:
            MosaicDocumentError: If the bytes are not a mosaic document.
        """
        self._data = data
        header = next(self._lines(), "").removesuffix(_SCENES_BEGIN)
        try:
            fields = json.loads(header + "}")
            self.name: str = fields["name"]
            self.quadkey_zoom: int = fields["quadkey_zoom"]
            self.overviews = tuple(Overview.from_json(record) for record in fields.get(OVERVIEWS, ()))
        except (ValueError, KeyError, TypeError, OverviewError) as error:
            raise MosaicDocumentError(f"no mosaic document: {error!r}") from error

    def scenes(self) -> Iterator[SceneRecord]:
        """Yield the scenes, best first, parsed one by one.

        Raises:
            MosaicDocumentError: If the document is cut off or damaged.
        """
        lines = self._lines()
        next(lines)
        for line in lines:
            if line == _SCENES_END:
                return
            try:
                yield SceneRecord.from_json(json.loads(line.rstrip(",\n")))
            except (ValueError, SceneError) as error:
                raise MosaicDocumentError(f"a scene of mosaic {self.name!r} is damaged") from error
        raise MosaicDocumentError(f"mosaic {self.name!r} ends before its scenes do")

    def _lines(self) -> Iterator[str]:
        try:
            with gzip.open(io.BytesIO(self._data), "rt", encoding="utf-8") as lines:
                yield from lines
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise MosaicDocumentError(f"a damaged mosaic document: {error}") from error


def read_mosaic(key: str, data: bytes) -> MosaicDocument:
    """Return the mosaic document that was read from under a key, which ends in a digest of all its bytes.

    Raises:
        MosaicDocumentError: If it is not, or is damaged: what unpacking stops before is looked at, too.
    """
    if digest_in(key) not in {None, mosaic_digest(data)}:
        raise MosaicDocumentError("a damaged mosaic document: it has another digest than its key")
    return MosaicDocument(data)


def digest_in(key: str) -> str | None:
    """Return the digest that the key of a mosaic ends in; None where an earlier version gave none."""
    named = _DIGEST.search(key)
    return None if named is None else named[1]


def mosaic_digest(data: bytes) -> str:
    """Return what the key of a mosaic document ends in: 48 bits of SHA-256, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Arranged:
    """The scenes of a mosaic, best first, and the cells in which each is seen."""

    scenes: Sequence[SceneRecord]
    footprints: Geometries
    """Shape (n,), as the scenes."""
    quadkey_zoom: int
    pairs: Numbers
    """Ascending: the number of a cell above `ORDINAL_BITS` bits with the number of a scene."""

    @classmethod
    def of(cls, records: Sequence[SceneRecord]) -> "Arranged":
        """Arrange scenes, at least one, that come in any order.

        Raises:
            SceneError: If a footprint is not valid.
        """
        scenes = sorted(records, key=lambda record: record.best_first)
        footprints = np.array([scene.polygons() for scene in scenes], dtype=object)
        zoom = quadkey_zoom(footprints)
        cells, ordinals = cover(footprints, zoom)
        return cls(scenes, footprints, zoom, np.unique(cells << ORDINAL_BITS | ordinals))


def build_document(
    name: str,
    records: Sequence[SceneRecord],
    href: Callable[[str], str],
    overviews: Sequence[Overview] = (),
) -> bytes:
    """Return the document of a mosaic, as `document_of` does, of scenes that come in any order.

    Raises:
        SceneError: If a footprint is not valid.
    """
    return document_of(name, Arranged.of(records), href, overviews)


def document_of(
    name: str, arranged: Arranged, href: Callable[[str], str], overviews: Sequence[Overview]
) -> bytes:
    """Return the document of a mosaic; equal inputs give equal bytes.

    Args:
        name: Of the mosaic, for people.
        arranged: Its scenes.
        href: Address of an object under a key, `Storage.href`.
        overviews: Made of these scenes or of earlier ones; readers leave those aside that no longer hold.
    """
    scenes, zoom = arranged.scenes, arranged.quadkey_zoom
    addresses = [href(scene.item_key) for scene in scenes]
    west, south, east, north = shapely.total_bounds(arranged.footprints).tolist()
    mosaic = MosaicJSON(
        mosaicjson="0.0.3",
        name=name,
        minzoom=max(0, zoom - ZOOMS_ABOVE),
        maxzoom=max(zoom, native_zoom(min(scene.resolution_m for scene in scenes))),
        quadkey_zoom=zoom,
        bounds=(west, south, east, north),
        asset_type="STAC",
        tiles=_tiles(arranged, addresses),
    )
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6, mtime=0, filename="") as packed:
        rows = _written(mosaic, scenes, overviews)
        while together := "".join(islice(rows, _WRITTEN_TOGETHER)):
            packed.write(together.encode())
    return out.getvalue()


def quadkey_zoom(footprints: Geometries) -> int:
    """Return the zoom at which the median footprint is two to four cells across; coarser if too many."""
    bounds = shapely.bounds(shapely.get_parts(footprints))
    rows = np.arcsinh(np.tan(np.radians(np.clip(bounds[:, [1, 3]], -85, 85)))) / (2 * math.pi)
    across = np.maximum((bounds[:, 2] - bounds[:, 0]) / 360, rows[:, 1] - rows[:, 0])
    median = max(float(np.median(across)), 2.0**-30)
    zoom = min(max(math.ceil(math.log2(2 / median)), MIN_QUADKEY_ZOOM), MAX_QUADKEY_ZOOM)
    while zoom > MIN_QUADKEY_ZOOM and cells_needed(bounds, zoom) > MAX_CELLS:
        zoom -= 1
    return zoom


def _tiles(arranged: Arranged, addresses: Sequence[str]) -> dict[str, list[str]]:
    cells, starts = np.unique(arranged.pairs >> ORDINAL_BITS, return_index=True)
    ordinals = (arranged.pairs & (1 << ORDINAL_BITS) - 1).tolist()
    bounds = [*starts.tolist(), len(ordinals)]
    return {
        cell_quadkey(cell, arranged.quadkey_zoom): [addresses[ordinal] for ordinal in ordinals[begin:end]]
        for cell, begin, end in zip(cells.tolist(), bounds, bounds[1:], strict=False)
    }


def _written(
    mosaic: MosaicJSON, scenes: Sequence[SceneRecord], overviews: Sequence[Overview]
) -> Iterator[str]:
    fields: dict[str, Any] = mosaic.model_dump(exclude={"tiles"}, exclude_none=True)
    if overviews:
        fields[OVERVIEWS] = [record.to_json() for record in sorted(overviews, key=lambda one: one.place)]
    yield _compact(fields).removesuffix("}")
    yield _SCENES_BEGIN
    yield from _separated(_compact(scene.to_json()) for scene in scenes)
    yield _SCENES_END
    yield ',"tiles":{\n'
    yield from _separated(f"{_compact(quadkey)}:{_compact(hrefs)}" for quadkey, hrefs in mosaic.tiles.items())
    yield "}}\n"


def _separated(rows: Iterator[str]) -> Iterator[str]:
    row = next(rows, None)
    for following in rows:
        yield f"{row},\n"
        row = following
    if row is not None:
        yield f"{row}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def native_zoom(resolution_m: float) -> int:
    """Return the first zoom whose 256 px tiles have pixels as fine as the resolution, at the equator."""
    return min(max(math.ceil(math.log2(_WIDTH_M / 256 / resolution_m)), 0), 24)
