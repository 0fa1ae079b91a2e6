"""An archive that is a collection of NASA's, of whose granules Harmony cuts out what is wanted."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import ClassVar

from ingest.archives.archive import Access, Granule, GranuleRefusedError, LeftOut, Notes, RemoteFile, Wanted
from ingest.archives.cmr.archive import CmrArchive, in_words
from ingest.archives.harmony.jobs import (
    JobFailedError,
    JobGoneError,
    Made,
    Polling,
    place_order,
    wait_for,
)
from ingest.archives.harmony.services import PartOrder, Service, choose_media_type, read_services
from ingest.archives.http import ArchiveAnswerError, ArchiveError, shown
from mosaics.bbox import Bbox
from mosaics.descriptions.sources import HarmonySource

USUAL = Polling()
SUFFIXES: Mapping[str, tuple[str, ...]] = {"netcdf": (".nc4", ".nc"), "geotiff": (".tif", ".tiff")}
JOB = "job"


class HarmonyArchive(CmrArchive):
    """See `ingest.archives.archive.Archive`. A granule is found in the repository, and ordered by itself.

    Args:
        description: What it is.
        access: What it may use.
        polling: How jobs are waited for.
    """

    prepared_at_once: ClassVar[int] = 4

    def __init__(self, description: HarmonySource, access: Access, *, polling: Polling = USUAL) -> None:
        super().__init__(description, access)
        self._harmony = description.harmony
        self._format = description.format
        self._polling = polling
        self._services: tuple[Service, ...] | None = None
        self._asking = asyncio.Lock()

    async def search(self, wanted: Wanted) -> AsyncIterator[Granule | LeftOut]:
        """See `Archive.search`; size and checksum of a whole granule say nothing of its parts."""
        async for found in super().search(wanted):
            if isinstance(found, Granule):
                files = {
                    name: replace(file, size_bytes=None, checksum=None) for name, file in found.files.items()
                }
                yield replace(found, files=files)
            else:
                yield found

    async def prepare(
        self, granule: Granule, *, under: Bbox | None, notes: Notes
    ) -> Mapping[str, RemoteFile]:
        """See `Archive.prepare`; a job that is noted is waited for, and ordered again only if it is gone."""
        try:
            made = await self._noted(notes) or await self._ordered(granule, under, notes)
        except ArchiveAnswerError as error:
            raise in_words(error) from error
        return {name: self._file(name, made) for name in granule.wanted_files}

    async def size_bytes(self, file: RemoteFile) -> int | None:
        """See `Archive.size_bytes`; nothing tells it before the part is made."""
        return file.size_bytes

    async def _noted(self, notes: Notes) -> Made | None:
        """Return what an earlier run's job makes; None where there is none, or it is gone."""
        job = notes.read().get(JOB)
        if job is None:
            return None
        try:
            return await self._wait(str(job), notes)
        except JobGoneError:
            return None

    async def _ordered(self, granule: Granule, under: Bbox | None, notes: Notes) -> Made:
        order = await self._order(granule, under)
        job = await place_order(self._client, self._harmony, order.url(self._harmony))
        notes.write({JOB: job})
        try:
            return await self._wait(job, notes)
        except JobGoneError as error:
            raise ArchiveError(f"Harmony does not know the job that it took: {shown(job)}") from error

    async def _wait(self, job: str, notes: Notes) -> Made:
        try:
            return await wait_for(self._client, job, self._polling)
        except (JobFailedError, JobGoneError):
            notes.write({})  # the next run orders it again
            raise

    async def _order(self, granule: Granule, under: Bbox | None) -> PartOrder:
        layers = (granule.layers[band].layer for band in granule.bands)
        variables = tuple(dict.fromkeys(layer for layer in layers if isinstance(layer, str)))
        concept_id = await self._collection()
        media_type = choose_media_type(
            await self._abilities(concept_id), self._format, box=under is not None, variables=bool(variables)
        )
        granule_id = str(granule.provenance.properties["nasa:concept_id"])
        if not granule_id:
            raise GranuleRefusedError("the repository does not say its concept id, by which it is ordered")
        return PartOrder(concept_id, granule_id, variables, under, media_type)

    async def _abilities(self, concept_id: str) -> tuple[Service, ...]:
        async with self._asking:
            if self._services is None:
                self._services = await read_services(self._client, self._harmony, concept_id)
            return self._services

    def _file(self, name: str, made: Made) -> RemoteFile:
        """Return the file of a job that is the part of a granule's file.

        Raises:
            ArchiveError: If it made several, or nothing in the format.
        """
        suffixes, stem = SUFFIXES[self._format], name.rpartition(".")[0]
        fitting = [link for link in made.links if shown(link).lower().endswith(suffixes)]
        own = [link for link in fitting if shown(link).rpartition("/")[2].startswith(stem)]
        links = own or fitting
        if len(links) != 1:
            raise ArchiveError(
                f"Harmony's job made {len(links)} files of {name} in {self._format} "
                f"({len(made.links)} in all), where it was to make one"
            )
        remark = "; ".join(made.errors) or None
        return RemoteFile(links[0], remark=remark and f"partial, as Harmony says: {remark}")
