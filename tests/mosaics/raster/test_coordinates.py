"""Coordinates in systems that do not have every place, beside PROJ through pyproj."""

import numpy as np
import pytest
from pyproj import Transformer
from rasterio.crs import CRS

from mosaics.ellipsoid import WGS84
from mosaics.raster.coordinates import moved, moved_bounds
from mosaics.raster.grid import Grid

ALBERS = CRS.from_user_input("ESRI:102001")
"""Canada's conic: north of the arc that stands for the pole it has no place."""


@pytest.mark.parametrize("code", ["ESRI:102001", "EPSG:3857", "EPSG:32631", "ESRI:54030", "EPSG:3413"])
def test_places_are_moved_as_by_proj_and_those_that_are_none_are_infinite(code):
    rng = np.random.default_rng(7)
    xs, ys = rng.uniform(-9e6, 9e6, 300), rng.uniform(-9e6, 9e6, 300)
    lons, lats = moved(CRS.from_user_input(code), WGS84, xs, ys)
    expected = Transformer.from_crs(code, "EPSG:4326", always_xy=True).transform(xs, ys)
    on_earth = np.isfinite(expected[0])
    np.testing.assert_array_equal(np.isfinite(lons), on_earth)
    np.testing.assert_allclose(lons[on_earth], expected[0][on_earth], rtol=0, atol=1e-7)
    np.testing.assert_allclose(lats[on_earth], expected[1][on_earth], rtol=0, atol=1e-7)


def test_a_grid_partly_off_the_map_has_the_longitudes_of_the_rest():
    grid = Grid(ALBERS, (-5e6, 0.0, 5e6, 8e6), 20, 20)
    lons, lats = grid.lonlats(np.ones((20, 20), bool))
    to = Transformer.from_crs("ESRI:102001", "EPSG:4326", always_xy=True)
    xs = np.tile(-5e6 + 5e5 * (np.arange(20) + 0.5), 20)
    ys = np.repeat(8e6 - 4e5 * (np.arange(20) + 0.5), 20)
    on_earth = np.isfinite(to.transform(xs, ys)[0])
    assert 0 < on_earth.sum() < 400
    np.testing.assert_array_equal(np.isfinite(lons) & np.isfinite(lats), on_earth)


def test_a_box_that_is_nowhere_has_no_bounds():
    assert moved_bounds(ALBERS, WGS84, (1e9, 1e9, 2e9, 2e9)) is None
    assert moved_bounds(WGS84, CRS.from_epsg(3857), (0.0, 0.0, 1.0, 1.0)) == pytest.approx(
        (0.0, 0.0, 111319.490793, 111325.142866)
    )
