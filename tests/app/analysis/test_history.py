"""Deviations from the same season of earlier years, worked out by hand."""

import numpy as np
import pytest

from app.analysis.history import deviations
from app.analysis.seasons import earlier_years
from mosaics.period import Period

NAN = np.nan
JULYS = [[4], [3], [2], [1], [0]]
"""Columns of five earlier Julys, the latest first; column 5 is tested."""


def test_a_value_is_compared_with_the_years_that_have_one() -> None:
    values = np.array([[0.60, 0.70, NAN, 0.80, 0.65, 0.40]])
    found = deviations(values, 5, JULYS, floor=0.02)
    assert found.years[0] == 4
    # Mean 2.75 / 4; squares 0.00765625 + 0.00015625 + 0.01265625 + 0.00140625 over 3.
    assert found.mean[0] == pytest.approx(0.6875)
    assert found.std[0] == pytest.approx(0.0853912564)
    assert found.z[0] == pytest.approx(-0.2875 / 0.0853912564)
    assert found.difference[0] == pytest.approx(-0.2875)
    assert found.vci[0] == pytest.approx(-100.0)


def test_steady_ground_is_measured_by_the_floor() -> None:
    found = deviations(np.array([[0.7, 0.7, 0.7, NAN, NAN, 0.66]]), 5, JULYS, floor=0.02)
    assert found.z[0] == pytest.approx(-2.0)
    assert np.isnan(found.vci[0])
    assert np.isnan(deviations(np.array([[0.7, 0.7, 0.7, NAN, NAN, 0.66]]), 5, JULYS, floor=0.0).z[0])


def test_too_few_years_say_nothing() -> None:
    values = np.array([[0.5, 0.7, NAN, NAN, NAN, 0.4], [0.5, 0.7, 0.6, NAN, NAN, NAN]])
    found = deviations(values, 5, JULYS, floor=0.02)
    assert np.isnan(found.z).all()
    assert found.years.tolist() == [2, 3]
    few = deviations(values, 5, JULYS, floor=0.02, minimum_years=2)
    assert few.z[0] == pytest.approx((0.4 - 0.6) / (0.02**0.5))  # squares 0.01 + 0.01 over 1


def test_several_values_of_a_season_count_with_their_mean() -> None:
    values = np.array([[0.5, 0.7, 0.5, 0.8, 0.3]])
    found = deviations(values, 4, [[3], [2], [0, 1]], floor=0.02)
    assert found.mean[0] == pytest.approx((0.8 + 0.5 + 0.6) / 3)


def test_months_have_the_same_month_of_earlier_years() -> None:
    texts = ["2020-06", "2020-07", "2021-07", "2022-06", "2023-07"]
    assert earlier_years(tuple(map(Period.parse, texts)), 4) == [[], [2], [1]]


def test_days_have_those_near_the_same_day_across_the_turn_of_the_year() -> None:
    texts = ["2020-12-20", "2021-01-10", "2021-01-20", "2021-12-31", "2022-01-18", "2022-02-01", "2023-01-03"]
    assert earlier_years(tuple(map(Period.parse, texts)), 6) == [[3, 4], [0, 1]]


def test_the_29th_of_february_has_the_28th() -> None:
    texts = ["2023-02-13", "2023-02-12", "2023-03-15", "2024-02-29"]
    periods = tuple(sorted(map(Period.parse, texts)))
    assert earlier_years(periods, 3) == [[1, 2]]
