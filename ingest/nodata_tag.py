"""The nodata tag of a GeoTIFF of 64-bit whole numbers, to its last digit.

Rasterio gives and writes nodata as float64, which holds whole numbers to 2^53. Of the usual marks of 64-bit
files, the least and the greatest number there is, it makes another, and GDAL reads "-9.22e+18" as -9. The
text of the tag is therefore read here (TIFF 6.0, section 2; BigTIFF; GDAL_NODATA is tag 42113).
"""

import re
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

GDAL_NODATA, ASCII = 42113, 2
MOST_FIELDS, LONGEST = 4096, 64
"""Fields of a directory, and characters of the text, beyond which it is something else."""
EXACT = 2**53
"""Up to here float64 holds every whole number."""


def marks_64_bits(path: Path, dtype: str) -> int | None:
    """Return the whole number that a GeoTIFF's nodata tag states for 64-bit whole numbers.

    Returns:
        None for other types, and where there is no tag or it is not a number that the type holds.
    """
    if dtype not in {"int64", "uint64"}:
        return None
    with path.open("rb") as file:
        text = _text(file)
    limits = np.iinfo(dtype)
    if text is None:
        return None
    if re.fullmatch(r"[+-]?\d+", text):
        number = int(text)
    else:
        try:
            rounded = float(text)
        except ValueError:
            return None
        if not rounded.is_integer():
            return None
        number = int(rounded)
        if number == limits.max + 1:  # the greatest number, rounded up
            number = int(limits.max)
    return number if limits.min <= number <= limits.max else None


def _text(file: BinaryIO) -> str | None:
    """Return the text of the tag in the first directory."""
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 16:
        return None
    is_big = struct.unpack(f"{order}H", head[2:4])[0] == 43
    address, counts, field = ("Q", "Q", "HHQ8s") if is_big else ("I", "H", "HHI4s")
    (start,) = struct.unpack_from(order + address, head, 8 if is_big else 4)
    file.seek(start)
    (count,) = struct.unpack(order + counts, file.read(struct.calcsize(order + counts)))
    if count > MOST_FIELDS:
        return None
    size = struct.calcsize(order + field)
    for place in struct.iter_unpack(order + field, file.read(count * size)):
        tag, kind, length, value = place
        if (tag, kind) == (GDAL_NODATA, ASCII) and length <= LONGEST:
            if length > len(value):
                file.seek(struct.unpack(order + address, value)[0])
                value = file.read(length)
            return bytes(value[:length]).split(b"\0")[0].decode("ascii", "replace").strip()
    return None
