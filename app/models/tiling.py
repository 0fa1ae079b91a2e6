"""Tiling: overlapping patches over an area, and what they answer, blended row by row.

Patches lie `patch - overlap` pixels apart, the first one `overlap - 1` pixels outside the area, so that each
pixel is met by a patch that has at least so much around it. Outside the area its own pixels stand mirrored.
Weights are products of one for rows and one for columns: ``(1 - cos(pi * i / (overlap - 1))) / 2`` for the
i-th of the first `overlap` pixels of a patch, 1 in its middle, and the same backwards at its end (a Tukey
window). Where two patches overlap their weights add up to 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Tiling:
    """Where patches lie along one side of an area."""

    length: int
    """Of the area, in pixels."""
    patch: int
    overlap: int

    @property
    def step(self) -> int:
        """Pixels from one patch to the next."""
        return self.patch - self.overlap

    @property
    def starts(self) -> range:
        """The first pixel of each patch; those before 0 are outside the area."""
        return range(1 - self.overlap, self.length, self.step)

    def mirrored(self, start: int) -> NDArray[np.intp]:
        """Return the pixels of the area that a patch reads, mirrored outside of it."""
        places = np.arange(start, start + self.patch) % (2 * self.length)
        return np.where(places < self.length, places, 2 * self.length - 1 - places)

    def weights(self) -> NDArray[np.float64]:
        """Return the weight of each pixel of a patch, shape (patch,)."""
        rising = (1 - np.cos(np.pi * np.arange(self.overlap) / (self.overlap - 1))) / 2
        middle = np.ones(self.patch - 2 * self.overlap)
        return np.concatenate([rising, middle, rising[::-1]])

    def blended(self) -> NDArray[np.bool_]:
        """Return which pixels of the area more than one patch has a share in, shape (length,)."""
        shares = np.zeros(self.length, np.uint8)
        for start in self.starts:
            inside = slice(max(start, 0), start + self.patch)
            shares[inside] += self.weights()[inside.start - start :][: len(shares[inside])] > 0
        return shares > 1


class Blending:
    """The blended answer of patches, given out as soon as no further patch has a share in it.

    Args:
        rows: The patches from north to south.
        columns: The patches from west to east.
        channels: Of an answer.
    """

    def __init__(self, rows: Tiling, columns: Tiling, channels: int) -> None:
        self._rows, self._columns = rows, columns
        self._weights = np.outer(rows.weights(), columns.weights())
        self._sum = np.zeros((channels, rows.patch, columns.length + 2 * columns.patch))
        """Of the rows from the present patches' first on; columns from one patch before the area on."""

    def add(self, column: int, answer: NDArray[np.float32]) -> None:
        """Add the answer of a patch of the present row.

        Args:
            column: Its first column; outside the area where negative.
            answer: Shape (channels, patch, patch).
        """
        left = column + self._columns.patch
        self._sum[:, :, left : left + self._columns.patch] += answer * self._weights

    def finish(self, start: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Finish the row of patches that begins at a row; yield the rows of the area that are complete.

        Yields:
            The first row, and the answer in shape (channels, rows, columns of the area), float32.
        """
        rows, patch = self._rows, self._columns.patch
        following = start + rows.step
        last = following >= rows.length
        complete = slice(max(-start, 0), (rows.length - start) if last else rows.step)
        if complete.stop > complete.start:
            done = self._sum[:, complete, patch : patch + self._columns.length]
            yield start + complete.start, done.astype(np.float32)
        rest = self._sum[:, rows.step :].copy()
        self._sum[:] = 0
        self._sum[:, : rows.overlap] = rest
