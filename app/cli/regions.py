"""`tilewatch regions`: checks a regions file, and shows which regions the coming nights refresh."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from app.cli.databases import database_option, with_connection
from app.cli.descriptions import read_products, read_sources
from app.cli.exit import CommandError, refusing
from app.products.product import ProductFileError
from app.regions.file import RegionsFile
from app.regions.forecast import Night, bounds, counted, plan, warnings
from app.regions.parsing import RegionListing
from app.regions.region import Region
from app.regions.rotation import RegionStanding
from app.regions.runs import History, histories
from app.regions.status import standing_of
from app.settings import Settings
from app.tasks.task import Nightly
from mosaics.descriptions.collections import CollectionFileError
from mosaics.descriptions.sources import SourceFileError

file_option = click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The regions file; default: TILEWATCH_REGIONS.",
)


@click.group()
def regions() -> None:
    """Check and plan regions that are refreshed in rotation."""


@regions.command()
@file_option
def check(file: Path | None) -> None:
    """Check the regions file and report its faults by line."""
    listing = _readable(_listing(Settings(), file))
    if listing.problems:
        right = counted(len(listing.regions), "region")
        raise CommandError(f"{counted(len(listing.problems), 'problem')}; {right} would still be refreshed.")
    click.echo(f"{counted(len(listing.regions), 'region')}, no problems.")
    for region in listing.regions:
        click.echo(
            f"    {region.name}  every {counted(region.update_interval_days, 'night')}, priority "
            f"{region.priority}, {region.bbox.area_km2:,.0f} km2, {region.tile_count:,} tiles, "
            f"{region.product} from {region.source}"
        )


@regions.command("plan")
@click.option("--nights", default=14, show_default=True, type=click.IntRange(1, 400), help="How far ahead.")
@file_option
@database_option
def show_plan(*, nights: int, file: Path | None, database_url: str | None) -> None:
    """Show which regions the coming nights refresh and why, if nothing fails, and what cannot be kept."""
    settings = Settings()
    listing = _readable(_listing(settings, file))
    address = database_url or settings.database_url
    if address is None:
        click.echo(
            "No database is given, so the plan starts from scratch. A service that starts for the first "
            "time refreshes the regions of the first night at once.",
            err=True,
        )
    known = {} if address is None else _histories(address, listing.regions)
    standings = [standing_of(region, known.get(region.name, History())) for region in listing.regions]
    nightly = Nightly(settings.regions_hour, ZoneInfo(settings.regions_time_zone))
    first = nightly.night(nightly.following(datetime.now(UTC)))
    for night in plan(standings, first, nights):
        _show(night, nightly)
    _warn(standings, warnings(standings, first))


def _show(night: Night, nightly: Nightly) -> None:
    click.echo(f"{night.date:%a %Y-%m-%d}, {nightly.hour:02}:00 {nightly.zone.key}")
    for turn in night.turns:
        click.echo(f"    {turn.standing.name}: {turn.why}")
    if not night.turns:
        click.echo("    nothing is due")


def _warn(standings: Sequence[RegionStanding], told: Sequence[str]) -> None:
    for each in standings:
        if each.is_running:
            click.echo(f"{each.name} is being refreshed now.")
    for warning in told:
        click.echo(f"Warning: {warning}", err=True)
    if standings:
        kept = "" if told else "Every interval can be kept. "
        waits = ", ".join(f"{name} {nights}" for name, nights in bounds(standings).items())
        click.echo(f"{kept}Most nights between two refreshes, if nothing fails: {waits}.")


def _readable(listing: RegionListing) -> RegionListing:
    """Print the faults of a listing and return it.

    Raises:
        CommandError: If no region can be read at all.
    """
    for problem in listing.problems:
        click.echo(problem.text, err=True)
    if not listing.is_current:
        raise CommandError("No region can be read from the file; a running service keeps those it has.")
    return listing


def _listing(settings: Settings, file: Path | None) -> RegionListing:
    path = file or settings.regions
    if path is None:
        raise CommandError("No regions file is given; set TILEWATCH_REGIONS or give --file.")
    with refusing(CollectionFileError, ProductFileError, SourceFileError):
        registry = read_products(settings)
        sources = read_sources(settings)
    return RegionsFile(path, registry).look(sources)


def _histories(address: str, regions: Sequence[Region]) -> dict[str, History]:
    names = [region.name for region in regions]
    return with_connection(address, lambda connection: histories(connection, names))
