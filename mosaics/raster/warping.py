"""Warping: a band onto a grid by GDAL, in rows that it makes one after the other.

GDAL does not ask in between whether anybody still waits, so that what takes long is asked for in pieces.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.transform import Affine, from_bounds
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from mosaics.lanes import caller_of_thread, turn_of_thread
from mosaics.raster.grid import Grid

Pixels: TypeAlias = NDArray[Any]

BLOCK_ROWS = 128
"""Rows that GDAL makes at a time where it warps block by block."""

PICTURE_ROWS = 512
"""Rows of the largest grid that is made in one piece where GDAL makes all at once; tiles have no more."""


def warped(
    dataset: DatasetReader, nodata: float | None, placed: Affine, grid: Grid, *, misled: bool
) -> tuple[Pixels, NDArray[np.bool_] | None]:
    """Return a dataset, as it is placed, warped onto a grid.

    Args:
        dataset: The file.
        nodata: Marks missing pixels; None where a mask does.
        placed: Its transform.
        grid: The pixels wanted.
        misled: Whether what lies under the grid's edges does not tell of all that lies under it.

    Returns:
        Stored values, and where they are valid, both (height, width); None where `nodata` tells it.

    Raises:
        mosaics.lanes.TurnOverError: If the caller of this thread waits no more.
        rasterio.errors.RasterioError: If pixels cannot be read.
    """
    options: dict[str, Any] = {
        "crs": grid.crs,
        "transform": from_bounds(*grid.bounds, grid.width, grid.height),
        "width": grid.width,
        "height": grid.height,
        "dtype": dataset.dtypes[0],
    }
    if placed != dataset.transform:
        options["src_transform"] = placed
    if misled:
        options |= {"SAMPLE_GRID": "YES", "SOURCE_EXTRA": str(_extra_px(dataset, grid))}
    if dataset.dtypes[0] in ("int64", "uint64"):
        return _through_float64(dataset, nodata, options)
    if nodata is None:
        return _with_mask(dataset, options)
    at_once = misled or not _is_picture(grid)  # in pieces each would read all that GDAL is misled about
    with WarpedVRT(dataset, src_nodata=nodata, nodata=nodata, **options) as vrt:
        return _read(vrt, grid.height if at_once else BLOCK_ROWS)[0], None


def _with_mask(dataset: DatasetReader, options: Mapping[str, Any]) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return a dataset warped together with the mask that tells its missing pixels."""
    with WarpedVRT(dataset, add_alpha=True, src_nodata=None, nodata=None, **options) as vrt:
        stored, alpha = _read(vrt, BLOCK_ROWS)
    return stored, alpha != 0


def _through_float64(
    dataset: DatasetReader, nodata: float | None, options: Mapping[str, Any]
) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return a dataset of 64-bit whole numbers warped, exactly up to 2^53.

    GDAL warps them in float64 and adds 0.5 to round them, which makes odd numbers past 2^52 others.
    """
    numbers, valid = _with_mask(dataset, {**options, "dtype": "float64"})
    if nodata is not None:
        valid &= numbers != np.float64(nodata)
    limits = np.iinfo(dataset.dtypes[0])
    greatest = np.nextafter(np.float64(limits.max), 0)  # of those that the type holds
    return np.clip(numbers, limits.min, greatest).astype(dataset.dtypes[0]), valid


def _read(vrt: WarpedVRT, rows: int) -> Pixels:
    """Return all bands, so many rows at a time, as long as the caller of this thread waits."""
    pieces = [vrt.read(window=window) for window in _windows(vrt, rows)]
    pixels: Pixels = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
    return pixels


def _windows(vrt: WarpedVRT, rows: int) -> Iterator[Window]:
    for top in range(0, vrt.height, rows):
        if (turn := turn_of_thread()) is not None:
            turn.go_on()
        yield Window(0, top, vrt.width, min(rows, vrt.height - top))


def _is_picture(grid: Grid) -> bool:
    """Return whether a grid is that of a picture of a box or polygon, which may be large."""
    caller = caller_of_thread()
    return caller is not None and math.isfinite(caller.pixels) and grid.height > PICTURE_ROWS


def _extra_px(dataset: DatasetReader, grid: Grid) -> int:
    """Return the pixels that GDAL reads around what it has found where edges mislead."""
    return int(min(max(dataset.width, dataset.height), 4 * max(grid.width, grid.height)))
