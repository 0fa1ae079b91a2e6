"""Shapes: geometries as they are never drawn."""

import json
import math
from typing import Any

from hypothesis import strategies as st

HERE = (-99.0, 40.5)
"""The middle of the demo."""

Ring = list[list[Any]]

centres = st.one_of(
    st.just(HERE),
    st.just(HERE),
    st.just(HERE),
    st.just(HERE),
    st.sampled_from([(180.0, 0.0), (-180.0, 16.5), (0.0, 90.0), (30.0, -90.0), (179.9999, -45.0)]),
    st.tuples(st.floats(-180, 180), st.floats(-90, 90)),
)  # fmt: skip
sizes = st.one_of(
    st.sampled_from([1e-3, 0.01, 0.05]),
    st.sampled_from([1e-15, 1e-12, 1e-9, 1e-7, 1e-5, 1e-3, 0.01, 0.05, 1.0, 20.0, 179.0]),
)


def _at(centre: tuple[float, float], size: float, *offsets: tuple[float, float]) -> Ring:
    return [[centre[0] + size * x, centre[1] + size * y] for x, y in offsets]


def _closed(ring: Ring) -> Ring:
    return [*ring, list(ring[0])] if ring else ring


@st.composite
def random_rings(draw: st.DrawFn) -> Ring:
    """Any positions around a place, mostly crossing each other."""
    centre, size = draw(centres), draw(sizes)
    offsets = draw(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=2, max_size=12))
    return _closed(_at(centre, size, *offsets))


@st.composite
def bowties(draw: st.DrawFn) -> Ring:
    """Rings that cross themselves once."""
    return _closed(_at(draw(centres), draw(sizes), (0, 0), (1, 1), (1, 0), (0, 1)))


@st.composite
def slivers(draw: st.DrawFn) -> Ring:
    """Long rings of hardly any width."""
    width = draw(st.sampled_from([0.0, 5e-324, 1e-17, 1e-15, 1e-12, 1e-9]))
    return _closed(_at(draw(centres), draw(sizes), (0, 0), (1, 0), (1, width), (0, width)))


@st.composite
def one_ulp(draw: st.DrawFn) -> Ring:
    """Rings as wide as two neighbouring numbers are apart."""
    x, y = draw(centres)
    east = math.nextafter(x, math.inf)
    north = draw(st.sampled_from([math.nextafter(y, math.inf), y + 1]))
    return _closed([[x, y], [east, y], [east, north], [x, north]])


@st.composite
def near_duplicates(draw: st.DrawFn) -> Ring:
    """Squares whose corners stand there several times, hardly apart."""
    ring = _at(draw(centres), draw(sizes), (0, 0), (1, 0), (1, 1), (0, 1))
    step = draw(st.sampled_from([0.0, 5e-324, 1e-16, 1e-14, 1e-12]))
    times = draw(st.integers(1, 4))
    return _closed([[x + step * n, y - step * n] for x, y in ring for n in range(times)])


@st.composite
def spikes(draw: st.DrawFn) -> Ring:
    """Squares with an edge that goes out and comes back the same way."""
    return _closed(
        _at(draw(centres), draw(sizes), (0, 0), (1, 0), (3, 0), (1, 0), (1, 1), (1, 5), (1, 1), (0, 1))
    )


@st.composite
def stars(draw: st.DrawFn) -> Ring:
    """Pentagrams and their like."""
    points, step = draw(st.sampled_from([(5, 2), (7, 3), (31, 15), (8, 3)]))
    angles = [2 * math.pi * step * n / points for n in range(points)]
    return _closed(_at(draw(centres), draw(sizes), *((math.cos(a), math.sin(a)) for a in angles)))


@st.composite
def crowded(draw: st.DrawFn) -> Ring:
    """Circles and zigzags of very many positions."""
    count = draw(st.sampled_from([500, 5000, 12_000]))
    jitter = draw(st.sampled_from([0.0, 1e-9, 0.3]))
    angles = [2 * math.pi * n / count for n in range(count)]
    offsets = (
        (math.cos(a) * (1 + jitter * (n % 2)), math.sin(a) * (1 + jitter * (n % 3)))
        for n, a in enumerate(angles)
    )
    return _closed(_at(draw(centres), draw(sizes), *offsets))


