"""Weighted values: their moments, and the distribution of area over them.

Quantiles, classes and histograms are read off the distribution.
"""

import math
import os
from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.products.precision import widened
from app.products.thresholds import last_up_to, least_from
from mosaics.raster.decimals import Floats

SHORT = 1 << 13
"""Values of a run that stands by itself; shorter ones are told with their areas, so that runs stay few."""

PORTION = 1 << 18
"""Values searched together for different ones: 1 or 2 MB, which stays in a core's own cache."""

CODES = (1 << 28) - 1
"""The largest code of an area: less than half of a float32's last place in a float64."""

WHOLE = 2.0**52
"""Numbers from here to twice as much are whole, and end with the bits of what is above this."""

Values = Floats
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
    def of(cls, values: Values, weights: NDArray[np.float64] | float) -> "Moments":
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


@dataclass(frozen=True, slots=True)
class Run:
    """Values, ascending, and the areas of their cells."""

    values: Values
    area: float | Areas
    """Of each cell; or, where they differ, of all cells before each place, (values + 1)."""

    @classmethod
    def of(cls, values: Values, areas: Areas) -> "Run":
        """Return values and their areas in order; none is NaN, no area negative.

        A float32 leaves 29 bits of a float64 empty: with the areas in them, to 1e-8 of the largest, they are
        put in order together with the values, in half the time that their places would take.
        """
        packed = cls._packed(values, areas)
        if packed is not None:
            return packed
        order = np.argsort(values)
        return cls(values[order], np.concatenate([[0.0], np.cumsum(areas[order])]))

    @classmethod
    def _packed(cls, values: Values, areas: Areas) -> "Run | None":
        """Return the same if values are finite float32."""
        largest = float(areas.max(initial=0.0))
        if values.dtype != np.float32 or not largest > 0:
            return None
        keys, coded = values.astype(np.float64), areas * (CODES / largest)
        coded += WHOLE  # so that what is coded are the last bits
        codes = coded.view(np.int64)
        codes &= CODES
        np.add(keys.view(np.int64), codes, out=keys.view(np.int64))
        keys.sort()
        if np.isnan(keys[-1]):  # an infinity with an area
            return None
        np.bitwise_and(keys.view(np.int64), CODES, out=codes)
        summed = np.zeros(values.size + 1)
        np.multiply(np.cumsum(codes, out=codes), largest / CODES, out=summed[1:])
        return cls(keys.astype(np.float32), summed)  # to the nearest float32, which takes the area away

    def distinct(self) -> tuple[Values, Areas]:
        """Return each value once, and the area of its cells."""
        begins = np.flatnonzero(np.append(True, self.values[1:] != self.values[:-1]))
        places = np.append(begins, self.values.size)
        sums = places * self.area if isinstance(self.area, float) else self.area[places]
        return self.values[begins], np.diff(sums)

    def up_to(self, place: int) -> float:
        """Return the area of the values before a place."""
        return place * self.area if isinstance(self.area, float) else float(self.area[place])


