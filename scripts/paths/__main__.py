"""`scripts/count-path`: files and lines of ours that one tile, one statistic and one landing run through."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from scripts.paths.counts import BOUNDS, count, lines_of
from scripts.paths.journeys import JOURNEYS
from scripts.paths.ours import LEFT_OUT, PACKAGES
from scripts.paths.tracing import Tracer


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(JOURNEYS)))
@click.option("--functions", is_flag=True, help="List every function with its lines.")
@click.option("--with", "included", multiple=True, type=click.Choice(list(LEFT_OUT)), help="Count these too.")
def main(names: Sequence[str], *, functions: bool, included: Sequence[str]) -> None:
    """Count the files and lines that run for NAMES: tile, statistic, landing; all where none is named.

    A tile is drawn that is not cached and whose files are open, a polygon is counted in one month, a scene is
    planned and landed. Every function that runs counts once and whole, with its docstring. Left out are the
    middleware, the log of commits and storage (`scripts/paths/ours.py` names their modules), decorators and
    class bodies.
    """
    checkout = Path.cwd()
    found = asyncio.run(count(Tracer(checkout, PACKAGES), checkout, included))
    for name in names or JOURNEYS:
        lines, bound = lines_of(found[name]), BOUNDS[name]
        most = f"{bound.files} files" + (f" and {bound.lines:,} lines" if bound.lines else "")
        click.echo(f"{name}: {len(lines)} files, {sum(lines.values()):,} lines; at most {most} are wanted")
        for path, run in found[name].items():
            click.echo(f"  {lines[path]:5}  {path}")
            for function in run if functions else ():
                click.echo(f"  {len(function.lines):11}  {function.name}, from line {function.first}")
        click.echo()


if __name__ == "__main__":
    main()
