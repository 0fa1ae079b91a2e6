"""Scale and offset as files state them: decimals, though software held them in float32."""

import numpy as np
import pytest
import rasterio

from ingest.file_facts import as_decimal
from ingest.raster import inspect_raster
from tests.rasters import write_geotiff


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        (float(np.float32(0.01)), 0.01),
        (0.00999999977648258, 0.01),  # the same, written with 15 digits
        (float(np.float32(2.75e-05)), 2.75e-05),
        (float(np.float32(-0.1)), -0.1),
        (0.01, 0.01),
        (2.0**-13, 2.0**-13),  # float32 writes 0.00012207031, which it is not
        (1 / 3, 1 / 3),
        (float(np.float32(1 / 3)), float(np.float32(1 / 3))),
        (1.0, 1.0),
        (0.0, 0.0),
        (1e300, 1e300),
    ],
)
def test_a_scale_that_went_through_float32_is_the_decimal_that_was_meant(tag, meant):
    assert as_decimal(tag) == meant


def test_the_tags_of_a_file_are_decimals(tmp_path):
    file = write_geotiff(tmp_path / "a.tif", np.ones((4, 4), "uint8"))
    with rasterio.open(file, "r+") as dataset:
        dataset.scales, dataset.offsets = [float(np.float32(0.01))], [float(np.float32(-0.1))]
    assert inspect_raster(file).scale_offset == (0.01, -0.1)
