"""Surveying: what an ingestion has to do, found out before the first file is fetched."""

import asyncio
import logging
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from shapely.errors import ShapelyError

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
from mosaics.raster.coordinates import GDAL_ERRORS
from mosaics.storage import Storage

logger = logging.getLogger(__name__)

ASKED_AT_ONCE = 8

ODDITIES = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
    *(ShapelyError, *GDAL_ERRORS),
)
"""What code stumbles over where an archive's metadata or pixels are as nothing foresaw; logged in full."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A granule that is to be landed."""

    merger: Merger
    size_bytes: int
    """Of what is wanted of its files, as far as the archive tells."""
    fetched_bytes: int
    """Of them, what lies here already."""
    unsized: int = 0
    """Files whose size their archive does not tell."""

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


def oddity_text(error: Exception) -> str:
    """Return in words that something about a granule was not foreseen."""
    return f"it is not as a scene should be: {type(error).__name__}: {error!s:.200}"


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
    survey = _Survey(storage, source, collection, options, state, downloads)
    pending: list[Pending] = []
    landed: list[str] = []
    refused: dict[str, str] = {}
    for found in granules:
        try:
            one = await survey.of(found)
        except (ArchiveError, GranuleRefusedError) as error:
            refused[found.id] = str(error)
        except ODDITIES as error:
            logger.exception("%s cannot be landed", found.id)
            refused[found.id] = oddity_text(error)
        else:
            pending += [] if one is None else [one]
            landed += [found.id] if one is None else []
    return PendingScenes(tuple(pending), tuple(landed), refused, sum(one.unsized for one in pending))


@dataclass(frozen=True, slots=True)
class _Survey:
    storage: Storage
    source: Archive
    collection: CollectionDescription
    options: IngestOptions
    state: LogState
    downloads: Downloads
    at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ASKED_AT_ONCE))

    async def of(self, found: Granule) -> Pending | None:
        """Return what has to be done for a granule; None where it has landed."""
        collection_id = self.source.collection_id
        scene_id = self.options.scene_id(found.id)
        merger = Merger(found, self.options.digest(found, collection_id))
        if not self._has_landed(scene_id, merger.digest):
            merger = await merge_scene(
                self.storage, self.source, self.collection, found, self.options, state=self.state
            )
        folder = self.downloads.of_scene(collection_id, scene_id, merger.digest)
        if self._has_landed(scene_id, merger.digest):
            self.downloads.discard(folder)  # where a run was killed between the commit and this
            return None
        sizes = await self._sizes(merger, folder) if self.options.mode is Mode.COPY else []
        size_bytes = sum(size or 0 for size in sizes)
        return Pending(merger, size_bytes, self.downloads.size_bytes(folder), sizes.count(None))

    def _has_landed(self, scene_id: str, digest: str) -> bool:
        item_key = f"{scene_folder(self.source.collection_id, scene_id, digest)}item.json"
        return is_landed(self.state, scene_id, item_key)

    async def _sizes(self, merger: Merger, folder: Path) -> list[int | None]:
        """Return how much comes of each wanted file; None where the archive does not tell."""
        granule = merger.granule
        paths = {name: folder / name for name in granule.wanted_files}
        decided = decided_offset(self.collection, merger.kept)
        request = self.options.request(granule, band_files(granule, paths), decided)
        probed = bands_to_probe(self.collection, request)
        whole = {granule.layers[band].file for band in probed}
        return await asyncio.gather(*(self._size(granule, file, whole) for file in granule.wanted_files))

    async def _size(self, granule: Granule, file: str, whole: Container[str]) -> int | None:
        async with self.at_once:
            size_bytes = await self.source.size_bytes(granule.files[file])
        if size_bytes is None or self.options.clip is None or file in whole:
            return size_bytes
        grid = granule.layers[granule.bands_in(file)[0]].grid
        return estimated_bytes(size_bytes, grid, self.options.clip)
