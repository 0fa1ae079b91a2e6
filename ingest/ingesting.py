"""Ingesting: the loop that lands an archive's scenes, each fetched, harmonised, converted and committed."""

import asyncio
import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from ingest.archives.archive import Archive, EmptyGranuleError, Granule, GranuleRefusedError
from ingest.archives.http import ArchiveError, ArchiveUnavailableError
from ingest.audit import keep_files
from ingest.cog import InvalidCogError
from ingest.downloads import BeingFetchedError, Downloads
from ingest.encoding import BaselineError
from ingest.granule_files import REMEDY, GranuleFiles, together
from ingest.harmonisation import OffsetUndecidedError
from ingest.landing import DiskFullError, Landing, land_scene, require_space
from ingest.landing_request import BandFile, LandingError, LandingRequest
from ingest.merging import decided_offset
from ingest.options import IngestOptions, Mode
from ingest.pending import ODDITIES, Pending, PendingScenes, band_files, oddity_text
from ingest.planning import ScenePlan, bands_to_probe, hash_rasters, plan_rasters
from ingest.raster import DamagedRasterError, RasterRefusedError, SourceRaster
from ingest.standing_in import replaced_by
from mosaics.bbox import Bbox
from mosaics.collection import UnknownBandError
from mosaics.descriptions.collections import CollectionDescription
from mosaics.log import OvertakenError
from mosaics.period import PeriodError
from mosaics.scene import SceneError
from mosaics.storage import Storage

logger = logging.getLogger(__name__)

SCENES_AT_ONCE = 2
"""One is fetched while the other is converted, which takes all cores; more may wait for their archive to make
their files (`Archive.prepared_at_once`)."""
FILES_AT_ONCE = 4
"""Connections to an archive; more are no faster, and archives slow down who opens many."""
UNAVAILABLE = 3
"""So many scenes, all there are, fail for want of the archive before it is that which the run says."""

