"""Surveying: what an ingestion has to do, found out before the first file is fetched."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from ingest.archives.archive import Archive, Granule, GranuleRefusedError, WantedError
from ingest.archives.http import ArchiveError
from ingest.clipping import estimated_bytes
from ingest.downloads import Downloads
from ingest.landing import is_landed
from ingest.landing_request import BandFile, Origin
from ingest.merging import Merger, decided_offset, merge_scene
from ingest.options import IngestOptions, Mode
from ingest.planning import bands_to_probe, scene_folder
from mosaics.commits import LogState
from mosaics.descriptions.collections import CollectionDescription
from mosaics.storage import Storage

ASKED_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Pending:
    """A granule that is to be landed."""

    merger: Merger
    size_bytes: int
    """Of what is wanted of its files, as far as the archive tells."""
    fetched_bytes: int
    """Of them, what lies here already."""

    @property
    def granule(self) -> Granule:
        """Its wanted bands are those that have to be fetched."""
        return self.merger.granule

    @property
    def digest(self) -> str:
        """Stands for what is landed."""
        return self.merger.digest

    @property
    def missing_bytes(self) -> int:
        """What has still to come."""
        return max(0, self.size_bytes - self.fetched_bytes)


@dataclass(frozen=True, slots=True)
class PendingScenes:
    """What an ingestion has to do."""

    pending: tuple[Pending, ...]
    landed: tuple[str, ...]
    """Ids of granules that are there already with all that is wanted of them."""
    refused: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Why, by id, some cannot be fetched."""
    unsized: int = 0
    """Files whose size their archive does not tell."""

    @property
    def to_fetch_bytes(self) -> int:
        """What has to come over the network, as far as the archive tells."""
        return sum(pending.missing_bytes for pending in self.pending)


def band_files(granule: Granule, paths: Mapping[str, Path]) -> tuple[BandFile, ...]:
    """Return where the wanted bands of a granule are.

    Args:
        granule: Whose bands.
        paths: Of its files, by name.
    """
    places = ((band, granule.layers[band].file) for band in granule.bands)
    return tuple(
        BandFile(band, paths[file], origin=Origin(granule.files[file].href)) for band, file in places
    )


async def survey_scenes(
    storage: Storage,
    source: Archive,
    collection: CollectionDescription,
    granules: tuple[Granule, ...],
    options: IngestOptions,
    *,
    state: LogState,
    downloads: Downloads,
) -> PendingScenes:
    """Ask the archive how large the files are of granules that have not landed.

    How much lies under a box is estimated. What still lies in the downloads of scenes that have landed is
    cleared away.

    Raises:
        WantedError: If files are to be left where they lie, and the archive's cannot be read there.
        StorageError: If what has landed cannot be read.
    """
    if options.mode is Mode.REFERENCE and not source.can_refer:
        raise WantedError(f"files of {source.id} cannot be read where they lie; copy them.")
    at_once = asyncio.Semaphore(ASKED_AT_ONCE)
    pending: list[Pending] = []
    landed: list[str] = []
    refused: dict[str, str] = {}
    unsized = 0

    async def size_of(granule: Granule, file: str, whole: Iterable[str]) -> int | None:
        async with at_once:
            size_bytes = await source.size_bytes(granule.files[file])
        if size_bytes is None or options.clip is None or file in whole:
            return size_bytes
        grid = granule.layers[granule.bands_in(file)[0]].grid
        return estimated_bytes(size_bytes, grid, options.clip)

    def has_landed(scene_id: str, digest: str) -> bool:
        item_key = f"{scene_folder(source.collection_id, scene_id, digest)}item.json"
        return is_landed(state, scene_id, item_key)

    for found in granules:
        scene_id = options.scene_id(found.id)
        merger = Merger(found, options.digest(found, source.collection_id))
        if not has_landed(scene_id, merger.digest):
            merger = await merge_scene(storage, source, collection, found, options, state=state)
        granule = merger.granule
        folder = downloads.of_scene(source.collection_id, scene_id, merger.digest)
        if has_landed(scene_id, merger.digest):
            landed.append(granule.id)
            downloads.discard(folder)  # where a run was killed between the commit and this
            continue
        sizes: list[int | None] = []
        if options.mode is Mode.COPY:
            try:
                paths = {name: folder / name for name in granule.wanted_files}
                decided = decided_offset(collection, merger.kept)
                request = options.request(granule, band_files(granule, paths), decided)
                probed = bands_to_probe(collection, request)
                whole = {granule.layers[band].file for band in probed}
                sizes = await asyncio.gather(
                    *(size_of(granule, file, whole) for file in granule.wanted_files)
                )
            except (ArchiveError, GranuleRefusedError) as error:
                refused[granule.id] = str(error)
                continue
        unsized += sizes.count(None)
        pending.append(Pending(merger, sum(size or 0 for size in sizes), downloads.size_bytes(folder)))
    return PendingScenes(tuple(pending), tuple(landed), refused, unsized)
