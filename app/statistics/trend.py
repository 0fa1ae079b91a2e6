"""The trend of a series with seasons: Theil and Sen's slope over pairs of one season, and how sure it is.

Hirsch, Slack & Smith (1982), Water Resources Research 18, 107-121, and for the interval Gilbert (1987),
Statistical Methods for Environmental Pollution Monitoring, section 17.3.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import copysign, floor, sqrt
from statistics import NormalDist, median

CONFIDENCE = 0.95

FEWEST_PAIRS = 10
"""Pairs below which the statistic is far from normal, and nothing is said."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A value of a series."""

    year: int
    season: str
    """What recurs each year: a month, such as "02"."""
    value: float


@dataclass(frozen=True, slots=True)
class Trend:
    """The trend of a series."""

    slope_per_year: float
    """Median of the slopes of all pairs of a season, in the unit of the values."""
    low_per_year: float
    high_per_year: float
    """The slope lies between them with a probability of `CONFIDENCE`."""
    p_value: float
    """Of the seasonal Mann-Kendall test, two-sided, corrected for continuity and for ties: how often values
    without a trend, and independent of each other, would rise or fall at least as steadily."""
    pairs: int
    years: int
    """From the first value to the last, both counted."""


def trend_of(observations: Iterable[Observation]) -> Trend | None:
    """Return the trend of a series.

    Values that are missing are left out; a season may have any number of them.

    Args:
        observations: In any order, at most one for each season of a year.

    Returns:
        The trend; None where there are fewer than `FEWEST_PAIRS` pairs of the same season.
    """
    seasons: dict[str, list[Observation]] = {}
    for each in sorted(observations, key=lambda each: each.year):
        seasons.setdefault(each.season, []).append(each)
    pairs = [pair for season in seasons.values() for pair in combinations(season, 2)]
    if len(pairs) < FEWEST_PAIRS:
        return None
    slopes = sorted((late.value - early.value) / (late.year - early.year) for early, late in pairs)
    rises = sum(_sign(late.value - early.value) for early, late in pairs)
    spread = sqrt(sum(_variance([each.value for each in season]) for season in seasons.values()))
    low, high = _interval(slopes, spread)
    years = [each.year for season in seasons.values() for each in season]
    return Trend(median(slopes), low, high, _p_value(rises, spread), len(pairs), max(years) - min(years) + 1)


def _sign(difference: float) -> int:
    return (difference > 0) - (difference < 0)


def _variance(values: Sequence[float]) -> float:
    """Return the variance of a season's sum of signs if it has no trend."""
    tied = Counter(values).values()
    return (_term(len(values)) - sum(_term(count) for count in tied)) / 18


def _term(count: int) -> int:
    return count * (count - 1) * (2 * count + 5)


def _p_value(rises: int, spread: float) -> float:
    if spread == 0 or rises == 0:
        return 1.0
    z = (rises - copysign(1, rises)) / spread
    return 2 * NormalDist().cdf(-abs(z))


def _interval(slopes: Sequence[float], spread: float) -> tuple[float, float]:
    """Return the limits of the slope, between the ranks that the spread of the test gives."""
    beyond = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * spread / 2
    middle = len(slopes) / 2
    return _at_rank(slopes, middle - beyond), _at_rank(slopes, middle + beyond + 1)


def _at_rank(ascending: Sequence[float], rank: float) -> float:
    """Return the value at a rank from 1 on, interpolated; beyond the ends, that at the end."""
    place = min(max(rank, 1.0), float(len(ascending))) - 1
    before = floor(place)
    after = min(before + 1, len(ascending) - 1)
    return ascending[before] + (place - before) * (ascending[after] - ascending[before])
