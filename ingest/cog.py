"""Converting: a user's raster becomes one validated Cloud Optimized GeoTIFF, its values untouched."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rio_cogeo.cogeo import cog_validate

from ingest.encoding import Encoding
from ingest.raster import SourceRaster
from mosaics.raster.coordinates import GDAL_ERRORS
from mosaics.raster.opening import copy_as_cog, create_raster

BLOCK_PX = 256
CACHE_BYTES = 256 << 20
"""GDAL's block cache while converting: a full Sentinel-2 band stays within a few hundred megabytes."""


class InvalidCogError(RuntimeError):
    """A COG cannot be written, or is not valid; a fault of ours or of the disk, never of the user's."""


def write_cog(
    raster: SourceRaster,
    target: Path,
    *,
    encoding: Encoding,
    description: str = "",
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Write `raster` to `target`: same grid, same values, blocks, overviews, DEFLATE.

    Overviews take the most frequent class of categorical bands and the mean of the valid pixels of others.

    Args:
        raster: What is converted.
        target: File to write; a temporary file lies beside it meanwhile.
        encoding: Which pixels are missing and how the others are read; kept in the COG's own tags. Without
            nodata the file's mask is kept, if it has one.
        description: Name of the band, kept in the COG.
        progress: Told the pixels done; twice the raster's in all.

    Raises:
        RasterRefusedError: If the file ends before its pixels do.
        InvalidCogError: If what was written is not a valid COG.
    """
    plain = target.with_suffix(".plain.tif")
    height, width = raster.height_width
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES, GDAL_TIFF_INTERNAL_MASK=True):
        try:
            _write_plain(raster, plain, encoding, description, progress)
            copy_as_cog(
                plain,
                target,
                blocksize=BLOCK_PX,
                compress="DEFLATE",
                predictor="YES",
                overview_resampling=(Resampling.mode if encoding.categorical else Resampling.average).name,
                bigtiff="IF_SAFER",
                num_threads="ALL_CPUS",
            )
        except GDAL_ERRORS as error:
            raise InvalidCogError(
                f"the COG of {raster.name} cannot be written in {target.parent}; is the disk full?"
            ) from error
        finally:
            plain.unlink(missing_ok=True)
        progress(height * width)
        valid, errors, complaints = cog_validate(target, strict=True, quiet=True)
    if not valid or complaints:
        raise InvalidCogError(
            f"the COG made of {raster.name} is not valid: {'; '.join([*errors, *complaints])}"
        )


def _write_plain(
    raster: SourceRaster,
    plain: Path,
    encoding: Encoding,
    description: str,
    progress: Callable[[int], None],
) -> None:
    height, width = raster.height_width
    with create_raster(
        plain,
        height=height,
        width=width,
        count=1,
        dtype=raster.dtype,
        crs=raster.crs,
        transform=raster.transform,
        nodata=encoding.nodata,
        tiled=True,
        blockxsize=BLOCK_PX,
        blockysize=BLOCK_PX,
        bigtiff="IF_SAFER",
    ) as dataset:
        dataset.scales, dataset.offsets = (encoding.scale,), (encoding.offset,)
        dataset.set_band_description(1, description)
        for top, source_pixels, kept in raster.rows():
            pixels, valid = marked(source_pixels, kept, encoding.nodata)
            window = rasterio.windows.Window(0, top, width, len(pixels))
            dataset.write(pixels, 1, window=window)
            if valid is not None:
                dataset.write_mask(valid, window=window)
            progress(pixels.size)


def marked(
    pixels: NDArray[np.generic], kept: NDArray[np.bool_] | None, nodata: float | None
) -> tuple[NDArray[np.generic], NDArray[np.bool_] | None]:
    """Mark missing pixels in one way only: by `nodata` where there is one, else by the mask.

    A pixel is missing where the mask drops it and where a float is NaN, which says nothing anyway; left
    unmarked, one NaN would void every overview pixel above it.

    Returns:
        The pixels and what is valid; None where the pixels themselves say it.
    """
    if np.issubdtype(pixels.dtype, np.floating):
        missing = np.isnan(pixels)
        kept = ~missing if kept is None and missing.any() else kept if kept is None else kept & ~missing
    if nodata is None or kept is None:
        return pixels, kept
    return np.where(kept, pixels, pixels.dtype.type(nodata)), None
