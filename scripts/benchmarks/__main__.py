"""`scripts/bench`: Tilewatch, stock TiTiler, cogeo-mosaic and a bare ASGI app, measured in the same run."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from scripts.benchmarks import (
    cached_tiles,
    composites,
    districts,
    kept,
    lookups,
    low_zoom,
    near,
    parcels,
    polar,
    remote,
    routes,
    scenes,
    two_dates,
    uncached_tiles,
    zonal,
)
from scripts.benchmarks.report import Row, circumstances, save, show, table

ROWS = (
    *("uncached", "png", "two-dates", "cached", "lookup", "low-zoom", "statistics", "kept", "scenes"),
    *("polar", "composite", "districts", "routes", "parcels", "near", "remote"),
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("rows", nargs=-1, type=click.Choice(ROWS))
@click.option(
    "--quick", is_flag=True, help="Few short rounds and no mosaic of a million, to check that it works."
)
@click.option(
    "--rounds", type=click.IntRange(min=1), help="Rounds of each measurement; 7, or 2 with --quick."
)
@click.option("--seconds", type=click.FloatRange(min=1), help="Of each round; 4, or 2 with --quick.")
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(tempfile.gettempdir()) / f"tilewatch-bench-{os.getuid()}",
    show_default=True,
    help="Where the scene and the mosaics are kept for the next run; about 3 GB.",
)
def main(rows: Sequence[str], *, quick: bool, rounds: int | None, seconds: float | None, work: Path) -> None:
    """Measure Tilewatch against others on this machine.

    ROWS are uncached (tiles computed), png (their size), two-dates (what a second date costs), cached (tiles
    known), lookup (scenes of a tile in a mosaic), low-zoom (5,000 scenes from afar), statistics (of
    polygons), polar (of polygons on a polar grid), kept (series in PostGIS), scenes (searches of the STAC
    API), composite (a month of one place), districts (series of 1,000 of them after a new month), routes
    (exposure of 1,000 of them after a new scan), parcels (verdicts on 10,000 after a new scene), near (of a
    million parcels) and remote (tiles from a bucket, with a delay on each request to it); all where none
    is named. Results are printed, and kept in bench-results.
    """
    about = circumstances()
    click.echo(", ".join(f"{name} {value}" for name, value in about.items()) + "\n")
    found: list[Row] = []
    for some in measure(
        rows or ROWS, rounds or (2 if quick else 7), seconds or (2 if quick else 4), work, quick
    ):
        show(some)
        found += some
    about["load at the end"] = circumstances()["load"]
    click.echo(table(found))
    click.echo(
        f"\nLoad {about['load']} before, {about['load at the end']} after; kept in {save(found, about)}"
    )


def measure(
    rows: Sequence[str],
    rounds: int,
    seconds: float,
    work: Path,
    quick: bool,
) -> Iterator[list[Row]]:
    """Yield the requested rows as they are measured."""
    work.mkdir(parents=True, exist_ok=True)
    if {"uncached", "png"} & set(rows):
        with tempfile.TemporaryDirectory() as folder:
            yield from uncached_tiles.measure(work, Path(folder), rounds=rounds, seconds=seconds, rows=rows)
    if "two-dates" in rows:  # on the scene's disk, since its files are linked
        with tempfile.TemporaryDirectory(dir=work) as folder:
            yield from two_dates.measure(work, Path(folder), rounds=rounds, seconds=seconds)
    if "cached" in rows:
        yield cached_tiles.measure(rounds=rounds, seconds=seconds)
    if "lookup" in rows:
        sizes = tuple(lookups.SIZES)[: -1 if quick else None]
        yield from lookups.measure(work, rounds=rounds, sizes=sizes)
    if "low-zoom" in rows:
        with tempfile.TemporaryDirectory() as folder:
            yield from low_zoom.measure(work, Path(folder), rounds=rounds, seconds=seconds)
    parts = {"statistics": zonal, "polar": polar, "kept": kept, "scenes": scenes, "composite": composites}
    parts |= {"districts": districts, "routes": routes, "parcels": parcels, "near": near, "remote": remote}
    for name, part in parts.items():
        if name in rows:
            # Beside the scene, since one of them links to its files.
            with tempfile.TemporaryDirectory(dir=work) as folder:
                yield from part.measure(work, Path(folder), rounds=rounds)


if __name__ == "__main__":
    main()
