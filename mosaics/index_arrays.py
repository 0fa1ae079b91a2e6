"""The arrays that the index of a mosaic consists of, in memory or in a file, and what must hold of them.

Scenes are numbered best first; overviews follow them in `rows`. Level by level of Web Mercator tiles there
are the cells that have scenes, where the scenes of each begin, and these scenes (see `mosaics.cells.Level`).
"""

import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mosaics.cells import Level
from mosaics.flat_file import FlatFile, FlatFileError

VERSION = 1
"""Of the arrays; to be raised with any change of what they hold."""

ROW = np.dtype(
    [
        ("start", "<i8"),  # microseconds since 1970
        ("end", "<i8"),
        ("clouds", "<f8"),  # 0..100, NaN where not told
        ("resolution_m", "<f8"),
        ("at", "<u8"),  # where in the payload its id begins, and behind that its item key and its footprint
        ("id", "<u4"),  # bytes of each
        ("key", "<u4"),
        ("footprint", "<u4"),  # WKB
        ("flags", "<u4"),
    ]
)
"""Of a scene or an overview."""
ROW_FIELDS = struct.Struct("<qqddQIIII")
SYNTHETIC, CONVEX, CLOCKWISE = 1, 2, 4
"""Flags: pixels that were made up; a footprint that is one ring without a dent, and its direction."""

MARK = np.dtype("V16")
"""Of an item's key, to tell scenes apart: a coincidence among a million takes 2**88 mosaics."""

BOX = np.dtype([("around", "<f8", (4,)), ("inside", "<f8", (4,))])
"""The box around a footprint, and one that it covers wholly, NaN where none was found: west, south, east,
north in degrees."""
BOX_FIELDS = struct.Struct("<8d")

_TOGETHER = 10_000
"""Rows looked at together; all at once would leave memory with the process."""

_MOST_ZOOM = 15
"""Cells of zoom 15 are the last whose numbers have 31 bits."""


def types_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the types of the arrays of an index, by their names.

    Raises:
        ValueError: If there are no cells of its quadkey zoom.
    """
    quadkey_zoom = facts["quadkey_zoom"]
    if type(quadkey_zoom) is not int or not 0 <= quadkey_zoom <= _MOST_ZOOM:
        raise ValueError(f"{quadkey_zoom!r} is not a valid quadkey zoom; zooms are 0 to {_MOST_ZOOM}")
    types: dict[str, Any] = {"rows": ROW, "payload": "u1", "boxes": BOX, "marks": MARK, "beyond": "<u4"}
    types["places"] = "<i8"
    for zoom in range(quadkey_zoom + 1):
        types |= {f"cells{zoom}": "<i4", f"starts{zoom}": "<u4", f"ordinals{zoom}": "<u4"}
    return types


def levels_in(flat: FlatFile) -> tuple[Level, ...]:
    """Return the levels from 0 to the quadkey zoom."""
    arrays = flat.arrays
    return tuple(
        Level(arrays[f"cells{zoom}"], arrays[f"starts{zoom}"], arrays[f"ordinals{zoom}"], most)
        for zoom, most in enumerate(flat.facts["most"])
    )


def check(flat: FlatFile) -> None:
    """Refuse arrays that lead outside of one another, which no index of ours does.

    Raises:
        FlatFileError: If there is such a place.
    """
    facts, arrays = flat.facts, flat.arrays
    rows, size = arrays["rows"], facts["size"]
    held = {
        "facts": type(size) is int and 0 <= size <= len(rows) and _are_facts(facts),
        "rows": len(rows) == size + len(arrays["places"]) and _lie_within(rows, len(arrays["payload"])),
        "boxes": len(arrays["boxes"]) == size,
        "marks": len(arrays["marks"]) == size,
        "beyond": _are_below(arrays["beyond"], size),
        "places": _ascend(arrays["places"]),
    }
    for zoom in range(facts["quadkey_zoom"] + 1):
        cells, starts = arrays[f"cells{zoom}"], arrays[f"starts{zoom}"]
        ordinals = arrays[f"ordinals{zoom}"]
        held[f"level {zoom}"] = (
            _ascend(cells)
            and len(starts) == len(cells) + 1
            and _ascend(starts)
            and (int(starts[0]), int(starts[-1])) == (0, len(ordinals))
            and _are_below(ordinals, size)
        )
    if wrong := [name for name, is_right in held.items() if not is_right]:
        raise FlatFileError(f"the index contradicts itself in its {', '.join(wrong)}")


def _are_facts(facts: Mapping[str, Any]) -> bool:
    numbers = (*facts["bounds"], facts["resolution_m"] or 0.0, *facts["most"])
    return len(numbers) == 6 + facts["quadkey_zoom"] and all(
        isinstance(one, int | float) and math.isfinite(one) for one in numbers
    )


def _lie_within(rows: NDArray[Any], size: int) -> bool:
    for begin in range(0, len(rows), _TOGETHER):
        some = rows[begin : begin + _TOGETHER]
        lengths = some["id"].astype(np.uint64) + some["key"] + some["footprint"]
        if not ((some["at"] <= size).all() and (lengths <= size - some["at"]).all()):
            return False
    return True


def _are_below(ordinals: NDArray[Any], size: int) -> bool:
    return not len(ordinals) or int(ordinals.max()) < size


def _ascend(numbers: NDArray[Any]) -> bool:
    return bool((numbers[1:] > numbers[:-1]).all()) and (not len(numbers) or int(numbers[0]) >= 0)