@st.composite
def across(draw: st.DrawFn) -> Ring:
    """Rings that meet the antimeridian or a pole, written in every way."""
    west, east = draw(
        st.sampled_from([(170, 190), (-190, -170), (170, -170), (-180, 180), (180, -180), (179, 181)])
    )
    south, north = draw(st.sampled_from([(-10, 10), (80, 90), (-90, -80), (-90, 90), (89, 91), (90, 90)]))
    return _closed([[west, south], [east, south], [east, north], [west, north]])


rings = st.one_of(
    *(random_rings(), random_rings(), bowties(), slivers(), one_ulp(), near_duplicates()),
    *(spikes(), stars(), across()),
)

ODD_NUMBERS = (1e308, -1e308, 5e-324, -0.0, math.nan, math.inf, 10**400, 181, -91, 360, 1e17)
odd_values: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([*ODD_NUMBERS, None, True, "5", "", [], {}, [[]], [None]]), st.floats(), st.integers()
)


@st.composite
def damaged_rings(draw: st.DrawFn) -> Ring:
    """Rings with a position that is missing, or of another dimension, or that are not closed."""
    ring: Ring = [list(position) for position in draw(rings)]
    place = draw(st.integers(0, len(ring) - 1))
    what = draw(st.integers(0, 4))
    if what == 0:
        ring[place] = draw(st.sampled_from([[], [5], [5, 51, 3], [5, 51, 3, 7], None, 5, "x", {}]))
    elif what == 1:
        ring[place][draw(st.integers(0, 1))] = draw(odd_values)
    elif what == 2:
        ring = [[*position, 100.0] for position in ring]
    elif what == 3:
        ring = ring[:-1]
    else:
        ring = ring[: draw(st.integers(0, 3))]
    return ring


@st.composite
def holed(draw: st.DrawFn) -> list[Ring]:
    """A square with holes that touch it or each other, lie outside, or are all of it."""
    centre, size = draw(centres), draw(sizes)
    shell = _closed(_at(centre, size, (0, 0), (1, 0), (1, 1), (0, 1)))
    low, high = draw(st.sampled_from([(0, 1), (0, 0.5), (0.2, 0.5), (-1, 2), (2, 3), (0.5, 1)]))
    hole = _closed(_at(centre, size, (low, low), (low, high), (high, high), (high, low)))
    other = _closed(_at(centre, size, (high, high), (high, 0.9), (0.9, 0.9), (0.9, high)))
    return [
        shell,
        *draw(st.sampled_from([[hole], [hole, other], [hole, hole], [hole, *[other] * 5], [shell]])),
    ]


KINDS = [*["Polygon"] * 12, *["MultiPolygon"] * 6, "Point", "LineString", "MultiPoint", "Curve", None]

polygons = st.one_of(
    st.lists(rings, min_size=1, max_size=1),
    st.lists(rings, min_size=1, max_size=1),
    st.lists(rings, min_size=1, max_size=3),
    st.lists(crowded(), min_size=1, max_size=1),
    st.lists(damaged_rings(), max_size=2),
    holed(),
)


@st.composite
def plain_geometries(draw: st.DrawFn) -> Any:
    """A geometry of one kind."""
    kind = draw(st.sampled_from(KINDS))
    coordinates: Any
    if kind == "MultiPolygon":
        coordinates = draw(st.lists(polygons, max_size=4))
    elif kind == "Point":
        coordinates = draw(st.one_of(centres.map(list), odd_values, st.lists(odd_values, max_size=4)))
    elif kind in ("LineString", "MultiPoint"):
        coordinates = draw(st.one_of(rings, damaged_rings()))
    else:
        coordinates = draw(polygons)
    return {"type": kind, "coordinates": coordinates}


@st.composite
def collections(draw: st.DrawFn) -> Any:
    """Collections within each other."""
    found: Any = draw(plain_geometries())
    for _ in range(draw(st.sampled_from([1, 2, 5, 8, 40]))):
        found = {
            "type": "GeometryCollection",
            "geometries": [found, *draw(st.lists(plain_geometries(), max_size=1))],
        }
    return found


geometries = st.one_of(*[plain_geometries()] * 5, collections())


def written(document: Any) -> str:
    """Return a document as JSON, with what JSON has no word for as Python writes it."""
    return json.dumps(document)
