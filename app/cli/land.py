"""`tilewatch land`, `tilewatch demo` and `tilewatch log`."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from app.cli.exit import refusing
from app.cli.low_zooms import bring_overviews
from app.cli.reporting import reporting, size_text
from app.settings import Settings
from ingest.cog import InvalidCogError
from ingest.demo import DemoReport, RealScenesError, land_demo, remove_demo
from ingest.encoding import BaselineError
from ingest.harmonisation import OffsetUndecidedError
from ingest.landing import DiskFullError, Landing, land_scene, steps
from ingest.landing_request import BandFile, LandingRequest, OrderError, parse_numbers, parse_time
from ingest.planning import plan_scene
from ingest.raster import RasterRefusedError
from mosaics.collection import UnknownBandError, UnknownCollectionError
from mosaics.descriptions.collections import CollectionFileError, find_collection, load_collections
from mosaics.log import LogError, read_commits, read_state
from mosaics.period import PeriodError
from mosaics.scene import SceneError
from mosaics.storage import Storage, StorageAddressError, StorageError, open_storage

Result = TypeVar("Result")

REFUSALS = (
    BaselineError,
    CollectionFileError,
    DiskFullError,
    InvalidCogError,
    LogError,
    OffsetUndecidedError,
    OrderError,
    PeriodError,
    RasterRefusedError,
    RealScenesError,
    SceneError,
    StorageAddressError,
    StorageError,
    UnknownBandError,
    UnknownCollectionError,
)
"""Errors whose messages are written for the user of the command."""

storage_option = click.option(
    "--storage", metavar="ADDRESS", help="Folder, file:// or s3:// address; default: TILEWATCH_STORAGE."
)

overviews_option = click.option(
    "--overviews/--no-overviews",
    default=True,
    help="Whether to update low zooms at once; otherwise run `tilewatch overviews`.",
)


@click.command()
@click.argument("collection")
@click.option("--id", "scene_id", required=True, help="Id of the scene; landing it again replaces it.")
@click.option(
    "--datetime",
    "when",
    required=True,
    metavar="T",
    help="Time of the scene: 2024-06-15T10:50:29Z, a period such as 2024-06, or an interval A/B.",
)
@click.option(
    "--asset",
    "assets",
    multiple=True,
    required=True,
    metavar="BAND=FILE[:N]",
    help="A band and its GeoTIFF; :N if it is not the file's first band. Repeat for every band.",
)
@click.option("--cloud-cover", type=float, metavar="N", help="In percent; clear scenes are shown first.")
@click.option("--baseline", metavar="NN.NN", help="Sentinel-2 processing baseline, such as 05.09.")
@click.option("--scale", "scales", multiple=True, metavar="[BAND=]S", help="Value = stored number * S + O.")
@click.option("--offset", "offsets", multiple=True, metavar="[BAND=]O", help="See --scale.")
@click.option(
    "--nodata",
    "nodata",
    multiple=True,
    metavar="[BAND=]V",
    help="Stored number of missing pixels, for files without a tag or mask; BAND=V replaces a tag. "
    "none and BAND=none: no number marks them.",
)
@click.option(
    "--flip", is_flag=True, help="Land mirrored files (columns from east to west) the right way round."
)
@overviews_option
@storage_option
def land(
    *,
    collection: str,
    scene_id: str,
    when: str,
    assets: tuple[str, ...],
    cloud_cover: float | None,
    baseline: str | None,
    scales: tuple[str, ...],
    offsets: tuple[str, ...],
    nodata: tuple[str, ...],
    flip: bool,
    overviews: bool,
    storage: str | None,
) -> None:
    """Land one scene in COLLECTION: turn GeoTIFFs into COGs, a STAC item and a mosaic.

    \b
    tilewatch land sentinel-2-l2a --id mol-2019-04-11 --datetime 2019-04-11T10:50:29Z \\
        --asset red=B04.tif --asset nir=B08.tif --cloud-cover 3
    """  # noqa: D301 - click needs the backspace
    with refusing(*REFUSALS):
        settings = Settings()
        source = find_collection(load_collections(settings.collections), collection)
        start, end = parse_time(when, source.collection.cadence)
        request = LandingRequest(
            id=scene_id,
            start=start,
            end=end,
            assets=tuple(BandFile.parse(asset) for asset in assets),
            cloud_cover_percent=cloud_cover,
            baseline=baseline,
            scales=parse_numbers("--scale", scales),
            offsets=parse_numbers("--offset", offsets),
            nodata=parse_numbers("--nodata", nodata),
            flip=flip,
        )

        async def work(opened: Storage) -> None:
            plan = await asyncio.to_thread(plan_scene, source, request)
            for note in plan.notes:
                click.echo(f"Note: {note}", err=True)
            with _progress(steps(plan), f"Landing {scene_id}") as progress:
                landing = await land_scene(opened, plan, progress)
            click.echo(_said(landing))
            if overviews:
                with reporting("Making overviews", as_json=False) as told:
                    await bring_overviews(opened, collection, source.clear, told, [plan.period])

        _with_storage(settings, storage, work)


@click.command()
@click.option("--force", is_flag=True, help="Land it even in collections that hold real scenes.")
@click.option("--remove", is_flag=True, help="Remove the demo; other scenes stay.")
@storage_option
def demo(storage: str | None, *, force: bool, remove: bool) -> None:
    """Land a small synthetic landscape for a first look: a year of fields, a growing town, a day of NO2."""

    async def work(opened: Storage) -> DemoReport:
        return await (remove_demo(opened) if remove else land_demo(opened, progress, force=force))

    with refusing(*REFUSALS), _progress(None, "Landing the demo") as progress:
        report = _with_storage(Settings(), storage, work)
    for line in report.lines:
        click.echo(line)


@click.command()
@click.argument("collection")
@click.option(
    "--start", default=1, show_default=True, type=click.IntRange(min=1), help="First commit to show."
)
@storage_option
def log(collection: str, start: int, storage: str | None) -> None:
    """Show the commits of COLLECTION: the scenes added and removed, with times."""

    async def show(opened: Storage) -> int:
        shown = 0
        async for commit in read_commits(opened, collection, start):
            shown += 1
            click.echo(f"{commit.number}  {commit.time:%Y-%m-%d %H:%M:%S}Z")
            for scene in commit.added:
                mark = "  (synthetic)" if scene.synthetic else ""
                click.echo(f"    + {scene.id}  {scene.period.text}{mark}")
            for scene_id in commit.removed:
                click.echo(f"    - {scene_id}")
            if not commit.added and not commit.removed:
                click.echo(f"    overviews of {', '.join(commit.mosaics)}")
        if not shown and not (await read_state(opened, collection)).number:
            raise UnknownCollectionError(collection, await opened.folders("collections/"))
        return shown

    with refusing(*REFUSALS):
        _with_storage(Settings(), storage, show)


def _with_storage(
    settings: Settings, address: str | None, work: Callable[[Storage], Coroutine[Any, Any, Result]]
) -> Result:
    async def opened() -> Result:
        async with await open_storage(address or settings.storage) as storage:
            return await work(storage)

    return asyncio.run(opened())


@contextmanager
def _progress(length: int | None, label: str) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr if that is a terminal, otherwise nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=length or 100, label=label, file=sys.stderr, show_pos=False) as bar:
        yield bar.update


def _said(landing: Landing) -> str:
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
