"""Reading: one band of one scene, warped onto the pixels asked for, from handles that stay open.

A grid that is laid along the file's own pixels needs no warp: those pixels are read as they stand.

The read is one nearest-neighbour warp at the size of the answer, taken from the overview GDAL itself
would choose for that resolution. It gives the pixels rio-tiler gives (`tests/mosaics/raster/test_reading.py`
holds them side by side), at a fifth of the cost: the dataset is not opened again, and nothing is read
at a finer resolution than is shown.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import MaskFlags
from rasterio.io import DatasetReader
from rasterio.transform import Affine
from rasterio.windows import Window

from mosaics.ellipsoid import WGS84
from mosaics.hosts import Asking, AvoidedHostError
from mosaics.lanes import spend_pixels
from mosaics.raster.block_checks import DamagedBlockError, checks_of
from mosaics.raster.blocks import Raster
from mosaics.raster.coordinates import (
    GDAL_ERRORS,
    holds_pole,
    is_local,
    moved,
    to_degrees,
    turn_of,
)
from mosaics.raster.damage import DAMAGE
from mosaics.raster.decimals import Floats, conversion_of
from mosaics.raster.grid import Grid
from mosaics.raster.handles import Handle, HandlePool, OneOrMany, thread_pool
from mosaics.raster.heads import forget_head
from mosaics.raster.opening import NotGeoTiffError
from mosaics.raster.pixel_maps import ALIGNED, MAPS, Cutout, cutout_of
from mosaics.raster.store_errors import forget
from mosaics.raster.warping import warped
from mosaics.scene import Asset

Degrees: TypeAlias = NDArray[np.float64] | Sequence[float]

EDGE_DECIMALS = 9
"""Of a pixel, where a place is moved by whole turns: an edge between two pixels stays one."""

LOOKS = 9
"""Points a side of a grid at which its longitudes are looked up."""


class AssetReadError(Exception):
    """A band's file could not be read: missing, damaged, or its store did not answer.

    Attributes:
        asset: The band that failed.
    """

    def __init__(self, asset: Asset) -> None:
        super().__init__(f"band '{asset.band}' could not be read")
        self.asset = asset


@contextmanager
def reading(asset: Asset) -> Iterator[HandlePool]:
    """Yield the thread's open files for reading a band; GDAL's errors become one kind.

    Raises:
        AssetReadError: If the file cannot be opened or decoded; it is closed then.
        StorageUnavailableError: If that is because the store does not answer, or no files can be opened.
    """
    pool, asking = thread_pool(), Asking(asset.path)
    try:
        asking.begin()
        yield pool
    except (*GDAL_ERRORS, AvoidedHostError) as error:
        pool.forget(asset.path)
        forget_head(asset.path)
        forget(asset.path)
        raise (asking.reason(error) or _unreadable(asset, error)) from error
    asking.answered()


def _unreadable(asset: Asset, error: Exception) -> AssetReadError:
    """Return the error of a file that cannot be read; note one that is damaged."""
    if isinstance(error, NotGeoTiffError | DamagedBlockError):
        DAMAGE.note(asset.path, str(error))
    return AssetReadError(asset)


@dataclass(frozen=True, slots=True)
class BandPixels:
    """One band on a grid, as stored."""

    stored: NDArray[Any]
    """Values as the file holds them, (height, width)."""
    valid: NDArray[np.bool_]
    """True where the file has a value, same shape."""

    def physical(self, asset: Asset, dtype: type[np.floating[Any]] = np.float32, *, times: int = 1) -> Floats:
        """Return the values in the band's unit, or times a whole number, NaN where there is none.

        Each is the nearest number of its type to ``stored x scale + offset`` in decimals, so that a stored
        number that means zero becomes zero, and 10 x 0.01 the number that is written 0.1.
        """
        conversion = conversion_of(self.stored.dtype, asset.scale, asset.offset, np.dtype(dtype), times)
        values = conversion.values(self.stored)
        if not self.valid.all():
            np.copyto(values, np.nan, where=~self.valid)
        return values


def read_band(asset: Asset, grid: Grid) -> BandPixels:
    """Read one band onto a grid.

    Args:
        asset: The band's file, and the value that marks missing pixels in it.
        grid: The pixels wanted. Those outside the file come back not valid.

    Raises:
        AssetReadError: If the file cannot be opened or decoded.
    """
    with reading(asset) as pool:
        handle = pool.handle(asset.path, asset.head)
        level = handle.level_for(grid)
        raster = _raster(handle, asset, level)
        nodata = handle.nodata_of(asset)
        first, *others = handle.shifts
        pixels = _read_moved(raster, nodata, first, grid)
        for shift in others:
            if pixels.valid.all():
                break
            pixels = _filled(pixels, _read_moved(raster, nodata, shift, grid))
        return pixels


def _raster(handle: Handle, asset: Asset, level: int) -> Raster:
    """Return a band's file seen through an overview; errors as `checks_of`."""
    checks = checks_of(handle.checked, asset, level)
    return Raster(handle.dataset(level), asset.path, level, checks=checks, handle=handle)


