"""Polygons of well-known binary, in the forms of ISO, PostGIS and either byte order."""

import contextlib
import math
import struct
from collections.abc import Sequence

import numpy as np
import pytest
import shapely

from app.areas.wkb import WkbError, chords, read_polygons

Places = Sequence[Sequence[float]]

SQUARE = ((0, 0), (2, 0), (2, 2), (0, 2), (0, 0))
CIRCLE = ((-1, 0), (1, 0), (-1, 0))
HALVES = ((-1, 0), (0, 1), (1, 0), (0, -1), (-1, 0))
EMPTY = struct.pack("<BII", 1, 10, 0)


def coded(kind: int, parts: Sequence[bytes], *, order: str = "<", extra: int = 0) -> bytes:
    """A geometry of parts."""
    return struct.pack(f"{order}BII", order == "<", kind + extra, len(parts)) + b"".join(parts)


def line(places: Places, kind: int = 2, *, order: str = "<", extra: int = 0, size: int = 2) -> bytes:
    """A LINESTRING, or a CIRCULARSTRING of kind 8."""
    return coded(kind, [position(place, order, size) for place in places], order=order, extra=extra)


def position(place: Sequence[float], order: str, size: int) -> bytes:
    """A position, with measures that are not numbers."""
    return struct.pack(f"{order}{size}d", *place, *[math.nan] * (size - 2))


def ring(places: Places) -> bytes:
    """A ring of a POLYGON."""
    return struct.pack("<I", len(places)) + b"".join(struct.pack("<2d", *place) for place in places)


PLAIN = coded(3, [ring(SQUARE)])

STADIUM = coded(9, [line(((-1, -1), (1, -1))), line(((1, -1), (2, 0), (1, 1)), 8), line(((1, 1), (-1, 1)))])
"""Two sides and one round end, closed by an edge from (-1, 1) to (-1, -1): 4 and half a circle."""

POLYGONS = {
    "polygon": (PLAIN, 4.0),
    "multipolygon": (coded(6, [PLAIN, PLAIN]), 8.0),
    "multisurface of a polygon": (coded(12, [PLAIN]), 4.0),
    "multisurface of both": (coded(12, [PLAIN, coded(10, [line(CIRCLE, 8)])]), 4 + math.pi),
    "curvepolygon of lines": (coded(10, [line(SQUARE)]), 4.0),
    "circle of one arc": (coded(10, [line(CIRCLE, 8)]), math.pi),
    "circle of two arcs": (coded(10, [line(HALVES, 8)]), math.pi),
    "the other way": (coded(10, [line(HALVES[::-1], 8)]), math.pi),
    "compound": (coded(10, [STADIUM]), 4 + math.pi / 2),
    "a round hole": (
        coded(10, [line([(3 * x - 2, 3 * y - 2) for x, y in SQUARE]), STADIUM]),
        32 - math.pi / 2,
    ),
    "arcs on a line": (coded(10, [line(((0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (1, 1), (0, 0)), 8)]), 2.0),
    "not closed": (coded(10, [line(SQUARE[:-1])]), 4.0),
    "empty": (EMPTY, 0.0),
    "with an empty part": (coded(12, [EMPTY, PLAIN]), 4.0),
}


@pytest.mark.parametrize(("wkb", "area"), POLYGONS.values(), ids=POLYGONS)
def test_polygons_are_read_with_arcs_as_chords(wkb: bytes, area: float) -> None:
    """Half a degree of a circle: its area is sin(t) / t of the sector's, 1 - 1.3e-5."""
    found = read_polygons(wkb)
    assert found.area == pytest.approx(area, rel=1.3e-5)
    assert found.is_valid or "multipolygon" in shapely.to_wkt(found).lower()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("extra", "size"),
    [(1000, 3), (2000, 3), (3000, 4), (0x80000000, 3), (0x40000000, 3), (0xC0000000, 4)],
    ids=["Z", "M", "ZM", "EWKB Z", "EWKB M", "EWKB ZM"],
)
def test_heights_and_measures_are_dropped(extra: int, size: int, order: str) -> None:
    arcs = line(HALVES, 8, order=order, extra=extra, size=size)
    wkb = coded(12, [coded(10, [arcs], order=order, extra=extra)], order=order, extra=extra)
    assert read_polygons(wkb).area == pytest.approx(math.pi, rel=1.3e-5)


def test_ewkb_with_a_number_of_its_system_is_read() -> None:
    square = shapely.set_srid(shapely.box(0, 0, 1, 1), 4326)
    found = read_polygons(shapely.to_wkb(square, include_srid=True))
    assert shapely.equals(found, square)


def test_chords_keep_the_given_places_and_lie_on_the_circle() -> None:
    found = chords(np.array([(5.0, 0.0), (3.0, 4.0), (0.0, 5.0)]))
    assert np.hypot(*found.T) == pytest.approx(5)
    assert (found[0].tolist(), found[-1].tolist()) == ([5, 0], [0, 5])
    assert len(found) == 181  # a quarter, in halves of a degree
    assert (found >= -1e-9).all()


REFUSED = {
    "a line": (line(SQUARE), "a LINESTRING, a line; an area is a polygon"),
    "an arc": (line(HALVES, 8), "a CIRCULARSTRING, a line"),
    "a compound": (STADIUM, "a COMPOUNDCURVE, a line"),
    "curves": (coded(11, [STADIUM]), "a MULTICURVE, a line.*Lines to polygons"),
    "faces": (coded(15, [PLAIN], extra=1000), "a POLYHEDRALSURFACE, whose faces.*ogr2ogr -nlt MULTIPOLYGON"),
    "triangles": (coded(16, []), "a TIN"),
    "a collection": (coded(7, [PLAIN]), "a GEOMETRYCOLLECTION; an area is a POLYGON"),
    "a point": (struct.pack("<BI2d", 1, 1, 0, 0), "a POINT"),
    "points among surfaces": (coded(12, [struct.pack("<BI2d", 1, 1, 0, 0)]), "a POINT"),
    "a ring of surfaces": (coded(10, [PLAIN]), "one of its rings is a POLYGON"),
    "an even arc": (coded(10, [line(SQUARE[:4], 8)]), "an odd number of positions"),
    "a ring of two": (coded(10, [line(SQUARE[:2])]), "at least three positions"),
    "cut off": (PLAIN[:-3], "damaged"),
    "nothing": (b"", "damaged"),
    "too many": (struct.pack("<BII", 1, 12, 2**32 - 1), "damaged"),
    "another code": (struct.pack("<BII", 1, 4711, 1), "damaged"),
    "compounds in compounds": (
        coded(10, [coded(9, [coded(9, [coded(9, [STADIUM])])])]),
        "is a COMPOUNDCURVE",
    ),
}


@pytest.mark.parametrize(("wkb", "said"), REFUSED.values(), ids=REFUSED)
def test_others_are_refused_by_their_kind(wkb: bytes, said: str) -> None:
    with pytest.raises(WkbError, match=said):
        read_polygons(wkb)


def test_any_byte_may_be_wrong() -> None:
    whole = coded(12, [coded(10, [STADIUM, line(CIRCLE, 8)]), PLAIN])
    for at in range(len(whole)):
        for value in (0, 1, 255):
            with contextlib.suppress(WkbError):
                read_polygons(whole[:at] + bytes([value]) + whole[at + 1 :])
