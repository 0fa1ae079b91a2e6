"""Pixel maps: which pixel of a file each pixel of a grid shows, as GDAL's warp by the nearest chooses it.

Bands of a scene, and scenes of one orbit, lie on the same pixels, so that what is worked out for one file
holds for all of them. A map is made by GDAL itself: it warps a ruler, a raster in which each pixel holds its
own number. What the map then takes from decoded blocks is what GDAL would have taken from the file
(`tests/mosaics/raster/test_pixel_maps.py` holds them side by side), and only blocks that are shown are read.
A grid that is laid along the file's own pixels is a cutout of them, and needs no map.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.transform import Affine, from_bounds
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from mosaics.raster.coordinates import is_wgs84, turn_of
from mosaics.raster.fetched import attempts_of_thread
from mosaics.raster.grid import Grid
from mosaics.raster.opening import open_ruler
from mosaics.raster.under_grid import cells_of, move_between, rough_bounds
from mosaics.shared_cache import SharedCache

RULER_PX = 2048
"""Of a side of the ruler: numbers up to its square are whole in float32, for which GDAL's warp is fastest."""

AROUND, AROUND_PX = 0.1, 16
"""By how much more than lies under a grid, as far as that is known, the ruler is laid: of its length, and in
pixels. It costs nothing, since only pixels that are shown are read."""

MOST_PX = 1 << 30
"""More than any file has on a side."""

STRAIGHT_PX = 0.125
"""How far a line may be off where GDAL takes it for straight: rasterio's tolerance of a warp."""

WITHIN = 1e-10
"""Of a pixel: what GDAL adds before it takes the whole part."""

MIDDLE_FROM, LINE_PX = 6, 512
"""Pixels of a line of which GDAL looks at the middle, and of the longest that it takes in one."""

MAPS_BYTES = 12 << 20
"""Of the maps that are kept: some fifty tiles of 256 pixels."""

ALIGNED = 1e-3
"""A grid follows a file's pixels when no cell lies further off than this, in cells."""

Index: TypeAlias = NDArray[np.int32]
Where: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PixelMap:
    """The pixels of a file that a grid shows."""

    window: Window
    """The least that holds them all."""
    index: Index
    """Of the pixel that each pixel of the grid shows, in the window row by row, (height, width)."""
    inside: Where | None
    """Where the grid lies within the file, the same shape; None if everywhere. The index is 0 elsewhere."""

    def take(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return what the grid shows of the window's pixels; outside it is of no meaning."""
        shown: NDArray[Any] = pixels.ravel().take(self.index)
        return shown


def _bytes_of(made: PixelMap | None) -> int:
    if made is None:
        return 1 << 10
    return made.index.nbytes + (0 if made.inside is None else made.inside.nbytes)


class PixelMaps(SharedCache[object, PixelMap | None]):
    """Maps made of late.

    Args:
        limit_bytes: Of their arrays.
    """

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes, _bytes_of)

    def of(self, dataset: DatasetReader, placed: Affine, grid: Grid) -> PixelMap | None:
        """Return the map of a grid; None where GDAL has to find the way from pixel to pixel itself.

        Args:
            dataset: The file, seen through one of its overviews.
            placed: Its transform, as it is seen on the turn around the Earth that is read.
            grid: What is to be shown.
        """
        key = dataset.crs, placed[:6], dataset.width, dataset.height, grid
        attempts = attempts_of_thread()
        if attempts is not None and key in attempts.maps:
            known: PixelMap | None = attempts.maps[key]
            return known
        found = self.get([key])
        made = found[key] if found else _map_of(dataset, placed, grid)
        if not found:
            self.put({key: made})
        if attempts is not None:
            attempts.maps[key] = made
        return made


MAPS = PixelMaps(MAPS_BYTES)
"""Those of this process."""


def _map_of(dataset: DatasetReader, placed: Affine, grid: Grid) -> PixelMap | None:
    """Return the map of a grid, made now."""
    inner = _interpolated(dataset, placed, grid)
    if inner is not None:
        return _map(*inner, (0, 0), None)
    laid = _laid(dataset, placed, grid)
    if laid is None:
        return None
    options: dict[str, Any] = {
        "src_crs": dataset.crs,
        "src_transform": placed @ Affine.translation(laid.col_off, laid.row_off),
        "crs": grid.crs,
        "transform": from_bounds(*grid.bounds, grid.width, grid.height),
        "width": grid.width,
        "height": grid.height,
    }
    ruled = _numbers()  # of two threads that are the first at once each has its own, which has to stay
    ruler = open_ruler(ruled, laid.width, laid.height)
    with ruler, WarpedVRT(ruler, **options) as warped:
        numbers = warped.read(1).astype(np.int32)
    numbers -= 1
    inside = numbers >= 0
    if not inside.any():
        return None
    found = _map(numbers >> 11, numbers & RULER_PX - 1, (laid.row_off, laid.col_off), inside)
    return None if _reaches_out(laid, dataset, found.window) else found


def _map(rows: Index, columns: Index, begin: tuple[int, int], inside: Where | None) -> PixelMap:
    """Return a map from the row and column that each pixel of a grid shows.

    Args:
        rows: From the first of `begin`, (height, width).
        columns: From the second, the same.
        begin: A row and a column of the file.
        inside: Where they are of the file; None if everywhere.
    """
    if inside is not None and inside.all():
        inside = None
    where = True if inside is None else inside
    top, left = (int(each.min(where=where, initial=MOST_PX)) for each in (rows, columns))
    bottom, right = (int(each.max(where=where, initial=-1)) + 1 for each in (rows, columns))
    index = (rows - np.int32(top)) * np.int32(right - left) + (columns - np.int32(left))
    if inside is not None:
        index[~inside] = 0
    return PixelMap(Window(begin[1] + left, begin[0] + top, right - left, bottom - top), index, inside)


