"""Landing many scenes: planned and converted side by side, and made seen by one commit a batch."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ingest.archives.archive import GranuleRefusedError
from ingest.encoding import BaselineError
from ingest.granule_files import together
from ingest.harmonisation import OffsetUndecidedError
from ingest.ingesting import IngestOutcome, Watch
from ingest.landing import Landing, described, is_landed, needed_bytes, put_collection, stage_scene
from ingest.landing_request import LandingError
from ingest.planning import ScenePlan, plan_scene
from ingest.raster import RasterRefusedError
from ingest.tables.table import Entry
from mosaics.collection import UnknownBandError
from mosaics.commits import LogState
from mosaics.descriptions.collections import CollectionDescription
from mosaics.document import SceneRecord
from mosaics.log import commit_scenes, read_state
from mosaics.period import PeriodError
from mosaics.scene import SceneError
from mosaics.storage import Storage

SCENES_AT_ONCE = min(8, len(os.sched_getaffinity(0)))
"""One a core; each holds some 150 MB, so that a machine of many cores is bounded too."""

FAULTS_OF_AN_ENTRY = (
    BaselineError,
    GranuleRefusedError,
    OffsetUndecidedError,
    LandingError,
    PeriodError,
    RasterRefusedError,
    SceneError,
    UnknownBandError,
)
"""What keeps one scene from landing and says nothing of the others."""


class LandingWatch(Watch, Protocol):
    """Is told how landing many goes."""

    def staged(self) -> None:
        """Take note that a scene is in storage, and will be seen with its batch."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """When a batch is committed: with the first of these."""

    scenes: int = 100
    """Writing a period's mosaic again costs more than a small scene."""
    seconds: float = 60.0
    """Large scenes are seen as soon as this."""


async def land_entries(
    storage: Storage,
    source: CollectionDescription,
    entries: Sequence[Entry],
    *,
    watch: LandingWatch,
    batch: Batch | None = None,
) -> IngestOutcome:
    """Land the scenes of a table that have not landed, several at once.

    What is in storage when the run is interrupted is committed; what a killed run had converted within the
    last hours is not converted again by the next.

    Args:
        storage: Where they go.
        source: The collection they go to.
        entries: Of a table, each with an id of its own.
        watch: Is told how it goes.
        batch: When a batch is committed.

    Returns:
        The landings, those of scenes that had landed before without a commit, and failures by label.

    Raises:
        DiskFullError: If the disk is too small to convert a scene.
        StorageError: If storage does not take what is landed.
    """
    state = await read_state(storage, source.collection.id)
    loop = _Loop(storage, source, state, watch, batch or Batch())
    rest = iter(entries)
    try:
        await together(*(loop.land_all(rest) for _ in range(SCENES_AT_ONCE)))
    finally:
        await loop.commit()
    return loop.outcome


async def plan_entries(
    source: CollectionDescription, entries: Sequence[Entry]
) -> AsyncIterator[tuple[Entry, ScenePlan | str]]:
    """Yield the plan of each entry, in order, or why it cannot be landed."""
    for begin in range(0, len(entries), SCENES_AT_ONCE):
        some = entries[begin : begin + SCENES_AT_ONCE]
        plans = await asyncio.gather(*(_plan_or_reason(source, entry) for entry in some))
        for entry, plan in zip(some, plans, strict=True):
            yield entry, plan


async def _plan_or_reason(source: CollectionDescription, entry: Entry) -> ScenePlan | str:
    try:
        return await plan_entry(source, entry)
    except FAULTS_OF_AN_ENTRY as error:
        return str(error)


async def plan_entry(source: CollectionDescription, entry: Entry) -> ScenePlan:
    """Look at the files of an entry and decide how it is landed; see `plan_scene`.

    Raises:
        LandingError: If the entry asks for what is not valid, or a file cannot be read.
    """
    try:
        return await asyncio.to_thread(lambda: plan_scene(source, entry.request()))
    except OSError as error:
        raise LandingError(f"{error.filename or 'a file'} cannot be read: {error.strerror}.") from error


@dataclass(slots=True)
class DiskRoom:
    """The disk that conversions share: each waits until what it takes is free beside that of the others."""

    folder: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
    taken_bytes: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @asynccontextmanager
    async def take(self, needed_bytes: int) -> AsyncIterator[None]:
        """Hold room for a conversion; one that has no other beside it need not wait."""

        def fits() -> bool:
            free_bytes = shutil.disk_usage(self.folder).free
            return not self.taken_bytes or self.taken_bytes + needed_bytes <= free_bytes

        async with self.changed:
            await self.changed.wait_for(fits)
            self.taken_bytes += needed_bytes
        try:
            yield
        finally:
            async with self.changed:
                self.taken_bytes -= needed_bytes
                self.changed.notify_all()


@dataclass(frozen=True, slots=True)
class _Staged:
    plan: ScenePlan
    record: SceneRecord
    size_bytes: int


@dataclass(slots=True)
class _Loop:
    storage: Storage
    source: CollectionDescription
    state: LogState
    watch: LandingWatch
    batch: Batch
    outcome: IngestOutcome = field(default_factory=IngestOutcome)
    room: DiskRoom = field(default_factory=DiskRoom)
    staged: list[_Staged] = field(default_factory=list)
    committing: asyncio.Lock = field(default_factory=asyncio.Lock)
    committed_at: float = field(default_factory=time.monotonic)

    async def land_all(self, entries: Iterator[Entry]) -> None:
        """Land what the iterator still gives; several share one."""
        for entry in entries:
            try:
                await self.land_one(entry)
            except FAULTS_OF_AN_ENTRY as error:
                self.outcome.failures[entry.label] = str(error)
                self.watch.failed(entry.label, str(error))

    async def land_one(self, entry: Entry) -> None:
        plan = await plan_entry(self.source, entry)
        if is_landed(self.state, plan.id, plan.item_key):
            self._note(Landing(plan, None, 0))
            return
        record = plan.record()
        record.polygons()  # a wrong footprint costs this scene, not its batch
        async with self.room.take(needed_bytes(plan, plan.copied)):
            size_bytes = await stage_scene(self.storage, plan)
        self.staged.append(_Staged(plan, record, size_bytes))
        self.watch.staged()
        is_old = time.monotonic() - self.committed_at >= self.batch.seconds
        if is_old or len(self.staged) >= self.batch.scenes:
            await self.commit()

    async def commit(self) -> None:
        """Make seen what is in storage."""
        async with self.committing:
            staged, self.staged = self.staged, []
            self.committed_at = time.monotonic()
            if not staged:
                return
            collection_id = self.source.collection.id
            await put_collection(self.storage, described(staged[0].plan, self.state, ()))
            commit = await commit_scenes(self.storage, collection_id, add=[one.record for one in staged])
        for one in staged:
            self._note(Landing(one.plan, commit.number if commit else None, one.size_bytes))

    def _note(self, landing: Landing) -> None:
        self.outcome.landings.append(landing)
        self.watch.landed(landing)
