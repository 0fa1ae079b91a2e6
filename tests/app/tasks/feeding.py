"""A world for feeds: a clock in hand, an archive that publishes by a plan, and leaders that die at any step.

Feeds, their pieces and the queue of jobs are real, in PostgreSQL. SIMULATED are the archive and what lands:
in the place of the command a worker looks up what is published, and remembers what it lands.
"""

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from app.database import Connection, Database
from app.feeds.feed import Feed, FeedRequest
from app.feeds.service import FeedService
from app.feeds.standing import FeedStanding, standing_of
from app.jobs.aoi import read_toi
from app.jobs.composable import LandedScenes
from app.jobs.job import Job, LandedScene
from app.jobs.job_store import ReportedWork, claim_job, finish_job
from app.jobs.request import IngestRequest
from app.jobs.service import JobService
from app.settings import Settings
from app.tasks.feed_polling import FeedPolling
from mosaics.catalogue import Catalogue
from mosaics.descriptions.folders import DescriptionFolders
from mosaics.period import Interval, Period, instant_text
from mosaics.storage import open_storage

BOX = [32.0, 15.0, 32.5, 15.5]
DAY = timedelta(days=1)


class WorkerKilledError(Exception):
    """An ingestion is gone, in the middle of what it did."""


class DeathError(BaseException):
    """A leader is gone, in the middle of what it did."""


@dataclass
class Fate:
    """When the leader dies: after so many steps; None for not at all."""

    steps_left: int | None = None
    deaths: int = 0

    def step(self) -> None:
        if self.steps_left is None:
            return
        self.steps_left -= 1
        if self.steps_left < 0:
            self.steps_left = None
            self.deaths += 1
            raise DeathError


class MortalDatabase(Database):
    """A database whose caller may die before each use, before it commits, and after."""

    fate: Fate

    @asynccontextmanager
    async def connection(self, **given: Any) -> AsyncIterator[Connection]:
        self.fate.step()
        async with super().connection(**given) as connection:
            yield connection
        self.fate.step()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with super().transaction() as connection:
            yield connection
            self.fate.step()


@dataclass
class MortalJobs:
    """The real service of jobs, whose caller may die before and after each call."""

    service: JobService
    fate: Fate

    async def submit(self, kind: Any, request: Mapping[str, Any], *, key: str) -> Job:
        self.fate.step()
        job = await self.service.submit(kind, request, key=key)
        self.fate.step()
        return job

    async def read(self, job_id: int) -> Job:
        self.fate.step()
        return await self.service.read(job_id)


@dataclass(frozen=True)
class Production:
    """A granule as it was produced once."""

    granule: str
    time: Interval
    published: datetime
    number: int
    """Of the production; the newest is the best."""


@dataclass
class Archive:
    """What is published when, and what of it is here."""

    plan: dict[str, list[Production]]
    """By source."""
    landed: dict[str, int] = field(default_factory=dict)
    """Production that is shown, by granule."""
    landings: Counter[tuple[str, int]] = field(default_factory=Counter)
    fails: bool = False
    refuses: frozenset[str] = frozenset()
    """Granules whose files are damaged."""
    found: Sequence[Production] = ()
    """What the last search found that can be landed, or has."""

    def newest(self, source: str, now: datetime) -> dict[str, Production]:
        """What the archive lists: of each granule the latest production, as it is now."""
        found: dict[str, Production] = {}
        for each in sorted(self.plan[source], key=lambda each: each.number):
            if each.published <= now:
                found[each.granule] = each
        return found

    def ingest(self, request: IngestRequest, now: datetime) -> tuple[dict[str, Any], list[str]]:
        """Search, land, and report as `tilewatch ingest --json` does."""
        interval, since = read_toi(request.toi), request.revised_since
        listed = [
            each
            for each in self.newest(request.source or "", now).values()
            if each.time.start is not None
            and each.time.end is not None
            and interval.overlaps(each.time.start, each.time.end)
            and (since is None or each.published >= since)
        ]
        kept = sorted(listed, key=lambda each: each.granule)[: request.limit]
        failures = {each.granule: "it is damaged" for each in kept if each.granule in self.refuses}
        good = [each for each in kept if each.granule not in failures]
        self.found = good
        new = [each for each in good if self.landed.get(each.granule, 0) < each.number]
        for each in new:
            self.landed[each.granule] = each.number
            self.landings[each.granule, each.number] += 1
        starts = [each.time.start for each in good if each.time.start is not None]
        result: dict[str, Any] = {
            "status": "done" if not failures else "partial" if good else "failed",
            "found": len(kept),
            "landed": len(new),
            "over_limit": len(listed) - len(kept),
            "failures": failures,
        }
        if starts:
            result["newest_landed"] = instant_text(max(starts))
        if listed:
            result["newest_revision"] = instant_text(max(each.published for each in listed))
        return result, [each.granule for each in new]


