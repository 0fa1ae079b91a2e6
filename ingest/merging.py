"""Merging: what the landed version of a scene hands over to the one that is to take its place.

A scene is merged where its landed version is what ingesting its bands in this manner would land today: the
same files of the archive, the same version, mode, box and numbers, all of which its digest stands for, and
the same properties, the word on the offset among them.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ingest.archives.archive import Archive, Granule, GranuleRefusedError
from ingest.encoding import OF_ONE_BAND
from ingest.harmonisation import Harmonisation
from ingest.item import LandedItem
from ingest.options import IngestOptions, Mode
from ingest.planning import PlannedBand
from mosaics.commits import LogState
from mosaics.descriptions.collections import CollectionDescription
from mosaics.seals import unsealed
from mosaics.storage import ObjectNotFoundError, Storage
from mosaics.verifying import digest_in_storage, stated_digest


@dataclass(frozen=True, slots=True)
class Merger:
    """A scene to be landed, and what comes of the version of it that has landed."""

    granule: Granule
    """Its wanted bands are those that have to be fetched."""
    digest: str
    """Of all bands, those kept among them."""
    landed: str | None = None
    """Key of the item whose place it takes; None where it takes no item's place."""
    kept: Mapping[str, PlannedBand] = field(default_factory=lambda: MappingProxyType({}))
    """Bands that are taken over as they lie in storage."""
    losses: tuple[str, ...] = ()
    """Sentences that name the bands that go."""


async def read_landed(storage: Storage, state: LogState, scene_id: str) -> LandedItem | None:
    """Return the item of the version of a scene that has landed; None where no version has.

    An item that storage has lost, or that is damaged, has no bands.
    """
    if scene_id not in state.scenes:
        return None
    item_key = state.scenes[scene_id].item_key
    item: dict[str, Any] = {"assets": {}, "properties": {}}
    with suppress(ObjectNotFoundError, ValueError):
        stored = unsealed(await storage.get(item_key))
        if isinstance(stored, dict) and all(isinstance(stored.get(name), dict) for name in item):
            item = stored
    return LandedItem(item_key, item)


async def keep_bands(
    storage: Storage, item: LandedItem, collection: CollectionDescription
) -> dict[str, PlannedBand]:
    """Return the bands of an item as they were planned.

    Those whose COG storage has lost or damaged, or of which the item does not say it rightly, are left out.
    """
    kept = {}
    for name in item.bands:
        with suppress(ObjectNotFoundError, LookupError, TypeError, ValueError):
            band = item.planned(collection.collection.band(name))
            if band.stored_key is not None:
                stated = stated_digest(item.document["assets"][name])
                found = await digest_in_storage(storage, band.stored_key)
                if found is None or stated not in {None, found}:
                    continue
            kept[name] = band
    return kept


async def merge_scene(
    storage: Storage,
    source: Archive,
    collection: CollectionDescription,
    granule: Granule,
    options: IngestOptions,
    *,
    state: LogState,
) -> Merger:
    """Find out what a granule that has not landed with these bands takes over, and what goes.

    Raises:
        StorageError: If what has landed cannot be read.
    """
    landed = await read_landed(storage, state, options.scene_id(granule.id))
    digest = options.digest(granule, source.collection_id)
    losses = [
        _loss(sorted(set(lesser.bands) - set(granule.bands)), f"they are of {lesser_id}, which it replaces")
        for lesser_id in granule.supersedes
        if (lesser := await read_landed(storage, state, options.scene_id(lesser_id)))
        and not set(lesser.bands) <= set(granule.bands)
    ]
    if landed is None:
        return Merger(granule, digest, losses=tuple(losses))
    if source.is_outdated(granule, landed.provenance):
        return Merger(granule, landed.digest, landed.key)  # what is there stays
    with suppress(GranuleRefusedError):
        as_landed = granule.with_bands(landed.wanted)
        same_files = options.digest(as_landed, source.collection_id) == landed.digest
        if same_files and landed.provenance == granule.provenance.properties:
            union = granule.with_bands(dict.fromkeys((*landed.wanted, *granule.bands)))
            kept = await keep_bands(storage, landed, collection)
            missing = granule.with_bands(band for band in union.bands if band not in kept)
            digest = options.digest(union, source.collection_id)
            return Merger(missing, digest, landed.key, kept, tuple(losses))
    if lost := sorted(set(landed.bands) - set(granule.bands)):
        losses.append(_loss(lost, _difference(landed, granule, options)))
    return Merger(granule, digest, landed.key, losses=tuple(losses))


def decided_offset(
    collection: CollectionDescription, kept: Mapping[str, PlannedBand]
) -> Harmonisation | None:
    """Return what was decided about a scene's offset when the bands it keeps landed; None for nothing."""
    if collection.harmonisation is None:
        return None
    return next(
        (
            Harmonisation(band.encoding.offset, band.encoding.reason, is_firm=True)
            for band in kept.values()
            if band.encoding.reason not in OF_ONE_BAND
        ),
        None,
    )


def _loss(bands: list[str], reason: str) -> str:
    return f"{', '.join(bands)}: {reason}; name them in --bands to have them of this one too."


def _difference(landed: LandedItem, granule: Granule, options: IngestOptions) -> str:
    """Return why the bands of a version that has landed cannot stand beside new ones."""
    mode = Mode.REFERENCE if any(map(landed.is_referenced, landed.bands)) else Mode.COPY
    if mode is not options.mode:
        left = mode is Mode.REFERENCE
        return "they were left in their archive, not copied" if left else "they were copied"
    before, now = landed.baseline, granule.baseline
    if before and before != now:
        return f"they are of processing baseline {before}, and this is {now or 'of an unknown one'}"
    return "they are of other files or an older item, or had another --scale or --offset"
