"""The service of jobs: takes orders that can be done, tells how their jobs stand, cancels them."""

import asyncio
from collections.abc import Mapping
from typing import Any

from app.database import Database, NoDatabaseError
from app.jobs.composable import LandedScenes, find_composites, may_be_of
from app.jobs.job import Job, Kind, OrderRequestError
from app.jobs.job_store import (
    cancel_job,
    create_job,
    job_of_key,
    last_jobs,
    pending_ingestions,
    read_job_row,
)
from app.jobs.request import (
    CompositeRequest,
    IngestRequest,
    OrderRequest,
    asks_for,
    refuse_excess,
    understand,
)
from app.jobs.runner import JobRunner
from app.jobs.sources import choose_source
from app.settings import Settings
from mosaics.descriptions.folders import DescriptionFolders, Descriptions
from mosaics.descriptions.sources import SourceDescription

MAX_KEY = 200
"""Characters of an idempotency key; a UUID has 36."""


class JobService:
    """Takes orders, whichever process will run them.

    Args:
        database: Where they are kept; None where there is none, and every use raises `NoDatabaseError`.
        settings: What may be ordered.
        descriptions: The sources and collections.
        landed: The scenes that composites are made of.
        runner: Runs orders in this process; None where it runs none.
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
        request: OrderRequest | Mapping[str, Any],
        *,
        key: str | None = None,
        is_limited: bool = True,
    ) -> Job:
        """Take an order; the one there is where its key was sent before with the same.

        Args:
            kind: What is to be done.
            request: Of the model of that kind, or a document that it reads.
            key: An idempotency key.
            is_limited: Whether it may be no larger than the service allows; what the operator's own files
                ask for may be.

        Raises:
            pydantic.ValidationError: If the document is no such request.
            OrderRequestError: If it cannot be done, or is larger than may be ordered.
            QueueFullError: If too many wait.
            KeyReusedError: If the key was sent with something else.
            StorageError: If storage does not tell what has landed.
            DatabaseUnavailableError: If the database does not answer.
        """
        database = self._database
        if isinstance(request, Mapping):
            request = understand(kind, request)
        if key is not None and not (0 < len(key) <= MAX_KEY and key.isprintable()):
            raise OrderRequestError(f"an idempotency key is 1 to {MAX_KEY} printable characters")
        if key is not None and (sent := await self._sent(kind, request, key)):
            return sent
        if is_limited:
            refuse_excess(request, self._settings)
        complete = await self._completed(request)
        async with database.transaction() as connection:
            job = await create_job(
                connection, kind, complete.model_dump_json(), key, max_queued=self._settings.orders_queued
            )
        if self.runner is not None:
            self.runner.wake()
        return job

    async def read(self, job_id: int) -> Job:
        """The order of an id; `UnknownJobError`, `DatabaseUnavailableError`."""
        async with self._database.connection() as connection:
            return await read_job_row(connection, job_id)

    async def last(self, limit: int) -> list[Job]:
        """The latest orders, newest first; `DatabaseUnavailableError`."""
        async with self._database.connection() as connection:
            return await last_jobs(connection, limit=limit)

    async def cancel(self, job_id: int) -> Job:
        """Cancel an order; one that runs is ended a moment later.

        Raises:
            UnknownJobError: If there is none.
            JobEndedError: If it is done, or has failed.
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

    async def _sent(self, kind: Kind, request: OrderRequest, key: str) -> Job | None:
        """The order that the same request gave before, whether or not it could still be given.

        A request that differs is left to `create_order`, which names what is wrong.
        """
        async with self._database.connection() as connection:
            sent = await job_of_key(connection, key)
        is_same = sent and sent.kind == kind and asks_for(request, understand(kind, sent.request))
        return sent if is_same else None

    async def _completed(self, request: OrderRequest) -> OrderRequest:
        """The request with its source named, once it is clear that there is what it asks for."""
        descriptions = await asyncio.to_thread(self._descriptions.current)
        preferred = self._settings.order_source
        if isinstance(request, IngestRequest):
            source = choose_source(descriptions.sources, request.source, preferred=preferred)
            _refuse_unknown_bands(request, source)
            return request.model_copy(update={"source": source.id})
        made = find_composites(descriptions.collections, request)
        if not request.ingest and (request.ingest is False or not self._has_archive(descriptions, request)):
            if not await self._expects_scenes(request):  # else what has landed by now tells nothing
                await self._landed.refuse_nothing_landed(request, made)
            return request.model_copy(update={"ingest": False})
        named = request.ingest if isinstance(request.ingest, str) else None
        source = choose_source(
            descriptions.sources, named, collection=request.collection, preferred=preferred
        )
        _refuse_unknown_bands(request, source)
        return request.model_copy(update={"ingest": source.id})

    async def _expects_scenes(self, request: CompositeRequest) -> bool:
        """Whether an ingestion that has not ended may bring scenes of a composite."""
        async with self._database.connection() as connection:
            pending = await pending_ingestions(connection)
        ingestions = (IngestRequest.model_validate(each) for each in pending)
        return any(may_be_of(each, request) for each in ingestions)

    def _has_archive(self, descriptions: Descriptions, request: CompositeRequest) -> bool:
        """Return whether the service has an archive of its own choice for a collection."""
        source = descriptions.sources.get(self._settings.order_source or "")
        return source is not None and source.collection == request.collection


def _refuse_unknown_bands(request: OrderRequest, source: SourceDescription) -> None:
    if unknown := [band for band in request.bands if band not in source.bands]:
        raise OrderRequestError(
            f"source '{source.id}' has no band {unknown[0]}; there are: {', '.join(source.bands)}"
        )
