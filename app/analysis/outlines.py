"""Outlines: the rings around zones, exactly along the edges of their cells."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.analysis.labelling import Runs, Zones, components, touching

Integers = NDArray[np.int64]
Corner: TypeAlias = tuple[int, int]
"""Column and row of a corner of cells, counted from the upper left one."""
Ring: TypeAlias = list[Corner]
"""Corners in order, the first not repeated; each edge is along a row or a column."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a zone whose cells are connected by their edges."""

    shell: Ring
    holes: list[Ring]


def outlines(zones: Zones) -> list[list[Part]]:
    """Return the parts of each zone, in the order of the zones.

    A zone whose cells touch only by corners somewhere has a part on each side of that corner, as polygons of
    simple features want it; a ring never passes through a corner twice.
    """
    runs, order = _sorted(zones)
    if not len(runs):
        return [[] for _ in range(zones.count)]
    part = components(len(runs), *_within(touching(runs, 4), order))
    starts = set(zip(part.tolist(), runs.row.tolist(), runs.first.tolist(), strict=True))
    shells: dict[int, Ring] = {}
    holes: dict[int, list[Ring]] = {}
    for of_part, ring in _rings(runs, part):
        x, y = min(ring, key=lambda corner: (corner[1], corner[0]))
        if (of_part, y, x) in starts:
            shells[of_part] = ring
        else:
            holes.setdefault(of_part, []).append(ring)
    found: list[list[Part]] = [[] for _ in range(zones.count)]
    zone_of = dict(zip(part.tolist(), order.tolist(), strict=True))
    for number, shell in sorted(shells.items()):
        found[zone_of[number]].append(Part(shell, holes.get(number, [])))
    return found


def _sorted(zones: Zones) -> tuple[Runs, Integers]:
    order = np.lexsort((zones.runs.first, zones.runs.row))
    return zones.runs[order], zones.zone[order]


def _within(pairs: tuple[Integers, Integers], zone: Integers) -> tuple[Integers, Integers]:
    """Return the pairs of runs that belong to one zone."""
    one, other = pairs
    same = zone[one] == zone[other]
    return one[same], other[same]


def _rings(runs: Runs, part: Integers) -> Iterator[tuple[int, Ring]]:
    """Yield the rings around each part, each of which passes through a corner once."""
    of_part, column, row, across, down = _corners(runs, part)
    beside, above = _partners(across), _partners(down)
    columns, rows = column.tolist(), row.tolist()
    left = set(range(len(columns)))
    while left:
        start = corner = left.pop()
        chain = [corner]
        while True:
            corner = beside[corner]
            left.discard(corner)
            chain.append(corner)
            corner = above[corner]
            if corner == start:
                break
            left.discard(corner)
            chain.append(corner)
        for ring in _simple([(columns[each], rows[each]) for each in chain]):
            yield int(of_part[start]), ring


def _corners(runs: Runs, part: Integers) -> tuple[Integers, ...]:
    """Return the corners at which the outlines of parts turn, each once for every cell it is a corner of.

    Returns:
        Part, column and row of each, and the orders in which neighbours are joined by edges: along rows, and
        along columns.
    """
    count = len(runs)
    of_part = np.tile(part, 4)
    column = np.concatenate([runs.first, runs.first, runs.end, runs.end])
    row = np.concatenate([runs.row, runs.row + 1, runs.row, runs.row + 1])
    is_end = np.repeat([0, 0, 1, 1], count)
    is_top = np.repeat([1, 0, 1, 0], count)  # the run lies below the corner
    order = np.lexsort((is_end, column, row, of_part))
    keys = np.column_stack([of_part, row, column, is_end])[order]
    same = (keys[1:] == keys[:-1]).all(axis=1)
    lone = ~(np.append(False, same) | np.append(same, False))  # twice: the outline goes straight on
    kept = order[lone]
    of_part, column, row, is_end, is_top = (each[kept] for each in (of_part, column, row, is_end, is_top))
    # Where two cells touch by this corner alone, each edge is joined with the other one of the same cell.
    across = np.lexsort((1 - is_end, column, row, of_part))
    down = np.lexsort((is_top, row, column, of_part))
    return of_part, column, row, across, down


def _partners(order: Integers) -> list[int]:
    """Return for each corner the other end of its edge: in order, every first and second belong together."""
    partner = np.empty(len(order), np.int64)
    partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
    found: list[int] = partner.tolist()
    return found


def _simple(ring: Ring) -> Iterator[Ring]:
    """Yield the rings into which one falls that passes through corners several times."""
    place: dict[Corner, int] = {}
    path: Ring = []
    for corner in ring:
        if corner in place:
            since = place[corner]
            loop, path = path[since:], path[:since]
            for each in loop:
                place.pop(each, None)
            yield loop
        place[corner] = len(path)
        path.append(corner)
    yield path


def divided(ring: Sequence[Corner], longest: int) -> NDArray[np.float64]:
    """Return the corners of a ring, closed, with further ones where an edge is longer than so many cells."""
    found: list[Corner] = []
    for (x, y), (to_x, to_y) in pairwise([*ring, ring[0]]):
        steps = max(1, -(-max(abs(to_x - x), abs(to_y - y)) // longest))
        found += [(x + (to_x - x) * n // steps, y + (to_y - y) * n // steps) for n in range(steps)]
    return np.array([*found, ring[0]], dtype=np.float64)
