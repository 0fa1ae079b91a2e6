"""What is known of weighted values: their moments, and how much area has which of them.

Quantiles, classes and histograms are read off the distribution.
"""

import math
import os
from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SHORT = 1 << 16
"""Values of a run that stands by itself; shorter ones are put together, so that no polygon has many."""

PORTION = 1 << 18
"""Values that are looked through together for different ones: 1 MB, which stays in a core's own cache."""

Values = NDArray[np.float32]
Areas = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moments:
    """What is needed of weighted values to tell their sum, mean and variance."""

    weight: float = 0.0
    """Sum of the weights."""
    mean: float = 0.0
    deviation: float = 0.0
    """Sum of weight times squared distance from the mean."""

    @classmethod
    def of(cls, values: NDArray[np.float32], weights: NDArray[np.float64] | float) -> "Moments":
        """Moments of values and their weights, or the one weight they all have; in two passes, float64.

        No product of vectors is used: BLAS would start threads of its own beside the render threads.
        """
        if not values.size:
            return cls()
        exact = values.astype(np.float64)
        if isinstance(weights, float):
            mean = float(exact.sum()) / values.size
            exact -= mean
            return cls(weights * values.size, mean, weights * float(np.square(exact, out=exact).sum()))
        weight = float(weights.sum())
        mean = float((exact * weights).sum()) / weight
        exact -= mean
        np.square(exact, out=exact)
        return cls(weight, mean, float((exact * weights).sum()))

    def __add__(self, other: "Moments") -> "Moments":
        """Moments of both together (Chan, Golub & LeVeque 1979)."""
        weight = self.weight + other.weight
        if not weight:
            return self
        apart = other.mean - self.mean
        return Moments(
            weight,
            self.mean + apart * (other.weight / weight),
            self.deviation + other.deviation + apart**2 * (self.weight * other.weight / weight),
        )

    @property
    def sum(self) -> float:
        """Of weight times value."""
        return self.weight * self.mean

    @property
    def variance(self) -> float:
        """Of the population: the weights are not a sample's."""
        return self.deviation / self.weight if self.weight else math.nan


