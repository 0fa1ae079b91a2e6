"""`tilewatch areas`: imports, lists and deletes areas."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rasterio.crs import CRS
from rasterio.errors import CRSError

from app.areas.area import Area, AreaError, UnknownAreaError, refuse_uncounted
from app.areas.area_files import AreaFileError, open_area_file
from app.areas.area_listing import Listing, list_areas
from app.areas.area_store import AreaSearch, delete_area
from app.areas.importing import Import, Naming, import_areas
from app.areas.pages import MAX_PAGE
from app.cli.databases import database_option, with_connection
from app.cli.descriptions import read_products
from app.cli.exit import CommandError, refusing
from app.database import Connection
from app.products.product import ProductFileError
from app.settings import Settings
from mosaics.descriptions.collections import CollectionFileError

SHOWN = 20
"""Number of refused features that are reported one by one."""


@click.group()
def areas() -> None:
    """Manage areas whose statistics are kept."""


@areas.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name-field", default="name", show_default=True, help="Property that holds the name.")
@click.option("--kind", help="Kind of all areas; by default each feature's property kind.")
@click.option("--products", metavar="A,B", default="", help="Products whose statistics are kept.")
@click.option("--owner", help="Owner of all areas; by default each feature's property owner_id.")
@click.option("--layer", help="Layer, if a GeoPackage or an archive of shapefiles has several.")
@click.option("--crs", "crs_text", metavar="EPSG:N", help="Coordinate system, if the file does not state it.")
@click.option("--repair", is_flag=True, help="Make invalid polygons valid, and say what that changes.")
@click.option("--skip-refused", is_flag=True, help="Import the other features if some are refused.")
@database_option
def import_file(
    *,
    file: Path,
    name_field: str,
    kind: str | None,
    products: str,
    owner: str | None,
    layer: str | None,
    crs_text: str | None,
    repair: bool,
    skip_refused: bool,
    database_url: str | None,
) -> None:
    """Register the polygons of FILE: all of them, or none if any is refused.

    FILE is GeoJSON, a GeoPackage, a shapefile (.shp) or a zip archive with one. A property `feed` is left
    out.
    """
    naming = Naming(name_field, kind, tuple(filter(None, map(str.strip, products.split(",")))), owner)
    with refusing(AreaFileError, AreaError, CollectionFileError, ProductFileError):
        refuse_uncounted(read_products(Settings()), naming.products)
        found = open_area_file(file, layer, _crs(crs_text))
        for note in found.notes:
            click.echo(f"Note: {note}.", err=True)

        async def work(connection: Connection) -> Import:
            with _progress(found.count, f"Importing {file.name}") as progress:
                return await import_areas(
                    connection, found, naming, progress, skip_refused=skip_refused, repair=repair
                )

        done = with_connection(database_url, work)
    for position, repaired in done.repaired:
        click.echo(f"Feature {position}: {repaired.sentence}", err=True)
    for refused in done.refused[:SHOWN]:
        click.echo(f"Feature {refused.position}: {refused.reason}", err=True)
    if len(done.refused) > SHOWN:
        click.echo(f"and {len(done.refused) - SHOWN} more", err=True)
    if done.refused and not skip_refused:
        raise CommandError(
            f"{len(done.refused)} of {found.count} features are not valid areas, so none was imported; "
            "--skip-refused imports the others."
        )
    of_them = f", {len(done.repaired)} of them repaired" if done.repaired else ""
    click.echo(f"Imported {_counted(done.imported)}{of_them}.")


@areas.command("list")
@click.option("--kind", help="Only areas of this kind.")
@database_option
def show(kind: str | None, database_url: str | None) -> None:
    """List areas: id, name, kind, size, products kept."""

    async def work(connection: Connection) -> None:
        async for area in _all_areas(connection, AreaSearch(None, kind)):
            described = area.description
            kept = f"  keeps {', '.join(described.products)}" if described.products else ""
            of_kind = f"  ({described.kind})" if described.kind else ""
            click.echo(f"{area.id}  {described.name}{of_kind}  {area.area_km2:.4g} km2{kept}")

    with_connection(database_url, work)


@areas.command("delete")
@click.argument("ids", nargs=-1, type=click.IntRange(min=1))
@click.option("--kind", help="Delete all areas of this kind, instead of IDS.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@database_option
def delete(*, ids: tuple[int, ...], kind: str | None, yes: bool, database_url: str | None) -> None:
    """Delete areas and the statistics kept for them: all IDS, or none if any is unknown."""
    if bool(ids) == bool(kind):
        raise click.UsageError("give either IDS or --kind")

    async def work(connection: Connection) -> int:
        async with connection.transaction():
            chosen = ids or [area.id async for area in _all_areas(connection, AreaSearch(None, kind))]
            if chosen and not yes:
                click.confirm(f"Delete {_counted(len(chosen))} and the statistics kept for them?", abort=True)
            for area_id in chosen:
                await delete_area(connection, area_id)
        return len(chosen)

    with refusing(UnknownAreaError):
        click.echo(f"Deleted {_counted(with_connection(database_url, work))}.")


def _crs(text: str | None) -> CRS | None:
    if text is None:
        return None
    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise AreaFileError(
            f"{text[:60]!r} is not a valid coordinate system; one looks like EPSG:25832"
        ) from error


async def _all_areas(connection: Connection, search: AreaSearch) -> AsyncIterator[Area]:
    page = await list_areas(connection, Listing(search), limit=MAX_PAGE)
    while True:
        for area in page.areas:
            yield area
        if page.following is None:
            return
        page = await list_areas(connection, Listing(search), after=page.following, limit=MAX_PAGE)


@contextmanager
def _progress(length: int, label: str) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr if that is a terminal, otherwise nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr, show_pos=True) as bar:
        yield bar.update


def _counted(number: int) -> str:
    return f"{number} area" if number == 1 else f"{number} areas"
