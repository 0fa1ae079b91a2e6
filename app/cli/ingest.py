"""`tilewatch ingest`: scenes from archives, searched, fetched and landed."""

import asyncio
import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import click

from app.cli.credentials import credentials_of
from app.cli.descriptions import read_collections, read_sources
from app.cli.exit import refusing
from app.cli.land import REFUSALS, overviews_option, storage_option
from app.cli.low_zooms import bring_overviews
from app.cli.near_real_time import bring_near_real_time
from app.cli.reporting import Reporter, json_option, reporting, size_text
from app.cli.watching import Failed, Watcher, refuse_if_any_failed, status_of
from app.jobs.job import JobRequestError
from app.jobs.sources import usual_box
from app.settings import Settings
from ingest.archives.archive import Access, Archive, Wanted, WantedError
from ingest.archives.discovery import Discovery, discover
from ingest.archives.http import ArchiveClient, ArchiveError
from ingest.archives.opening import open_archive
from ingest.downloads import Downloads, NotesFile
from ingest.ingesting import IngestOutcome, ingest_scenes
from ingest.landing_request import parse_numbers
from ingest.options import IngestOptions, Mode
from ingest.pending import PendingScenes, survey_scenes
from mosaics.bbox import Bbox, BboxError
from mosaics.descriptions.collections import CollectionDescription, find_collection
from mosaics.descriptions.sources import (
    SourceDescription,
    SourceFileError,
    UnknownSourceError,
    find_source,
)
from mosaics.log import read_state
from mosaics.period import instant_text, parse_instant, parse_when
from mosaics.storage import Storage, open_storage

ALL_REFUSALS = (*REFUSALS, ArchiveError, BboxError, SourceFileError, UnknownSourceError, WantedError)


bbox_option = click.option(
    "--bbox", required=True, metavar="W,S,E,N", help="Where: degrees; W above E crosses the antimeridian."
)


@click.command()
@click.argument("source")
@click.option(
    "--bbox",
    metavar="W,S,E,N",
    help="Where: degrees; W above E crosses the antimeridian. TEMPO: else TEMPO_BBOX_*.",
)
@click.option("--datetime", "when", required=True, metavar="A/B", help="When: 2024-06, or an interval A/B.")
@click.option("--bands", metavar="A,B", default="", help="Bands of the collection; else all the source has.")
@click.option("--max-cloud", type=float, metavar="N", help="Per cent; cloudier scenes are left out.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The most scenes to land.")
@click.option(
    "--revised-since", metavar="T", help="Only what the archive has added or changed since, where it tells."
)
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    default=Mode.COPY.value,
    show_default=True,
    help="Copy the files, or land an item only and read them where they lie.",
)
@click.option(
    "--clip/--no-clip",
    default=None,
    help="Land only the pixels under the box, on the files' own grid; default for TEMPO.",
)
@click.option("--requester-pays", is_flag=True, help="Let reading be billed to your AWS credentials.")
@click.option("--scale", "scales", multiple=True, metavar="[BAND=]S", help="In place of what is decided.")
@click.option("--offset", "offsets", multiple=True, metavar="[BAND=]O", help="In place of what is decided.")
@click.option("--dry-run", is_flag=True, help="Only say what would be fetched, and how much.")
@overviews_option
@json_option
@storage_option
@click.pass_obj
def ingest(
    make_client: Callable[..., ArchiveClient] | None,
    *,
    source: str,
    bbox: str | None,
    when: str,
    bands: str,
    max_cloud: float | None,
    limit: int | None,
    revised_since: str | None,
    mode: str,
    clip: bool | None,
    requester_pays: bool,
    scales: tuple[str, ...],
    offsets: tuple[str, ...],
    dry_run: bool,
    overviews: bool,
    as_json: bool,
    storage: str | None,
) -> None:
    """Land scenes of SOURCE, an archive (`tilewatch sources` lists them). Run it again to go on.

    \b
    tilewatch ingest earth-search-sentinel-2-l2a --bbox 5.0,51.1,5.3,51.3 \\
        --datetime 2024-06 --bands red,nir,scl --max-cloud 20 --clip
    """  # noqa: D301 - click needs the backspace
    with reporting("Fetching", as_json=as_json) as told, refusing(*ALL_REFUSALS):
        settings = Settings()
        described = find_source(read_sources(settings), source)
        collections = read_collections(settings)
        collection = find_collection(collections, described.collection)
        wanted = Wanted(
            bbox=box_of(bbox, described, settings),
            interval=parse_when(when, collection.collection.cadence),
            bands=tuple(filter(None, map(str.strip, bands.split(",")))),
            max_cloud_percent=max_cloud,
            limit=limit,
            revised_since=None if revised_since is None else parse_instant(revised_since),
        )
        options = IngestOptions(
            mode=Mode(mode),
            clip=wanted.bbox if (described.makes_parts if clip is None else clip) else None,
            scales=parse_numbers("--scale", scales),
            offsets=parse_numbers("--offset", offsets),
        )
        refuse_other_bands(options, wanted.bands or described.bands)
        client_of = make_client or ArchiveClient
        credentials = credentials_of(settings, client_of)
        downloads = Downloads(settings.downloads)
        work = IngestRun(
            *(collection, collections, wanted, options, downloads, told),
            dry_run=dry_run,
            audit=settings.audit,
            overviews=overviews,
        )

        async def run() -> Failed:
            async with (
                client_of(credentials=credentials) as client,
                await open_storage(storage or settings.storage) as opened,
            ):
                notes = NotesFile(downloads.folder)
                access = Access(client, requester_pays=requester_pays, notes=notes)
                archive = open_archive(described, access)
                return await work.run(archive, opened)

        refuse_if_any_failed(*asyncio.run(run()))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Say it as one JSON object, by name.")
