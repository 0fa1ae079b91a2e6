"""History: how far a value lies from those of the same season in earlier years.

Everything is worked out for many series at once: rows are series, columns are periods, NaN is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

YEARS = 5
"""Earlier years that a value is compared with at most, as in the product `ndvi-anomaly`."""

MINIMUM_YEARS = 3
"""Earlier years that must have a value; a standard deviation of two says next to nothing."""

ROUNDING = 1e-12
"""Of a mean: what rounding leaves of the spread of equal values."""

NOTABLE, STRONG = 2.0, 3.0
"""Standard deviations from which on a value is notable, and strongly unusual; by convention."""


@dataclass(frozen=True, slots=True)
class Deviations:
    """How far values of one period lie from the same season of earlier years; arrays of shape (series,).

    Each is NaN where it cannot be worked out.
    """

    years: NDArray[np.intp]
    """Earlier years that have a value."""
    mean: Floats
    """Of the earlier years, in the unit of the values."""
    std: Floats
    """Their sample standard deviation, before the floor."""
    difference: Floats
    """Value minus mean."""
    z: Floats
    """The difference in standard deviations, of which less than the floor counts as the floor."""
    vci: Floats
    """Vegetation condition index, percent: 0 at the lowest of the earlier years, 100 at the highest."""


def deviations(
    values: Floats,
    tested: int,
    seasons: Sequence[Sequence[int]],
    *,
    floor: float,
    minimum_years: int = MINIMUM_YEARS,
) -> Deviations:
    """Return how far the values of a period lie from the same season of earlier years.

    ``z = (x - mean) / max(std, floor)``, with the sample standard deviation (n - 1) of the earlier years, the
    tested one not among them; ``vci = 100 (x - min) / (max - min)`` (Kogan 1995, Advances in Space Research
    15, 91-100).

    Args:
        values: (series, periods); NaN is missing.
        tested: Column of the period.
        seasons: Columns of the same season, a list for each earlier year (`app.analysis.seasons`). A year
            with several values counts with their mean.
        floor: The least standard deviation, in the unit of the values, 0 or more.
        minimum_years: Years that must have a value, at least 2.
    """
    baseline = yearly(values, seasons)
    years = np.count_nonzero(~np.isnan(baseline), axis=1)
    enough = years >= max(minimum_years, 2)
    now = np.where(enough, values[:, tested], np.nan)
    mean, std = mean_and_std(baseline)
    mean, std = np.where(enough, mean, np.nan), np.where(enough, std, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(np.maximum(std, floor) > 0, np.maximum(std, floor), np.nan)
        low, high = _extremes(baseline)
        vci = np.where(high > low, 100 * (now - low) / (high - low), np.nan)
        return Deviations(years, mean, std, now - mean, (now - mean) / spread, vci)


def yearly(values: Floats, seasons: Sequence[Sequence[int]]) -> Floats:
    """Return the mean of each year's season, (series, years); NaN where a year has no value."""
    found = np.full((len(values), len(seasons)), np.nan)
    for year, columns in enumerate(seasons):
        found[:, year] = mean_and_std(values[:, list(columns)])[0]
    return found


def mean_and_std(values: Floats) -> tuple[Floats, Floats]:
    """Return mean and sample standard deviation of each row, (rows,); NaN of no value or one."""
    count = np.count_nonzero(~np.isnan(values), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.nansum(values, axis=1) / count
        squares = np.nansum((values - mean[:, np.newaxis]) ** 2, axis=1)
        std = np.sqrt(np.where(count > 1, squares / (count - 1), np.nan))
    return mean, np.where(std <= ROUNDING * np.abs(mean), 0.0, std)


def _extremes(baseline: Floats) -> tuple[Floats, Floats]:
    missing = np.isnan(baseline)
    low = np.where(missing, np.inf, baseline).min(axis=1, initial=np.inf)
    high = np.where(missing, -np.inf, baseline).max(axis=1, initial=-np.inf)
    return low, high
