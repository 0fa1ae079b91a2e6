"""Surveying: what an ingestion has to do, found out before the first file is fetched."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ingest.archives.archive import Archive, ArchiveScene, SceneRefusedError
from ingest.archives.http import ArchiveAnswerError
from ingest.clipping import estimated_bytes
from ingest.downloads import Downloads
from ingest.landing import is_landed
from ingest.merging import Merger, decided_offset, merge_scene
from ingest.options import IngestOptions, Mode
from ingest.planning import bands_to_probe, scene_folder
from mosaics.descriptions.collections import CollectionDescription
from mosaics.log import LogState
from mosaics.storage import Storage

ASKED_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Pending:
    """A scene that is to be landed."""

    merger: Merger
    size_bytes: int
    """Of what is wanted of its files, as far as the archive tells."""
    fetched_bytes: int
    """Of them, what lies here already."""

    @property
    def scene(self) -> ArchiveScene:
        """Its files are those that have to be fetched."""
        return self.merger.scene

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
    """Ids of scenes that are there already with all that is wanted of them."""
    refused: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Why, by scene id, some cannot be fetched."""
    unsized: int = 0
    """Files whose size their archive does not tell."""

    @property
    def to_fetch_bytes(self) -> int:
        """What has to come over the network, as far as the archive tells."""
        return sum(pending.missing_bytes for pending in self.pending)


async def survey_scenes(
    storage: Storage,
    source: Archive,
    collection: CollectionDescription,
    scenes: tuple[ArchiveScene, ...],
    options: IngestOptions,
    *,
    state: LogState,
    downloads: Downloads,
) -> PendingScenes:
    """Asks the archive how large the files are of scenes that have not landed.

    How much lies under a box is estimated. What still lies in the downloads of scenes that have landed is
    cleared away.

    Raises:
        ArchiveError: Where the archive cannot be asked.
        StorageError: Where what has landed cannot be read.
    """
    at_once = asyncio.Semaphore(ASKED_AT_ONCE)
    pending: list[Pending] = []
    landed: list[str] = []
    refused: dict[str, str] = {}
    unsized = 0

    async def size_of(scene: ArchiveScene, band: str, whole: Sequence[str]) -> int | None:
        async with at_once:
            size_bytes = await source.size_bytes(scene.files[band])
        if size_bytes is None or options.clip is None or band in whole:
            return size_bytes
        return estimated_bytes(size_bytes, source.grid(scene, band), options.clip)

    def has_landed(scene_id: str, digest: str) -> bool:
        item_key = f"{scene_folder(source.collection_id, scene_id, digest)}item.json"
        return is_landed(state, scene_id, item_key)

    for found in scenes:
        scene_id = options.scene_id(found.id)
        merger = Merger(found, options.digest(found, source.collection_id))
        if not has_landed(scene_id, merger.digest):
            merger = await merge_scene(storage, source, collection, found, options, state=state)
        scene = merger.scene
        folder = downloads.of_scene(source.collection_id, scene_id, merger.digest)
        if has_landed(scene_id, merger.digest):
            landed.append(scene.id)
            downloads.discard(folder)  # where a run was killed between the commit and this
            continue
        sizes: list[int | None] = []
        if options.mode is Mode.COPY:
            try:
                order = source.convert(scene, {band: folder / f"{band}.tif" for band in scene.files})
                decided = decided_offset(collection, merger.kept)
                probed = bands_to_probe(collection, options.given(order, scene_id, decided))
                sizes = await asyncio.gather(*(size_of(scene, band, probed) for band in scene.files))
            except (ArchiveAnswerError, SceneRefusedError) as error:
                refused[scene.id] = str(error)
                continue
        unsized += sizes.count(None)
        pending.append(Pending(merger, sum(size or 0 for size in sizes), downloads.size_bytes(folder)))
    return PendingScenes(tuple(pending), tuple(landed), refused, unsized)