FAULTS_OF_A_SCENE = (
    ArchiveError,
    BaselineError,
    BeingFetchedError,
    GranuleRefusedError,
    InvalidCogError,
    OffsetUndecidedError,
    LandingError,
    OvertakenError,
    PeriodError,
    RasterRefusedError,
    SceneError,
    UnknownBandError,
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
    empty: dict[str, str] = field(default_factory=dict)
    """What archives say, by scene id, of granules that have nothing where they are wanted."""
    partial: dict[str, str] = field(default_factory=dict)
    """What archives say, by scene id, of what is missing in granules that landed."""


async def ingest_scenes(
    storage: Storage,
    source: Archive,
    collection: CollectionDescription,
    survey: PendingScenes,
    options: IngestOptions,
    *,
    downloads: Downloads,
    watch: Watch,
    audit: bool = False,
) -> IngestOutcome:
    """Land the pending granules of a survey, each by a commit of its own.

    What has been fetched stays in `downloads` until its scene has landed: a run that is killed, or fails, is
    gone on with by the next. A granule that cannot be landed costs itself alone. With `audit` files that were
    fetched are kept in storage as they came, before what is made of them is seen.

    Raises:
        DiskFullError: If the files of two scenes do not fit, or not one of those that came can be converted.
        ArchiveUnavailableError: If not one of several scenes landed, all for want of the archive.
        StorageError: If storage does not take what is landed.
    """
    loop = _Loop(storage, source, collection, options, downloads, watch, audit)
    fitting = loop.without_too_large(survey.pending)
    sizes = sorted(pending.missing_bytes for pending in fitting)
    require_space(downloads.folder, sum(sizes[-SCENES_AT_ONCE:]), work="fetching", remedy=REMEDY)
    pending = iter(fitting)
    workers = max(SCENES_AT_ONCE, source.prepared_at_once)
    await together(*(loop.land_all(pending) for _ in range(workers)))
    if len(loop.unavailable) == len(survey.pending) >= UNAVAILABLE:
        raise loop.unavailable[-1]
    if loop.full and not loop.outcome.landings:
        raise loop.full[-1]
    return loop.outcome


@dataclass(slots=True)
class _Loop:
    storage: Storage
    source: Archive
    collection: CollectionDescription
    options: IngestOptions
    downloads: Downloads
    watch: Watch
    audit: bool
    outcome: IngestOutcome = field(default_factory=IngestOutcome)
    scenes_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SCENES_AT_ONCE))
    files_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FILES_AT_ONCE))
    converting: asyncio.Lock = field(default_factory=asyncio.Lock)
    unavailable: list[ArchiveUnavailableError] = field(default_factory=list)
    """Of scenes that did not land for want of the archive."""
    full: list[DiskFullError] = field(default_factory=list)
    """Of scenes that did not fit where they are converted."""

    def without_too_large(self, pending: Iterable[Pending]) -> list[Pending]:
        """Return what fits on the disk by itself, and note the rest as failed; all where nothing fits."""
        free_bytes = shutil.disk_usage(self.downloads.folder).free
        everything = list(pending)
        fitting = [one for one in everything if one.missing_bytes <= free_bytes]
        if not fitting:
            return everything
        for one in everything:
            if one.missing_bytes > free_bytes:
                self._failed(one, f"its files take {one.missing_bytes / 1e9:,.1f} GB, more than the disk has")
        return fitting

    async def land_all(self, pending: Iterator[Pending]) -> None:
        """Land what the iterator still gives; several share one."""
        for one in pending:
            try:
                landing = await self.land_one(one)
            except EmptyGranuleError as error:
                self.outcome.empty[one.granule.id] = str(error)
            except FAULTS_OF_A_SCENE as error:
                if isinstance(error, ArchiveUnavailableError):
                    self.unavailable.append(error)
                self._failed(one, str(error))
            except ODDITIES as error:
                logger.exception("%s cannot be landed", one.granule.id)
                self._failed(one, oddity_text(error))
            except DiskFullError as error:
                self.full.append(error)
                self._failed(one, "the disk is too small to convert it")
            else:
                self.outcome.landings.append(landing)
                self.watch.landed(landing)

    def _failed(self, pending: Pending, reason: str) -> None:
        self.outcome.failures[pending.granule.id] = reason
        self.watch.failed(pending.granule.id, reason)

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
                landing = await self._land_undamaged(pending, files)
            remarks = [file.remark for file in files.remote.values() if file.remark]
            if lacking := landing.plan.lacking:
                remarks.append(f"its file does not have {', '.join(lacking)}; it landed without")
            if remarks:
                self.outcome.partial[granule.id] = "; ".join(remarks)
            self.downloads.remove(folder)
        return landing

    async def _land_undamaged(self, pending: Pending, files: GranuleFiles) -> Landing:
        """Fetch, plan and land; once more where a file turns out to be damaged only when it is decoded.

        Files that are refused are not kept: what is wrong with them may have come with the download.
        """
        try:
            return await self._land(pending, files)
        except DamagedRasterError as error:
            files.throw_away(error.path)
        except RasterRefusedError:
            files.throw_away()
            raise
        try:
            return await self._land(pending, files)
        except RasterRefusedError:
            files.throw_away()
            raise

    async def _land(self, pending: Pending, files: GranuleFiles) -> Landing:
        plan, stood_in = await replaced_by(self.storage, await self._plan(pending, files))
        scene_id = self.options.scene_id(pending.granule.id)
        replaces = [*map(self.options.scene_id, pending.granule.supersedes), *stood_in]
        over = {scene_id: pending.merger.landed}
        if self.audit and self.options.mode is Mode.COPY:
            await keep_files(self.storage, self.source.collection_id, scene_id, files.as_they_came)
        async with self.converting:
            return await land_scene(self.storage, plan, replaces=replaces, over=over)

    async def _plan(self, pending: Pending, files: GranuleFiles) -> ScenePlan:
        if self.options.mode is Mode.REFERENCE:
            return await self._plan_reference(pending, files)
        if self.options.clip is not None:
            return await self._plan_part(pending, files, self.options.clip)
        await files.fetch(files.remote)

        def plan() -> ScenePlan:
            lacking = files.leave_out_absent(pending.merger.kept)
            request = self._request(pending, files.granule, band_files(files.granule, files.paths))
            rasters = {band: files.unpack(band) for band in files.granule.bands}
            found = self._plan_rasters(pending, request, rasters, pixels=rasters)
            return replace(found, lacking=lacking)

        async with self.converting:
            return await asyncio.to_thread(plan)

    async def _plan_part(self, pending: Pending, files: GranuleFiles, bbox: Bbox) -> ScenePlan:
        """Fetch whole the files whose pixels tell the offset, of the others what lies under the box."""
        granule = pending.granule
        paths = {name: files.folder / name for name in files.remote}
        probed = bands_to_probe(self.collection, self._request(pending, granule, band_files(granule, paths)))
        whole = {granule.layers[band].file for band in probed}
        await files.fetch(files.remote, under=bbox, whole=whole)

        def plan() -> ScenePlan:
            lacking = files.leave_out_absent(pending.merger.kept)
            request = self._request(pending, files.granule, band_files(files.granule, paths))
            rasters = files.clip(bbox)
            pixels = {band: files.unpack(band) for band in probed if band in rasters}
            found = self._plan_rasters(pending, request, rasters, pixels=pixels)
            return replace(found, lacking=lacking)

        async with self.converting:
            return await asyncio.to_thread(plan)

    async def _plan_reference(self, pending: Pending, files: GranuleFiles) -> ScenePlan:
        granule = pending.granule
        left = self.source.refer(granule, self.collection.collection)
        await files.require()
        rasters = {band: one.raster for band, one in left.items()}
        request = self._request(
            pending,
            granule,
            [BandFile(band, one.raster.path, origin=one.origin) for band, one in left.items()],
        )
        probed = bands_to_probe(self.collection, request)
        await files.fetch(dict.fromkeys(granule.layers[band].file for band in probed))

        def plan() -> ScenePlan:
            pixels = {band: files.unpack(band) for band in probed}
            return self._plan_rasters(pending, request, rasters, pixels=pixels)

        return await asyncio.to_thread(plan)

    def _request(self, pending: Pending, granule: Granule, files: Iterable[BandFile]) -> LandingRequest:
        decided = decided_offset(self.collection, pending.merger.kept)
        return self.options.request(granule, files, decided)

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
