"""Clipping: the part of a raster that lies under a box, on the raster's own pixel grid."""

import math
from dataclasses import replace
from pathlib import Path

import rasterio
from rasterio.enums import MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ingest.raster import DamagedRasterError, RasterRefusedError, SourceRaster, inspect_raster, opened
from mosaics.bbox import Bbox
from mosaics.ellipsoid import WGS84
from mosaics.raster.coordinates import GDAL_ERRORS, moved_bounds
from mosaics.raster.grid import FileGrid
from mosaics.raster.opening import create_raster

BLOCK_PX = 256
USUAL_BLOCK_PX = 1024
"""Side of the blocks of a file that was not looked at: the largest usual one, of sentinel-cogs."""
FULL_RESOLUTION = 3 / 4
"""Share of a COG's bytes that is not overviews, each of which has a quarter of the one before."""
NODATA_VALUES = "NODATA_VALUES"
"""Of the metadata of a file: numbers of its bands that together mark missing pixels, for GDAL."""
ROWS = 1024
"""Read at a time: 22 MB of a Sentinel-2 band."""


def clip_file(path: Path, bbox: Bbox, target: Path) -> None:
    """Write the part of a GeoTIFF under a box, where it appears whole.

    Raises:
        RasterRefusedError: If the file cannot be read, or has nothing under the box.
    """
    with opened(path) as dataset:
        window = window_under(dataset, bbox)
        if window is None:
            raise RasterRefusedError(f"{path.name} has no pixels under the box.")
        _clip_dataset(dataset, path.name, window, target)


def cut_file(path: Path, grid: FileGrid, target: Path) -> None:
    """Write the part of a GeoTIFF that has the very pixels of a grid, where it appears whole.

    Raises:
        RasterRefusedError: If the file cannot be read, or its pixels do not lie on that grid.
    """
    with opened(path) as dataset:
        column, row = ~dataset.transform @ (grid.transform.c, grid.transform.f)
        window = Window(round(column), round(row), grid.width, grid.height)
        there = dataset.window_transform(window)
        lies_within = window.col_off >= 0 and window.row_off >= 0
        lies_within &= window.col_off + grid.width <= dataset.width
        lies_within &= window.row_off + grid.height <= dataset.height
        if not (lies_within and dataset.crs == grid.crs and there.almost_equals(grid.transform, 1e-6)):
            raise RasterRefusedError(f"{path.name} has other pixels by now than those that were landed.")
        _clip_dataset(dataset, path.name, window, target)


def clipped_raster(raster: SourceRaster, part: Path) -> SourceRaster:
    """Return a raster as it is in the part that `clip_file` has written of its GeoTIFF."""
    clipped = inspect_raster(part, raster.index)
    return replace(
        raster,
        path=part,
        files=clipped.files,
        unpacked=None if raster.unpacked is None else part,
        height_width=clipped.height_width,
        transform=clipped.transform,
    )


def _clip_dataset(dataset: DatasetReader, name: str, window: Window, target: Path) -> None:
    unfinished = target.with_name(f"{target.name}.clipping")
    profile = dataset.profile | {
        "width": window.width,
        "height": window.height,
        "transform": dataset.window_transform(window),
        "nodata": None if dataset.dtypes[0] in {"int64", "uint64"} else dataset.nodata,  # rasterio rounds it
        "tiled": True,
        "blockxsize": BLOCK_PX,
        "blockysize": BLOCK_PX,
        "compress": "deflate",
        "interleave": "band",
        "bigtiff": "if_safer",
    }
    has_mask = dataset.mask_flag_enums[0] == [MaskFlags.per_dataset]  # of alpha or tags has other flags, too
    try:
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            create_raster(unfinished, **profile) as clipped,
        ):
            clipped.scales, clipped.offsets = dataset.scales, dataset.offsets
            clipped.colorinterp = dataset.colorinterp
            clipped.update_tags(**{key: text for key, text in dataset.tags().items() if key == NODATA_VALUES})
            for top in range(0, window.height, ROWS):
                rows = min(ROWS, window.height - top)
                part = Window(window.col_off, window.row_off + top, window.width, rows)
                there = Window(0, top, window.width, rows)
                clipped.write(dataset.read(window=part), window=there)
                if has_mask:
                    clipped.write_mask(dataset.read_masks(1, window=part) > 0, window=there)
    except GDAL_ERRORS as error:
        raise DamagedRasterError(
            Path(dataset.name), f"{name} cannot be read under the box: it is truncated or damaged."
        ) from error
    unfinished.replace(target)


def estimated_bytes(size_bytes: int, grid: FileGrid | None, bbox: Bbox) -> int:
    """Return about how much of a COG is read for the pixels under a box.

    Args:
        size_bytes: Of the file.
        grid: Of its pixels; where it is not known, or not north up, all may be read.
        bbox: Degrees.
    """
    if grid is None or not grid.is_upright:
        return size_bytes
    window = window_under(grid, bbox)
    if window is None:
        return 0
    rows = _touched_px(window.row_off, window.height, grid.height)
    columns = _touched_px(window.col_off, window.width, grid.width)
    return math.ceil(size_bytes * FULL_RESOLUTION * (rows / grid.height) * (columns / grid.width))


def _touched_px(offset: int, length: int, whole: int) -> int:
    """Return the pixels along one side of the blocks that are touched."""
    begin = offset // USUAL_BLOCK_PX * USUAL_BLOCK_PX
    return min(whole, -(-(offset + length) // USUAL_BLOCK_PX) * USUAL_BLOCK_PX) - begin


def window_under(dataset: DatasetReader | FileGrid, bbox: Bbox) -> Window | None:
    """Return the pixels that a box touches; None where it touches none.

    A box whose west is greater than its east crosses the antimeridian.
    """
    columns: list[float] = []
    rows: list[float] = []
    for box in bbox.parts:
        there = moved_bounds(WGS84, dataset.crs, box)
        if there is None:
            continue
        left, bottom, right, top = there
        inverse = ~dataset.transform
        corners = [inverse * corner for corner in ((left, top), (right, bottom))]
        across, down = sorted(corner[0] for corner in corners), sorted(corner[1] for corner in corners)
        if across[1] <= 0 or down[1] <= 0 or across[0] >= dataset.width or down[0] >= dataset.height:
            continue
        columns += across
        rows += down
    if not columns or not all(map(math.isfinite, [*columns, *rows])):
        return None
    first_column, first_row = max(0, math.floor(min(columns))), max(0, math.floor(min(rows)))
    last_column = min(dataset.width, math.ceil(max(columns)))
    last_row = min(dataset.height, math.ceil(max(rows)))
    return Window(first_column, first_row, last_column - first_column, last_row - first_row)
