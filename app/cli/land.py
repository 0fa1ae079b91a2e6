"""`tilewatch land`, `tilewatch demo` and `tilewatch log`."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from app.cli.descriptions import read_collections
from app.cli.exit import CommandError, refusing
from app.cli.landing import OneLanding, TableLanding, band_names, request_of_one, usual_of
from app.cli.reporting import json_option, reporting
from app.cli.watching import refuse_if_any_failed
from app.settings import Settings
from ingest.cog import InvalidCogError
from ingest.demo import DemoReport, RealScenesError, land_demo, remove_demo
from ingest.encoding import BaselineError
from ingest.file_bands import bands_of_file
from ingest.harmonisation import OffsetUndecidedError
from ingest.landing import DiskFullError
from ingest.landing_request import BandFile, LandingError
from ingest.raster import RasterRefusedError
from ingest.tables.opening import is_picture, open_table
from ingest.tables.rows import RowReader
from ingest.tables.table import TableError
from mosaics.collection import UnknownBandError, UnknownCollectionError
from mosaics.commits import LogError
from mosaics.descriptions.collections import CollectionFileError, find_collection
from mosaics.log import read_commits, read_state
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
    LandingError,
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
@click.argument("file", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--id",
    "scene_id",
    help="Id of the scene, by default the name of FILE; landing it again replaces it.",
)
@click.option(
    "--datetime",
    "when",
    metavar="T",
    help="Time of the scene, or of rows that name none: 2024-06-15T10:50:29Z, a period such as 2024-06, or "
    "an interval A/B.",
)
@click.option(
    "--asset",
    "assets",
    multiple=True,
    metavar="BAND=FILE[:N]",
    help="Instead of FILE, for every band: its GeoTIFF; :N if it is not the file's first band.",
)
@click.option(
    "--bands",
    metavar="A,B",
    default="",
    help="Bands that a file named once holds, from its first on, - for one to leave out; by default the "
    "file's descriptions, colours or number of bands tell.",
)
@click.option(
    "--band",
    "names",
    multiple=True,
    metavar="BAND=NAME",
    help="What files, columns or assets call a band: red=B04. Repeat for every band.",
)
@click.option(
    "--pattern", metavar="P", help="Names of the files in the folder FILE: {id}_{datetime:%Y%m%d}_{band}.tif"
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
@click.option("--dry-run", is_flag=True, help="Only say what would be landed.")
@overviews_option
@json_option
@storage_option
def land(
    *,
    collection: str,
    file: Path | None,
    scene_id: str | None,
    assets: tuple[str, ...],
    bands: str,
    names: tuple[str, ...],
    pattern: str | None,
    dry_run: bool,
    overviews: bool,
    as_json: bool,
    storage: str | None,
    **given: Any,
) -> None:
    """Land scenes in COLLECTION: turn GeoTIFFs into COGs, STAC items and mosaics.

    One scene is a FILE, or an --asset for each band. Many are a table: FILE is then CSV, GeoJSON, STAC items
    or a folder with a --pattern. Run it again to go on.

    \b
    tilewatch land naip ortho.tif --datetime 2023
    tilewatch land sentinel-2-l2a --id mol-2019-04-11 --datetime 2019-04-11T10:50:29Z \\
        --asset red=B04.tif --asset nir=B08.tif --cloud-cover 3
    tilewatch land sentinel-2-l2a scenes.csv
    """  # noqa: D301 - click needs the backspace
    if bool(assets) == (file is not None):
        raise click.UsageError("give FILE, or an --asset for each band")
    with reporting("Landing", as_json=as_json) as told, refusing(*REFUSALS, TableError):
        settings = Settings()
        collections = read_collections(settings)
        source = find_collection(collections, collection)
        choices: Any = {"collections": collections, "dry_run": dry_run, "overviews": overviews}
        usual = usual_of(bands=bands, **given)
        called = band_names(names, source.collection)
        if file is None or is_picture(file):
            if pattern is not None:
                raise click.UsageError("--pattern is about the names of files in a folder")
            files = tuple(BandFile.parse(asset) for asset in assets)
            if file is not None:
                files = bands_of_file(file, source.collection, bands=usual.bands, names=called)
            request = request_of_one(scene_id or (file.stem if file else None), files, usual, source)
            run = OneLanding(source, request, told, **choices).run
        else:
            if scene_id is not None:
                raise click.UsageError("--id is the id of one scene; the rows of a table have a column id")
            folder = file if file.is_dir() else file.parent
            table = open_table(file, RowReader(source.collection, folder, usual, called), pattern)
            run = TableLanding(source, table, told, **choices).run
        failures, landed = with_storage(settings, storage, run)
        refuse_if_any_failed(failures, 0 if dry_run else landed)


@click.command()
@click.option("--force", is_flag=True, help="Land it even in collections that hold real scenes.")
@click.option("--remove", is_flag=True, help="Remove the demo; other scenes stay.")
@storage_option
def demo(storage: str | None, *, force: bool, remove: bool) -> None:
    """Land a small synthetic landscape for a first look: a year of fields, a growing town, a day of NO2."""

    async def work(opened: Storage) -> DemoReport:
        return await (remove_demo(opened) if remove else land_demo(opened, progress, force=force))

    with refusing(*REFUSALS), _progress(None, "Landing the demo") as progress:
        report = with_storage(Settings(), storage, work)
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
        with_storage(Settings(), storage, show)


def with_storage(
    settings: Settings, address: str | None, work: Callable[[Storage], Coroutine[Any, Any, Result]]
) -> Result:
    """Do some work over the storage of an address, or of the settings."""

    async def opened() -> Result:
        async with await open_storage(address or settings.storage) as storage:
            return await work(storage)

    return asyncio.run(opened())


async def named_collections(storage: Storage, names: Sequence[str]) -> Sequence[str]:
    """Return the collections that a command is for: those named, or all there are.

    Raises:
        CommandError: If there is none of a name.
    """
    there = await storage.folders("collections/")
    if strangers := [name for name in names if name not in there]:
        raise CommandError(f"there is no collection {strangers[0]!r} in {storage.address}.")
    return names or there


@contextmanager
def _progress(length: int | None, label: str) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr if that is a terminal, otherwise nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=length or 100, label=label, file=sys.stderr, show_pos=False) as bar:
        yield bar.update
