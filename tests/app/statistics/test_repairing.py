"""Repairs: areas worked out by hand, and what changed is told."""

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.statistics.geometry import GeometryError
from app.statistics.repairing import read_repaired

SIDE = 0.01
"""Degrees; at the equator a square degree's shape is the same for all cases."""


def ring(*corners):
    return [[x * SIDE, y * SIDE] for x, y in (*corners, corners[0])]


SQUARE = ring((0, 0), (4, 0), (4, 4), (0, 4))


def polygon(*rings):
    return {"type": "Polygon", "coordinates": list(rings)}


def parts(*of_them):
    return {"type": "MultiPolygon", "coordinates": list(of_them)}


@pytest.mark.parametrize(
    ("geometry", "squares"),
    [
        (polygon(ring((0, 0), (4, 4), (4, 0), (0, 4))), 8),
        (parts([SQUARE], [ring((2, 2), (6, 2), (6, 6), (2, 6))]), 28),
        (parts([SQUARE], [SQUARE]), 16),
        (parts([SQUARE], [ring((1, 1), (2, 1), (2, 2), (1, 2))]), 16),
        (parts([SQUARE], [ring((5, 5), (5, 5), (5, 5))]), 16),  # one position over and over
        (polygon(SQUARE, ring((0, 1), (2, 1), (2, 3), (0, 3))), 12),
        (polygon(SQUARE, ring((2, 1), (6, 1), (6, 3), (2, 3))), 12),
        (polygon(SQUARE, ring((1, 1), (3, 1), (3, 2), (1, 2)), ring((1, 1.5), (3, 1.5), (3, 3), (1, 3))), 12),
        (polygon(ring((0, 0), (4, 0), (4, 4), (4, 9), (4, 4), (0, 4))), 16),
        (polygon(ring((0, 0), (4, 0), (4, 4), (0, 4), (0, 0), (4, 0), (4, 4), (0, 4))), 16),
        (polygon(ring((1, 0), (2, 1), (1, 1), (1, 2), (2, 1), (1, 1))), 1),  # two halves that share an edge
    ],
)
def test_a_repair_keeps_the_ground_that_is_inside(geometry, squares):
    made, repair = read_repaired(geometry, repair=True)
    assert made.is_valid
    assert made.area == pytest.approx(squares * SIDE**2, rel=1e-12)
    one_km2 = 40075.0166856 / 360 * SIDE * 110.574 * SIDE  # along the equator, and from it to the north
    assert repair is not None
    assert repair.area_km2_after == pytest.approx(squares * one_km2, rel=1e-4)
    assert f"became {repair.area_km2_after:.6g} km2 in" in repair.sentence


@settings(max_examples=100, deadline=None)
@given(arrays(np.int8, (9, 2), elements=st.integers(0, 6)))
def test_a_repaired_ring_is_the_ground_it_winds_around(corners):
    """At points off its lattice: inside where the winding number is not zero."""
    geometry = polygon(ring(*corners.tolist()))
    closed = np.vstack([corners, corners[:1]]).astype(float)
    xs, ys = (axis.ravel() for axis in np.meshgrid(np.arange(0.0173, 6, 0.31), np.arange(0.0131, 6, 0.29)))
    winding = np.zeros(xs.shape)
    for (x0, y0), (x1, y1) in itertools.pairwise(closed):
        if y0 != y1:
            is_right = xs < x0 + (ys - y0) * (x1 - x0) / (y1 - y0)
            winding += np.where(((y0 > ys) != (y1 > ys)) & is_right, np.sign(y1 - y0), 0)
    try:
        made, _ = read_repaired(geometry, repair=True)
    except GeometryError:
        assert not winding.any()
        return
    assert made.is_valid
    assert np.array_equal(shapely.contains_xy(made, xs * SIDE, ys * SIDE), winding != 0)


def test_a_valid_polygon_and_one_that_is_not_closed_are_left_as_they_are():
    for corners in (SQUARE, SQUARE[:-1]):
        made, repair = read_repaired(polygon(corners), repair=True)
        assert made.area == pytest.approx(16 * SIDE**2)
        assert repair is None


def test_without_repair_a_hint_ends_the_refusal():
    bow_tie = polygon(ring((0, 0), (4, 4), (4, 0), (0, 4)))
    with pytest.raises(
        GeometryError, match=r"is not valid: Self-intersection\[0.02 0.02\]; repair=true makes"
    ):
        read_repaired(bow_tie, repair=False)
    with pytest.raises(GeometryError) as refusal:
        read_repaired({"type": "Point"}, repair=False)
    assert "repair" not in str(refusal.value)


def test_what_crosses_itself_too_often_is_not_repaired():
    corners = np.random.default_rng(7).random((1500, 2)).tolist()
    with pytest.raises(GeometryError, match="cross each other more than 100,000 times"):
        read_repaired(polygon([*corners, corners[0]]), repair=True)
