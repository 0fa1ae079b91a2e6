"""The tally: what blocks of cells add to the statistics of a polygon."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain, pairwise
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from app.products.precision import widened
from app.statistics.distribution import Areas, Distribution, Moments, Run, Values
from mosaics.index import SceneRef
from mosaics.scene import Asset

NO_VALUES = Moments()


@dataclass(frozen=True, slots=True)
class Tally:
    """The values a polygon covers, and sums over them; areas in square metres."""

    runs: tuple[Run, ...] = ()
    """Values of cells that are covered wholly, ascending."""
    levels: tuple[tuple[Values, float], ...] = ()
    """Values of further such cells that all have one area, in any order, with that area."""
    others: tuple[Values, ...] = ()
    """Values of all other cells."""
    areas: tuple[Areas, ...] = ()
    """The covered area of each of those."""
    count: float = 0.0
    """Covered fractions of the cells with a value, summed."""
    pixel_sum: float = 0.0
    """Covered fraction times value, summed."""
    area_m2: float = 0.0
    """Of all cells covered, with and without a value."""
    moments: Moments = NO_VALUES
    """Of the values, weighted with their area."""
    used: frozenset[str] = frozenset()
    """Ids of the scenes that gave a pixel."""
    skipped: tuple[SceneRef, ...] = ()
    """Scenes with a file that could not be read."""
    failed: tuple[Asset, ...] = ()
    """Those files, in the same order."""
    unmasked: tuple[str, ...] = ()
    """Labels of mask rules that could not be applied to a scene."""
    marked: Mapping[str, float] = field(default_factory=dict)
    """Area of cells of which something is known, in square metres, by what (`Values.marks`)."""

    @classmethod
    def together(cls, tallies: Sequence["Tally"]) -> "Tally":
        """Return one tally of all."""
        unread = {
            asset.path: (scene, asset)
            for t in tallies
            for scene, asset in zip(t.skipped, t.failed, strict=True)
        }
        return cls(
            tuple(chain.from_iterable(t.runs for t in tallies)),
            tuple(chain.from_iterable(t.levels for t in tallies)),
            tuple(chain.from_iterable(t.others for t in tallies)),
            tuple(chain.from_iterable(t.areas for t in tallies)),
            sum(t.count for t in tallies),
            sum(t.pixel_sum for t in tallies),
            sum(t.area_m2 for t in tallies),
            sum((t.moments for t in tallies), NO_VALUES),
            frozenset().union(*(t.used for t in tallies)),
            tuple(scene for scene, _ in unread.values()),
            tuple(asset for _, asset in unread.values()),
            tuple(dict.fromkeys(label for t in tallies for label in t.unmasked)),
            dict(sum((Counter(t.marked) for t in tallies), Counter())),
        )

    def condensed(self) -> "Tally":
        """Return it with each value once, where values are few, as those of classes are."""
        few = [run.distinct() for run in self.runs if run.values.size]
        few += [Run(np.sort(values), area).distinct() for values, area in self.levels]
        values = np.concatenate([np.empty(0, np.float32), *self.others, *(values for values, _ in few)])
        areas = np.concatenate([np.empty(0), *self.areas, *(areas for _, areas in few)])
        distinct, places = np.unique(values, return_inverse=True)
        return replace(self, runs=(), levels=(), others=(distinct,), areas=(_sums(places, areas),))

    def extent(self) -> tuple[float, float] | None:
        """Return the smallest and the largest value; None where there is none."""
        each = (*(run.values for run in self.runs), *(values for values, _ in self.levels), *self.others)
        held = [values for values in each if values.size]
        if not held:
            return None
        return min(float(values.min()) for values in held), max(float(values.max()) for values in held)

    def distribution(self) -> Distribution:
        """Return the values by area."""
        double = any(values.dtype == np.float64 for values in self.others)
        others = [widened(values) if double else values for values in self.others]
        return Distribution.of(
            [*self.runs, *_in_order(self.levels)],
            np.concatenate([np.empty(0, np.float32), *others]),
            np.concatenate([np.empty(0), *self.areas]),
        )


def _sums(places: NDArray[np.intp], areas: Areas) -> Areas:
    """Return the areas of each place together."""
    return np.bincount(places, areas).astype(
        np.float64, copy=False
    )  # which are integers where there are none


def _in_order(levels: Sequence[tuple[Values, float]]) -> list[Run]:
    """Put the values of each level in order."""
    if not levels:
        return []
    double = any(values.dtype == np.float64 for values, _ in levels)
    by_area = sorted(levels, key=itemgetter(1))
    together = np.concatenate([widened(values) if double else values for values, _ in by_area])
    ends = {area: end for (_, area), end in zip(by_area, accumulate(v.size for v, _ in by_area), strict=True)}
    runs = [together[begin:end] for begin, end in pairwise([0, *ends.values()])]
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:  # few tasks: to hand one over costs a tenth of a sort
        list(pool.map(_sort, (runs[start::threads] for start in range(threads))))
    return [Run(run, area) for run, area in zip(runs, ends, strict=True)]


def _sort(runs: Sequence[Values]) -> None:
    for run in runs:
        run.sort()
