"""Measures: numbers for the values along a line, each weighted with the length or the time it holds for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HIGH = 0.95
"""Of the percentile that is always given."""

HIGH_MEANS = (
    "p95 is the least value that values up to it hold over at least 95 % of the weight with a value "
    "(inverted, weighted distribution function; no interpolation)"
)

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Measures:
    """What a line meets, by one kind of weight."""

    weight: float
    """Of the whole line: metres or seconds."""
    valid_share: float
    """Of the weight where there is a value, 0..1."""
    mean: float | None
    """None where there is no value, as the others."""
    max: float | None
    p95: float | None


def measures_of(values: Floats, weights: Floats) -> Measures:
    """Measure values along a line.

    Args:
        values: One a piece, (n,); NaN where there is none. Those of pieces without weight do not count.
        weights: Metres or seconds, (n,).
    """
    whole = float(weights.sum())
    held = ~np.isnan(values) & (weights > 0)
    if not held.any():
        return Measures(whole, 0.0, None, None, None)
    found, weight = values[held].astype(np.float64), weights[held]
    low, high = float(found.min()), float(found.max())
    mean = float(np.average(found, weights=weight))
    share = min(float(weight.sum()) / whole, 1.0)
    return Measures(
        whole,
        1.0 if held[weights > 0].all() else share,
        min(max(mean, low), high),
        high,
        _high(found, weight),
    )


def _high(values: Floats, weights: Floats) -> float:
    order = np.argsort(values, kind="stable")
    up_to = np.cumsum(weights[order])
    place = int(np.searchsorted(up_to, HIGH * up_to[-1] * (1 - 1e-12)))
    return float(values[order][min(place, len(order) - 1)])


def share_where(where: NDArray[np.bool_], weights: Floats) -> float:
    """Return the share of the weight of some pieces, 0..1."""
    return float(weights[where].sum() / weights.sum())
