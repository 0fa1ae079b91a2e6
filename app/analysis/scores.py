"""Scores: deviations from an estimated mean and spread as normal deviates, which charts can follow.

A value minus the mean of n earlier ones, over their standard deviation times ``sqrt(1 + 1/n)``, has Student's
t distribution with n - 1 degrees of freedom. As quantiles of the normal distribution such values are
independent and standard normal, however few the earlier ones are, if all earlier ones are used each time
(Quesenberry 1991, Journal of Quality Technology 23, 213-224). So the published rates of false alarms hold.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from app.analysis.history import MINIMUM_YEARS, mean_and_std, yearly

Floats = NDArray[np.float64]

FARTHEST = 1e-15
"""Probability at which scores end: 7.9 standard deviations."""

_QUANTILE = np.frompyfunc(NormalDist().inv_cdf, 1, 1)


def normal_scores(
    values: Floats,
    seasons: Sequence[Sequence[Sequence[int]]],
    *,
    floor: float,
    minimum_years: int = MINIMUM_YEARS,
) -> Floats:
    """Return each value as a normal deviate from the same season of all earlier years.

    Args:
        values: (series, periods); NaN is missing.
        seasons: For each period the columns of its season in each earlier year.
        floor: The least standard deviation, in the unit of the values.
        minimum_years: Earlier years that must have a value, at least 2.

    Returns:
        (series, periods); NaN where the value is missing or has too few earlier years.
    """
    found = np.full(values.shape, np.nan)
    for period, years in enumerate(seasons):
        if len(years) >= max(minimum_years, 2):
            found[:, period] = _scores(values[:, period], yearly(values, years), floor, minimum_years)
    return found


def _scores(now: Floats, baseline: Floats, floor: float, minimum_years: int) -> Floats:
    count = np.count_nonzero(~np.isnan(baseline), axis=1)
    mean, std = mean_and_std(baseline)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (now - mean) / (np.maximum(std, floor) * np.sqrt(1 + 1 / count))
    found = np.full(len(now), np.nan)
    for years in np.unique(count[count >= max(minimum_years, 2)]):
        rows = (count == years) & np.isfinite(t)
        found[rows] = quantiles(student_cdf(t[rows], int(years) - 1))
    return found


def student_cdf(t: Floats, degrees: int) -> Floats:
    """Return Student's cumulative distribution for a whole number of degrees of freedom, any shape.

    Abramowitz & Stegun (1964), Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    angle = np.arctan(t / np.sqrt(degrees))
    cosine, term = np.cos(angle), np.ones_like(t)
    odd = degrees % 2 == 1
    total = np.zeros_like(t)
    if odd:
        term = cosine
    for step in range(2 if odd else 1, degrees, 2) if degrees > 1 else ():
        total = total + term
        term = term * cosine**2 * (step / (step + 1))
    inside = np.sin(angle) * total
    return np.asarray(0.5 + ((angle + inside) / np.pi if odd else inside / 2))


def quantiles(probabilities: Floats) -> Floats:
    """Return the quantiles of the standard normal distribution, any shape, at most 7.9 from 0."""
    return np.asarray(_QUANTILE(np.clip(probabilities, FARTHEST, 1 - FARTHEST)), dtype=np.float64)
