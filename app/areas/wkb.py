"""Well-known binary: polygons of it, as ISO 13249-3 and PostGIS's EWKB write them, arcs as chords."""

import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

from app.statistics.geometry import Polygonal

Positions: TypeAlias = NDArray[np.float64]
"""X and y, (positions, 2)."""

KINDS: Mapping[int, str] = {
    1: "POINT", 2: "LINESTRING", 3: "POLYGON", 4: "MULTIPOINT", 5: "MULTILINESTRING", 6: "MULTIPOLYGON",
    7: "GEOMETRYCOLLECTION", 8: "CIRCULARSTRING", 9: "COMPOUNDCURVE", 10: "CURVEPOLYGON", 11: "MULTICURVE",
    12: "MULTISURFACE", 13: "CURVE", 14: "SURFACE", 15: "POLYHEDRALSURFACE", 16: "TIN", 17: "TRIANGLE",
}  # fmt: skip
"""Kinds of geometry by their code (OGC 06-103r4, table 7)."""

LINES = frozenset({"LINESTRING", "MULTILINESTRING", "CIRCULARSTRING", "COMPOUNDCURVE", "MULTICURVE", "CURVE"})

SURFACES = frozenset({"POLYHEDRALSURFACE", "TIN", "TRIANGLE", "SURFACE"})
"""Of faces in space, which may stand upright or lie above each other."""

EWKB_Z, EWKB_M, EWKB_SRID = 0x80000000, 0x40000000, 0x20000000

CHORD = math.radians(0.5)
"""The longest arc that becomes one chord. A circle of such chords is 1.3e-5 smaller."""

PARTS = ("POLYGON", "CURVEPOLYGON")

DEEPEST = 3
"""MULTISURFACE, CURVEPOLYGON, COMPOUNDCURVE; their parts are lists of positions."""


class WkbError(ValueError):
    """A geometry that is damaged or of a kind that is not a polygon; the message says which."""


def read_polygons(wkb: bytes) -> Polygonal:
    """Return the polygon or polygons of well-known binary, valid or not, without heights and measures.

    Args:
        wkb: POLYGON, MULTIPOLYGON, CURVEPOLYGON or MULTISURFACE, in either byte order. The rings of a
            CURVEPOLYGON are LINESTRING, CIRCULARSTRING or COMPOUNDCURVE. Rings that are not closed are.

    Raises:
        WkbError: If it is of another kind, or damaged.
    """
    try:
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # such coordinates lie nowhere, which is told later
            return _Reader(wkb).polygonal()
    except (struct.error, ValueError, IndexError, shapely.GEOSException) as error:
        raise error if isinstance(error, WkbError) else WkbError("its geometry is damaged") from error


class _Reader:
    """A position in well-known binary, and what stands there."""

    def __init__(self, wkb: bytes) -> None:
        self._wkb = wkb
        self._at = 0

    def polygonal(self) -> Polygonal:
        kind, order, size = self._begin()
        if kind in PARTS:
            return self._polygon(kind, order, size)
        if kind not in {"MULTIPOLYGON", "MULTISURFACE"}:
            raise WkbError(_refusal(kind))
        parts = [self._part() for _ in self._counted(order)]
        whole = [part for part in parts if not part.is_empty]
        return whole[0] if len(whole) == 1 else shapely.MultiPolygon(whole)

    def _part(self) -> shapely.Polygon:
        kind, order, size = self._begin()
        if kind not in PARTS:
            raise WkbError(_refusal(kind))
        return self._polygon(kind, order, size)

    def _polygon(self, kind: str, order: str, size: int) -> shapely.Polygon:
        read: Callable[[], Positions] = self._curve
        if kind == "POLYGON":

            def read() -> Positions:
                return self._positions(order, size)

        rings = [ring for ring in (read() for _ in self._counted(order)) if len(ring)]
        if not rings:
            return shapely.Polygon()
        if any(len(ring) < 3 for ring in rings):
            raise WkbError("its rings are not lists of at least three positions")
        return shapely.Polygon(rings[0], rings[1:])

    def _curve(self, depth: int = 1) -> Positions:
        """Return the chords of a ring or of a part of one."""
        kind, order, size = self._begin()
        if kind == "LINESTRING":
            return self._positions(order, size)
        if kind == "CIRCULARSTRING":
            return chords(self._positions(order, size))
        if kind != "COMPOUNDCURVE" or depth == DEEPEST:
            raise WkbError(
                f"one of its rings is a {kind}; a ring is a line, an arc or a COMPOUNDCURVE of both"
            )
        parts = [part for part in (self._curve(depth + 1) for _ in self._counted(order)) if len(part)]
        return np.concatenate([np.empty((0, 2)), *parts[:1], *(part[1:] for part in parts[1:])])

    def _begin(self) -> tuple[str, str, int]:
        """Return the kind, the byte order and the numbers per position of the geometry that begins here."""
        order = "<" if self._wkb[self._at] == 1 else ">"
        (code,) = struct.unpack_from(f"{order}I", self._wkb, self._at + 1)
        self._at += 9 if code & EWKB_SRID else 5
        thousands, number = divmod(code & 0xFFFF, 1000)
        if thousands > 3 or number not in KINDS:
            raise WkbError("its geometry is damaged")
        has_z = bool(code & EWKB_Z) or thousands in {1, 3}
        has_m = bool(code & EWKB_M) or thousands in {2, 3}
        return KINDS[number], order, 2 + has_z + has_m

    def _counted(self, order: str) -> Iterator[int]:
        (count,) = struct.unpack_from(f"{order}I", self._wkb, self._at)
        self._at += 4
        if count > len(self._wkb) - self._at:
            raise WkbError("its geometry is damaged")
        return iter(range(count))

    def _positions(self, order: str, size: int) -> Positions:
        (count,) = struct.unpack_from(f"{order}I", self._wkb, self._at)
        numbers = np.frombuffer(self._wkb, f"{order}f8", count * size, self._at + 4)
        self._at += 4 + numbers.nbytes
        return numbers.reshape(-1, size)[:, :2].astype(float)


