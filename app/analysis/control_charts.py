"""Control charts: whether a series of deviations has moved off, though no single value need be far off.

EWMA (Roberts 1959, Technometrics 1, 239-250) and the two-sided tabular CUSUM (Page 1954, Biometrika 41,
100-115), over independent standard normal deviates such as `app.analysis.scores` makes. Rows are series,
columns are periods; what is missing leaves a chart where it was.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

WEIGHT, WIDTH = 0.25, 2.998
"""Of the EWMA: weight of the newest value, and half the width of its limits in standard deviations. Without a
change it alarms once in 500 values, after one of a standard deviation within 11 (Lucas & Saccucci 1990,
Technometrics 32, 1-12, for limits that are as wide from the start; with ours 496 and 10.4, measured)."""

SLACK, DECISION = 0.5, 5.0
"""Of the CUSUM: what is taken off each value, and the sum that alarms. Without a change it alarms once in 465
values; after one of a standard deviation, after 10.4; of two, after 4.0 (Montgomery, Introduction to
Statistical Quality Control, table of CUSUM run lengths for k = 1/2)."""

NEVER = -1
"""Column of an alarm that has not come."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart over each of some series."""

    level: Floats
    """(series, periods): EWMA as it is; of the CUSUM the larger sum, negative if it is the lower one."""
    limit: Floats
    """(series, periods): the level, above 0 or below, beyond which it alarms."""
    onset: Integers
    """(series, periods): the column at which the present departure began; `NEVER` where there is none."""

    @property
    def alarms(self) -> NDArray[np.bool_]:
        """Where the level lies beyond its limit, (series, periods)."""
        return np.asarray(np.abs(self.level) > self.limit)

    @property
    def first_alarm(self) -> Integers:
        """The column of the first alarm of each series, (series,); `NEVER` where there is none."""
        alarms = self.alarms
        return np.where(alarms.any(axis=1), alarms.argmax(axis=1), NEVER)


def ewma(scores: Floats, *, weight: float = WEIGHT, width: float = WIDTH) -> Chart:
    """Return the exponentially weighted moving average of scores, and its limits.

    ``E(t) = w x(t) + (1 - w) E(t-1)`` from 0, limits ``width sqrt(w / (2 - w) (1 - (1 - w)^(2t)))``, where t
    counts the values there are.

    Args:
        scores: (series, periods); NaN is missing.
        weight: Of the newest value, above 0 and at most 1.
        width: In standard deviations.
    """
    level, limit = np.zeros(scores.shape), np.zeros(scores.shape)
    onset = np.full(scores.shape, NEVER)
    now, count = np.zeros(len(scores)), np.zeros(len(scores))
    begun = np.full(len(scores), NEVER)
    for period in range(scores.shape[1]):
        seen = ~np.isnan(scores[:, period])
        before = now
        now = np.where(seen, weight * scores[:, period] + (1 - weight) * now, now)
        count = count + seen
        turned = seen & ((np.sign(now) != np.sign(before)) | (begun == NEVER))
        begun = np.where(turned, period, begun)
        level[:, period], onset[:, period] = now, begun
        limit[:, period] = width * np.sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * count)))
    return Chart(level, limit, onset)


def cusum(scores: Floats, *, slack: float = SLACK, decision: float = DECISION) -> Chart:
    """Return the two-sided tabular CUSUM of scores.

    ``C+(t) = max(0, C+(t-1) + x(t) - slack)`` and ``C-(t) = max(0, C-(t-1) - x(t) - slack)`` from 0; the
    limit is `decision` for both. A departure began after the last time that its sum was 0.

    Args:
        scores: (series, periods); NaN is missing.
        slack: Taken off each value; half the change that is to be found, in standard deviations.
        decision: The sum that alarms, in standard deviations.
    """
    level, onset = np.zeros(scores.shape), np.full(scores.shape, NEVER)
    sums = {1.0: np.zeros(len(scores)), -1.0: np.zeros(len(scores))}
    begun = {side: np.full(len(scores), NEVER) for side in sums}
    for period in range(scores.shape[1]):
        given = np.nan_to_num(scores[:, period])
        seen = ~np.isnan(scores[:, period])
        for side, before in sums.items():
            now = np.where(seen, np.maximum(0.0, before + side * given - slack), before)
            begun[side] = np.where(now == 0, NEVER, np.where(before == 0, period, begun[side]))
            sums[side] = now
        is_upper = sums[1.0] >= sums[-1.0]
        level[:, period] = np.where(is_upper, sums[1.0], -sums[-1.0])
        onset[:, period] = np.where(is_upper, begun[1.0], begun[-1.0])
    return Chart(level, np.full(scores.shape, decision), onset)
