"""The settings render threads give to GDAL, as GDAL understands them."""

import ctypes

import rasterio

from mosaics.raster.gdal import GDAL_OPTIONS
from mosaics.raster.store_errors import _gdal


def test_gdal_keeps_256_megabytes_of_decoded_blocks():
    library = _gdal()
    assert library is not None
    kept = library.GDALGetCacheMax64
    kept.restype = ctypes.c_int64
    with rasterio.Env(**GDAL_OPTIONS):
        assert kept() == 256 * 1024 * 1024