def _interpolated(dataset: DatasetReader, placed: Affine, grid: Grid) -> tuple[Index, Index] | None:
    """Return the row and column that each pixel of a grid shows; None where that is left to GDAL.

    GDAL moves the ends and the middle of a line of a grid to the file. Where the middle lies within an
    eighth of a pixel of the straight line between the ends, it takes that line (GDALApproxTransform). Here
    this is done for all lines at once, in a third of the time, for grids that lie wholly within the file.
    """
    if not (MIDDLE_FROM <= grid.width <= LINE_PX and is_wgs84(grid.crs) and is_wgs84(dataset.crs)):
        return None
    across = from_bounds(*grid.bounds, grid.width, grid.height)
    last, middle = grid.width - 1, (grid.width - 1) // 2
    xs = across.c + across.a * (np.array([0, middle, last]) + 0.5)
    ys = across.f + across.e * (np.arange(grid.height) + 0.5)
    move = move_between(grid.crs, dataset.crs).transformer
    there = move.transform(np.tile(xs, grid.height), np.repeat(ys, 3))
    lines, off = [], np.zeros(grid.height)
    for size, (a, b, c) in ((dataset.height, (~placed)[3:6]), (dataset.width, (~placed)[:3])):
        ends = (a * there[0] + b * there[1] + c).reshape(grid.height, 3)
        slope = (ends[:, 2] - ends[:, 0]) / last
        off += np.abs(ends[:, 0] + slope * middle - ends[:, 1])
        if not (ends.min() >= 1 and ends.max() <= size - 1):
            return None
        line = np.floor(ends[:, :1] + slope[:, np.newaxis] * np.arange(grid.width) + WITHIN)
        lines.append(line.astype(np.int32))
    return (lines[0], lines[1]) if off.max() <= STRAIGHT_PX else None


def _laid(dataset: DatasetReader, placed: Affine, grid: Grid) -> Window | None:
    """Return the part of a file that the ruler is laid over; None where that is not known, or too much."""
    turn, width_px = turn_of(grid.crs), (grid.bounds[2] - grid.bounds[0]) / grid.width
    if turn is not None and (
        grid.bounds[0] < turn.west - width_px or grid.bounds[2] > turn.west + turn.period + width_px
    ):
        return None  # neighbours in the grid are not neighbours in the file
    there = rough_bounds(move_between(grid.crs, dataset.crs), grid.bounds)
    if there is None:
        return None
    columns, rows = cells_of(placed, there)
    left, right = _around(columns, dataset.width)
    top, bottom = _around(rows, dataset.height)
    if not (0 < right - left <= RULER_PX and 0 < bottom - top <= RULER_PX):
        return None
    return Window(left, top, right - left, bottom - top)


def _around(ends: Sequence[float], length: int) -> tuple[int, int]:
    """Return where pixels between two ends begin and end, with many around them, within a file's."""
    low, high = min(ends), max(ends)
    more = AROUND_PX + (high - low) * AROUND
    return max(0, math.floor(low - more)), min(length, math.ceil(high + more))


def _reaches_out(laid: Window, dataset: DatasetReader, shown: Window) -> bool:
    """Return whether pixels shown lie so near to an end of the ruler that there may be others past it.

    A pixel of the grid is next to others, whose pixels of the file are next to its own.
    """
    near = AROUND_PX // 2
    left, top = shown.col_off - laid.col_off, shown.row_off - laid.row_off
    return bool(
        (laid.col_off > 0 and left < near)
        or (laid.row_off > 0 and top < near)
        or (laid.col_off + laid.width < dataset.width and laid.width - left - shown.width < near)
        or (laid.row_off + laid.height < dataset.height and laid.height - top - shown.height < near)
    )


@cache
def _numbers() -> NDArray[np.float32]:
    """Return the numbers of the ruler, from 1, row by row."""
    return np.arange(1, RULER_PX * RULER_PX + 1, dtype=np.float32).reshape(RULER_PX, RULER_PX)


@dataclass(frozen=True, slots=True)
class Cutout:
    """A grid laid along a dataset's pixels: every pixel holds a whole number of the grid's cells."""

    column: int
    """Of the grid's left edge, in cells from the dataset's."""
    row: int
    """Of the grid's upper edge, in cells from the dataset's."""
    cells_across: int
    """Cells in the width of a pixel, 1 or more."""
    cells_down: int
    """Cells in the height of a pixel, 1 or more."""


def cutout_of(transform: Affine, grid: Grid) -> Cutout | None:
    """Return where a grid lies among a dataset's pixels in its system; None where it does not follow them."""
    if transform.b or transform.d or transform.e >= 0:
        return None
    left, bottom, right, top = grid.bounds
    width, height = (right - left) / grid.width, (top - bottom) / grid.height
    across, down = transform.a / width, -transform.e / height
    column, row = (left - transform.c) / width, (transform.f - top) / height
    wholes = (round(across), round(down), round(column), round(row))
    if wholes[0] < 1 or wholes[1] < 1:
        return None
    drift = (abs(across - wholes[0]) * grid.width, abs(down - wholes[1]) * grid.height)
    offset = (abs(column - wholes[2]), abs(row - wholes[3]))
    if max(*drift, *offset) > ALIGNED:
        return None
    return Cutout(wholes[2], wholes[3], wholes[0], wholes[1])
