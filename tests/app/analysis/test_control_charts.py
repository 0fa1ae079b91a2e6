"""EWMA and CUSUM by hand, and how often they alarm without a change and after one."""

import numpy as np
import pytest

from app.analysis.control_charts import NEVER, cusum, ewma
from app.analysis.scores import normal_scores, quantiles, student_cdf

NAN = np.nan
SERIES = 10_000


def test_an_average_weighs_what_is_newest() -> None:
    chart = ewma(np.array([[1.0, NAN, -2.0]]))
    assert chart.level[0] == pytest.approx([0.25, 0.25, -0.3125])  # 0.25 (-2) + 0.75 * 0.25
    # 2.998 sqrt(1/7 (1 - 0.75^2)), then of two values 2.998 sqrt(1/7 (1 - 0.75^4))
    assert chart.limit[0] == pytest.approx([0.7495, 0.7495, 0.936875])
    assert chart.onset[0].tolist() == [0, 0, 2]
    assert not chart.alarms.any()


def test_a_sum_gathers_what_is_beyond_the_slack() -> None:
    chart = cusum(np.array([[-3.0, 1.5, 2.0, NAN, 3.0, 0.2, 1.0]]))
    assert chart.level[0] == pytest.approx([-2.5, 1.0, 2.5, 2.5, 5.0, 4.7, 5.2])
    assert chart.first_alarm.tolist() == [6]  # 5.0 is not beyond 5
    assert chart.onset[0].tolist() == [0, 1, 1, 1, 1, 1, 1]


def test_a_sum_that_returned_to_nothing_has_no_departure() -> None:
    chart = cusum(np.array([[1.5, -2.0, 0.1]]))
    assert chart.onset[0].tolist() == [0, 1, 1]  # -2.0 left 1.5 below
    assert chart.level[0] == pytest.approx([1.0, -1.5, -0.9])
    assert cusum(np.array([[0.4]])).onset.tolist() == [[NEVER]]


def test_noise_alarms_as_rarely_as_published() -> None:
    """Lucas & Saccucci (1990): once in 500 values; Montgomery: once in 465."""
    noise = np.random.default_rng(20261128).standard_normal((SERIES, 400))
    for chart, published in ((ewma(noise), 500), (cusum(noise), 465)):
        first = chart.first_alarm
        values = np.where(first == NEVER, noise.shape[1], first + 1).sum()
        assert values / np.count_nonzero(first != NEVER) == pytest.approx(published, rel=0.05)


@pytest.mark.parametrize(("change", "of_sum", "of_average"), [(1.0, 10.4, 11.1), (-2.0, 4.01, 3.6)])
def test_a_change_is_found_as_soon_as_published(change: float, of_sum: float, of_average: float) -> None:
    changed = np.random.default_rng(7).standard_normal((SERIES, 150)) + change
    assert np.mean(cusum(changed).first_alarm + 1) == pytest.approx(of_sum, rel=0.02)
    assert np.mean(ewma(changed).first_alarm + 1) <= of_average  # its limits are narrower at the start


@pytest.mark.parametrize(("degrees", "t"), [(1, 12.7062), (2, 4.30265), (3, 3.18245), (9, 2.26216)])
def test_students_distribution_is_that_of_the_tables(degrees: int, t: float) -> None:
    assert student_cdf(np.array([t, -t, 0.0]), degrees) == pytest.approx([0.975, 0.025, 0.5], abs=1e-6)
    assert quantiles(np.array([0.975])) == pytest.approx([1.959964])


def test_a_score_is_the_quantile_of_students_t() -> None:
    # Mean 0.6, deviation 0.1 of three years; of t with 2 degrees of freedom 2.5 % are below -4.30265.
    values = np.array([[0.5, 0.6, 0.7, 0.6 - 4.30265 * 0.1 * (4 / 3) ** 0.5]])
    scores = normal_scores(values, [[], [[0]], [[1], [0]], [[2], [1], [0]]], floor=0.0)
    assert np.isnan(scores[0, :3]).all()
    assert scores[0, 3] == pytest.approx(-1.959964, abs=1e-5)


def months(years: int) -> list[list[list[int]]]:
    """The seasons of monthly series: column n is month n % 12."""
    return [[[m] for m in range(n - 12, -1, -12)] for n in range(12 * years)]


def test_scores_of_noise_are_normal_and_alarm_at_the_stated_rate() -> None:
    """Ten years of months around a seasonal curve; the mean and the spread of each month are estimated."""
    rng = np.random.default_rng(3)
    season = 0.5 + 0.2 * np.sin(np.arange(120) * np.pi / 6)
    series = season + rng.normal(0, 0.05, (SERIES, 120))
    series[rng.random(series.shape) < 0.1] = NAN
    scores = normal_scores(series, months(10), floor=0.0)
    held = scores[~np.isnan(scores)]
    assert float(held.mean()) == pytest.approx(0, abs=0.005)
    assert float(held.std()) == pytest.approx(1, abs=0.005)
    noise = np.where(np.isnan(scores), NAN, rng.standard_normal(scores.shape))
    for chart in (cusum, ewma):
        expected = np.mean(chart(noise).first_alarm != NEVER)
        assert 0.11 < expected < 0.15  # 1 - exp(-72 / 465) = 0.143, were it as likely from the first value on
        assert np.mean(chart(scores).first_alarm != NEVER) == pytest.approx(expected, abs=0.015)


def test_a_planted_break_is_found_within_half_a_year() -> None:
    """A fall of 0.12, three times the spread, after seven years of months."""
    rng = np.random.default_rng(5)
    series = 0.6 + 0.2 * np.sin(np.arange(108) * np.pi / 6) + rng.normal(0, 0.04, (2000, 108))
    series[:, 84:] -= 0.12
    scores = normal_scores(series, months(9), floor=0.02)[:, 84:]
    first = cusum(scores).first_alarm
    assert np.mean((first != NEVER) & (first < 6)) > 0.95
    assert np.median(first + 1) <= 4
