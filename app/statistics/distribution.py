"""Distribution: how much area has which value; quantiles, classes and histograms are read off it."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
Areas = NDArray[np.float64]


@dataclass(frozen=True)
class Distribution:
    """Values by the area they have, ascending.

    Most cells of a polygon lie inside it and have one area; they are kept without it. Thresholds are taken
    to float32, as the values and the palette of tiles are.
    """

    equal: Values
    """Values of cells that all have `cell_area`, ascending."""
    cell_area: float
    others: Values
    """Values of cells that have areas of their own, ascending."""
    areas: Areas
    """Those areas."""

    @classmethod
    def of(cls, equal: Values, cell_area: float, others: Values, areas: Areas) -> "Distribution":
        """Sort values; `equal` is sorted where it stands. None of them is NaN."""
        equal.sort()
        order = np.argsort(others)
        return cls(equal, cell_area, others[order], areas[order])

    @property
    def empty(self) -> bool:
        """Whether there is no value."""
        return not (self.equal.size or self.others.size)

    @property
    def smallest(self) -> float:
        """The smallest value."""
        return float(min(v[0] for v in (self.equal, self.others) if v.size))

    @property
    def largest(self) -> float:
        """The largest value."""
        return float(max(v[-1] for v in (self.equal, self.others) if v.size))

    @property
    def area(self) -> float:
        """Of all values."""
        return self.equal.size * self.cell_area + float(self._summed[-1])

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
        rank = self._distinct_before(value)
        place = self._place(value, rank)
        step = 1 if place <= target else -1
        other = self._neighbour(value, above=step > 0)
        if other is None:
            return value
        there = self._place(other, rank + step)
        return value + (target - place) * (other - value) / (there - place)

    def _place(self, value: float, rank: int) -> float:
        below, up_to = self.below(value), self.up_to(value)
        return below + (up_to - below) * rank / max(self._distinct - 1, 1)

    def _reaching(self, target: float) -> float:
        """The smallest value up to which there is more area than this; the largest where none has."""
        found = []
        for values in (self.equal, self.others):
            first = bisect_right(values, target, key=self.up_to)
            if first < values.size:
                found.append(float(values[first]))
        return min(found, default=self.largest)

    def _neighbour(self, value: float, *, above: bool) -> float | None:
        """The next larger or the next smaller value."""
        found = []
        for values in (self.equal, self.others):
            place = int(np.searchsorted(values, np.float32(value), "right" if above else "left"))
            if above and place < values.size:
                found.append(float(values[place]))
            if not above and place > 0:
                found.append(float(values[place - 1]))
        return (min if above else max)(found, default=None)

    def _distinct_before(self, value: float) -> int:
        """How many different values are smaller."""
        place = int(np.searchsorted(self.equal, np.float32(value)))
        smaller = self.equal[:place]
        changes = int(np.count_nonzero(smaller[1:] != smaller[:-1]))
        return changes + bool(place) + int(np.searchsorted(self._only_others, np.float32(value)))

    def _area_before(self, value: float, side: Literal["left", "right"]) -> float:
        key = np.float32(value)
        equal = int(np.searchsorted(self.equal, key, side))
        others = int(np.searchsorted(self.others, key, side))
        return equal * self.cell_area + float(self._summed[others])

    @cached_property
    def _distinct(self) -> int:
        return self._distinct_before(math.inf)

    @cached_property
    def _summed(self) -> Areas:
        return np.concatenate([[0.0], np.cumsum(self.areas)])

    @cached_property
    def _only_others(self) -> Values:
        """The different values among the others that none of the equal cells has."""
        different = np.unique(self.others)
        here = np.searchsorted(self.equal, different, "right") > np.searchsorted(
            self.equal, different, "left"
        )
        return different[~here]
