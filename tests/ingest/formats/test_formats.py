"""What holds for every format: a layer becomes a raster north up, with what the file states of it."""

import numpy as np
import pytest

from ingest.formats import FORMATS
from ingest.raster import RasterRefusedError
from tests.rasters import ramp, write_geotiff


@pytest.fixture
def geotiff(tmp_path):
    """Layers 1 and 2, the second 1000 higher."""
    planes = np.stack([ramp(20, 30), ramp(20, 30, low=1001.0)])
    return write_geotiff(tmp_path / "a.tif", planes, nodata=7, scales=[0.5, 0.5], offsets=[-3, -3])


def test_these_are_all_there_are():
    assert set(FORMATS) == {"geotiff", "hdf5", "netcdf"}


def test_a_layer_of_a_geotiff_is_one_of_its_bands(geotiff, tmp_path):
    raster = FORMATS["geotiff"](geotiff, 2, tmp_path / "unpacked")
    assert (raster.path, raster.pixels_path, raster.layer, raster.index) == (geotiff, geotiff, 2, 2)
    assert (raster.nodata, raster.scale_offset, raster.unit) == (7.0, (0.5, -3.0), None)
    assert raster.files == (geotiff,)
    pixels = np.concatenate([rows for _, rows, _ in raster.rows()])
    assert np.array_equal(pixels, ramp(20, 30, low=1001.0))
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize("layer", [0, 3, "red"])
def test_a_layer_that_is_not_there_is_refused(geotiff, tmp_path, layer):
    with pytest.raises(RasterRefusedError, match=r"a\.tif"):
        FORMATS["geotiff"](geotiff, layer, tmp_path)
