"""Rings of a shapefile: holes by the way they run, or by where they lie if that contradicts itself."""

import numpy as np
import pytest
import shapely

from app.areas.rings import assembled


def square(x, y, size, *, clockwise):
    ring = np.array([[x, y], [x, y + size], [x + size, y + size], [x + size, y], [x, y]], float)
    return ring if clockwise else ring[::-1]


OUTER, HOLE, ISLAND, OTHER = (0, 0, 10), (1, 1, 6), (2, 2, 3), (20, 0, 4)


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_an_island_in_a_hole_is_ground_whichever_way_rings_run(flipped, order):
    which = ((OUTER, True), (HOLE, False), (ISLAND, True), (OTHER, True))
    rings = [square(*place, clockwise=clockwise ^ flipped) for place, clockwise in which]
    polygon = assembled([rings[at] for at in order])
    assert polygon.is_valid
    assert polygon.area == 100 - 36 + 9 + 16
    assert len(shapely.get_parts(polygon)) == 3


def test_rings_that_all_run_one_way_are_told_by_where_they_lie():
    for clockwise in (True, False):
        rings = [square(*which, clockwise=clockwise) for which in (OUTER, OTHER)]
        assert assembled(rings).area == 116
    rings = [square(*which, clockwise=False) for which in (OUTER, HOLE)]
    assert assembled(rings).area == 64


def test_parts_that_overlap_stay_parts():
    polygon = assembled([square(0, 0, 2, clockwise=True), square(1, 1, 2, clockwise=True)])
    assert (len(shapely.get_parts(polygon)), polygon.is_valid) == (2, False)


def test_a_hole_that_touches_its_outline_in_a_corner_is_a_hole():
    polygon = assembled([square(0, 0, 4, clockwise=True), square(0, 0, 1, clockwise=False)])
    assert polygon.area == 15
