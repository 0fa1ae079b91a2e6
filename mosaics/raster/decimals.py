"""Decimals: what stored numbers mean, as exact arithmetic has it, rounded once.

A scale such as 0.01 is not a binary number: in float32 10 x 0.01 comes below 0.1. As decimals scale and
offset are fractions, so that a value is ``(stored x multiplier + addend) / divisor`` in whole numbers. The
one division rounds to the nearest number there is, which is also how the text "0.1" is read: a value that
equals a threshold in decimals equals it in the computer.
"""

from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, lcm
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating[Any]]

_FLOAT64: np.dtype[Any] = np.dtype(np.float64)

WHOLE_IN = {np.dtype(np.float32): 2**24, _FLOAT64: 2**53}
"""Up to which magnitude every whole number is one of these floating-point numbers."""

WIDE = frozenset({"int32", "uint32", "int64", "uint64", "float64"})
"""Types of stored numbers that float32 does not hold."""


class Scaling(NamedTuple):
    """A scale and an offset in whole numbers: value = (stored x multiplier + addend) / divisor."""

    multiplier: int
    addend: int
    divisor: int
    """Above 0."""

    @property
    def largest(self) -> int:
        """The largest magnitude among the three."""
        return max(abs(self.multiplier), abs(self.addend), self.divisor)


@lru_cache(maxsize=4096)
def scaling_of(scale: float, offset: float) -> Scaling:
    """Return a scale and an offset, read as the decimals they are written as, in whole numbers."""
    by, more = _decimal(scale), _decimal(offset)
    divisor = lcm(by.denominator, more.denominator)
    return Scaling(int(by * divisor), int(more * divisor), divisor)


class Conversion(NamedTuple):
    """The steps from stored numbers to values, worked out once for all arrays of a type."""

    working: np.dtype[Any]
    """What is computed in: the smaller type that holds every number on the way."""
    multiplier: float | None
    """The first step, as all others left out where it is None."""
    addend: float | None
    divisor: int | None
    times: int | None
    result: np.dtype[Any]

    def values(self, stored: NDArray[Any]) -> Floats:
        """Return stored numbers, of any shape, as values in a new array."""
        values: Floats = stored.astype(self.working)
        if self.multiplier is not None:
            values *= self.multiplier
        if self.addend is not None:
            values += self.addend
        if self.divisor is not None:
            values /= self.divisor
        if self.times is not None:
            values *= self.times
        return values.astype(self.result, copy=False)


@lru_cache(maxsize=4096)
def conversion_of(
    stored: np.dtype[Any], scale: float, offset: float, result: np.dtype[Any], times: int = 1
) -> Conversion:
    """Return how stored numbers become values, each the nearest of its type to what exact arithmetic gives.

    Only what has more digits than float64 is rounded twice.

    Args:
        stored: Type of the numbers as the file holds them.
        scale: Value = stored number x scale + offset, both as decimals.
        offset: In the unit of the values.
        result: Type of the values, float32 or float64.
        times: What values are multiplied by; it makes them whole if it is the divisor of their scaling.
    """
    scaling = scaling_of(scale, offset)
    if times != 1:
        if scaling.divisor != times or not _fits(stored, scaling, result):
            return conversion_of(stored, scale, offset, _FLOAT64)._replace(times=times, result=result)
        scaling = scaling._replace(divisor=1)
    working = result if _fits(stored, scaling, result) else _FLOAT64
    if scaling.largest > WHOLE_IN[_FLOAT64]:
        return Conversion(working, scale, offset, None, None, result)
    return Conversion(
        working,
        multiplier=None if scaling.multiplier == 1 else scaling.multiplier,
        addend=scaling.addend or None,
        divisor=None if scaling.divisor == 1 else scaling.divisor,
        times=None,
        result=result,
    )


def stored_limit(value: float, scale: float, offset: float, *, least: bool) -> tuple[int, bool]:
    """Return the whole stored number up to which, or from which on, values keep to a limit; exactly.

    Args:
        value: The limit.
        scale: Value = stored number x scale + offset, both as decimals.
        offset: In the unit of the value.
        least: Whether it is the least value that is wanted, otherwise the greatest.

    Returns:
        That number, and whether those wanted are it and larger ones, otherwise it and smaller ones.
    """
    by = _decimal(scale)
    bound = (_decimal(value) - _decimal(offset)) / by
    rises = (by > 0) == least
    return ceil(bound) if rises else floor(bound), rises


def told_apart(thresholds: tuple[float, ...], scale: float, offset: float) -> bool:
    """Return whether scaled whole numbers differ from thresholds in float32 wherever they differ in decimals.

    Both lie on the grid of their common denominator. Two points of it differ in float32 where its step is
    wider than float32's, which has 24 bits.
    """
    divisor = scaling_of(scale, offset).divisor
    exact = [_decimal(threshold) for threshold in thresholds]
    return all(abs(each) * lcm(divisor, each.denominator) < 2**23 for each in exact)


def is_wide(dtype: str) -> bool:
    """Return whether a file's numbers need float64: whole numbers of 32 or 64 bits, and float64 itself."""
    return dtype in WIDE


def _decimal(number: float) -> Fraction:
    return Fraction(repr(float(number)))


@lru_cache(maxsize=4096)
def _fits(stored: np.dtype[Any], scaling: Scaling, working: np.dtype[Any]) -> bool:
    """Return whether all numbers on the way to a value are whole numbers of a type."""
    whole = WHOLE_IN[working]
    if stored.kind not in "iu":
        return scaling.multiplier == 1 and scaling.largest <= whole
    limits = np.iinfo(stored)
    reach = max(abs(int(limits.min)), int(limits.max)) * abs(scaling.multiplier) + abs(scaling.addend)
    return max(reach, scaling.divisor) <= whole
