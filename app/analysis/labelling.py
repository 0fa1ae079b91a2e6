"""Labelling: zones of connected cells, found strip by strip in bounded memory.

Cells are held as runs: neighbours in a row that belong together. Runs that touch in rows one above the other
belong to one zone, which is found by joining whole arrays of runs at once; zones that do not reach the last
row of a strip are complete and are given out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Connectivity: TypeAlias = Literal[4, 8]

MAX_RUNS = 8_000_000
"""Runs of unfinished zones that are held: some 500 MB."""


class TooManyRunsError(Exception):
    """More cells are beyond the threshold than can be gathered; the message says what would help."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of cells, each in one row, in order of row and column; arrays of shape (runs,)."""

    row: Integers
    first: Integers
    """Column of the first cell."""
    end: Integers
    """Column after the last cell."""

    @classmethod
    def of(cls, cells: Mask, first_row: int = 0) -> Self:
        """Return the runs of a mask, (rows, columns)."""
        edged = np.zeros((cells.shape[0], cells.shape[1] + 2), np.int8)
        edged[:, 1:-1] = cells
        change = np.diff(edged, axis=1)
        row, first = np.nonzero(change == 1)
        _, end = np.nonzero(change == -1)
        return cls(row.astype(np.int64) + first_row, first.astype(np.int64), end.astype(np.int64))

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.row)

    def __getitem__(self, chosen: NDArray[np.generic]) -> "Runs":
        """Return some of the runs, by a mask or positions."""
        return Runs(self.row[chosen], self.first[chosen], self.end[chosen])

    def joined(self, other: "Runs") -> "Runs":
        """Return these runs and then others."""
        pairs = ((self.row, other.row), (self.first, other.first), (self.end, other.end))
        return Runs(*(np.concatenate(pair) for pair in pairs))

    @property
    def cells(self) -> Integers:
        """The number of cells of each."""
        return self.end - self.first


def touching(runs: Runs, connectivity: Connectivity) -> tuple[Integers, Integers]:
    """Return the pairs of runs that touch in rows one below the other, as positions of upper and lower ones.

    Args:
        runs: In order of row and column.
        connectivity: 4: cells touch by their edges; 8: by their corners, too.
    """
    slack = 1 if connectivity == 8 else 0
    width = int(runs.end.max(initial=0)) + 2
    below = (runs.row + 1) * width
    ends, begins = runs.row * width + runs.end + slack, runs.row * width + runs.first
    # Of the row below: the first run that ends after this one begins, the first that begins after it ends.
    first = np.searchsorted(ends, below + runs.first, side="right")
    last = np.searchsorted(begins, below + runs.end + slack, side="left")
    lowest = np.searchsorted(runs.row, runs.row + 1, side="left")
    first = np.maximum(first, lowest)
    count = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(runs)), count)
    offset = np.arange(len(upper)) - np.repeat(np.cumsum(count) - count, count)
    return upper, np.repeat(first, count) + offset


def components(count: int, one: Integers, other: Integers) -> Integers:
    """Return the component of each of some nodes, numbered from 0 in order of their first nodes.

    Args:
        count: Nodes.
        one: An end of each edge.
        other: Its other end.
    """
    parent = np.arange(count)
    while len(one):
        high, low = np.maximum(parent[one], parent[other]), np.minimum(parent[one], parent[other])
        apart = high != low
        one, other = one[apart], other[apart]
        np.minimum.at(parent, high[apart], low[apart])
        while not np.array_equal(parent, shorter := parent[parent]):
            parent = shorter
    return np.unique(parent, return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True, slots=True)