def sources(*, as_json: bool) -> None:
    """Show the archives that scenes can be ingested from."""
    with refusing(*ALL_REFUSALS):
        settings = Settings()
        found = read_sources(settings)
        if as_json:
            collections = read_collections(settings)
            click.echo(json.dumps({name: facts(each, collections) for name, each in found.items()}))
            return
        for name, described in found.items():
            click.echo(f"{name}  {described.title}")
            click.echo(f"    into {described.collection}: {', '.join(described.bands)}")


def facts(source: SourceDescription, collections: Mapping[str, CollectionDescription]) -> dict[str, Any]:
    """Return what a program may want to know of a source before it orders from it."""
    collection = find_collection(collections, source.collection).collection
    return {
        "title": source.title,
        "collection": source.collection,
        "cadence": collection.cadence.value,
        "bands": list(source.bands),
        "categorical": [band for band in source.bands if collection.band(band).categorical],
    }


@dataclass(frozen=True, slots=True)
class IngestRun:
    """One ingestion, and what is said on the way."""

    collection: CollectionDescription
    collections: Mapping[str, CollectionDescription]
    """All there are."""
    wanted: Wanted
    options: IngestOptions
    downloads: Downloads
    told: Reporter
    dry_run: bool
    audit: bool
    """Whether fetched files are kept as they came."""
    overviews: bool = True
    """Whether low zooms are brought up to what has landed."""

    async def run(self, source: Archive, storage: Storage) -> Failed:
        """Search, say what was found and land it; return what has not landed, and how many have."""
        began = time.monotonic()
        self.downloads.clear_abandoned()
        discovery = await discover(source, self.wanted)
        state = await read_state(storage, source.collection_id)
        survey = await survey_scenes(
            storage,
            source,
            self.collection,
            discovery.granules,
            self.options,
            state=state,
            downloads=self.downloads,
        )
        self.told.say(found_text(discovery))
        failures = {**discovery.refused, **survey.refused}
        for scene_id, reason in failures.items():
            self.told.warn(f"{scene_id}: {reason}")
        self._say_survey(survey)
        for scene_id in map(self.options.scene_id, survey.landed):
            self.told.landed(source.collection_id, scene_id, state.scenes[scene_id].period.text, None)
        outcome = IngestOutcome(failures=failures)
        watch = Watcher(self.told, len(survey.pending), survey.to_fetch_bytes)
        if survey.pending and not self.dry_run:
            done = await ingest_scenes(
                storage,
                source,
                self.collection,
                survey,
                self.options,
                downloads=self.downloads,
                watch=watch,
                audit=self.audit,
            )
            outcome = replace(done, failures={**failures, **done.failures})
            for scene_id, said in (*outcome.empty.items(), *outcome.partial.items()):
                self.told.warn(f"{scene_id}: {said}")
            spent_s = time.monotonic() - began
            self.told.say(
                f"Landed {len(done.landings)} of {len(survey.pending)} in {source.collection_id}; "
                f"{size_text(watch.fetched_bytes)} fetched; {spent_s:.0f} s."
            )
        if not self.dry_run:
            await bring_near_real_time(storage, source.collection_id, self.collections, self.told)
        if self.overviews and not self.dry_run:
            there = {state.scenes[self.options.scene_id(scene_id)].period for scene_id in survey.landed}
            periods = there | {landing.plan.period for landing in outcome.landings}
            await bring_overviews(storage, source.collection_id, self.collection.clear, self.told, periods)
        there_now = len(outcome.landings) + len(survey.landed)
        self.told.result(
            status=status_of(outcome.failures, there_now),
            collection=source.collection_id,
            found=len(discovery.granules),
            pending=len(survey.pending),
            landed=len(outcome.landings),
            landed_already=len(survey.landed),
            failures=outcome.failures,
            empty=outcome.empty,
            partial=outcome.partial,
            fetched_bytes=watch.fetched_bytes,
            landed_bytes=sum(landing.size_bytes for landing in outcome.landings),
            over_limit=discovery.over_limit,
            **newest_of(discovery, {*outcome.failures, *outcome.empty}),
        )
        return outcome.failures, len(survey.pending) + there_now if self.dry_run else there_now

    def _say_survey(self, survey: PendingScenes) -> None:
        if survey.landed:
            self.told.say(f"{len(survey.landed)} landed already, with all these bands.")
        verb = "would be" if self.dry_run else "to be"
        if self.options.mode is Mode.REFERENCE:
            self.told.say(f"{len(survey.pending)} {verb} landed, the files left where they lie.")
        else:
            more = f" and {survey.unsized} files of unknown size" if survey.unsized else ""
            about = "" if self.options.clip is None else "about "
            size = size_text(survey.to_fetch_bytes)
            self.told.say(f"{len(survey.pending)} {verb} landed, {about}{size}{more} fetched.")
        for pending in survey.pending:
            if kept := sorted(pending.merger.kept):
                self.told.say(f"{pending.granule.id}: keeps {', '.join(kept)}, landed before.")
            for loss in pending.merger.losses:
                self.told.warn(f"{pending.granule.id}: {'would lose' if self.dry_run else 'loses'} {loss}")
        if self.dry_run:
            for pending in survey.pending:
                granule = pending.granule
                clouds = granule.cloud_cover_percent
                said = "" if clouds is None else f", {clouds:.1f} % clouds"
                size = f", {size_text(pending.size_bytes)}" if pending.size_bytes else ""
                self.told.say(
                    f"    {pending.granule.id}  {pending.granule.start:%Y-%m-%d %H:%M}Z{said}{size}"
                )
                for file in pending.granule.wanted_files.values():
                    self.told.say(f"        {file.href}")


