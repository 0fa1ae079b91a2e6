"""The trend of a series: published examples, and values worked out by hand."""

from collections.abc import Iterable, Mapping, Sequence
from math import nan

import pytest

from app.statistics.trend import Observation, trend_of

# USEPA (2009), Unified Guidance, EPA 530/R-09-007, example 14-10: concentrations from 1983 to 1985. The
# numbers of the test and the interval are those that EnvStats' kendallSeasonalTrendTest prints for it
# ("Gilbert's Modification of Theil/Sen Method").
EPA = {
    "01": (1.99, 2.01, 2.15), "02": (2.10, 2.10, 2.17), "03": (2.12, 2.17, 2.27), "04": (2.12, 2.13, 2.23),
    "05": (2.11, 2.13, 2.24), "06": (2.15, 2.18, 2.26), "07": (2.19, 2.25, 2.31), "08": (2.18, 2.24, 2.32),
    "09": (2.16, 2.22, 2.28), "10": (2.08, 2.13, 2.22), "11": (2.05, 2.08, 2.19), "12": (2.08, 2.16, 2.22),
}  # fmt: skip

# The example of scipy's own test of mstats.kendalltau_seasonal, with values that are missing and many ties.
GAPPED = {
    "a": (nan, nan, 4, 2, 16, 26, 5, 1, 5, 1, 2, 3, 1),
    "b": (4, 3, 5, 3, 2, 7, 3, 1, 1, 2, 3, 5, 3),
    "c": (3, 2, 5, 6, 18, 4, 9, 1, 1, nan, 1, 1, nan),
    "d": (nan, 6, 11, 4, 17, nan, 6, 1, 1, 2, 5, 1, 1),
}


def observations(table: Mapping[str, Sequence[float]], first: int = 1983) -> Iterable[Observation]:
    for season, values in table.items():
        for n, value in enumerate(values):
            if value == value:
                yield Observation(first + n, season, value)


def test_the_example_of_the_epa_comes_out() -> None:
    found = trend_of(observations(EPA))
    assert found is not None
    assert found.slope_per_year == pytest.approx(0.06, abs=1e-9)
    assert found.p_value == pytest.approx(2.160712e-07, rel=1e-5)
    assert (found.low_per_year, found.high_per_year) == pytest.approx((0.05786914, 0.07213086), abs=1e-8)
    assert (found.pairs, found.years) == (36, 3)


def test_values_that_are_missing_are_left_out() -> None:
    found = trend_of(observations(GAPPED))
    assert found is not None
    assert found.p_value == pytest.approx(0.008, abs=5e-4)
    # 11, 13, 11 and 11 values: 55 + 78 + 55 + 55 pairs.
    assert found.pairs == 243
    missing = trend_of(o for o in observations(EPA) if (o.year, o.season) != (1984, "05"))
    assert missing is not None
    assert missing.pairs == 34


def test_only_the_same_season_of_different_years_is_compared() -> None:
    # Each month is 1 more every year, and summer is 100 more than winter: 1 a year, not 0 or 100.
    found = trend_of(observations({"01": (0, 1, 2, 3, 4), "07": (100, 101, 102, 103, 104)}))
    assert found is not None
    assert (found.slope_per_year, found.low_per_year, found.high_per_year) == (1, 1, 1)
    # S = 20, of variance 2 * 5 * 4 * 15 / 18 = 33.33: z = 19 / 5.7735 = 3.2909.
    assert found.p_value == pytest.approx(0.000999, abs=2e-6)


def test_a_year_between_that_is_missing_counts_as_a_year() -> None:
    table = {f"{month:02}": (0.0, nan, nan, 6.0, 8.0) for month in range(1, 5)}
    found = trend_of(observations(table))
    assert found is not None
    assert (found.slope_per_year, found.pairs, found.years) == (2, 12, 5)


def test_values_that_do_not_change_have_no_trend() -> None:
    found = trend_of(observations({"01": (3.0,) * 6}))
    assert found is not None
    assert (found.slope_per_year, found.low_per_year, found.high_per_year, found.p_value) == (0, 0, 0, 1)


def test_of_few_pairs_nothing_is_said() -> None:
    assert trend_of(observations({"01": (1, 2, 3, 4)})) is None  # six pairs
    assert trend_of(observations({f"{month:02}": (float(month),) for month in range(1, 13)})) is None
    assert trend_of([]) is None
