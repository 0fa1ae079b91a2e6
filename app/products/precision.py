"""Precision: in which floating-point numbers the values of a product are computed and kept.

float32 holds whole numbers to 2^24 and tells decimals of six digits apart, which is enough for scaled
numbers of 16 bits if nothing computed from them is compared. float64 takes twice the time to sort.
"""

from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from app.products.comparisons import Comparisons
from app.products.product import Product
from mosaics.raster.decimals import Floats, is_wide, told_apart
from mosaics.scene import Asset


class Precision(Enum):
    """How a band's values are computed, and what is kept of them."""

    SINGLE = "single"
    """All in float32."""
    ROUNDED = "rounded"
    """Computed in float64; the result rounded to float32, where roundings on the way are gone."""
    DOUBLE = "double"
    """All in float64."""

    @property
    def computed(self) -> type[np.floating[Any]]:
        """The type that is computed in."""
        return np.float32 if self is Precision.SINGLE else np.float64

    @property
    def kept(self) -> type[np.floating[Any]]:
        """The type that results have."""
        return np.float64 if self is Precision.DOUBLE else np.float32


def precision_of(product: Product, asset: Asset) -> Precision:
    """Return in which precision a product has to read a band of a scene for its comparisons to be right."""
    stored = _Stored(asset.dtype, asset.scale, asset.offset)
    return _precision(stored, product.comparisons)


class _Stored(NamedTuple):
    dtype: str
    scale: float
    offset: float


@lru_cache(maxsize=4096)
def _precision(stored: _Stored, compared: Comparisons) -> Precision:
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
