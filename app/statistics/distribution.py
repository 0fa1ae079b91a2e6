"""Weighted values: their moments, and the distribution of area over them.

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

SHORT = 1 << 13
"""Values of a run that stands by itself; shorter ones are told with their areas, so that runs stay few."""

PORTION = 1 << 18
"""Values searched together for different ones: 1 MB, which stays in a core's own cache."""

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
    """Values and their areas.

    Most cells of a polygon lie inside it and have one area with those around them; they are kept in runs of
    one area, as they were counted and put in order. To put the runs together would cost more than all else
    here; what is asked of all is asked of each. Thresholds are taken to float32, as values and the palette of
    tiles are.
    """

    equal: tuple[tuple[Values, float], ...]
    """Runs of values of cells that all have one area, each ascending, none empty, with that area."""
    others: Values
    """Values of cells with areas of their own, ascending."""
    areas: Areas
    """The areas of `others`."""

    @classmethod
    def of(cls, equal: Sequence[tuple[Values, float]], others: Values, areas: Areas) -> "Distribution":
        """Put together ascending runs, each with the area of its cells, and other values; none is NaN."""
        runs = [(run, area) for run, area in equal if run.size >= SHORT]
        by_area: dict[float, list[Values]] = {}
        for run, area in equal:
            if 0 < run.size < SHORT:
                by_area.setdefault(area, []).append(run)
        for area, short in by_area.items():
            size = sum(run.size for run in short)
            if size >= SHORT:
                runs.append((np.sort(np.concatenate(short)), area))
            else:  # so few that they are told with their areas, as the others are
                others = np.concatenate([others, *short])
                areas = np.concatenate([areas, np.full(size, area)])
        order = np.argsort(others)
        return cls(tuple(runs), others[order], areas[order])

    @property
    def empty(self) -> bool:
        """Whether there are no values."""
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
        return sum(run.size * area for run, area in self.equal) + float(self._summed[-1])

    def below(self, value: float) -> float:
        """Return the area of the values below a value."""
        return self._area_before(value, "left")

    def up_to(self, value: float) -> float:
        """Return the area of the values not above a value."""
        return self._area_before(value, "right")

    def histogram(self, edges: Sequence[float]) -> list[float]:
        """Return the area of each bin; bins include their lower edges, the last bin also its upper edge."""
        sums = [*(self.below(edge) for edge in edges[:-1]), self.up_to(edges[-1])]
        return [above - below for below, above in pairwise(sums)]

    def quantile(self, q: float) -> float:
        """Return the value below which a share `q` of the area lies, 0 to 1.

        The definition is that of exactextract: of n distinct values, ascending, number k (from 0) is at the
        share ``(C + w k / (n - 1)) / W`` of the area, where w is its own area, C that of all smaller values
        and W that of all; between two of them the value is interpolated.
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
        """Return the smallest value up to which there is more area than a target, or else the largest.

        It is found by bisection of the float32 numbers between the smallest value and the largest.
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
        """Return the next larger or the next smaller value."""
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
        equal = sum(int(run.searchsorted(key, side)) * area for run, area in self.equal)
        return equal + float(self._summed[self.others.searchsorted(key, side)])

    @cached_property
    def _runs(self) -> tuple[Values, ...]:
        runs = tuple(run for run, _ in self.equal)
        return (*runs, self.others) if self.others.size else runs

    @cached_property
    def _summed(self) -> Areas:
        return np.concatenate([[0.0], np.cumsum(self.areas)])

    def _different_before(self, value: float) -> int:
        """Return how many different values are smaller."""
        start, before = self._portions[bisect_right(self._portions, value, key=_first) - 1]
        return before + self._different_between(start, value)

    def _different_between(self, start: float, end: float) -> int:
        """Return how many different values there are from `start` up to, but not including, `end`."""
        ends = np.array([start, end], np.float32)
        values = np.concatenate([run[slice(*run.searchsorted(ends).tolist())] for run in self._runs])
        values.sort()
        return int(np.count_nonzero(values[1:] != values[:-1])) + bool(values.size)

    @cached_property
    def _portions(self) -> list[tuple[float, int]]:
        """Where portions of the values begin, with the number of smaller different values; at last all."""
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
    """Return the position of a float32 among all float32 numbers; 0.0 is at 0."""
    bits = int(np.float32(value).view(np.int32))
    return bits if bits >= 0 else -(bits & 0x7FFFFFFF)


def _numbered(number: int) -> float:
    """Return the float32 at a position."""
    value = float(np.int32(abs(number)).view(np.float32))
    return value if number >= 0 else -value
