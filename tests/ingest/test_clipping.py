"""Clipping: whole pixels of the raster's own grid, and all that the box touches."""

from typing import Any

import numpy as np
import pytest
import rasterio

from ingest.clipping import clip_file
from ingest.raster import RasterRefusedError
from tests.rasters import ramp, write_geotiff

DEGREES: dict[str, Any] = {"crs": "EPSG:4326", "upper_left": (10.0, 50.0), "pixel_size": 0.1}


def clipped(path, bbox, tmp_path):
    clip_file(path, bbox, tmp_path / "part.tif")
    with rasterio.open(tmp_path / "part.tif") as dataset:
        return dataset.read(1), dataset.bounds, dataset.nodata, dataset.scales


def test_the_pixels_that_a_box_touches(tmp_path):
    values = ramp(20, 30)
    path = write_geotiff(tmp_path / "a.tif", values, nodata=0, scales=[0.5], offsets=[0.0], **DEGREES)
    # columns 10.55..10.82 are pixels 5 to 8, rows 49.61..49.17 pixels 3 to 8
    pixels, bounds, nodata, scales = clipped(path, (10.55, 49.17, 10.82, 49.61), tmp_path)
    assert np.array_equal(pixels, values[3:9, 5:9])
    assert bounds == pytest.approx((10.5, 49.1, 10.9, 49.7))
    assert (nodata, scales) == (0, (0.5,))


def test_a_box_past_the_edge_gives_what_there_is(tmp_path):
    values = ramp(20, 30)
    path = write_geotiff(tmp_path / "a.tif", values, **DEGREES)
    pixels, bounds, *_ = clipped(path, (-20, 49.85, 10.15, 70), tmp_path)
    assert np.array_equal(pixels, values[:2, :2])
    assert bounds.left == 10.0


def test_a_box_beside_the_raster_is_refused(tmp_path):
    path = write_geotiff(tmp_path / "a.tif", ramp(20, 30), **DEGREES)
    with pytest.raises(RasterRefusedError, match="no pixels under the box"):
        clip_file(path, (20, 49, 21, 50), tmp_path / "part.tif")
    assert not (tmp_path / "part.tif").exists()


def test_a_box_across_the_antimeridian(tmp_path):
    values = ramp(10, 20)
    across: dict[str, Any] = {
        "crs": "EPSG:3832",
        "upper_left": (3_300_000.0, 100_000.0),
        "pixel_size": 20_000.0,
    }
    path = write_geotiff(tmp_path / "a.tif", values, **across)
    # EPSG:3832 is Mercator about 150 E: 180 is at 3339584.7 m, so that 179.9 W is at 3350716.7
    pixels, *_ = clipped(path, (179.9, -0.5, -179.9, 0.5), tmp_path)
    assert np.array_equal(pixels, values[2:8, 1:3])


def test_a_truncated_file_is_refused(tmp_path):
    path = write_geotiff(tmp_path / "a.tif", ramp(2000, 200), compress=None, **DEGREES)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(RasterRefusedError):
        clip_file(path, (10, -60, 11, 50), tmp_path / "part.tif")
    assert not (tmp_path / "part.tif").exists()