@dataclass(frozen=True)
class Distribution:
    """Values by the area they have.

    Most cells of a polygon lie inside it and have one area; they are kept without it, in the runs in which
    they were counted and put in order. To put the runs together would cost more than all else here; what is
    asked of all is asked of each. Thresholds are taken to float32, as values and the palette of tiles are.
    """

    equal: tuple[Values, ...]
    """Runs of values of cells that all have `cell_area`, each ascending, none empty."""
    cell_area: float
    others: Values
    """Values of cells that have areas of their own, ascending."""
    areas: Areas
    """Those areas."""

    @classmethod
    def of(cls, equal: Sequence[Values], cell_area: float, others: Values, areas: Areas) -> "Distribution":
        """Of ascending runs of values, and of others in any order. None of them is NaN."""
        runs = [run for run in equal if run.size >= SHORT]
        short = [run for run in equal if 0 < run.size < SHORT]
        if short and (runs or sum(run.size for run in short) >= SHORT):
            runs.append(np.sort(np.concatenate(short)))
        elif short:  # so few that they are told with their areas, as the others are
            others = np.concatenate([others, *short])
            areas = np.concatenate([areas, np.full(others.size - areas.size, cell_area)])
        order = np.argsort(others)
        return cls(tuple(runs), cell_area, others[order], areas[order])

    @property
    def empty(self) -> bool:
        """Whether there is no value."""
        return not (self.equal or self.others.size)

    @property
    def smallest(self) -> float:
        """The smallest value."""
        return float(min(run[0] for run in self._runs))

    @property
    def largest(self) -> float:
        """The largest value."""
        return float(max(run[-1] for run in self._runs))

    @property
    def area(self) -> float:
        """Of all values."""
        return sum(run.size for run in self.equal) * self.cell_area + float(self._summed[-1])

    def below(self, value: float) -> float:
        """Area of the values less than this one."""
        return self._area_before(value, "left")

    def up_to(self, value: float) -> float:
        """Area of the values not above this one."""
        return self._area_before(value, "right")

    def histogram(self, edges: Sequence[float]) -> list[float]:
        """Area by bin; each holds its lower edge, and the last one its upper edge too."""
        sums = [*(self.below(edge) for edge in edges[:-1]), self.up_to(edges[-1])]
        return [above - below for below, above in pairwise(sums)]

    def quantile(self, q: float) -> float:
        """The value that a share `q` of the area, 0 to 1, lies below.

        As exactextract has it: of n distinct values, ascending, number k (from 0) stands at the share
        ``(C + w k / (n - 1)) / W`` of the area, where w is its own area, C that of all smaller values and W
        that of all; between two of them the value is interpolated.
        """
        target = q * self.area
        value = self._reaching(target)
        rank = self._different_before(value)
        place = self._place(value, rank)
        step = 1 if place <= target else -1
        other = self._neighbour(value, above=step > 0)
        if other is None:
            return value
        there = self._place(other, rank + step)
        return value + (target - place) * (other - value) / (there - place)

    def _place(self, value: float, rank: int) -> float:
        below, up_to = self.below(value), self.up_to(value)
        return below + (up_to - below) * rank / max(self._portions[-1][1] - 1, 1)

    def _reaching(self, target: float) -> float:
        """The smallest value up to which there is more area than this; the largest where none has.

        Found by halving the float32 numbers between the smallest value and the largest.
        """
        if not self.equal:
            place = int(self._summed[1:].searchsorted(target, "right"))
            return float(self.others[min(place, self.others.size - 1)])
        low, high = _number_of(self.smallest), _number_of(self.largest)
        while low < high:
            middle = (low + high) // 2
            if self.up_to(_numbered(middle)) > target:
                high = middle
            else:
                low = middle + 1
        return _numbered(low)

    def _neighbour(self, value: float, *, above: bool) -> float | None:
        """The next larger or the next smaller value."""
        found = []
        for run in self._runs:
            place = int(run.searchsorted(np.float32(value), "right" if above else "left"))
            if above and place < run.size:
                found.append(float(run[place]))
            if not above and place > 0:
                found.append(float(run[place - 1]))
        return (min if above else max)(found, default=None)

    def _area_before(self, value: float, side: Literal["left", "right"]) -> float:
        key = np.float32(value)
        equal = sum(int(run.searchsorted(key, side)) for run in self.equal)
        return equal * self.cell_area + float(self._summed[self.others.searchsorted(key, side)])

    @cached_property
    def _runs(self) -> tuple[Values, ...]:
        return (*self.equal, self.others) if self.others.size else self.equal

    @cached_property
    def _summed(self) -> Areas:
        return np.concatenate([[0.0], np.cumsum(self.areas)])

    def _different_before(self, value: float) -> int:
        """How many different values are smaller."""
        start, before = self._portions[bisect_right(self._portions, value, key=_first) - 1]
        return before + self._different_between(start, value)

    def _different_between(self, start: float, end: float) -> int:
        """How many different values there are from `start` on, short of `end`."""
        ends = np.array([start, end], np.float32)
        values = np.concatenate([run[slice(*run.searchsorted(ends).tolist())] for run in self._runs])
        values.sort()
        return int(np.count_nonzero(values[1:] != values[:-1])) + bool(values.size)

    @cached_property
    def _portions(self) -> list[tuple[float, int]]:
        """Where portions of the values begin, and how many different values are smaller; at last all are."""
        count = sum(run.size for run in self._runs) // PORTION
        if count < 2:
            return [(-np.inf, 0), (np.inf, self._different_between(-np.inf, np.inf))]
        sample = np.sort(np.concatenate([run[:: max(1, SHORT // 64)] for run in self._runs]))
        inner = np.unique(sample[np.linspace(0, sample.size, count + 1, dtype=int)[1:-1]]).tolist()
        starts = [-np.inf, *inner, np.inf]
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            different = threads.map(self._different_between, starts[:-1], starts[1:])
            return list(zip(starts, accumulate(different, initial=0), strict=True))


def _first(portion: tuple[float, int]) -> float:
    return portion[0]


def _number_of(value: float) -> int:
    """The place of a float32 among all, 0 being that of 0.0."""
    bits = int(np.float32(value).view(np.int32))
    return bits if bits >= 0 else -(bits & 0x7FFFFFFF)


def _numbered(number: int) -> float:
    """The float32 at a place."""
    value = float(np.int32(abs(number)).view(np.float32))
    return value if number >= 0 else -value