@dataclass
class World:
    """Feeds over an empty database, with a clock in hand."""

    database: MortalDatabase
    settings: Settings
    descriptions: DescriptionFolders
    jobs: JobService
    archive: Archive
    now: datetime
    fate: Fate = field(default_factory=Fate)
    land: Callable[[str, Sequence[Production], Sequence[str]], Awaitable[None]] | None = None
    """Lands what an order of a source found, of which some is new; raises WorkerKilledError where it dies."""

    @property
    def polling(self) -> FeedPolling:
        """What a leader has, made again for every leader."""
        jobs = MortalJobs(self.jobs, self.fate)
        most_days = self.settings.order_days
        return FeedPolling(self.database, self.descriptions, jobs, most_days=most_days, now=lambda: self.now)

    @property
    def feeds(self) -> FeedService:
        return FeedService(self.database, self.settings, self.descriptions, now=lambda: self.now)

    async def create(self, **asked: Any) -> Feed:
        return await self.feeds.create(FeedRequest.model_validate({"aoi": BOX} | asked))

    async def lead(self, fate: random.Random | None = None) -> dict[str, Any]:
        """One run of the task, by leaders that die at times until one comes through."""
        while True:
            is_doomed = fate is not None and fate.random() < 0.3
            self.fate.steps_left = fate.randrange(20) if fate is not None and is_doomed else None
            try:
                done = dict(await self.polling.run(self._still_leading))
            except DeathError:
                continue
            self.fate.steps_left = None
            return done

    async def work(self) -> int:
        """Do what is ordered."""
        done = 0
        while True:
            async with self.database.transaction() as connection:
                job = await claim_job(connection, "worker", at_once=1, but=[])
                if job is None:
                    return done
                result, landed = dict[str, Any](), list[str]()
                if not self.archive.fails:
                    request = IngestRequest.model_validate(job.request)
                    result, landed = self.archive.ingest(request, self.now)
                    try:
                        if self.land is not None:
                            await self.land(request.source or "", self.archive.found, landed)
                    except WorkerKilledError:
                        result = {"status": "failed"}
                scenes = [LandedScene("a-collection", granule, "2026-01", 1) for granule in landed]
                is_failed = self.archive.fails or result["status"] == "failed"
                reason = "it was killed" if result else "the archive does not answer"
                await finish_job(
                    connection,
                    job.id,
                    "worker",
                    "failed" if is_failed else "done",
                    ReportedWork(None, [], scenes),
                    result={} if self.archive.fails else {"ingest": result},
                    error=reason if is_failed else None,
                )
            done += 1

    async def settle(self, fate: random.Random | None = None) -> None:
        """Lead and work until nothing more is due."""
        await self.lead(fate)
        while await self.work():
            await self.lead(fate)

    async def standing(self, feed: Feed) -> FeedStanding:
        history = await self.feeds.read(feed.id)
        return standing_of(history.feed, self.descriptions.current(), self.now)

    async def _still_leading(self) -> None:
        self.fate.step()


@asynccontextmanager
async def opened_world(url: str, folder: str, now: datetime, **settings: Any) -> AsyncIterator[World]:
    """A world without feeds."""
    database, fate = MortalDatabase(url, max_connections=2), Fate()
    database.fate = fate
    own = Settings(storage=folder, database_url=url, **settings)
    descriptions = DescriptionFolders()
    queue = Database(url, max_connections=2)
    try:
        async with await open_storage(folder) as storage:
            jobs = JobService(queue, own, descriptions, LandedScenes(Catalogue(storage)), None)
            yield World(database, own, descriptions, jobs, Archive({}), now, fate)
    finally:
        await queue.close()
        await database.close()


def months(first: str, last: str) -> list[Period]:
    """The months from one to another."""
    found = [Period.parse(first)]
    while found[-1].text != last:
        found.append(found[-1].following())
    return found


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
