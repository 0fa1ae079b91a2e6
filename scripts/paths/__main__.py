"""`scripts/count-path`: files and lines of ours that one tile, one statistic and one landing run through."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from scripts.paths.journeys import JOURNEYS
from scripts.paths.ours import LEFT_OUT, PACKAGES
from scripts.paths.spans import functions_run
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
    tracer = Tracer(checkout, PACKAGES)
    left_out = [module for name, modules in LEFT_OUT.items() if name not in included for module in modules]
    with tempfile.TemporaryDirectory(prefix="tilewatch-paths-") as folder:
        found = {"landing": asyncio.run(JOURNEYS["landing"](tracer, Path(folder)))}
        for name in ("tile", "statistic"):
            found[name] = asyncio.run(JOURNEYS[name](tracer, Path(folder)))
    for name in names or JOURNEYS:
        told = {
            path: run
            for path, run in functions_run(found[name], checkout).items()
            if not _is_in(path, left_out)
        }
        lines = {path: sum(len(function.lines) for function in run) for path, run in told.items()}
        click.echo(f"{name}: {len(told)} files, {sum(lines.values()):,} lines")
        for path, run in told.items():
            click.echo(f"  {lines[path]:5}  {path}")
            for function in run if functions else ():
                click.echo(f"  {len(function.lines):11}  {function.name}, from line {function.first}")
        click.echo()


def _is_in(path: str, modules: Sequence[str]) -> bool:
    module = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    return any(module == each or module.startswith(f"{each}.") for each in modules)


if __name__ == "__main__":
    main()
