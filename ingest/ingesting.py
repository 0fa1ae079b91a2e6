"""Ingesting: the loop that lands an archive's scenes, each fetched, harmonised, converted and committed."""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from ingest.archives.archive import Archive, ArchiveScene, RemoteFile, SceneRefusedError
from ingest.archives.http import ArchiveError, ArchiveUnavailableError
from ingest.clipping import clip_file
from ingest.downloads import BeingFetchedError, Downloads
from ingest.encoding import OffsetUndecidedError
from ingest.fetching_parts import WholeOnlyError
from ingest.landing import Landing, land_scene, require_space
from ingest.landing_request import LandingRequest, OrderError
from ingest.merging import decided_offset
from ingest.options import IngestOptions, Mode
from ingest.pending import Pending, PendingScenes
from ingest.planning import ScenePlan, bands_to_probe, plan_rasters, plan_scene
from ingest.raster import RasterRefusedError, inspect_raster
from mosaics.descriptions.collections import CollectionDescription
from mosaics.log import OvertakenError
from mosaics.storage import Storage

SCENES_AT_ONCE = 2
"""One is fetched while the other is converted, which takes all cores."""
FILES_AT_ONCE = 4
"""Connections to an archive; more are no faster, and archives slow down who opens many."""
UNAVAILABLE_IN_A_ROW = 3
"""So many scenes fail for want of the archive before the others are not tried."""
REMEDY = "set TILEWATCH_DOWNLOADS to a folder on a larger disk"

FAULTS_OF_A_SCENE = (
    ArchiveError,
    BeingFetchedError,
    OffsetUndecidedError,
    OrderError,
    OvertakenError,
    RasterRefusedError,
    SceneRefusedError,
)
"""What keeps one scene from landing and says nothing of the others."""


class Watch(Protocol):
    """Is told how an ingestion goes."""

    def fetched(self, size_bytes: int) -> None:
        """Bytes have come in; negative where some have to come again."""
        ...

    def landed(self, landing: Landing) -> None:
        """A scene has landed."""
        ...

    def failed(self, scene_id: str, reason: str) -> None:
        """A scene has not."""
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
    """Lands the pending scenes of a survey, each by a commit of its own.

    What has been fetched stays in `downloads` until its scene has landed: a run that is killed, or fails, is
    gone on with by the next.

    Raises:
        DiskFullError: Where there is no room for the files of two scenes.
        ArchiveUnavailableError: Where the archive stopped answering.
        StorageError: Where storage does not take what is landed.
    """
    sizes = sorted(pending.missing_bytes for pending in survey.pending)
    require_space(downloads.folder, sum(sizes[-SCENES_AT_ONCE:]), work="fetching", remedy=REMEDY)
    loop = _Loop(storage, source, collection, options, downloads, watch)
    pending = iter(survey.pending)
    await together(*(loop.land_all(pending) for _ in range(SCENES_AT_ONCE)))
    return loop.outcome


