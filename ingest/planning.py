"""Planning: everything about a scene that is decided before the first pixel is converted."""

import functools
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np
from shapely.geometry import mapping

from ingest.encoding import (
    Encoding,
    PerBand,
    as_told,
    decide_nodata,
    decide_offset,
    decide_scale,
    low_percentile,
    needs_pixels,
)
from ingest.file_facts import in_use
from ingest.footprints import Footprint
from ingest.harmonisation import Harmonisation
from ingest.landing_request import LandingRequest, Origin, Provenance
from ingest.raster import (
    RasterRefusedError,
    SourceRaster,
    inspect_raster,
    marked_beyond_float64,
    scene_footprint,
)
from mosaics.collection import Band, Category, Collection
from mosaics.descriptions.collections import CollectionDescription
from mosaics.document import SceneRecord
from mosaics.period import Period

CONVERTER = 1
"""Counts the ways of converting: a new one makes new digests, so that what is landed again is converted."""
DIGEST_LENGTH = 20
"""Hexadecimal digits of a digest in keys: 80 bits, far from any coincidence within one scene's versions."""

_MENDED = re.compile(r"\.m(\d+)/")


@dataclass(frozen=True, slots=True)
class PlannedBand:
    """One band of a planned scene."""

    raster: SourceRaster
    encoding: Encoding
    sha256: str | None
    """Of the source file and the side-car files read with it; None where it is left in its archive."""
    origin: Origin | None = None
    categories: Mapping[int, Category] = field(default_factory=dict)
    """What the file says of the numbers of a categorical band."""
    stored_key: str | None = None
    """Where another version of the scene has its COG, which is taken over; None where one is made."""

    @property
    def referenced(self) -> bool:
        """Whether the pixels are left where the archive has them."""
        return self.origin is not None and self.origin.referenced


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a plan was decided from; `ingest.landing_notes` tells what of it speaks against the plan."""

    order: LandingRequest
    rasters: Mapping[str, SourceRaster]
    """By band, as the files describe them."""
    harmonisation: Harmonisation | None
    """Of the scene's offset; None where nothing was decided, and where the files' own tags hold."""


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
    grounds: Grounds
    provenance: Provenance = field(default_factory=Provenance)
    lacking: tuple[str, ...] = ()
    """Bands that were wanted, and that its archive's file does not have."""

    @property
    def folder(self) -> str:
        """Prefix of the scene's keys, with the slash."""
        return scene_folder(self.collection.id, self.id, self.digest)

    @property
    def item_key(self) -> str:
        """Where the STAC item goes."""
        return f"{self.folder}item.json"

    @property
    def copied(self) -> tuple[str, ...]:
        """The bands whose COGs lie beside the item."""
        return tuple(name for name, band in self.bands.items() if not band.referenced)

    @property
    def period(self) -> Period:
        """The period whose mosaic shows the scene."""
        return Period.containing(self.start, self.collection.cadence)

    def cog_key(self, band: str) -> str:
        """Return the key a band goes to."""
        return f"{self.folder}{band}.tif"

    def record(self) -> SceneRecord:
        """Return the scene as the log and the mosaics know it."""
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
    """Return the prefix of the keys of one version of a scene."""
    return f"collections/{collection_id}/scenes/{scene_id}/{digest}/"


def mended_folder(item_key: str) -> str:
    """Return the prefix of the keys of a version of a scene that is mended, of the key of its item so far."""
    folder = key_as_landed(item_key).rpartition("/")[0]
    mended = _MENDED.search(item_key)
    return f"{folder}.m{int(mended[1]) + 1 if mended else 1}/"


def key_as_landed(item_key: str) -> str:
    """Return the key that landing gave the item of a version of a scene, mended since or not."""
    return _MENDED.sub("/", item_key)


