"""Coding: how a file's blocks are stored, and what they hold once they are decoded.

ISA-L inflates in half the time that GDAL takes. What is of another kind is left to GDAL.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from rasterio.enums import Compression
from rasterio.io import DatasetReader

DIFFERENCES, FLOATS = 2, 3
"""Predictors: differences from the left number (TIFF 6.0, section 14), and of the bytes of floating-point
numbers sorted by place (TIFF Technical Note 3)."""

LITTLE = b"II"
"""How a file begins whose numbers stand in the order of this machine's."""

Pixels: TypeAlias = NDArray[Any]


class NotWholeError(ValueError):
    """A block is not a whole stream."""


class Place(NamedTuple):
    """Where a block stands in its file, in bytes."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Coding:
    """How the blocks of the first band of a file are stored: deflated, in the order of this machine."""

    shape: tuple[int, int]
    """Rows and columns of a block."""
    dtype: np.dtype[Any]
    predictor: int
    nodata: float | None

    @property
    def size(self) -> int:
        """Bytes of a decoded block."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    def may_be(self, place: Place) -> bool:
        """Return whether a block of that length may be one of these."""
        return place.length <= 2 * self.size

    def absent(self) -> Pixels | None:
        """Return a block that was never written; None where it is left to GDAL what it holds."""
        block = np.zeros(self.shape, self.dtype)
        if self.nodata:
            with np.errstate(invalid="ignore"):
                fill = np.float64(self.nodata).astype(self.dtype)
            if fill != self.nodata or self.dtype.itemsize == 8:
                return None
            block[:] = fill
        return block

    def decoded(self, data: bytes) -> Pixels | None:
        """Return what a block holds; None if it is of another length, and left to GDAL.

        Raises:
            NotWholeError: If it is not a whole stream, or its checksum is wrong.
        """
        inflation = isal_zlib.decompressobj()
        try:
            raw = inflation.decompress(data, self.size + 1)
        except isal_zlib.error as error:  # type: ignore[misc]  # a class, which its stub takes for a value
            raise NotWholeError from error
        if not inflation.eof and len(raw) <= self.size:  # it ends too soon, or its checksum is wrong
            raise NotWholeError
        if len(raw) != self.size:
            return None
        if self.predictor == FLOATS:
            return self._floats(np.frombuffer(raw, np.uint8))
        block = np.frombuffer(raw, self.dtype).reshape(self.shape)
        return np.add.accumulate(block, axis=1, dtype=self.dtype) if self.predictor == DIFFERENCES else block

    def _floats(self, raw: NDArray[np.uint8]) -> Pixels:
        """Return numbers whose bytes stand sorted by place, the first place first, as differences."""
        rows, columns = self.shape
        summed = np.add.accumulate(raw.reshape(rows, -1), axis=1, dtype=np.uint8)
        sorted_bytes = summed.reshape(rows, self.dtype.itemsize, columns)[:, ::-1]
        return np.ascontiguousarray(sorted_bytes.transpose(0, 2, 1)).view(self.dtype)[..., 0]


def coding_of(dataset: DatasetReader) -> Coding | None:
    """Return how the blocks of a file are stored; None where they are of a kind that is left to GDAL."""
    if dataset.driver != "GTiff" or dataset.count != 1 or dataset.compression is not Compression.deflate:
        return None
    dtype, facts = np.dtype(dataset.dtypes[0]), dataset.tags(ns="IMAGE_STRUCTURE")
    predictor = int(facts.get("PREDICTOR", 1))
    known = {1, DIFFERENCES} if dtype.kind in "iu" else {1, FLOATS} if dtype.kind == "f" else ()
    if predictor not in known or "NBITS" in dataset.tags(1, ns="IMAGE_STRUCTURE"):
        return None
    return Coding(dataset.block_shapes[0], dtype, predictor, dataset.nodata)


def stored_at(dataset: DatasetReader, row: int, column: int) -> Place | None:
    """Return where a block of the first band stands; None if it was never written."""
    start = dataset.get_tag_item(f"BLOCK_OFFSET_{column}_{row}", "TIFF", bidx=1)
    length = dataset.get_tag_item(f"BLOCK_SIZE_{column}_{row}", "TIFF", bidx=1)
    return None if start is None or length is None else Place(int(start), int(length))
