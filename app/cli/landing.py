"""Landing from the command line: one scene, or those of a table, and what is said of them."""

import asyncio
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import click

from app.cli.low_zooms import bring_overviews
from app.cli.near_real_time import bring_near_real_time
from app.cli.reporting import Reporter, size_text
from app.cli.watching import Failed, TableWatcher
from ingest.ingesting import IngestOutcome
from ingest.landing import Landing, is_landed, land_scene, steps
from ingest.landing_many import land_entries, plan_entries
from ingest.landing_notes import notes_on
from ingest.landing_request import BandFile, LandingError, LandingRequest, parse_numbers, parse_time
from ingest.planning import ScenePlan, plan_scene
from ingest.tables.rows import Usual
from ingest.tables.table import Table
from mosaics.collection import Collection
from mosaics.descriptions.collections import CollectionDescription
from mosaics.log import read_state
from mosaics.period import Period
from mosaics.storage import Storage


def usual_of(
    *,
    when: str | None,
    bands: str,
    cloud_cover: float | None,
    baseline: str | None,
    scales: tuple[str, ...],
    offsets: tuple[str, ...],
    nodata: tuple[str, ...],
    flip: bool,
) -> Usual:
    """Return what the options of the command say of every scene."""
    listed = tuple(filter(None, re.split(r"[,\s]+", bands)))
    clouds = None if cloud_cover is None else f"{cloud_cover!r}"
    return Usual(when, listed, clouds, baseline, scales, offsets, nodata, flip)


def band_names(texts: Iterable[str], collection: Collection) -> Mapping[str, str]:
    """Return bands by the names that files, columns or assets have for them, in lower case.

    Raises:
        LandingError: If a text is not `BAND=NAME`, or a name is given to two bands.
        UnknownBandError: If the collection lacks a band.
    """
    names: dict[str, str] = {}
    for text in texts:
        band, _, name = text.partition("=")
        if not (band and name):
            raise LandingError(f"'{text}' is not a valid name of a band; one looks like red=B04.")
        if names.setdefault(name.casefold(), collection.band(band).name) != band:
            raise LandingError(f"{name} is given as the name of {names[name.casefold()]} and of {band}.")
    return names


def request_of_one(
    scene_id: str | None, files: tuple[BandFile, ...], usual: Usual, source: CollectionDescription
) -> LandingRequest:
    """Return what the command asks to be landed as one scene.

    Raises:
        LandingError: If it is not valid.
        PeriodError: If its time is not.
    """
    if scene_id is None or usual.when is None:
        missing = "--id" if scene_id is None else "--datetime"
        raise click.UsageError(f"Missing option '{missing}'.")
    start, end = parse_time(usual.when, source.collection.cadence)
    return LandingRequest(
        id=scene_id,
        start=start,
        end=end,
        assets=files,
        cloud_cover_percent=None if usual.cloud_cover is None else float(usual.cloud_cover),
        baseline=usual.baseline,
        scales=parse_numbers("--scale", usual.scales),
        offsets=parse_numbers("--offset", usual.offsets),
        nodata=parse_numbers("--nodata", usual.nodata),
        flip=usual.flip,
    )


@dataclass(frozen=True, slots=True)
class OneLanding:
    """The landing of one scene."""

    source: CollectionDescription
    request: LandingRequest
    told: Reporter
    collections: Mapping[str, CollectionDescription]
    """All there are, for what stands in for it in near real time, or for what it does."""
    dry_run: bool = False
    overviews: bool = True
    """Whether low zooms are brought up to what has landed."""

    async def run(self, storage: Storage) -> Failed:
        """Land it and say so; return that no scene has not landed, since a refusal is raised."""
        plan = await asyncio.to_thread(plan_scene, self.source, self.request)
        for note in notes_on(plan):
            self.told.warn(f"Note: {note}")
        if self.dry_run:
            state = await read_state(storage, plan.collection.id)
            has_landed = is_landed(state, plan.id, plan.item_key)
            self.told.say(f"{planned_text(plan)}; {'landed already' if has_landed else 'would be landed'}.")
            return {}, 0
        done, total = 0, steps(plan)

        def progress(more: int) -> None:
            nonlocal done
            done += more
            self.told.progress(done, total, "steps")

        landing = await land_scene(storage, plan, progress)
        self.told.say(landed_text(landing))
        self.told.landed(plan.collection.id, plan.id, plan.period.text, landing.commit)
        await bring_near_real_time(storage, plan.collection.id, self.collections, self.told)
        if self.overviews:
            await bring_overviews(storage, plan.collection.id, self.source.clear, self.told, [plan.period])
        return {}, 1