def plan_scene(
    source: CollectionDescription,
    order: LandingRequest,
    *,
    digest: str | None = None,
) -> ScenePlan:
    """Look at every file of an order and decide how it is landed.

    Args:
        source: The collection it goes to.
        order: What is asked.
        digest: Replaces the digest of the files, where they are themselves made from something known.

    Raises:
        RasterRefusedError: If a file cannot be landed.
        OffsetUndecidedError: If the Sentinel-2 offset cannot be told.
        UnknownBandError: If the collection has no such band.
    """
    for asset in order.assets:
        source.collection.band(asset.band)
    rasters = {
        asset.band: inspect_raster(asset.path, asset.index, flip=order.flip, side_cars=True)
        for asset in order.assets
    }
    if order.flip and not any(raster.mirrored for raster in rasters.values()):
        names = ", ".join(sorted({raster.name for raster in rasters.values()}))
        raise RasterRefusedError(
            f"--flip is for files whose columns run from east to west; of {names} none is mirrored."
        )
    return plan_rasters(source, order, rasters, sha256=hash_rasters(rasters), pixels=rasters, digest=digest)


def plan_rasters(
    source: CollectionDescription,
    order: LandingRequest,
    rasters: Mapping[str, SourceRaster],
    *,
    sha256: Mapping[str, str],
    pixels: Mapping[str, SourceRaster],
    digest: str | None = None,
    kept: Mapping[str, PlannedBand] = MappingProxyType({}),
) -> ScenePlan:
    """Decide how the bands of an order are landed whose rasters are known.

    Args:
        source: The collection it goes to.
        order: What is asked.
        rasters: By band.
        sha256: Of the files that are on this machine.
        pixels: Rasters whose pixels can be looked at.
        digest: As for `plan_scene`.
        kept: Bands of the scene that storage has already, beside those of the order.

    Raises:
        RasterRefusedError: If a band cannot be landed.
        OffsetUndecidedError: If the Sentinel-2 offset cannot be told.
        UnknownBandError: If the collection has no such band.
    """
    collection = source.collection
    described = {asset.band: collection.band(asset.band) for asset in order.assets}
    footprint = scene_footprint({**{name: band.raster for name, band in kept.items()}, **rasters})
    missing = {name: decide_missing(rasters[name], band, order.nodata) for name, band in described.items()}
    told = {name: raster for name, (raster, _) in missing.items()}
    nodata = {name: number for name, (_, number) in missing.items()}

    @functools.cache
    def harmonisation() -> Harmonisation:
        if order.decided is not None:
            return order.decided
        reflective = [
            name
            for name, band in described.items()
            if name in pixels and not band.categorical and rasters[name].dtype == band.dtype
        ]
        low_dn = None
        if reflective:
            probed = "red" if "red" in reflective else reflective[0]
            seen = as_told(pixels[probed], described[probed], order.nodata)
            low_dn = low_percentile(seen, nodata[probed], pixels.get("scl"))
        return decide_offset(
            baseline=order.baseline, sensed=order.start, low_dn=low_dn, removed=order.removed
        )

    rule = harmonisation if source.harmonisation == "sentinel-2" else None
    encodings = {}
    for name, band in described.items():
        scale, offset, reason = decide_scale(
            _as_the_archive_says(rasters[name], order),
            band,
            scales=order.scales,
            offsets=order.offsets,
            rule=rule,
            declared=order.declared.get(name),
            baseline=order.baseline,
        )
        encodings[name] = Encoding(nodata[name], scale, offset, band.unit, band.categorical, reason)
    bands = dict(kept)
    for asset in order.assets:
        name, band = asset.band, described[asset.band]
        categories = _categories(told[name], nodata[name], name in pixels) if band.categorical else {}
        bands[name] = PlannedBand(told[name], encodings[name], sha256.get(name), asset.origin, categories)
    decided = harmonisation() if harmonisation.cache_info().currsize else None
    if decided is not None and decided.offset not in {encoding.offset for encoding in encodings.values()}:
        decided = None  # the files' own tags hold
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
        grounds=Grounds(order, rasters, decided),
        provenance=order.provenance,
    )