def _read_moved(raster: Raster, nodata: float | None, shift: float, grid: Grid) -> BandPixels:
    """Read a raster onto a grid, moved east by `shift` units of its coordinate system."""
    dataset = raster.dataset
    placed = dataset.transform if shift == 0.0 else Affine.translation(shift, 0.0) @ dataset.transform
    in_its_system = dataset.crs == grid.crs
    if in_its_system and (cutout := cutout_of(placed, grid)) is not None:
        return _read_cutout(raster, nodata, cutout, grid)
    misled = not (in_its_system or is_local(dataset.crs)) and _edges_mislead(dataset.crs, grid)
    shown = None if misled else MAPS.of(dataset, placed, grid)
    if shown is None:
        return _read_warped(raster, nodata, placed, grid, misled=misled)
    spend_pixels(shown.window.width * shown.window.height)
    stored = shown.take(raster.read(shown.window))
    valid = shown.take(_mask_of(raster, shown.window)) if nodata is None else differs_from(stored, nodata)
    return BandPixels(stored, valid if shown.inside is None else valid & shown.inside)


def _read_warped(
    raster: Raster, nodata: float | None, placed: Affine, grid: Grid, *, misled: bool
) -> BandPixels:
    """Read a raster, as it is placed, onto a grid by a warp of GDAL's.

    Args:
        raster: The file.
        nodata: Marks missing pixels; None where a mask does.
        placed: Its transform.
        grid: The pixels wanted.
        misled: Whether what lies under the grid's edges does not tell of all that lies under it.
    """
    window = raster.checks.require_under(raster.dataset, placed, grid, everywhere=misled)
    stored, valid = raster.by_gdal(
        lambda dataset: warped(dataset, nodata, placed, grid, misled=misled), window
    )
    if valid is None:
        assert nodata is not None  # noqa: S101 - a mask is returned without
        valid = differs_from(stored, nodata)
    return BandPixels(stored, valid)


def _filled(pixels: BandPixels, more: BandPixels) -> BandPixels:
    """Return pixels with those of another part of their file where they have no value."""
    if not more.valid.any():
        return pixels
    stored = np.where(pixels.valid, pixels.stored, more.stored)
    return BandPixels(stored, pixels.valid | more.valid)


def _edges_mislead(crs: CRS, grid: Grid) -> bool:
    """Return whether what lies under a grid need not lie between what lies under its edges.

    GDAL looks at points of the edges to know which pixels of a file to read. They do not tell of a pole
    inside, nor of all that lies between them and the meridian that a map of the world is cut along.
    """
    turn, of_grid = turn_of(crs), turn_of(grid.crs)
    if of_grid is not None and (turn is None or turn.meridian == of_grid.meridian):
        return False
    if holds_pole(grid.crs, grid.bounds):
        return True
    if turn is None:
        return False
    left, bottom, right, top = grid.bounds
    xs, ys = np.meshgrid(np.linspace(left, right, LOOKS), np.linspace(bottom, top, LOOKS))
    lons, _ = to_degrees(grid.crs, xs.ravel(), ys.ravel())
    lons = (lons[np.isfinite(lons)] - turn.meridian + 180) % 360 - 180
    return bool(lons.size and np.ptp(lons) > 180)


def read_pixel(asset: Asset, lon: float, lat: float) -> BandPixels:
    """Read the one full-resolution pixel of a band at a place.

    Args:
        asset: The band's file.
        lon: Longitude in degrees east.
        lat: Latitude in degrees north.

    Returns:
        Arrays of shape (1, 1), not valid where the place lies outside the file.

    Raises:
        AssetReadError: If the file cannot be opened or decoded.
    """
    with reading(asset) as pool:
        handle = pool.handle(asset.path, asset.head)
        dataset = handle.dataset(0)
        column, row = map(float, _cells_at(handle, *pool.place_in(handle, lon, lat)))
        if not _has(dataset, column, row):
            return BandPixels(np.zeros((1, 1), dataset.dtypes[0]), np.zeros((1, 1), bool))
        column, row = min(max(column, 0), dataset.width - 1), min(max(row, 0), dataset.height - 1)
        window = Window(math.floor(column), math.floor(row), 1, 1)
        raster = _raster(handle, asset, 0)
        stored = raster.read(window)
        nodata = handle.nodata_of(asset)
        if nodata is None:
            return BandPixels(stored, _mask_of(raster, window))
        return BandPixels(stored, differs_from(stored, nodata))


