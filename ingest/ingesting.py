"""Ingesting: the loop that lands an archive's scenes, each fetched, harmonised, converted and committed."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ingest.archives.archive import Archive, GranuleRefusedError
from ingest.archives.http import ArchiveError, ArchiveUnavailableError
from ingest.downloads import BeingFetchedError, Downloads
from ingest.granule_files import REMEDY, GranuleFiles, together
from ingest.harmonisation import OffsetUndecidedError
from ingest.landing import Landing, land_scene, require_space
from ingest.landing_request import BandFile, LandingRequest, OrderError
from ingest.merging import decided_offset
from ingest.options import IngestOptions, Mode
from ingest.pending import Pending, PendingScenes, band_files
from ingest.planning import ScenePlan, bands_to_probe, hash_rasters, plan_rasters
from ingest.raster import RasterRefusedError, SourceRaster
from mosaics.bbox import Bbox
from mosaics.descriptions.collections import CollectionDescription
from mosaics.log import OvertakenError
from mosaics.storage import Storage

SCENES_AT_ONCE = 2
"""One is fetched while the other is converted, which takes all cores; more may wait for their archive to make
their files (`Archive.prepared_at_once`)."""
FILES_AT_ONCE = 4
"""Connections to an archive; more are no faster, and archives slow down who opens many."""
UNAVAILABLE_IN_A_ROW = 3
"""So many scenes fail for want of the archive before the others are not tried."""

FAULTS_OF_A_SCENE = (
    ArchiveError,
    BeingFetchedError,
    OffsetUndecidedError,
    OrderError,
    OvertakenError,
    RasterRefusedError,
    GranuleRefusedError,
)
"""What keeps one granule from landing and says nothing of the others."""


class Watch(Protocol):
    """Is told how an ingestion goes."""

    def fetched(self, size_bytes: int) -> None:
        """Take note that bytes have come in; negative where some have to come again."""
        ...

    def landed(self, landing: Landing) -> None:
        """Take note that a scene has landed."""
        ...

    def failed(self, scene_id: str, reason: str) -> None:
        """Take note that a scene has not landed."""
        ...


@dataclass(slots=True)
class IngestOutcome:
    """What came of an ingestion."""

    landings: list[Landing] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    """Why, by scene id."""


async def ingest_scenes(
    storage: Storage,
    source: Archive,
    collection: CollectionDescription,
    survey: PendingScenes,
    options: IngestOptions,
    *,
    downloads: Downloads,
    watch: Watch,
) -> IngestOutcome:
    """Land the pending granules of a survey, each by a commit of its own.

    What has been fetched stays in `downloads` until its scene has landed: a run that is killed, or fails, is
    gone on with by the next.

    Raises:
        DiskFullError: If the files of two scenes do not fit.
        ArchiveUnavailableError: If the archive stopped answering.
        StorageError: If storage does not take what is landed.
    """
    sizes = sorted(pending.missing_bytes for pending in survey.pending)
    require_space(downloads.folder, sum(sizes[-SCENES_AT_ONCE:]), work="fetching", remedy=REMEDY)
    loop = _Loop(storage, source, collection, options, downloads, watch)
    pending = iter(survey.pending)
    workers = max(SCENES_AT_ONCE, source.prepared_at_once)
    await together(*(loop.land_all(pending) for _ in range(workers)))
    return loop.outcome


@dataclass(slots=True)
class _Loop:
    storage: Storage
    source: Archive
    collection: CollectionDescription
    options: IngestOptions
    downloads: Downloads
    watch: Watch
    outcome: IngestOutcome = field(default_factory=IngestOutcome)
    scenes_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SCENES_AT_ONCE))
    files_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FILES_AT_ONCE))
    converting: asyncio.Lock = field(default_factory=asyncio.Lock)
    unavailable: int = 0

    async def land_all(self, pending: Iterator[Pending]) -> None:
        """Land what the iterator still gives; several share one."""
        for one in pending:
            try:
                landing = await self.land_one(one)
            except FAULTS_OF_A_SCENE as error:
                self.outcome.failures[one.granule.id] = str(error)
                self.watch.failed(one.granule.id, str(error))
                self.unavailable += isinstance(error, ArchiveUnavailableError)
                if self.unavailable >= UNAVAILABLE_IN_A_ROW:
                    raise
            else:
                self.unavailable = 0
                self.outcome.landings.append(landing)
                self.watch.landed(landing)

    async def land_one(self, pending: Pending) -> Landing:
        granule = pending.granule
        scene_id = self.options.scene_id(granule.id)
        folder = self.downloads.of_scene(self.source.collection_id, scene_id, pending.digest)
        with self.downloads.claimed(folder):
            files = GranuleFiles(
                self.source, granule, folder, self.downloads, self.files_at_once, self.watch.fetched
            )
            if self.options.mode is Mode.COPY:
                await files.prepare(self.options.clip)
            async with self.scenes_at_once:
                plan = await self._plan(pending, files)
                replaces = [self.options.scene_id(lesser) for lesser in granule.supersedes]
                over = {scene_id: pending.merger.landed}
                async with self.converting:
                    landing = await land_scene(self.storage, plan, replaces=replaces, over=over)
            self.downloads.remove(folder)
        return landing

    async def _plan(self, pending: Pending, files: GranuleFiles) -> ScenePlan:
        if self.options.mode is Mode.REFERENCE:
            return await self._plan_reference(pending, files)
        if self.options.clip is not None:
            return await self._plan_part(pending, files, self.options.clip)
        await files.fetch(files.remote)
        request = self._request(pending, band_files(pending.granule, files.paths))

        def plan() -> ScenePlan:
            rasters = {band: files.unpack(band) for band in pending.granule.bands}
            return self._plan_rasters(pending, request, rasters, pixels=rasters)

        async with self.converting:
            return await asyncio.to_thread(plan)

    async def _plan_part(self, pending: Pending, files: GranuleFiles, bbox: Bbox) -> ScenePlan:
        """Fetch whole the files whose pixels tell the offset, of the others what lies under the box."""
        granule = pending.granule
        request = self._request(
            pending, band_files(granule, {name: files.folder / name for name in files.remote})
        )
        probed = bands_to_probe(self.collection, request)
        whole = {granule.layers[band].file for band in probed}
        await files.fetch(files.remote, under=bbox, whole=whole)

        def plan() -> ScenePlan:
            rasters = files.clip(bbox)
            pixels = {band: files.unpack(band) for band in probed}
            return self._plan_rasters(pending, request, rasters, pixels=pixels)

        async with self.converting:
            return await asyncio.to_thread(plan)

    async def _plan_reference(self, pending: Pending, files: GranuleFiles) -> ScenePlan:
        granule = pending.granule
        left = self.source.refer(granule, self.collection.collection)
        await files.require()
        rasters = {band: one.raster for band, one in left.items()}
        request = self._request(
            pending, [BandFile(band, one.raster.path, origin=one.origin) for band, one in left.items()]
        )
        probed = bands_to_probe(self.collection, request)
        await files.fetch(dict.fromkeys(granule.layers[band].file for band in probed))

        def plan() -> ScenePlan:
            pixels = {band: files.unpack(band) for band in probed}
            return self._plan_rasters(pending, request, rasters, pixels=pixels)

        return await asyncio.to_thread(plan)

    def _request(self, pending: Pending, files: Iterable[BandFile]) -> LandingRequest:
        decided = decided_offset(self.collection, pending.merger.kept)
        return self.options.request(pending.granule, files, decided)

    def _plan_rasters(
        self,
        pending: Pending,
        request: LandingRequest,
        rasters: Mapping[str, SourceRaster],
        *,
        pixels: Mapping[str, SourceRaster],
    ) -> ScenePlan:
        return plan_rasters(
            self.collection,
            request,
            rasters,
            sha256=hash_rasters(rasters),
            pixels=pixels,
            digest=pending.digest,
            kept=pending.merger.kept,
        )
