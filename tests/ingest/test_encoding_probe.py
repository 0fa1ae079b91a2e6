"""The probe of the Sentinel-2 offset: the 1st percentile of the clear numbers of a scene."""

import numpy as np
import pytest

from ingest.encoding import low_percentile, needs_pixels
from ingest.raster import inspect_raster
from tests.rasters import write_geotiff


@pytest.fixture
def raster(tmp_path):
    def make(name, values, **given):
        return inspect_raster(write_geotiff(tmp_path / f"{name}.tif", values, **given))

    return make


def test_missing_numbers_do_not_count(raster):
    red = np.full((100, 100), 500, dtype="uint16")
    red[:50] = 0
    red[50, :10] = 65535
    assert low_percentile(raster("red", red, nodata=65535), 65535) == 500
    assert low_percentile(raster("none", np.zeros((10, 10), dtype="uint16")), 0) is None


def test_the_1st_percentile_of_10000_numbers_is_the_100th(raster):
    red = (np.arange(10_000) + 1).reshape(100, 100).astype("uint16")
    assert low_percentile(raster("red", red), None) == 100


def test_clouds_do_not_hide_how_dark_the_ground_is(raster):
    # 99.5 % cloud of 4000, the rest ground of 300: the 1st percentile of all is cloud
    red = np.full((200, 200), 4000, dtype="uint16")
    red[:14, :14] = 300  # 196 of 40000 pixels
    classes = np.full((100, 100), 9, dtype="uint8")
    classes[:7, :7] = 4  # at 20 m
    found = raster("red", red)
    assert low_percentile(found, 0) == 4000
    assert low_percentile(found, 0, raster("scl", classes, pixel_size=20.0)) == 300


def test_a_classification_on_another_grid_is_seen_from_the_band(raster):
    red = np.full((100, 100), 4000, dtype="uint16")
    red[60:, 80:] = 300
    classes = np.full((50, 60), 9, dtype="uint8")
    classes[35:, 50:] = 5  # begins 100 m above and 200 m left of the band: pixels 60.. and 80.. of it
    upper_left = (655360.0 - 200, 5686280.0 + 100)
    found = raster("scl", classes, pixel_size=20.0, upper_left=upper_left)
    assert low_percentile(raster("red", red), 0, found) == 300
    assert low_percentile(raster("dark", np.where(red == 300, 7000, 100).astype("uint16")), 0, found) == 7000


@pytest.mark.parametrize(
    ("baseline", "removed", "asked"),
    [
        ("05.11", False, True),
        ("04.00", False, True),
        (None, False, True),
        ("02.11", False, False),
        ("05.11", True, False),
        ("05.11", None, False),
        (None, None, True),
        (None, True, False),
    ],
)
def test_pixels_are_asked_only_where_the_archive_may_be_wrong(baseline, removed, asked):
    assert needs_pixels(baseline, removed=removed) is asked
