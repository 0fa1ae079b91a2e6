"""Chebyshev's polynomials at the middles of cells, and products of matrices beside busy threads."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALL_PRODUCT = 1 << 18
"""Multiplications up to which OpenBLAS works on the calling thread; its own threads, waiting for a core, took
70 ms for what takes 0.1 ms."""

BASES_KEPT = 64
"""Polynomials at the rows or columns of a part, for the parts beside and below it: 8 to 64 kB each."""

Floats = NDArray[np.floating[Any]]


@lru_cache(BASES_KEPT)
def basis_of_cells(first: int, count: int, size: int, polynomials: int) -> Floats:
    """Return Chebyshev's polynomials at the middles of cells in a row of `size`, (count, polynomials)."""
    basis = polynomials_at(2 * (first + np.arange(count) + 0.5) / size - 1, polynomials)
    basis.flags.writeable = False
    return basis


def polynomials_at(places: Floats, count: int) -> Floats:
    """Return Chebyshev's first polynomials at places, (places, count), faster than NumPy's `chebvander`."""
    found = np.empty((places.size, count))
    found[:, 0], found[:, 1] = 1.0, places
    for order in range(2, count):
        found[:, order] = 2 * places * found[:, order - 1] - found[:, order - 2]
    return found


def product_of(left: Floats, right: Floats) -> Floats:
    """Return a product of matrices, by rows so few that BLAS starts no threads beside the render threads."""
    found = np.empty((left.shape[0], right.shape[1]))
    rows = max(1, SMALL_PRODUCT // right.size)
    for start in range(0, left.shape[0], rows):
        np.matmul(left[start : start + rows], right, out=found[start : start + rows])
    return found
