"""Planning: everything about a scene that is decided before the first pixel is converted."""

import functools
import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import mapping

from ingest.collections import SourceCollection
from ingest.encoding import PHYSICAL, Encoding, decide_nodata, decide_scale
from ingest.footprint import Footprint, scene_footprint
from ingest.harmonising import Harmonisation, decide_offset
from ingest.order import SceneOrder
from ingest.raster import SourceRaster, inspect_raster
from mosaics.collection import Collection
from mosaics.period import Period
from mosaics.scene import SceneRecord

CONVERTER = 1
"""Counts the ways of converting: a new one makes new digests, so that what is landed again is converted."""
DIGEST_LENGTH = 20
"""Hexadecimal digits of a digest in keys: 80 bits, far from any coincidence within one scene's versions."""


@dataclass(frozen=True, slots=True)
class PlannedBand:
    """One band of a planned scene."""

    raster: SourceRaster
    encoding: Encoding
    sha256: str
    """Of the source file and the side-car files read with it."""


@dataclass(frozen=True, slots=True)
class ScenePlan:
    """A scene ready to be converted; its digest stands for all that determines what is landed."""

    collection: Collection
    id: str
    start: datetime
    end: datetime
    cloud_cover_percent: float | None
    bands: Mapping[str, PlannedBand]
    footprint: Footprint
    synthetic: bool
    digest: str
    notes: tuple[str, ...]
    """Sentences whoever lands the scene should read."""

    @property
    def folder(self) -> str:
        """Prefix of the scene's keys, with the slash."""
        return scene_folder(self.collection.id, self.id, self.digest)

    @property
    def item_key(self) -> str:
        """Where the STAC item goes."""
        return f"{self.folder}item.json"

    @property
    def period(self) -> Period:
        """The period whose mosaic shows the scene."""
        return Period.containing(self.start, self.collection.cadence)

    def cog_key(self, band: str) -> str:
        """Where a band goes."""
        return f"{self.folder}{band}.tif"

    def record(self) -> SceneRecord:
        """The scene as the log and the mosaics know it."""
        return SceneRecord(
            id=self.id,
            item_key=self.item_key,
            start=self.start,
            end=self.end,
            period=self.period,
            cloud_cover_percent=self.cloud_cover_percent,
            footprint=mapping(self.footprint),
            synthetic=self.synthetic,
            resolution_m=min(band.raster.pixel_size_m for band in self.bands.values()),
        )


def scene_folder(collection_id: str, scene_id: str, digest: str) -> str:
    """Prefix of the keys of one version of a scene."""
    return f"collections/{collection_id}/scenes/{scene_id}/{digest}/"


def plan_scene(source: SourceCollection, order: SceneOrder, *, digest: str | None = None) -> ScenePlan:
    """Looks at every file of an order and decides how it is landed.

    Args:
        source: The collection it goes to.
        order: What is asked.
        digest: Replaces the digest of the files, where they are themselves made from something known.

    Raises:
        RasterRefusedError: Where a file cannot be landed.
        OffsetUndecidedError: Where the Sentinel-2 offset cannot be told.
        UnknownBandError: Where the collection has no such band.
    """
    collection = source.collection
    described = {asset.band: collection.band(asset.band) for asset in order.assets}
    rasters = {asset.band: inspect_raster(asset.path, asset.index) for asset in order.assets}
    footprint = scene_footprint(rasters)
    nodata = {name: decide_nodata(rasters[name], band, order.nodata) for name, band in described.items()}

    @functools.cache
    def harmonisation() -> Harmonisation:
        reflective = [
            name
            for name, band in described.items()
            if not band.categorical and rasters[name].dtype == band.dtype
        ]
        probed = "red" if "red" in reflective else reflective[0]
        low_dn = low_percentile(rasters[probed], nodata[probed])
        return decide_offset(baseline=order.baseline, sensed=order.start, low_dn=low_dn)

    rule = harmonisation if source.harmonisation == "sentinel-2" else None
    encodings = {}
    for name, band in described.items():
        scale, offset, reason = decide_scale(
            rasters[name], band, scales=order.scales, offsets=order.offsets, rule=rule
        )
        encodings[name] = Encoding(nodata[name], scale, offset, band.unit, band.categorical, reason)
    hashes = _hash_files(rasters.values())
    bands = {
        name: PlannedBand(raster, encodings[name], hashes[raster.path]) for name, raster in rasters.items()
    }
    decided = [harmonisation()] if harmonisation.cache_info().currsize else []
    return ScenePlan(
        collection=collection,
        id=order.id,
        start=order.start,
        end=order.end,
        cloud_cover_percent=order.cloud_cover_percent,
        bands=bands,
        footprint=footprint,
        synthetic=order.synthetic,
        digest=digest or _digest(collection, order, bands),
        notes=(*_physical_notes(encodings), *itertools.chain.from_iterable(map(_offset_notes, decided))),
    )


def low_percentile(raster: SourceRaster, nodata: float | None) -> float | None:
    """The 1st percentile of the valid digital numbers; None where no pixel is valid.

    0 is no data in Sentinel-2 whatever the file's tag says; it is left out before any offset.
    """
    counts: NDArray[np.int64] = np.zeros(2**16, dtype="int64")
    for _, pixels, kept in raster.rows():
        numbers = pixels[kept] if kept is not None else pixels.ravel()
        counts += np.bincount(numbers, minlength=2**16)
    counts[0] = 0
    if nodata is not None:
        counts[int(nodata)] = 0
    reached = np.cumsum(counts)
    return float(np.searchsorted(reached, 0.01 * reached[-1])) if reached[-1] else None


def _hash_files(rasters: Iterable[SourceRaster]) -> dict[Path, str]:
    hashes: dict[Path, str] = {}
    for raster in rasters:
        if raster.path not in hashes:
            digests = []
            for file in raster.files:
                with file.open("rb") as content:
                    digests.append(hashlib.file_digest(content, "sha256").hexdigest())
            hashes[raster.path] = (
                digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
            )
    return hashes


def _digest(collection: Collection, order: SceneOrder, bands: Mapping[str, PlannedBand]) -> str:
    determining = {
        "converter": CONVERTER,
        "collection": collection.id,
        "id": order.id,
        "time": [order.start.isoformat(), order.end.isoformat()],
        "cloud_cover_percent": order.cloud_cover_percent,
        "synthetic": order.synthetic,
        "bands": {
            name: [band.sha256, band.raster.index, asdict(replace(band.encoding, reason=""))]
            for name, band in sorted(bands.items())
        },
    }
    return hashlib.sha256(json.dumps(determining, sort_keys=True).encode()).hexdigest()[:DIGEST_LENGTH]


def _physical_notes(encodings: Mapping[str, Encoding]) -> list[str]:
    physical = [name for name, encoding in encodings.items() if encoding.reason == PHYSICAL]
    units = {encodings[name].unit for name in physical}
    if not physical:
        return []
    said = "without unit" if units == {"1"} else "in " + ", ".join(sorted(units))
    return [
        f"{', '.join(physical)}: {PHYSICAL} ({said}); give --scale and --offset if they are to be multiplied."
    ]


def _offset_notes(decided: Harmonisation) -> list[str]:
    return [f"offset of the reflectance: {decided.offset:g}; {decided.reason}."] + (
        [decided.doubt] if decided.doubt else []
    )
