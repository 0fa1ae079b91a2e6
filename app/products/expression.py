"""Band-math expressions, compiled: evaluated by numexpr, with NaN for missing values.

Bands of float32 are computed with in float32. With a band of float64 all is computed in float64, and
comparisons of what was computed are decided as of decimals (`app.products.exactness`).
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numexpr
import numpy as np
from numexpr.necompiler import NumExpr

from mosaics.raster.decimals import Floats

# One thread renders a tile, and as many tiles are rendered at once as there are cores.
numexpr.set_num_threads(1)


class Years(NamedTuple):
    """The number of years of a role."""

    most: int
    """Windows it may have, one per year."""
    least: int
    """Years that must have a value for a mean or a standard deviation to have one."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A mean or a standard deviation over the years of a role."""

    function: str
    inner: "Expression"
    """What is computed for each year."""
    least: int
    """Years that must have a value; with fewer, the result is missing."""

    def over(self, values: Mapping[str, Floats], *, double: bool) -> Floats:
        """Return the aggregate of arrays whose first axis is the years.

        The standard deviation is that of a sample, with n - 1; years without a value are ignored.
        """
        yearly = self.inner.evaluate(values, double=double)
        present = ~np.isnan(yearly)
        count = present.sum(axis=0)
        enough = count >= self.least
        divisor = np.maximum(count, 1)
        mean = np.where(present, yearly, 0).sum(axis=0, dtype=np.float64) / divisor
        if self.function == "std":
            squares = np.where(present, yearly - mean, 0) ** 2
            found = np.sqrt(squares.sum(axis=0, dtype=np.float64) / np.maximum(count - 1, 1))
        else:
            found = mean
        return np.where(enough, found, np.nan).astype(yearly.dtype)


@dataclass(frozen=True, slots=True)
class Expression:
    """A formula over bands.

    A result is missing (NaN) if any band that is named is missing, wherever its name occurs; if a denominator
    is 0, the argument of `log` is not positive or that of `sqrt` is negative; if any intermediate value is
    infinite, even if a later step would make it finite again; and if the condition of a `keep` does not hold.
    """

    text: str
    """The formula in normal form: spaces and superfluous parentheses make no difference."""
    bands: tuple[str, ...]
    """As named (``red`` or ``pre.red``), in order of first use."""
    cost: int
    """Operations per pixel before repeated ones are shared: 2 for sqrt, 8 for log and exp, 1 for any other.
    ``x ** 3`` counts its operand three times; operands that a comparison or a denominator could hide count
    once more; the contents of `mean` or `std` count for every year."""
    tree: Any = field(repr=False, compare=False)
    """The numexpr nodes; the variables are ``v0``, ``v1``, … in the order of `variables`."""
    variables: tuple[str, ...]
    """The bands the nodes name directly, and the aggregates as written, in order of use."""
    aggregates: Mapping[str, Aggregate] = field(default_factory=dict, compare=False)
    """Means and standard deviations over years, by their text."""
    is_band: bool = False
    """Whether it is the name of a band and nothing else."""
    compares_computed: bool = False
    """Whether it compares numbers that it has computed, which roundings may have moved."""
    thresholds: tuple[float, ...] = ()
    """The numbers it compares with."""
    is_scale_free: bool = False
    """Whether bands that are all multiplied by one positive number give the same result."""
    double_tree: Any = field(default=None, repr=False, compare=False)
    """The nodes for float64, which compare as decimals do."""

    def evaluate(
        self,
        values: Mapping[str, Floats],
        rounded_to: type[np.floating[Any]] | None = None,
        *,
        double: bool = False,
    ) -> Floats:
        """Evaluate the formula on arrays.

        Args:
            values: For every name in `bands` an array in its unit, float32 or float64, all of one shape; NaN
                is missing. Bands of a role with several years have an additional first axis: the years.
            rounded_to: The type of the result; None leaves it as computed.
            double: Whether to compute in float64 even if no band is.

        Returns:
            The same shape, float64 if a band is; NaN where missing, never infinite. Comparisons give 1 or 0.
        """
        aggregates = {
            name: aggregate.over(values, double=double) for name, aggregate in self.aggregates.items()
        }
        double = double or any(values[name].dtype == np.float64 for name in self.bands)
        program = (_programs.of_double if double else _programs.of)(self)
        given = [aggregates[name] if name in aggregates else values[name] for name in self.variables]
        out = np.empty(given[0].shape, rounded_to) if double and rounded_to is not None else None
        casting = "safe" if out is None else "same_kind"
        result: Floats = program(*given, out=out, order="K", casting=casting, ex_uses_vml=False)
        return result


class _Programs(threading.local):
    """The numexpr programs of one thread; a program owns its temporaries, so threads cannot share one."""

    def __init__(self) -> None:
        self.of = lru_cache(maxsize=256)(partial(_assemble, double=False))
        self.of_double = lru_cache(maxsize=256)(partial(_assemble, double=True))


def _assemble(expression: Expression, *, double: bool) -> Any:
    tree, kind = (expression.double_tree, np.double) if double else (expression.tree, float)
    return NumExpr(tree, [(f"v{i}", kind) for i in range(len(expression.variables))])


_programs = _Programs()
