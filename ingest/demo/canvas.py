"""Writing what was drawn as the plain GeoTIFF a user would hand in."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine

from mosaics.raster.opening import create_raster


def write_plain(
    path: Path, values: NDArray[np.generic], crs: str, transform: Affine, nodata: float | None
) -> None:
    """Write (height, width) values in strips, without overviews."""
    height, width = values.shape
    with create_raster(
        path,
        height=height,
        width=width,
        count=1,
        dtype=values.dtype,
        crs=crs,
        transform=transform,
        nodata=nodata,
    ) as dataset:
        dataset.write(values, 1)
