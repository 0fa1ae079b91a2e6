"""Counts: the functions that run on each journey, and the most files and lines that are wanted of them."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from scripts.paths.journeys import JOURNEYS
from scripts.paths.ours import LEFT_OUT
from scripts.paths.spans import Function, functions_run
from scripts.paths.tracing import Tracer

Run: TypeAlias = Mapping[str, tuple[Function, ...]]
"""The functions that ran, by the path of their file."""


class Bound(NamedTuple):
    """The most that is wanted of a journey."""

    files: int
    lines: int | None = None


BOUNDS = {"tile": Bound(22, 950), "statistic": Bound(36), "landing": Bound(14)}
"""By journey."""


async def count(tracer: Tracer, checkout: Path, included: Collection[str] = ()) -> dict[str, Run]:
    """Return what runs on each journey, the landing first, whose scene the others ask for.

    Args:
        tracer: Sees this thread and those that are still to be made.
        checkout: The folder whose code is ours.
        included: Names of the sets of `LEFT_OUT` that count all the same.
    """
    left_out = [module for name, modules in LEFT_OUT.items() if name not in included for module in modules]
    with tempfile.TemporaryDirectory(prefix="tilewatch-paths-") as folder:
        codes = {
            name: await JOURNEYS[name](tracer, Path(folder)) for name in ("landing", "tile", "statistic")
        }
    return {
        name: {
            path: run
            for path, run in functions_run(codes[name], checkout).items()
            if not _is_in(path, left_out)
        }
        for name in JOURNEYS
    }


def lines_of(run: Run) -> dict[str, int]:
    """Return the lines of the functions that ran, by file."""
    return {path: sum(len(function.lines) for function in functions) for path, functions in run.items()}


def _is_in(path: str, modules: Sequence[str]) -> bool:
    module = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    return any(module == each or module.startswith(f"{each}.") for each in modules)
