"""Merging: what the landed version of a scene hands over to the one that is to take its place.

A scene is merged where its landed version is what ingesting its bands in this manner would land today: the
same files of the archive, the same version, mode, box and numbers, all of which its digest stands for, and
the same properties, the word on the offset among them.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ingest.archives.archive import Archive, ArchiveScene, SceneRefusedError
from ingest.archives.referencing import described_grid
from ingest.archives.stac_items import item_provenance
from ingest.encoding import OF_ONE_BAND, Encoding, Harmonisation
from ingest.landing_request import Origin
from ingest.options import IngestOptions, Mode
from ingest.planning import PlannedBand
from ingest.raster import SourceRaster
from mosaics.collection import Band, read_nodata
from mosaics.descriptions.collections import CollectionDescription
from mosaics.log import LogState
from mosaics.storage import ObjectNotFoundError, Storage

BASELINE = "s2:processing_baseline"


@dataclass(frozen=True, slots=True)
class Merger:
    """A scene to be landed, and what comes of the version of it that has landed."""

    scene: ArchiveScene
    """Its files are those that have to be fetched."""
    digest: str
    """Of all bands, those kept among them."""
    landed: str | None = None
    """Key of the item it takes the place of; None where there is none."""
    kept: Mapping[str, PlannedBand] = field(default_factory=lambda: MappingProxyType({}))
    """Bands that are taken over as they lie in storage."""
    losses: tuple[str, ...] = ()
    """Sentences that name the bands that go."""


@dataclass(frozen=True, slots=True)
class LandedVersion:
    """A version of a scene that readers see."""

    item_key: str
    item: Mapping[str, Any]

    @classmethod
    async def read(cls, storage: Storage, state: LogState, scene_id: str) -> "LandedVersion | None":
        """The version that has landed; None where there is none."""
        if scene_id not in state.scenes:
            return None
        item_key = state.scenes[scene_id].item_key
        item: dict[str, Any] = {"assets": {}, "properties": {}}  # where storage has lost it
        with suppress(ObjectNotFoundError):
            item = json.loads(await storage.get(item_key))
        return cls(item_key, item)

    @property
    def bands(self) -> tuple[str, ...]:
        """What it has."""
        return tuple(self.item["assets"])

    @property
    def digest(self) -> str:
        """See `IngestOptions.digest`."""
        return self.item_key.split("/")[-2]

    @property
    def mode(self) -> Mode:
        """What became of its files."""
        return Mode.REFERENCE if any(map(self._is_left, self.bands)) else Mode.COPY

    async def keep(self, storage: Storage, collection: CollectionDescription) -> dict[str, PlannedBand]:
        """Its bands as they were planned; without those whose COG storage has lost."""
        kept = {}
        for name in self.bands:
            band = self._planned(collection.collection.band(name))
            with suppress(ObjectNotFoundError):
                if band.stored_key is not None:
                    await storage.head(band.stored_key)
                kept[name] = band
        return kept

    def _planned(self, band: Band) -> PlannedBand:
        """The inverse of `ingest.item.scene_item`."""
        properties, asset = self.item["properties"], self.item["assets"][band.name]
        source = properties["tilewatch:sources"][band.name]
        decided = properties["tilewatch:harmonisation"][band.name]
        facts = asset["bands"][0]
        grid = described_grid(asset, properties)
        nodata = None if "nodata" not in facts else read_nodata(facts["nodata"])
        left = self._is_left(band.name)
        raster = SourceRaster(
            path=Path(source["file"]),
            index=source["band"],
            files=(),
            height_width=(grid.height, grid.width),
            dtype=facts["data_type"],
            crs=grid.crs,
            transform=grid.transform,
            south_up=False,
            nodata=nodata,
            scale_offset=(1.0, 0.0),
            has_mask=False,
        )
        encoding = Encoding(
            nodata=nodata,
            scale=decided["scale"],
            offset=decided["offset"],
            unit=facts["unit"],
            categorical=band.categorical,
            reason=decided["reason"],
        )
        return PlannedBand(
            raster,
            encoding,
            source.get("sha256"),
            Origin(source["href"], referenced=left, signing=asset.get("tilewatch:signing")),
            None if left else f"{self.item_key.rpartition('/')[0]}/{band.name}.tif",
        )

    def _is_left(self, band: str) -> bool:
        return "://" in self.item["assets"][band]["href"]


async def merge_scene(
    storage: Storage,
    source: Archive,
    collection: CollectionDescription,
    scene: ArchiveScene,
    options: IngestOptions,
    *,
    state: LogState,
) -> Merger:
    """Finds out what a scene that has not landed with these bands takes over, and what goes."""
    version = await LandedVersion.read(storage, state, options.scene_id(scene.id))
    digest = options.digest(scene, source.collection_id)
    losses = [
        _loss(sorted(set(lesser.bands) - set(scene.files)), f"they are of {lesser_id}, which it replaces")
        for lesser_id in scene.supersedes
        if (lesser := await LandedVersion.read(storage, state, options.scene_id(lesser_id)))
        and not set(lesser.bands) <= set(scene.files)
    ]
    if version is None:
        return Merger(scene, digest, losses=tuple(losses))
    with suppress(SceneRefusedError):
        as_landed = source.with_bands(scene, version.bands)
        same_files = options.digest(as_landed, source.collection_id) == version.digest
        if same_files and item_provenance(version.item).properties == item_provenance(scene.item).properties:
            union = replace(scene, files={**as_landed.files, **scene.files})
            kept = await version.keep(storage, collection)
            missing = {band: file for band, file in union.files.items() if band not in kept}
            digest = options.digest(union, source.collection_id)
            return Merger(replace(scene, files=missing), digest, version.item_key, kept, tuple(losses))
    if lost := sorted(set(version.bands) - set(scene.files)):
        losses.append(_loss(lost, _difference(version, scene, options)))
    return Merger(scene, digest, version.item_key, losses=tuple(losses))


def decided_offset(
    collection: CollectionDescription, kept: Mapping[str, PlannedBand]
) -> Harmonisation | None:
    """What was decided about a scene's offset when the bands landed that it keeps; None where nothing was."""
    if collection.harmonisation is None:
        return None
    return next(
        (
            Harmonisation(band.encoding.offset, band.encoding.reason)
            for band in kept.values()
            if band.encoding.reason not in OF_ONE_BAND
        ),
        None,
    )


def _loss(bands: list[str], reason: str) -> str:
    return f"{', '.join(bands)}: {reason}; name them in --bands to have them of this one too."


def _difference(version: LandedVersion, scene: ArchiveScene, options: IngestOptions) -> str:
    """Why the bands of a version that has landed cannot stand beside new ones."""
    if version.mode is not options.mode:
        left = version.mode is Mode.REFERENCE
        return "they were left in their archive, not copied" if left else "they were copied"
    before, now = version.item["properties"].get(BASELINE), scene.item["properties"].get(BASELINE)
    if before and before != now:
        return f"they are of processing baseline {before}, and this is {now or 'of an unknown one'}"
    return "they are of other files or an older item, or had another --scale or --offset"