def _refusal(kind: str) -> str:
    if kind in LINES:
        return (
            f"it is a {kind}, a line; an area is a polygon. Make it one first, in QGIS by the tool Lines to "
            "polygons"
        )
    if kind in SURFACES:
        return (
            f"it is a {kind}, whose faces stand in space; an area is a polygon. Make it one first: "
            "ogr2ogr -nlt MULTIPOLYGON OUTPUT.gpkg INPUT.gpkg"
        )
    return f"it is a {kind}; an area is a POLYGON, MULTIPOLYGON, CURVEPOLYGON or MULTISURFACE"


def chords(arcs: Positions) -> Positions:
    """Return the corners of chords along arcs.

    Args:
        arcs: Positions of a CIRCULARSTRING: the start of an arc, a place on it, its end, which is the next
            one's start, and so on. An arc that ends where it starts is a circle, and the place on it is
            opposite the start (OGC 06-103r4, 7.2.1.2).

    Returns:
        The same, (positions, 2), with corners at most half a degree apart.

    Raises:
        WkbError: If the number of positions is even.
    """
    if len(arcs) == 0:
        return arcs
    if len(arcs) % 2 == 0:
        raise WkbError("its arcs are damaged: a CIRCULARSTRING has an odd number of positions")
    pieces: Sequence[Positions] = [
        _chords(arcs[at], arcs[at + 1], arcs[at + 2]) for at in range(0, len(arcs) - 2, 2)
    ]
    return np.concatenate([arcs[:1], *pieces])


def _chords(start: Positions, middle: Positions, end: Positions) -> Positions:
    """Return the corners after the start of an arc, which ends with its end."""
    found = _centre(start, middle, end)
    if found is None:  # on a line
        return np.array([middle, end])
    begin, through, finish = (math.atan2(*(place - found)[::-1]) for place in (start, middle, end))
    turn = 1.0 if (through - begin) % math.tau < ((finish - begin) % math.tau or math.tau) else -1.0
    swept = (turn * (finish - begin)) % math.tau or math.tau
    steps = max(2, math.ceil(swept / CHORD))
    angles = begin + turn * swept * np.arange(1, steps) / steps
    radius = math.dist(start, found)
    inner = found + radius * np.column_stack([np.cos(angles), np.sin(angles)])
    return np.concatenate([inner, [end]])


def _centre(start: Positions, middle: Positions, end: Positions) -> Positions | None:
    """Return the centre of the circle through three places; None if they lie on a line."""
    if np.array_equal(start, end):
        return None if np.array_equal(start, middle) else (start + middle) / 2
    one, other = middle - start, end - start
    twice = 2 * (one[0] * other[1] - one[1] * other[0])
    scale = max(float(one @ one), float(other @ other))
    if not abs(twice) > 1e-12 * scale:
        return None
    first, second = float(one @ one), float(other @ other)
    across = np.array([other[1] * first - one[1] * second, one[0] * second - other[0] * first])
    return np.asarray(start + across / twice)
