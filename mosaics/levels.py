"""Which scenes cover the cells of each zoom, in flat arrays; a million scenes take little memory."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mosaics.cells import Numbers

ORDINAL_BITS = 32
"""Of a number that holds a cell's number above the ordinal of a scene."""

_NOTHING: NDArray[np.uint32] = np.empty(0, np.uint32)


@dataclass(frozen=True, slots=True)
class Level:
    """Which scenes cover the cells of one zoom."""

    cells: NDArray[np.int32]
    """Numbers of the cells that have scenes, ascending; zoom 14 ends at 2**28."""
    starts: NDArray[np.uint32]
    """Where in `ordinals` the scenes of each cell begin; one more at the end."""
    ordinals: NDArray[np.uint32]
    """Scenes cell by cell, best first."""
    most: int
    """Scenes in the fullest cell."""

    def scenes(self, cell: int) -> NDArray[np.uint32]:
        """Return the scenes of a cell, best first."""
        # Of the same type, or numpy would convert the whole array for each lookup.
        place = self.cells.searchsorted(np.int32(cell))
        if place == len(self.cells) or self.cells[place] != cell:
            return _NOTHING
        return self.ordinals[self.starts[place] : self.starts[place + 1]]


def levels_of(pairs_in_batches: Sequence[Numbers], quadkey_zoom: int) -> tuple[Level, ...]:
    """Return the levels from 0 to the quadkey zoom; a cell has the scenes of its four children.

    Args:
        pairs_in_batches: Cell number and ordinal of each cell a scene covers, as the upper and lower half of
            a number; each pair once.
        quadkey_zoom: Of the cells.
    """
    pairs = np.concatenate(pairs_in_batches)
    pairs.sort()
    levels = []
    for _ in range(quadkey_zoom + 1):
        cells = (pairs >> ORDINAL_BITS).astype(np.int32)
        starts = np.flatnonzero(np.diff(cells, prepend=-1, append=-1)).astype(np.uint32)
        fullest = int(np.diff(starts).max(initial=0))
        levels.append(Level(cells[starts[:-1]], starts, pairs.astype(np.uint32), fullest))
        pairs = np.unique(pairs >> ORDINAL_BITS + 2 << ORDINAL_BITS | levels[-1].ordinals)
    return tuple(reversed(levels))


def merged(sets: Sequence[NDArray[np.uint32]]) -> NDArray[np.uint32]:
    """Join ascending sets of ordinals into one."""
    full = [ordinals for ordinals in sets if len(ordinals)]
    if len(full) == 1:
        return full[0]
    return np.unique(np.concatenate(full)) if full else _NOTHING


class Packed:
    """Byte strings one after the other in one buffer."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._ends = array("Q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, position: int) -> bytes:
        return bytes(self._buffer[self._ends[position] : self._ends[position + 1]])

    def append(self, value: bytes) -> None:
        """Add one at the end."""
        self._buffer += value
        self._ends.append(len(self._buffer))