async def together(*work: Coroutine[Any, Any, None]) -> None:
    """Runs work at once; where a part fails the others are stopped, and its error is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in work:
                group.create_task(part)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors


@dataclass(slots=True)
class _Loop:
    storage: Storage
    source: Archive
    collection: CollectionDescription
    options: IngestOptions
    downloads: Downloads
    watch: Watch
    outcome: IngestOutcome = field(default_factory=IngestOutcome)
    files_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FILES_AT_ONCE))
    converting: asyncio.Lock = field(default_factory=asyncio.Lock)
    unavailable: int = 0

    async def land_all(self, pending: Iterator[Pending]) -> None:
        """Lands what the iterator still gives; several share one."""
        for one in pending:
            try:
                landing = await self.land_one(one)
            except FAULTS_OF_A_SCENE as error:
                self.outcome.failures[one.scene.id] = str(error)
                self.watch.failed(one.scene.id, str(error))
                self.unavailable += isinstance(error, ArchiveUnavailableError)
                if self.unavailable >= UNAVAILABLE_IN_A_ROW:
                    raise
            else:
                self.unavailable = 0
                self.outcome.landings.append(landing)
                self.watch.landed(landing)

    async def land_one(self, pending: Pending) -> Landing:
        scene_id = self.options.scene_id(pending.scene.id)
        folder = self.downloads.of_scene(self.source.collection_id, scene_id, pending.digest)
        with self.downloads.claimed(folder):
            if self.options.mode is Mode.COPY:
                plan_work = self._plan_copy(pending, scene_id, folder)
            else:
                plan_work = self._plan_reference(pending, scene_id, folder)
            plan = await plan_work
            over = {scene_id: pending.merger.landed}
            replaces = [self.options.scene_id(lesser) for lesser in pending.scene.supersedes]
            async with self.converting:
                landing = await land_scene(self.storage, plan, replaces=replaces, over=over)
            self.downloads.remove(folder)
        return landing

    async def _plan_copy(self, pending: Pending, scene_id: str, folder: Path) -> ScenePlan:
        if self.options.clip is not None:
            return await self._plan_part(pending, scene_id, folder, self.options.clip)
        files = await self._fetch(pending.scene, pending.scene.files, folder)
        order = self._given(self.source.convert(pending.scene, files), scene_id, pending)
        async with self.converting:
            return await asyncio.to_thread(
                plan_scene, self.collection, order, digest=pending.digest, kept=pending.merger.kept
            )

    async def _plan_part(
        self, pending: Pending, scene_id: str, folder: Path, bbox: tuple[float, float, float, float]
    ) -> ScenePlan:
        """Fetches whole the files whose pixels tell the offset, of the others what lies under the box."""
        parts = {band: folder / "clipped" / f"{band}.tif" for band in pending.scene.files}
        order = self._given(self.source.convert(pending.scene, parts), scene_id, pending)
        probed = bands_to_probe(self.collection, order)
        files = await self._fetch(pending.scene, parts, folder, under=bbox, whole=probed)

        def plan() -> ScenePlan:
            (folder / "clipped").mkdir(exist_ok=True)
            for band, part in parts.items():
                try:
                    clip_file(files[band], bbox, part)
                except RasterRefusedError:
                    files[band].unlink()  # to be fetched anew by the next run
                    raise
            pixels = {band: inspect_raster(files[band]) for band in probed}
            return plan_scene(
                self.collection, order, digest=pending.digest, pixels=pixels, kept=pending.merger.kept
            )

        async with self.converting:
            return await asyncio.to_thread(plan)

    async def _plan_reference(self, pending: Pending, scene_id: str, folder: Path) -> ScenePlan:
        scene = pending.scene
        reference = self.source.refer(scene, self.collection.collection)
        await together(*(self._require(scene, band) for band in scene.files))
        order = self._given(reference.order, scene_id, pending)
        files = await self._fetch(scene, bands_to_probe(self.collection, order), folder)

        def plan() -> ScenePlan:
            return plan_rasters(
                self.collection,
                order,
                reference.rasters,
                sha256={},
                pixels={band: inspect_raster(file) for band, file in files.items()},
                digest=pending.digest,
                kept=pending.merger.kept,
            )

        return await asyncio.to_thread(plan)

    async def _require(self, scene: ArchiveScene, band: str) -> None:
        """Asks for a file's head: links of archives may be dead, or lead where nobody may read."""
        async with self.files_at_once:
            await self.source.size_bytes(replace(scene.files[band], size_bytes=None))

    async def _fetch(
        self,
        scene: ArchiveScene,
        bands: Iterable[str],
        folder: Path,
        *,
        under: tuple[float, float, float, float] | None = None,
        whole: Sequence[str] = (),
    ) -> dict[str, Path]:
        """Brings files of a scene, of those not in `whole` only what lies under a box where there is one."""
        files: dict[str, Path] = {}

        async def fetch(band: str) -> None:
            file, target = scene.files[band], folder / f"{band}.tif"
            async with self.files_at_once:
                if under is not None and band not in whole:
                    files[band] = await self._fetch_under(file, under, target)
                else:
                    await self.source.fetch(file, target, self.watch.fetched)
                    files[band] = target

        await together(*map(fetch, bands))
        return files

    async def _fetch_under(
        self, file: RemoteFile, bbox: tuple[float, float, float, float], target: Path
    ) -> Path:
        """Brings what lies under a box, or the whole where no parts can be had; where that is."""
        if await asyncio.to_thread(target.is_file):
            return target
        blocks = target.with_suffix(".blocks.tif")
        try:
            await self.source.fetch_under(file, bbox, blocks, self.watch.fetched)
        except WholeOnlyError:
            size_bytes = await self.source.size_bytes(file)
            require_space(self.downloads.folder, size_bytes or 0, work="fetching", remedy=REMEDY)
            await self.source.fetch(file, target, self.watch.fetched)
            return target
        return blocks

    def _given(self, order: LandingRequest, scene_id: str, pending: Pending) -> LandingRequest:
        return self.options.given(order, scene_id, decided_offset(self.collection, pending.merger.kept))
