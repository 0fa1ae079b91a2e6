"""Small GeoTIFFs for tests: as users hand them in (strips, no overviews), and as landed (COGs)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import ArrayLike, NDArray
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.shutil import copy
from rasterio.transform import Affine

from mosaics.raster.reading import BandPixels
from mosaics.scene import Asset

UTM_31N = "EPSG:32631"
MOL = (655360.0, 5686280.0)
"""Upper left corner of the real Sentinel-2 scene near Mol (BE), in EPSG:32631."""


def write_geotiff(
    path: Path,
    values: ArrayLike,
    *,
    upper_left: tuple[float, float] = MOL,
    pixel_size: float = 10.0,
    crs: str | None = UTM_31N,
    transform: Affine | None = None,
    nodata: float | None = None,
    mask: NDArray[np.bool_] | None = None,
    colorinterp: Sequence[ColorInterp] | None = None,
    scales: Sequence[float] | None = None,
    offsets: Sequence[float] | None = None,
    gcps: Sequence[GroundControlPoint] | None = None,
    **creation: object,
) -> Path:
    """Writes `values`, (height, width) or (bands, height, width), in strips without overviews.

    Args:
        path: File to write.
        values: Pixels; their dtype is the file's.
        upper_left: Corner of the raster, in units of `crs`.
        pixel_size: Side of the square pixels, in units of `crs`.
        crs: None leaves the file without one.
        transform: Replaces `upper_left` and `pixel_size`, for grids that are not plain.
        nodata: Value of the nodata tag; None leaves the file without one.
        mask: True where valid, (height, width); written as an internal mask.
        colorinterp: One a band.
        scales: One a band, as GDAL's own tags.
        offsets: One a band, as GDAL's own tags.
        gcps: Ground control points in `crs`, in place of a transform.
        creation: Creation options of GDAL's GTiff driver.

    Returns:
        `path`.
    """
    planes = np.atleast_3d(np.asarray(values).T).T
    count, height, width = planes.shape
    if transform is None:
        transform = Affine(pixel_size, 0, upper_left[0], 0, -pixel_size, upper_left[1])
    placed = {"gcps": list(gcps), "crs": crs} if gcps else {"transform": transform, "crs": crs}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path,
            "w",
            driver="GTiff",
            width=width,
            height=height,
            count=count,
            dtype=planes.dtype,
            nodata=nodata,
            **placed,
            **creation,
        ) as dataset,
    ):
        dataset.write(planes)
        if colorinterp is not None:
            dataset.colorinterp = tuple(colorinterp)
        if scales is not None:
            dataset.scales = tuple(scales)
        if offsets is not None:
            dataset.offsets = tuple(offsets)
        if mask is not None:
            dataset.write_mask(mask)
    return path


def write_cog(path: Path, values: ArrayLike, *, resampling: str = "AVERAGE", **geotiff: object) -> Path:
    """Writes a COG of 256 px blocks with overviews; `geotiff` as for `write_geotiff`."""
    plain = write_geotiff(path.with_suffix(".plain.tif"), values, **geotiff)  # type: ignore[arg-type]
    copy(
        plain,
        path,
        driver="COG",
        blocksize=256,
        compress="DEFLATE",
        predictor="YES",
        overview_resampling=resampling,
    )
    plain.unlink()
    return path


def ramp(height: int, width: int, *, dtype: str = "uint16", low: float = 1.0) -> NDArray[Any]:
    """A raster of which every pixel differs from its neighbours: low, low + 1, … row by row."""
    return (np.arange(height * width, dtype="float64").reshape(height, width) + low).astype(dtype)


def as_read(values: NDArray[Any]) -> tuple[BandPixels, Asset]:
    """Give numbers as if read from a file that holds them as they are, NaN where it has none."""
    asset = Asset("band", "none.tif", str(values.dtype), None, scale=1.0, offset=0.0, unit="1")
    return BandPixels(values, values == values), asset