def _mask_of(raster: Raster, window: Window) -> NDArray[np.bool_]:
    """Return which pixels of a window the file's mask calls valid; its blocks are checked for it."""
    if MaskFlags.all_valid in raster.dataset.mask_flag_enums[0]:
        return np.ones((window.height, window.width), bool)
    raster.checks.require(raster.dataset, window)
    return raster.by_gdal(lambda dataset: np.asarray(dataset.read_masks(1, window=window) != 0), window)


def lies_within(asset: Asset, lons: Degrees, lats: Degrees) -> NDArray[np.bool_]:
    """Tell which places, in degrees, lie within a band's file.

    Raises:
        AssetReadError: If the file cannot be opened.
    """
    with reading(asset) as pool:
        handle = pool.handle(asset.path, asset.head)
        checks_of(handle.checked, asset, 0)
        xs, ys = moved(WGS84, handle.dataset(0).crs, lons, lats)
        on_map = np.isfinite(xs) & np.isfinite(ys)
        there = _cells_at(handle, np.where(on_map, xs, np.nan), np.where(on_map, ys, np.nan))
        return np.asarray(_has(handle.dataset(0), *there))


def _cells_at(handle: Handle, xs: OneOrMany, ys: OneOrMany) -> tuple[OneOrMany, OneOrMany]:
    """Return columns and rows, with fractions, of places in a file's coordinate system."""
    columns, rows = handle.cells(xs, ys)
    if handle.turn is not None:
        width = handle.dataset(0).width
        around = handle.turn.period / handle.dataset(0).transform.a
        again = np.round((columns + ALIGNED) % around - ALIGNED, EDGE_DECIMALS)
        again = np.where(again <= width + ALIGNED, again, columns % around)
        columns = np.where((columns >= 0) & (columns < width), columns, again)
    return columns, rows


def _has(dataset: DatasetReader, columns: OneOrMany, rows: OneOrMany) -> NDArray[np.bool_] | bool:
    """Tell which cells a file has, edges included; what is NaN or infinite is not there."""
    across: Any = (columns >= -ALIGNED) & (columns <= dataset.width + ALIGNED)
    within: NDArray[np.bool_] | bool = across & (rows >= -ALIGNED) & (rows <= dataset.height + ALIGNED)
    return within


def differs_from(stored: NDArray[Any], nodata: float) -> NDArray[np.bool_]:
    """Return where stored values are not the one that marks missing; NaN never counts as a value."""
    valid: NDArray[np.bool_]
    if stored.dtype.kind != "f":
        same = int(nodata) if float(nodata).is_integer() else nodata
        valid = stored != same  # beside a float, whole numbers would all be turned into floats first
        return valid
    valid = ~np.isnan(stored)
    if not math.isnan(nodata):
        valid &= stored != stored.dtype.type(nodata)
    return valid


def _read_cutout(raster: Raster, nodata: float | None, cutout: Cutout, grid: Grid) -> BandPixels:
    """Read the pixels that a grid is laid along, each as often as it has cells."""
    dataset = raster.dataset
    across, down = cutout.cells_across, cutout.cells_down
    left, right = max(0, cutout.column), min(dataset.width * across, cutout.column + grid.width)
    top, bottom = max(0, cutout.row), min(dataset.height * down, cutout.row + grid.height)
    if left >= right or top >= bottom:
        shape = (grid.height, grid.width)
        return BandPixels(np.zeros(shape, dataset.dtypes[0]), np.zeros(shape, bool))
    first_column, first_row = left // across, top // down
    window = Window(
        first_column, first_row, -(-right // across) - first_column, -(-bottom // down) - first_row
    )
    pixels = raster.read(window)
    valid = _mask_of(raster, window) if nodata is None else differs_from(pixels, nodata)
    if across > 1 or down > 1:
        rows, columns = top - first_row * down, left - first_column * across
        seen = np.s_[rows : rows + bottom - top, columns : columns + right - left]
        pixels = pixels.repeat(down, axis=0).repeat(across, axis=1)[seen]
        valid = valid.repeat(down, axis=0).repeat(across, axis=1)[seen]
    if pixels.shape != (grid.height, grid.width):
        place = np.s_[top - cutout.row : bottom - cutout.row, left - cutout.column : right - cutout.column]
        pixels, valid = _set_into(grid, place, pixels), _set_into(grid, place, valid)
    return BandPixels(pixels, valid)


def _set_into(grid: Grid, place: tuple[slice, slice], pixels: NDArray[Any]) -> NDArray[Any]:
    """Return pixels at their place on a grid, and 0 around them (`np.pad` costs six times as much)."""
    whole = np.zeros((grid.height, grid.width), pixels.dtype)
    whole[place] = pixels
    return whole