@dataclass(frozen=True, slots=True)
class TableLanding:
    """The landing of the scenes of a table."""

    source: CollectionDescription
    table: Table
    told: Reporter
    collections: Mapping[str, CollectionDescription]
    """See `OneLanding`."""
    dry_run: bool = False
    overviews: bool = True
    """Whether low zooms are brought up to what has landed."""

    async def run(self, storage: Storage) -> Failed:
        """Land them and say how it went; return which have not landed, and how many have."""
        began = time.monotonic()
        for note in self.table.notes:
            self.told.warn(f"Note: {note}")
        for refused in self.table.refused:
            self.told.warn(f"{refused.where}: not landed: {refused.reason}")
        count = len(self.table.entries)
        if self.dry_run:
            return await self._say_plans(storage)
        watch = TableWatcher(self.told, count)
        outcome = await land_entries(storage, self.source, self.table.entries, watch=watch)
        self._say_outcome(outcome, time.monotonic() - began)
        await bring_near_real_time(storage, self.source.collection.id, self.collections, self.told)
        if self.overviews:
            await self._bring_overviews(storage, {landing.plan.period for landing in outcome.landings})
        failures = {refused.where: refused.reason for refused in self.table.refused}
        for entry in self.table.entries:  # as they stand in the table, whichever failed first
            if (reason := outcome.failures.get(entry.label)) is not None:
                failures[entry.label] = reason
        new = [landing for landing in outcome.landings if landing.commit is not None]
        self.told.result(
            collection=self.source.collection.id,
            found=count + len(self.table.refused),
            landed=len(new),
            landed_already=len(outcome.landings) - len(new),
            failures=failures,
            landed_bytes=sum(landing.size_bytes for landing in new),
        )
        return failures, len(outcome.landings)

    def _say_outcome(self, outcome: IngestOutcome, spent_s: float) -> None:
        new = [landing for landing in outcome.landings if landing.commit is not None]
        size = size_text(sum(landing.size_bytes for landing in new))
        commits = len({landing.commit for landing in new})
        before = len(outcome.landings) - len(new)
        said = f"; {before} had landed before" if before else ""
        failed = len(outcome.failures) + len(self.table.refused)
        said += f"; {failed} not landed" if failed else ""
        noun = "scene" if len(new) == 1 else "scenes"
        self.told.say(
            f"Landed {len(new)} {noun} in {self.source.collection.id}, {size}, by {commits} "
            f"{'commit' if commits == 1 else 'commits'}{said}; {spent_s:.0f} s."
        )

    async def _bring_overviews(self, storage: Storage, periods: Iterable[Period]) -> None:
        await bring_overviews(storage, self.source.collection.id, self.source.clear, self.told, periods)

    async def _say_plans(self, storage: Storage) -> Failed:
        """Say what would be landed; return which scenes would not, and how many would."""
        state = await read_state(storage, self.source.collection.id)
        counts = {"landed": 0, "before": 0}
        failures = {refused.where: refused.reason for refused in self.table.refused}
        async for entry, plan in plan_entries(self.source, self.table.entries):
            if isinstance(plan, str):
                failures[entry.label] = plan
                self.told.warn(f"{entry.label}: would not be landed: {plan}")
            elif is_landed(state, plan.id, plan.item_key):
                counts["before"] += 1
            else:
                counts["landed"] += 1
                self.told.say(f"{entry.where}: {planned_text(plan)}")
        self.told.say(
            f"{counts['landed']} would be landed; {counts['before']} had landed before; "
            f"{len(failures)} would not be landed."
        )
        return failures, sum(counts.values())


def planned_text(plan: ScenePlan) -> str:
    """Return what is landed as a scene, for people."""
    files = ", ".join(
        f"{band} from {place.raster.name}:{place.raster.layer}" for band, place in plan.bands.items()
    )
    return f"{plan.id}, period {plan.period.text}: {files}"


def landed_text(landing: Landing) -> str:
    """Return what came of landing a scene, for people."""
    plan = landing.plan
    if landing.commit is None:
        return f"{plan.id} has already landed, identically; nothing changed."
    west, south, east, north = plan.footprint.bounds
    size = size_text(landing.size_bytes)
    return (
        f"Landed {plan.id} in {plan.collection.id}: {', '.join(plan.bands)}; {size}; "
        f"period {plan.period.text}; commit {landing.commit}.\n"
        f"It covers {west:.4f}, {south:.4f} to {east:.4f}, {north:.4f} (longitude, latitude)."
    )