def decide_missing(raster: SourceRaster, band: Band, given: PerBand) -> tuple[SourceRaster, float | None]:
    """Return a raster of which it is decided what marks its missing pixels, and the number that does.

    Args:
        raster: As its file describes it.
        band: As the collection describes it.
        given: Nodata values of the user.

    Raises:
        RasterRefusedError: If the dtype cannot hold the number given.
    """
    nodata = decide_nodata(raster, band, given)
    told = _marked(as_told(raster, band, given), nodata)
    return told, None if told.marked_by is not None else nodata


def _categories(raster: SourceRaster, nodata: float | None, is_here: bool) -> dict[int, Category]:
    """Return the classes that a file names or colours; of a colour table those that are in use."""
    if not raster.categories:
        return {}
    occurring = None
    if is_here and np.dtype(raster.dtype).kind in "iu":
        occurring = np.unique(np.concatenate([np.unique(rows) for _, rows, _ in raster.rows()]))
    found = in_use(raster.categories, occurring)
    return {code: category for code, category in found.items() if code != nodata}


def _marked(raster: SourceRaster, nodata: float | None) -> SourceRaster:
    """Return a raster of which it is decided what marks its missing pixels."""
    return raster if nodata is None else marked_beyond_float64(replace(raster, marked_by=None), nodata)


def bands_to_probe(source: CollectionDescription, order: LandingRequest) -> tuple[str, ...]:
    """Return the bands whose pixels tell a scene's offset: red or another reflective one, and the classes.

    Args:
        source: The collection it goes to.
        order: What is asked; its files need not be there.

    Returns:
        None of them where the offset is known without: from the archive, the user or the scene's other bands.
    """
    if source.harmonisation is None or order.decided is not None:
        return ()
    bands = [asset.band for asset in order.assets]
    reflective = [band for band in bands if not source.collection.band(band).categorical]
    given = order.offsets.for_all is not None or order.declared.keys() >= set(reflective)
    if given or not needs_pixels(order.baseline, removed=order.removed):
        return ()
    first = "red" if "red" in reflective else next(iter(reflective), None)
    return tuple(band for band in bands if band in {first, "scl"}) if first else ()


def _as_the_archive_says(raster: SourceRaster, order: LandingRequest) -> SourceRaster:
    """Return the raster without its own tags, where the archive says something else of the offset."""
    return raster if order.removed is None else replace(raster, scale_offset=(1.0, 0.0))


def hash_rasters(rasters: Mapping[str, SourceRaster]) -> dict[str, str]:
    """Return the SHA-256 of the files of each raster, by band; rasters without files are left out."""
    hashes: dict[tuple[Path, ...], str] = {}
    for raster in rasters.values():
        if raster.files and raster.files not in hashes:
            hashes[raster.files] = _hash_files(raster.files)
    return {name: hashes[raster.files] for name, raster in rasters.items() if raster.files}


def _hash_files(files: Iterable[Path]) -> str:
    digests = []
    for file in files:
        with file.open("rb") as content:
            digests.append(hashlib.file_digest(content, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _digest(collection: Collection, order: LandingRequest, bands: Mapping[str, PlannedBand]) -> str:
    determining = {
        "converter": CONVERTER,
        "collection": collection.id,
        "id": order.id,
        "time": [order.start.isoformat(), order.end.isoformat()],
        "cloud_cover_percent": order.cloud_cover_percent,
        "synthetic": order.synthetic,
        "bands": {
            name: [band.sha256, band.raster.layer, asdict(replace(band.encoding, reason="")), *_marks(band)]
            for name, band in sorted(bands.items())
        },
    }
    return hashlib.sha256(json.dumps(determining, sort_keys=True).encode()).hexdigest()[:DIGEST_LENGTH]


def _marks(band: PlannedBand) -> list[object]:
    """Return what besides encoding and GDAL's mask of the file says which pixels are missing."""
    alpha, picture = band.raster.alpha, band.raster.picture
    return [
        *([] if alpha is None else [f"alpha {alpha}"]),
        *([[*picture, band.raster.nodata]] if picture else []),
        *([] if band.raster.marked_by is None else [band.raster.marked_by]),
    ]