class Sums:
    """What is added up over the cells of zones, by name; each array has a zone or a run a place."""

    added: Mapping[str, Floats] = field(default_factory=dict)
    least: Mapping[str, Floats] = field(default_factory=dict)
    """Of which the smallest is kept."""
    largest: Mapping[str, Floats] = field(default_factory=dict)

    def grouped(self, groups: Integers, count: int) -> "Sums":
        """Return the sums of groups of places.

        Args:
            groups: The group of each place.
            count: Groups.
        """
        least = {name: np.full(count, np.inf) for name in self.least}
        largest = {name: np.full(count, -np.inf) for name in self.largest}
        for name, values in self.least.items():
            np.minimum.at(least[name], groups, values)
        for name, values in self.largest.items():
            np.maximum.at(largest[name], groups, values)
        added = {n: np.bincount(groups, v, count).astype(np.float64) for n, v in self.added.items()}
        return Sums(added, least, largest)

    def joined(self, other: "Sums") -> "Sums":
        """Return these places and then others, which have the same names."""
        if not (self.added or self.least or self.largest):
            return other
        pairs = ((self.added, other.added), (self.least, other.least), (self.largest, other.largest))
        return Sums(*({n: np.concatenate([one[n], two[n]]) for n in one} for one, two in pairs))

    def __getitem__(self, chosen: NDArray[np.generic]) -> "Sums":
        """Return some of the places, by a mask or positions."""
        parts = (self.added, self.least, self.largest)
        return Sums(*({name: values[chosen] for name, values in part.items()} for part in parts))


@dataclass(frozen=True, slots=True)
class Zones:
    """Zones: their runs, and the sums over the cells of each."""

    runs: Runs
    zone: Integers
    """The zone of each run, from 0 on."""
    sums: Sums
    """A place for each zone."""
    count: int

    def chosen(self, chosen: Mask) -> "Zones":
        """Return some of the zones, numbered from 0 on."""
        number = np.cumsum(chosen) - 1
        of_runs = chosen[self.zone]
        return Zones(
            self.runs[of_runs],
            number[self.zone[of_runs]],
            self.sums[chosen],
            int(np.count_nonzero(chosen)),
        )


NOTHING = np.zeros(0, np.int64)


class Labeller:
    """Gathers cells into zones, strip after strip from the top.

    Args:
        connectivity: 4: cells touch by their edges; 8: by their corners, too.
        max_runs: Runs of unfinished zones that are held at most.
    """

    def __init__(self, connectivity: Connectivity, *, max_runs: int = MAX_RUNS) -> None:
        self._connectivity: Connectivity = connectivity
        self._max_runs = max_runs
        self._open = Zones(Runs(NOTHING, NOTHING, NOTHING), NOTHING, Sums(), 0)
        """Zones that reach the last row so far."""

    def add(self, runs: Runs, sums: Sums, last_row: int) -> Zones:
        """Add the runs of a strip; return the zones that are complete.

        Args:
            runs: Of the strip, in order of row and column.
            sums: A place for each run.
            last_row: Of the strip.

        Raises:
            TooManyRunsError: If more runs are open than can be held.
        """
        before = self._open
        at_edge = before.runs.row == before.runs.row.max(initial=-1)
        edge, edge_zone = before.runs[at_edge], before.zone[at_edge]
        nodes = np.concatenate([edge_zone, before.count + np.arange(len(runs))])
        order = np.lexsort((edge.joined(runs).first, edge.joined(runs).row))
        upper, lower = touching(edge.joined(runs)[order], self._connectivity)
        label = components(before.count + len(runs), nodes[order][upper], nodes[order][lower])
        count = int(label.max(initial=-1)) + 1
        all_runs = before.runs.joined(runs)
        zone = np.concatenate([label[before.zone], label[before.count :]])
        together = Zones(all_runs, zone, before.sums.joined(sums).grouped(label, count), count)
        is_open = np.zeros(count, bool)
        is_open[zone[all_runs.row == last_row]] = True
        self._open = together.chosen(is_open)
        if len(self._open.runs) > self._max_runs:
            raise TooManyRunsError(
                f"zones of more than {self._max_runs:,} pieces are connected here; ask for values farther "
                "from the usual, or for a smaller area"
            )
        return together.chosen(~is_open)

    def close(self) -> Zones:
        """Return the zones that reach the last row of all."""
        last, self._open = self._open, replace(self._open, runs=Runs(NOTHING, NOTHING, NOTHING), count=0)
        return last


def together(parts: list[Zones]) -> Zones:
    """Return zones of several parts, numbered one part after the other."""
    return reduce(_joined, parts)


def _joined(one: Zones, other: Zones) -> Zones:
    return Zones(
        one.runs.joined(other.runs),
        np.concatenate([one.zone, other.zone + one.count]),
        one.sums.joined(other.sums),
        one.count + other.count,
    )