@dataclass(frozen=True)
class Distribution:
    """Values and their areas.

    Most cells of a polygon lie inside it and have one area with those around them; they are kept in runs of
    one area, as they were counted and put in order, or with areas of their own where these change quickly. To
    put the runs together would cost more than all else here; what is asked of all is asked of each. All have
    one type, float32 or float64, in which thresholds are met as by the palette of tiles
    (`app.products.thresholds`).
    """

    runs: tuple[Run, ...]
    """None empty."""
    others: Values
    """Values of cells with areas of their own, ascending."""
    areas: Areas
    """The areas of `others`."""

    @classmethod
    def of(cls, runs: Sequence[Run], others: Values, areas: Areas) -> "Distribution":
        """Put together ascending runs with the areas of their cells, and other values; none is NaN."""
        if any(values.dtype == np.float64 for values in (others, *(run.values for run in runs))):
            runs, others = [replace(run, values=widened(run.values)) for run in runs], widened(others)
        long = [run for run in runs if run.values.size >= SHORT]
        by_area: dict[float, list[Values]] = {}
        rest, areas_of_rest = [others], [areas]
        for run in runs:
            if run.values.size < SHORT and isinstance(run.area, float):
                by_area.setdefault(run.area, []).append(run.values)
            elif run.values.size < SHORT:
                rest.append(run.values)
                areas_of_rest.append(np.diff(run.area))
        for area, short in by_area.items():
            size = sum(values.size for values in short)
            if size >= SHORT:
                long.append(Run(np.sort(np.concatenate(short)), area))
            else:  # so few that they are told with their areas, as the others are
                rest.extend(short)
                areas_of_rest.append(np.full(size, area))
        others, areas = np.concatenate(rest), np.concatenate(areas_of_rest)
        order = np.argsort(others)
        return cls(tuple(long), others[order], areas[order])

    @property
    def empty(self) -> bool:
        """Whether there are no values."""
        return not (self.runs or self.others.size)

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
        return sum(run.up_to(run.values.size) for run in self.runs) + float(self._summed[-1])

    def below(self, threshold: float) -> float:
        """Return the area of the values below a threshold."""
        return self._area_before(least_from(threshold, self._dtype), "left")

    def up_to(self, threshold: float) -> float:
        """Return the area of the values not above a threshold."""
        return self._area_before(last_up_to(threshold, self._dtype), "right")

    def at(self, code: int) -> float:
        """Return the area of the values that are a code."""
        return self.up_to(code) - self.below(code) if self._dtype.type(code) == code else 0.0

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
        below, up_to = self._area_before(value, "left"), self._area_before(value, "right")
        return below + (up_to - below) * rank / max(self._portions[-1][1] - 1, 1)

    def _reaching(self, target: float) -> float:
        """Return the smallest value up to which there is more area than a target, or else the largest.

        It is found by bisection of the numbers of their type between the smallest value and the largest.
        """
        if not self.runs:
            place = int(self._summed[1:].searchsorted(target, "right"))
            return float(self.others[min(place, self.others.size - 1)])
        dtype = self._dtype
        low, high = _number_of(self.smallest, dtype), _number_of(self.largest, dtype)
        while low < high:
            middle = (low + high) // 2
            if self._area_before(_numbered(middle, dtype), "right") > target:
                high = middle
            else:
                low = middle + 1
        return _numbered(low, dtype)

    def _neighbour(self, value: float, *, above: bool) -> float | None:
        """Return the next larger or the next smaller value."""
        found = []
        for run in self._runs:
            place = int(run.searchsorted(run.dtype.type(value), "right" if above else "left"))
            if above and place < run.size:
                found.append(float(run[place]))
            if not above and place > 0:
                found.append(float(run[place - 1]))
        return (min if above else max)(found, default=None)

    def _area_before(self, value: float | np.floating[Any], side: Literal["left", "right"]) -> float:
        key = self._dtype.type(value)
        of_runs = sum(run.up_to(int(run.values.searchsorted(key, side))) for run in self.runs)
        return of_runs + float(self._summed[self.others.searchsorted(key, side)])

    @property
    def _dtype(self) -> np.dtype[Any]:
        return self.others.dtype

    @cached_property
    def _runs(self) -> tuple[Values, ...]:
        runs = tuple(run.values for run in self.runs)
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
        ends = np.array([start, end], self._dtype)
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


def _number_of(value: float, dtype: np.dtype[Any]) -> int:
    """Return the position of a number among all of its type; 0.0 is at 0."""
    whole, size = (np.int32, 31) if dtype == np.float32 else (np.int64, 63)
    bits = int(dtype.type(value).view(whole))
    return bits if bits >= 0 else -(bits & (1 << size) - 1)


def _numbered(number: int, dtype: np.dtype[Any]) -> float:
    """Return the number of a type at a position."""
    whole = np.int32 if dtype == np.float32 else np.int64
    value = float(whole(abs(number)).view(dtype))
    return value if number >= 0 else -value
