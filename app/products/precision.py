"""Precision: in which floating-point numbers the values of a product are computed and kept.

float32 holds whole numbers to 2^24 and tells decimals of six digits apart, which is enough for scaled
numbers of 16 bits if nothing computed from them is compared. float64 takes twice the time to sort.
"""

from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from app.products.comparisons import Comparisons
from mosaics.raster.decimals import Floats, is_wide, told_apart


class Precision(Enum):
    """How a band's values are computed, and what is kept of them."""

    SINGLE = (np.float32, np.float32)
    """All in float32."""
    ROUNDED = (np.float64, np.float32)
    """Computed in float64; the result rounded to float32, where roundings on the way are gone."""
    DOUBLE = (np.float64, np.float64)
    """All in float64."""

    def __init__(self, computed: type[np.floating[Any]], kept: type[np.floating[Any]]) -> None:
        self.computed = computed
        """The type that is computed in."""
        self.kept = kept
        """The type that results have."""


class Stored(NamedTuple):
    """How a band's numbers are stored."""

    dtype: str
    scale: float
    offset: float


@lru_cache(maxsize=4096)
def precision_of(stored: Stored, compared: Comparisons) -> Precision:
    """Return in which precision a band of a scene has to be read for a product's comparisons to be right."""
    if is_wide(stored.dtype):
        return Precision.DOUBLE
    if stored.dtype == "float32":
        return Precision.SINGLE
    of_bands = told_apart(compared.of_bands, stored.scale, stored.offset)
    if not (of_bands and told_apart(compared.of_values, 1.0, 0.0)):
        return Precision.DOUBLE
    return Precision.ROUNDED if compared.computed else Precision.SINGLE


def widened(values: Floats) -> Floats:
    """Return float32 numbers as the decimals they are written as, in float64: 0.7, not 0.699999988.

    Beside values of float64 they would else fall below the thresholds they are equal to.
    """
    if values.dtype == np.float64:
        return values
    different, places = np.unique(values, return_inverse=True)
    decimals = np.array([float(str(value)) for value in different], np.float64)
    return decimals[places].reshape(values.shape)


def as_written(value: np.floating[Any]) -> float:
    """Return a number as the shortest decimal that stands for it in its own precision."""
    return float(str(value))
