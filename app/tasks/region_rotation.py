"""Region rotation: each night refreshes the most overdue regions, by jobs for the windows before and after.

The nightly task only starts runs; their rows then record their progress, so that any leader continues what
another has started. An ingestion is submitted under a key that names run and window, and so only once.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, Protocol

from pydantic import ValidationError

from app.database import Connection, Database
from app.idempotency import KeyReusedError
from app.jobs.job import (
    Job,
    JobEndedError,
    JobRequestError,
    QueueFullError,
    UnknownJobError,
)
from app.products.registry import Registry, UnknownProductError
from app.regions.parsing import RegionListing
from app.regions.region import DayWindow, Region
from app.regions.rotation import PER_NIGHT, choose
from app.regions.runs import (
    Cause,
    Run,
    begin_run,
    begun_by_rotation,
    fall_back,
    finish_run,
    histories,
    last_runs,
    note_job,
    running_runs,
)
from app.regions.service import RegionService
from app.regions.status import standing_of
from app.tasks.task import Nightly, StillLeading

log = logging.getLogger(__name__)

LONGEST_RUN = timedelta(hours=20)
"""A run that takes this long is given up before the next night comes."""

LONGEST_TEXT = f"{LONGEST_RUN // timedelta(hours=1)} hours"

ROLES = ("post", "pre")
"""The windows, in the order they are ingested: the new one first."""


class RefreshUnderWayError(Exception):
    """The region is being refreshed already."""


class TakesRegionJobs(Protocol):
    """Does the work of a run; see `app.jobs.service.JobService`."""

    async def submit(
        self, kind: Literal["ingest"], request: Mapping[str, Any], *, key: str, is_limited: bool
    ) -> Job:
        """Submit an ingestion, or return the one submitted under the same key."""
        ...

    async def read(self, job_id: int) -> Job:
        """Return a job in its present state."""
        ...

    async def cancel(self, job_id: int) -> Job:
        """Cancel a job."""
        ...


class RegionRotation:
    """Refreshes regions.

    Args:
        database: Where runs are stored.
        regions: The regions.
        registry: The products, which say what bands are needed.
        jobs: Does the work.
        nightly: When the rotation chooses.
        now: The clock, UTC.
    """

    def __init__(
        self,
        database: Database,
        regions: RegionService,
        registry: Registry,
        jobs: TakesRegionJobs,
        nightly: Nightly,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._regions = regions
        self._registry = registry
        self._jobs = jobs
        self._nightly = nightly
        self._now = now
        self._listing: RegionListing | None = None
        """As `follow` saw it last."""

    async def choose(self, still_leading: StillLeading) -> Mapping[str, Any]:
        """Start the runs of a night; nights missed before do not add to their number.

        Raises:
            app.tasks.leader_election.LeadershipLostError: If this process no longer leads.
            app.database.DatabaseUnavailableError: If the database does not answer.
        """
        listing = await self._regions.listing()
        night = self._nightly.night(self._nightly.latest(self._now()))
        await still_leading()
        by_name = {region.name: region for region in listing.regions}
        async with self._database.transaction() as connection:
            room = max(0, PER_NIGHT - await begun_by_rotation(connection, night))
            known = await histories(connection, by_name)
            standings = [standing_of(region, known[name]) for name, region in by_name.items()]
            chosen = choose(standings, night, most=room)
            causes: list[Cause] = ["change" if each.changed else "rotation" for each in chosen]
            runs = [
                await self._begin(connection, by_name[each.name], night, cause)
                for each, cause in zip(chosen, causes, strict=True)
            ]
        begun = [run.region for run in runs if run is not None]
        return {"night": night.isoformat(), "begun": begun, "problems": len(listing.problems)}

    async def refresh(self, name: str) -> Run:
        """Start a run of a region now.

        Raises:
            app.regions.service.UnknownRegionError: If no region has this name.
            RefreshUnderWayError: If it is being refreshed already.
            app.database.DatabaseUnavailableError: If the database does not answer.
        """
        region = await self._regions.region(name)
        night = self._nightly.night(self._now())
        async with self._database.connection() as connection:
            run = await self._begin(connection, region, night, "request")
        if run is None:
            raise RefreshUnderWayError(
                f"region {name!r} is being refreshed already; see GET /regions/{name} for its progress"
            )
        await self._advance(run)
        async with self._database.connection() as connection:
            (latest,) = await last_runs(connection, name, limit=1)
        return latest

    async def follow(self, still_leading: StillLeading) -> Mapping[str, Any]:
        """Advance the running refreshes by a step; raises the errors of `choose`.

        When the file has changed, the latest night is gone through again: if it has room, a region that is
        new or has moved need not wait for the next.
        """
        listing = await self._regions.listing()
        before, self._listing = self._listing, listing
        if before is not None and before.regions != listing.regions:
            await self.choose(still_leading)
        async with self._database.connection() as connection:
            runs = await running_runs(connection)
        for run in runs:
            await still_leading()
            await self._advance(run)
        return {"running": len(runs)}

    async def _begin(self, connection: Connection, region: Region, night: date, cause: Cause) -> Run | None:
        today = self._now().date()
        bands = self._bands(region)
        return await begin_run(connection, region, bands, night=night, today=today, cause=cause)

    def _bands(self, region: Region) -> list[str]:
        """Return the bands the product and its mask read, as far as the source has them."""
        try:
            product = self._registry.get(region.product)
        except UnknownProductError:  # refused when the file was read
            return []
        wanted = dict.fromkeys((*product.bands, *product.mask_bands))
        source = self._regions.sources.get(region.source)
        return [band for band in wanted if source is None or band in source.bands]

    async def _advance(self, run: Run) -> None:
        """Submit jobs not yet submitted; end the run when all its jobs have ended."""
        is_overlong = self._now() - run.started_at > LONGEST_RUN
        try:
            jobs = {role: await self._job(run, role) for role in ROLES}
        except QueueFullError as error:
            log.warning("the refresh of region %s waits: %s", run.region, error)
            if is_overlong:
                await self._finish(
                    run, {}, "failed", f"its jobs could not be submitted for {LONGEST_TEXT}: {error}"
                )
            return
        except (JobRequestError, KeyReusedError, UnknownJobError, ValidationError) as error:
            await self._finish(run, {}, "failed", str(error))
            return
        if all(job.has_ended for job in jobs.values()):
            await self._end(run, jobs)
        elif is_overlong:
            await self._give_up(run, jobs)

    async def _end(self, run: Run, jobs: Mapping[str, Job]) -> None:
        """Record the outcome of a run, or fall back to just before if the year before has no scene."""
        for role, job in jobs.items():
            if job.status != "done":
                why = job.error or "it was cancelled"
                await self._finish(run, jobs, "failed", f"{role}, job {job.id}: {why}")
                return
        if too_few := await self._too_few(run, jobs):
            await self._finish(run, jobs, "failed", too_few)
        elif not jobs["post"].landed:
            await self._finish(run, jobs, "empty", _nothing_in(run, run.post))
        elif jobs["pre"].landed:
            is_partial = any(job.is_partial for job in jobs.values())
            await self._finish(run, jobs, "partial" if is_partial else "done")
        elif run.pre_basis == "year-before":
            async with self._database.connection() as connection:
                await fall_back(connection, run.id, _region(run).just_before(run.post))
        else:
            season = _region(run).pre_window(run.post)
            reason = f"{_nothing_in(run, season)}, and none of {run.pre.text}"
            await self._finish(run, jobs, "empty", reason)

    async def _too_few(self, run: Run, jobs: Mapping[str, Job]) -> str | None:
        """Return why a window has not enough good scenes to take the place of what is shown; None if it has.

        A window is shown if at least half of its scenes landed, or if nothing is shown yet.
        """
        few = {role: job for role, job in jobs.items() if len(job.landed) < len(job.refused)}
        if not few:
            return None
        async with self._database.connection() as connection:
            history = (await histories(connection, [run.region]))[run.region]
        if history.succeeded is None:
            return None
        role, job = next(iter(few.items()))
        scene, reason = next(iter(job.refused.items()))
        return (
            f"{role}, job {job.id}: {len(job.refused)} of {len(job.refused) + len(job.landed)} scenes were "
            f"refused, so what is shown stays; {scene}: {reason}"
        )

    async def _job(self, run: Run, role: str) -> Job:
        if role in run.jobs:
            return await self._jobs.read(run.jobs[role])
        window = run.post if role == "post" else run.pre
        asked = run.asked
        request = {
            "source": asked["source"],
            "aoi": asked["bbox"],
            "toi": window.text,
            "bands": asked["bands"],
            "max_cloud": asked["max_cloud_percent"],
            "mode": asked["mode"],
            "clip": asked["mode"] == "copy",
        }
        key = f"region-run-{run.id}-{role}-{window.text}"
        job = await self._jobs.submit("ingest", request, key=key, is_limited=False)
        async with self._database.connection() as connection:
            await note_job(connection, run.id, role, job.id)
        return job

    async def _give_up(self, run: Run, jobs: Mapping[str, Job]) -> None:
        for job in jobs.values():
            if not job.has_ended:
                try:
                    await self._jobs.cancel(job.id)
                except JobEndedError:
                    continue
        await self._finish(run, jobs, "failed", f"it took longer than {LONGEST_TEXT} and was given up")

    async def _finish(
        self,
        run: Run,
        jobs: Mapping[str, Job],
        status: Literal["done", "partial", "empty", "failed"],
        error: str | None = None,
    ) -> None:
        scenes = [scene for job in jobs.values() for scene in job.landed]
        new = sum(scene.commit is not None for scene in scenes)
        results = [job.result.get("ingest", {}) for job in jobs.values()]
        async with self._database.connection() as connection:
            await finish_run(
                connection,
                run.id,
                status,
                scenes_landed=new,
                scenes_found=len(scenes) - new,
                landed_bytes=sum(result.get("landed_bytes", 0) for result in results),
                error=error,
                refused={scene: reason for job in jobs.values() for scene, reason in job.refused.items()},
            )
        log.info("the refresh of region %s is %s%s", run.region, status, f": {error}" if error else "")


def _region(run: Run) -> Region:
    """Return the region as it was when the run started."""
    return Region.model_validate({name: run.asked[name] for name in Region.model_fields if name in run.asked})


def _nothing_in(run: Run, window: DayWindow) -> str:
    return (
        f"{run.asked['source']} has no scene of {window.text} over the region with at most "
        f"{run.asked['max_cloud_percent']:g} % clouds"
    )