def newest_of(discovery: Discovery, failed: Collection[str]) -> dict[str, str]:
    """Return the newest moments of what an archive has, for programs; those that there are.

    Args:
        discovery: What a search came to.
        failed: Ids of granules that have not landed.
    """
    landed = (each.start for each in discovery.granules if each.id not in failed)
    newest = {
        "newest_revision": discovery.newest_revision,
        "newest_landed": max(landed, default=None),
        "newest_cloudy": discovery.newest_cloudy,
    }
    return {name: instant_text(moment) for name, moment in newest.items() if moment is not None}


def box_of(bbox: str | None, source: SourceDescription, settings: Settings) -> Bbox:
    """Return the box of `--bbox`, or that of the settings where there is none.

    Raises:
        BboxError: If it is not a valid box.
        WantedError: If the settings have none for the source.
    """
    if bbox is not None:
        return Bbox.parse(bbox)
    try:
        return usual_box(source, settings)
    except JobRequestError as error:
        raise WantedError(f"{error}. --bbox takes one, as W,S,E,N.") from error


def refuse_other_bands(options: IngestOptions, bands: tuple[str, ...]) -> None:
    """Refuse numbers for bands that are not ingested; `WantedError`."""
    given = {*options.scales.for_band, *options.offsets.for_band}
    if strangers := sorted(given - set(bands)):
        raise WantedError(f"numbers are given for {', '.join(strangers)}, which is not ingested.")


def found_text(discovery: Discovery) -> str:
    """Return what a search found, and why some was left out."""
    left_out = {
        "lesser versions of one of them": discovery.duplicates,
        "too cloudy": discovery.cloudy,
        "not asked for": discovery.elsewhere,
        "past the limit": discovery.over_limit,
        "unusable": len(discovery.refused),
    }
    said = "".join(f"; {count} {why}" for why, count in left_out.items() if count)
    count = len(discovery.granules)
    return f"Found {count} {'scene' if count == 1 else 'scenes'}{said}."
