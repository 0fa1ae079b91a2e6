"""How GDAL reads: its settings, given to each thread that reads."""

from collections.abc import Mapping

import rasterio

from mosaics.raster.opening import ALONE

GDAL_OPTIONS = {
    **ALONE,
    "GDAL_CACHEMAX": 256 << 20,  # bytes of decoded blocks in the whole process; rasterio hands on bytes
    "GDAL_NUM_THREADS": 1,
    "GDAL_INGESTED_BYTES_AT_OPEN": 32768,
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_CONNECTTIMEOUT": 2,
    "GDAL_HTTP_TIMEOUT": 10,
    "GDAL_HTTP_LOW_SPEED_TIME": 3,  # seconds, after which a host that hangs or trickles is given up
    "GDAL_HTTP_LOW_SPEED_LIMIT": 32 << 10,  # bytes a second
    "GDAL_HTTP_MAX_RETRY": 1,
    "GDAL_HTTP_RETRY_DELAY": 0.2,
    "GDAL_HTTP_NETRC": "NO",  # else curl sends what it has to any host that a redirect names
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif,.tiff,{noext}",  # a path with options, /vsicurl?…, has none
    "CPL_VSIL_CURL_CACHE_SIZE": 128 << 20,
}
"""How GDAL reads here. Credentials are not among them: GDAL finds AWS_* in the environment."""


def enter_gdal(options: Mapping[str, object]) -> None:
    """Give the thread its GDAL settings, for as long as it lives."""
    rasterio.Env(**options).__enter__()
