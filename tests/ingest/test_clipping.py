"""Clipping: whole pixels of the raster's own grid, and all that the box touches."""

from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

from ingest.clipping import clip_file, estimated_bytes
from ingest.raster import RasterRefusedError
from mosaics.bbox import Bbox
from mosaics.raster.grid import FileGrid
from tests.rasters import ramp, write_geotiff

DEGREES: dict[str, Any] = {"crs": "EPSG:4326", "upper_left": (10.0, 50.0), "pixel_size": 0.1}


def clipped(path, bbox, tmp_path):
    clip_file(path, Bbox(*bbox), tmp_path / "part.tif")
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
        clip_file(path, Bbox(20, 49, 21, 50), tmp_path / "part.tif")
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
        clip_file(path, Bbox(10, -60, 11, 50), tmp_path / "part.tif")
    assert not (tmp_path / "part.tif").exists()


def test_what_marks_missing_pixels_comes_along(tmp_path):
    mask = np.ones((20, 30), dtype=bool)
    mask[:5] = False
    path = write_geotiff(tmp_path / "a.tif", ramp(20, 30), mask=mask, **DEGREES)
    clip_file(path, Bbox(10.05, 49.05, 10.95, 49.95), tmp_path / "part.tif")
    with rasterio.open(tmp_path / "part.tif") as dataset:
        assert np.array_equal(dataset.dataset_mask() > 0, mask[:10, :10])
    both = np.stack([ramp(20, 30), np.where(mask, 65535, 0).astype("uint16")])
    shown = [ColorInterp.gray, ColorInterp.alpha]
    path = write_geotiff(tmp_path / "b.tif", both, colorinterp=shown, alpha="yes", **DEGREES)
    clip_file(path, Bbox(10.05, 49.05, 10.95, 49.95), tmp_path / "part.tif")
    with rasterio.open(tmp_path / "part.tif") as dataset:
        assert np.array_equal(dataset.dataset_mask() > 0, mask[:10, :10])


@pytest.mark.parametrize(
    ("box", "share"),
    [
        # of 3000 x 2048 px of 0.001 degrees from 10 E, 50 N, in blocks of 1024 px; overviews take a quarter
        ((10.1, 49.5, 10.2, 49.6), 0.75 * 1024 / 3000 * 1024 / 2048),
        ((11.0, 48.9, 11.1, 49.1), 0.75 * 2048 / 3000 * 2048 / 2048),
        ((12.5, 49.5, 12.6, 49.6), 0.75 * (3000 - 2048) / 3000 * 1024 / 2048),
        ((0.0, 0.0, 90.0, 80.0), 0.75),
        ((20.0, 49.5, 21.0, 49.6), 0.0),
    ],
)
def test_how_much_of_a_file_a_box_takes(box, share):
    grid = FileGrid(CRS.from_epsg(4326), Affine(0.001, 0, 10, 0, -0.001, 50), 3000, 2048)
    assert estimated_bytes(1_000_000, grid, Bbox(*box)) == pytest.approx(1_000_000 * share, abs=1)
    assert estimated_bytes(1_000_000, None, Bbox(*box)) == 1_000_000
