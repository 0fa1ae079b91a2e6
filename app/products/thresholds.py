"""Thresholds: where values begin to count as so much or more, in the precision they have.

In float32 a threshold is the nearest float32, as scaled whole numbers are. In float64 it has a leeway: what
was computed from decimals, such as (0.3 - 0.2) / (0.3 + 0.2), may lie a few roundings off its decimal.
"""

from typing import Any

import numpy as np

LEEWAY = 2.0**-46
"""Relative distance within which float64 numbers count as equal: 128 roundings, in the 14th digit."""

LARGEST = 2.0**45
"""Up to here the leeway is less than half of 1; beyond, numbers are codes and must be equal."""


def least_from(threshold: float, dtype: np.dtype[Any]) -> np.floating[Any]:
    """Return the smallest number of a type that counts as a threshold or more."""
    return _number(threshold - _leeway(threshold, dtype), dtype)


def last_up_to(threshold: float, dtype: np.dtype[Any]) -> np.floating[Any]:
    """Return the largest number of a type that counts as a threshold or less."""
    return _number(threshold + _leeway(threshold, dtype), dtype)


def _leeway(threshold: float, dtype: np.dtype[Any]) -> float:
    return abs(threshold) * LEEWAY if dtype == np.float64 and abs(threshold) < LARGEST else 0.0


def _number(value: float, dtype: np.dtype[Any]) -> np.floating[Any]:
    number: np.floating[Any] = dtype.type(value)
    return number
