"""Longitude is a circle: files of 0..360, beyond 180 and over a pole, beside pixels rolled by numpy."""

import numpy as np
import pytest
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.transform import Affine

from mosaics.raster.coordinates import holds_pole, turn_of
from mosaics.raster.grid import Grid
from mosaics.raster.reading import read_band, read_pixel
from mosaics.scene import Asset
from tests.rasters import write_geotiff

DEGREES = CRS.from_epsg(4326)
WORLD = np.random.default_rng(3).uniform(1, 2, (18, 36)).astype("float32")
"""10 degrees a pixel, from -180 degrees."""


def asset(path) -> Asset:
    return Asset("v", str(path), dtype="float32", nodata=None, scale=1.0, offset=0.0, unit="1")


def rolled(tmp_path, steps: int) -> Asset:
    """The world in the same pixels, from another meridian on."""
    transform = Affine(10, 0, -180 + 10 * steps, 0, -10, 90)
    values = np.roll(WORLD, -steps, axis=1)
    return asset(write_geotiff(tmp_path / f"{steps}.tif", values, crs="EPSG:4326", transform=transform))


@pytest.mark.parametrize("steps", [0, 1, 18, 35, -7])
def test_a_world_from_any_meridian_is_the_same_world_rolled(tmp_path, steps):
    band = rolled(tmp_path, steps)
    cut = read_band(band, Grid(DEGREES, (-180.0, -90.0, 180.0, 90.0), 36, 18))
    np.testing.assert_array_equal(cut.stored, WORLD)
    assert cut.valid.all()
    mercator = Grid(CRS.from_epsg(3857), (-20037508.34, -2e6, 20037508.34, 2e6), 360, 40)
    expected = read_band(rolled(tmp_path, 0), mercator)
    warped = read_band(band, mercator)
    assert warped.valid.all()
    np.testing.assert_array_equal(warped.stored, expected.stored)
    for lon, lat, column, row in ((-175, 85, 0, 0), (175, -85, 35, 17), (5, 5, 18, 8), (-180, -90, 0, 17)):
        assert read_pixel(band, lon, lat).stored[0, 0] == WORLD[row, column]
    assert read_pixel(band, 180, 90).stored[0, 0] in (WORLD[0, 35], WORLD[0, 0])


def test_a_file_over_180_degrees_lies_on_both_sides_and_nowhere_else(tmp_path):
    values = np.arange(1, 11, dtype="float32").reshape(1, 10)  # 175..185, a degree a pixel
    path = write_geotiff(tmp_path / "a.tif", values, crs="EPSG:4326", transform=Affine(1, 0, 175, 0, -1, 0))
    assert read_pixel(asset(path), -179.5, -0.5).stored[0, 0] == 6
    assert read_pixel(asset(path), 179.5, -0.5).stored[0, 0] == 5
    assert not read_pixel(asset(path), -174.5, -0.5).valid.any()
    west = read_band(asset(path), Grid(DEGREES, (-180.0, -1.0, -170.0, 0.0), 10, 1))
    np.testing.assert_array_equal(west.valid[0], [True] * 5 + [False] * 5)
    np.testing.assert_array_equal(west.stored[0, :5], [6, 7, 8, 9, 10])


def test_a_grid_with_a_pole_inside_loses_no_pixel(tmp_path):
    path = write_geotiff(
        tmp_path / "w.tif",
        np.full((720, 1440), 7, "float32"),
        crs="EPSG:4326",
        transform=Affine(0.25, 0, -180, 0, -0.25, 90),
    )
    finnish = Grid(CRS.from_epsg(3067), (-1e6, 6e6, 2e6, 11e6), 256, 256)
    assert holds_pole(finnish.crs, finnish.bounds) == (90.0,)
    assert read_band(asset(path), finnish).valid.all()


@pytest.mark.parametrize("code", [3857, 4087, 6933, 3832])
def test_a_turn_of_a_cylindrical_system_is_where_proj_puts_its_meridians(code):
    crs = CRS.from_epsg(code)
    turn = turn_of(crs)
    assert turn is not None
    to = Transformer.from_crs(4326, code, always_xy=True)
    west, _ = to.transform(turn.meridian - 179.999999, 10)
    east, _ = to.transform(turn.meridian + 179.999999, 10)
    assert (turn.west, turn.east) == pytest.approx((west, east), abs=0.2)
    assert turn_of(CRS.from_epsg(32631)) is None
