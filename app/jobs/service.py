"""The service of jobs: accepts those that can be done, reports their state, and cancels them."""

import asyncio
from collections.abc import Mapping
from typing import Any

from app.database import Database, NoDatabaseError
from app.jobs.composable import LandedScenes, find_composites, may_be_of
from app.jobs.job import Job, JobRequestError, Kind
from app.jobs.job_store import (
    cancel_job,
    create_job,
    job_of_key,
    last_jobs,
    pending_ingestions,
    read_job_row,
    refuse_others_job,
)
from app.jobs.request import (
    FINE_M,
    CompositeRequest,
    IngestRequest,
    JobRequest,
    LandingRequest,
    asks_for,
    refuse_excess,
    understand,
)
from app.jobs.runner import JobRunner
from app.jobs.sources import choose_source, finest_pixel_m
from app.settings import Settings
from mosaics.descriptions.folders import DescriptionFolders, Descriptions
from mosaics.descriptions.sources import SourceDescription

MAX_KEY = 200
"""Longest idempotency key, in characters; a UUID has 36."""


def require_key(key: str | None) -> None:
    """Raise `JobRequestError` for an idempotency key that is not valid; there may be none."""
    if key is not None and not (0 < len(key) <= MAX_KEY and key.isprintable()):
        raise JobRequestError(f"an idempotency key must be 1 to {MAX_KEY} printable characters")


