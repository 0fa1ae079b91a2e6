"""A value among those of its neighbours, by hand, and who is a neighbour."""

import numpy as np
import pytest
from pyproj import Geod

from app.analysis.neighbours import neighbours_within, positions_m, standing, standings

NAN = np.nan


def test_a_value_stands_among_its_neighbours() -> None:
    found = standing(0.4, np.array([0.5, 0.9, 0.7, NAN, 0.8, 0.6]), floor=0.02)
    assert found is not None
    assert found.count == 5
    assert (found.median, found.mad) == pytest.approx((0.7, 0.1))
    assert found.percentile == 0
    assert found.z == pytest.approx(-0.3 / 0.14826)


def test_equal_values_count_half() -> None:
    found = standing(0.7, np.array([0.5, 0.6, 0.7, 0.7, 0.9]), floor=0.02)
    assert found is not None
    assert found.percentile == 60.0  # two below, two equal, of five


def test_neighbours_that_do_not_differ_are_measured_by_the_floor() -> None:
    same = np.full(6, 0.7)
    found, none = standing(0.6, same, floor=0.02), standing(0.6, same, floor=0.0)
    assert found is not None
    assert none is not None
    assert found.z == pytest.approx(-5.0)
    assert none.z is None
    assert standing(0.6, same[:4], floor=0.02) is None


def test_neighbours_are_of_the_same_group_and_near_also_across_the_antimeridian() -> None:
    lons, lats = np.array([179.99, -179.99, 179.99, 179.9, 30.0]), np.array([60.0, 60.0, 60.001, 60.0, 0.0])
    groups = np.array([1, 1, 2, 1, 1])
    far = Geod(ellps="WGS84").inv(179.99, 60.0, -179.99, 60.0)[2]
    places = positions_m(lons, lats)
    found = [near.tolist() for near in neighbours_within(places, groups, far + 0.01)]
    assert found == [[1], [0], [], [], []]
    assert [near.tolist() for near in neighbours_within(places, groups, far - 0.01)] == [[]] * 5


def test_many_are_compared_as_one_is() -> None:
    rng = np.random.default_rng(2)
    lons, lats, values = rng.uniform(5, 5.2, 300), rng.uniform(51, 51.1, 300), rng.random(300)
    groups = rng.integers(0, 3, 300)
    found = standings(values, positions_m(lons, lats), groups, within_m=2000, floor=0.02)
    geod = Geod(ellps="WGS84")
    for n in range(0, 300, 37):
        apart = geod.inv(np.full(300, lons[n]), np.full(300, lats[n]), lons, lats)[2]
        near = (apart <= 2000) & (groups == groups[n]) & (np.arange(300) != n)
        assert found[n] == standing(values[n], values[near], floor=0.02)
