"""Reducing: many observations of a pixel become one value, and one stored number."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mosaics.descriptions.collections import ClearRule
from mosaics.scene import Asset

Plane: TypeAlias = NDArray[np.float32]
Stack: TypeAlias = NDArray[np.float32]
"""(observations, height, width) in the band's unit; NaN where there is no observation."""

MISSING = 0
"""Stored number of a pixel without a value; collections of composites say so too."""


def clear_values(
    numbers: NDArray[Any],
    quality: NDArray[Any],
    *further: NDArray[Any],
    asset: Asset,
    rule: ClearRule,
    also: tuple[ClearRule, ...] = (),
) -> Plane:
    """Return the values of one band of one scene, NaN where it has none and where the ground is not seen.

    Args:
        numbers: As stored, any shape.
        quality: The quality band as stored, same shape.
        *further: The quality bands of `also`, same shape.
        asset: Tells how `numbers` are to be read.
        rule: Which pixels show the ground.
        also: Which of these do, by further bands.
    """
    missing = ~rule.keeps(quality)
    for other, stored in zip(also, further, strict=True):
        missing |= ~other.keeps(stored)
    if asset.nodata is not None:
        missing |= np.isnan(numbers) if np.isnan(asset.nodata) else numbers == asset.nodata
    # A stored number that means zero is exactly zero.
    values = numbers.astype(np.float32) - np.float32(-asset.offset / asset.scale)
    values *= np.float32(asset.scale)
    values[missing] = np.nan
    return values


def first_clear(*planes: Plane) -> Plane:
    """Return one overpass of scenes that overlap: of each pixel the first value there is."""
    fused = planes[0].copy()
    for plane in planes[1:]:
        np.copyto(fused, plane, where=np.isnan(fused))
    return fused


def median(stack: Stack) -> Plane:
    """Return the middle value, of an even number the mean of the middle two; `stack` itself is sorted."""
    count = np.count_nonzero(~np.isnan(stack), axis=0)
    stack.sort(axis=0)  # NaN last
    low = np.take_along_axis(stack, np.maximum(count - 1, 0)[None] // 2, axis=0)[0]
    high = np.take_along_axis(stack, np.minimum(count // 2, len(stack) - 1)[None], axis=0)[0]
    middle: Plane = np.where(count > 0, (low + high) / np.float32(2), np.float32(np.nan))
    return middle


def mean(stack: Stack) -> Plane:
    """Return the mean, summed in double precision."""
    present = ~np.isnan(stack)
    count = np.count_nonzero(present, axis=0)
    total = np.sum(stack, axis=0, dtype=np.float64, where=present)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def lowest(stack: Stack) -> Plane:
    """Return the lowest value."""
    return np.asarray(np.fmin.reduce(stack, axis=0))


def highest(stack: Stack) -> Plane:
    """Return the highest value."""
    return np.asarray(np.fmax.reduce(stack, axis=0))


METHODS: Mapping[str, Callable[[Stack], Plane]] = MappingProxyType(
    {"median": median, "mean": mean, "min": lowest, "max": highest}
)
"""What a composite may take of a pixel's observations."""


def reduce_planes(
    *planes: Plane, method: str, scale: float, offset: float, nodata: float | None = None
) -> NDArray[Any]:
    """Return a band of a composite.

    Args:
        planes: The observations.
        method: One of `METHODS`.
        scale: Of the numbers asset.
        offset: Of the numbers asset.
        nodata: What marks a missing value of a composite that is stored as float32; None for whole numbers.

    Returns:
        (2, height, width): the numbers, 0 or `nodata` where there is no observation or its value does not
        fit, and how many observations there are.
    """
    stack = np.stack(planes)
    count = np.count_nonzero(~np.isnan(stack), axis=0)
    if nodata is not None:
        values = METHODS[method](stack)
        return np.stack([np.where(np.isnan(values), np.float32(nodata), values), count.astype(np.float32)])
    return np.stack([encode(METHODS[method](stack), scale, offset), count.astype(np.uint16)])


def encode(values: Plane, scale: float, offset: float) -> NDArray[np.uint16]:
    """Return values as stored numbers; what is missing or does not fit becomes `MISSING`."""
    numbers = np.rint((values.astype(np.float64) - offset) / scale)
    limits = np.iinfo(np.uint16)
    fits = (numbers > MISSING) & (numbers <= limits.max)
    return np.where(fits, numbers, MISSING).astype(np.uint16)