class JobService:
    """Accepts jobs, whichever process will run them.

    Args:
        database: Where jobs are stored; without one every use raises `NoDatabaseError`.
        settings: The limits of a job.
        descriptions: The sources and collections.
        landed: The scenes that composites are made of.
        runner: Runs jobs in this process; None if it runs none.
    """

    def __init__(
        self,
        database: Database | None,
        settings: Settings,
        descriptions: DescriptionFolders,
        landed: LandedScenes,
        runner: JobRunner | None,
    ) -> None:
        self.runner = runner
        self._maybe_database = database
        self._settings = settings
        self._descriptions = descriptions
        self._landed = landed

    async def submit(
        self,
        kind: Kind,
        request: JobRequest | Mapping[str, Any],
        *,
        key: str | None = None,
        owner: str | None = None,
        is_limited: bool = True,
    ) -> Job:
        """Accept a job, or return the one created by the same request with the same key.

        Args:
            kind: What to do.
            request: A request of that kind, or a document to read it from.
            key: An idempotency key.
            owner: To whom the request is bound; a key is compared with those of the same owner.
            is_limited: Whether the service's limits apply; they do not to what the operator's own files ask
                for.

        Raises:
            pydantic.ValidationError: If the document is not a valid request.
            JobRequestError: If the job cannot be done, or exceeds a limit.
            QueueFullError: If too many jobs wait.
            KeyReusedError: If the key was sent with another request.
            StorageError: If storage does not answer.
            DatabaseUnavailableError: If the database does not answer.
        """
        database = self._database
        if isinstance(request, Mapping):
            request = understand(kind, request)
        require_key(key)
        if key is not None and (sent := await self._sent(kind, request, key, owner)):
            return sent
        if is_limited:
            refuse_excess(request, self._settings, pixel_m=await self._pixel_m(request))
        complete = await self._completed(request)
        async with database.transaction() as connection:
            job = await create_job(
                connection,
                kind,
                complete.model_dump_json(),
                key,
                owner=owner,
                max_queued=self._settings.orders_queued,
            )
        if self.runner is not None:
            self.runner.wake()
        return job

    async def read(self, job_id: int) -> Job:
        """Return a job.

        Raises:
            UnknownJobError: If no job has this id.
            DatabaseUnavailableError: If the database does not answer.
        """
        async with self._database.connection() as connection:
            return await read_job_row(connection, job_id)

    async def refuse_others(self, job_id: int, owner: str) -> None:
        """Raise an error unless a job is of an owner.

        Raises:
            UnknownJobError: If it is not, or no job has this id.
            DatabaseUnavailableError: If the database does not answer.
        """
        async with self._database.connection() as connection:
            await refuse_others_job(connection, job_id, owner)

    async def last(self, limit: int, owner: str | None = None) -> list[Job]:
        """Return the latest jobs, newest first; those of an owner if one is given.

        Raises:
            DatabaseUnavailableError: If the database does not answer.
        """
        async with self._database.connection() as connection:
            return await last_jobs(connection, limit=limit, owner=owner)

    async def cancel(self, job_id: int) -> Job:
        """Cancel a job; a running one ends a moment later.

        Raises:
            UnknownJobError: If no job has this id.
            JobEndedError: If the job is done or has failed.
            DatabaseUnavailableError: If the database does not answer.
        """
        async with self._database.connection() as connection:
            job = await cancel_job(connection, job_id)
        if self.runner is not None:
            self.runner.stir(job_id)
        return job

    @property
    def _database(self) -> Database:
        if self._maybe_database is None:
            raise NoDatabaseError("no database is configured")
        return self._maybe_database

    async def _sent(self, kind: Kind, request: JobRequest, key: str, owner: str | None) -> Job | None:
        """Return the job that the same request created before, whether or not it could still be accepted.

        A request that differs is left to `create_job`, which says what is wrong.
        """
        async with self._database.connection() as connection:
            sent = await job_of_key(connection, key, owner)
        is_same = sent and sent.kind == kind and asks_for(request, understand(kind, sent.request))
        return sent if is_same else None

    async def _pixel_m(self, request: JobRequest) -> float:
        """Return the size of the pixels that a job fetches or reads."""
        if not isinstance(request, LandingRequest):
            return FINE_M
        descriptions = await asyncio.to_thread(self._descriptions.current)
        if isinstance(request, CompositeRequest):
            return finest_pixel_m(descriptions, request.collection)
        preferred = self._settings.order_source
        source = choose_source(descriptions.sources, request.source, preferred=preferred)
        return finest_pixel_m(descriptions, source.collection)

    async def _completed(self, request: JobRequest) -> JobRequest:
        """Return the request with its source named, once it is known that it can be done."""
        if not isinstance(request, LandingRequest):
            return request
        descriptions = await asyncio.to_thread(self._descriptions.current)
        preferred = self._settings.order_source
        if isinstance(request, IngestRequest):
            source = choose_source(descriptions.sources, request.source, preferred=preferred)
            _refuse_unknown_bands(request, source)
            return request.model_copy(update={"source": source.id})
        made = find_composites(descriptions.collections, request)
        if not request.ingest and (request.ingest is False or not self._has_archive(descriptions, request)):
            if not await self._expects_scenes(request):  # otherwise what has landed so far decides nothing
                await self._landed.refuse_nothing_landed(request, made)
            return request.model_copy(update={"ingest": False})
        named = request.ingest if isinstance(request.ingest, str) else None
        source = choose_source(
            descriptions.sources, named, collection=request.collection, preferred=preferred
        )
        _refuse_unknown_bands(request, source)
        return request.model_copy(update={"ingest": source.id})

    async def _expects_scenes(self, request: CompositeRequest) -> bool:
        """Return whether an ingestion that has not ended may bring scenes for a composite."""
        async with self._database.connection() as connection:
            pending = await pending_ingestions(connection)
        ingestions = (IngestRequest.model_validate(each) for each in pending)
        return any(may_be_of(each, request) for each in ingestions)

    def _has_archive(self, descriptions: Descriptions, request: CompositeRequest) -> bool:
        """Return whether the service has a preferred archive for a collection."""
        source = descriptions.sources.get(self._settings.order_source or "")
        return source is not None and source.collection == request.collection


def _refuse_unknown_bands(request: LandingRequest, source: SourceDescription) -> None:
    if unknown := [band for band in request.bands if band not in source.bands]:
        raise JobRequestError(
            f"source '{source.id}' has no band {unknown[0]}; there are: {', '.join(source.bands)}"
        )
