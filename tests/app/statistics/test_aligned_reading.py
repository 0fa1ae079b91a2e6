"""A grid laid along a file's pixels gets those very pixels, and the same ones that a warp would give."""

import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_bounds
from rasterio.vrt import WarpedVRT

from mosaics.raster.grid import Grid
from mosaics.raster.reading import read_band
from mosaics.scene import Asset
from tests.rasters import MOL, UTM_31N, write_cog

RNG = np.random.default_rng(11)


def lattice_grid(cell: tuple[float, float], column: int, row: int, width: int, height: int) -> Grid:
    left, top = MOL[0] + column * cell[0], MOL[1] - row * cell[1]
    bounds = (left, top - height * cell[1], left + width * cell[0], top)
    return Grid(CRS.from_string(UTM_31N), bounds, width, height)


def asset(path: Path, nodata: float | None, dtype: str) -> Asset:
    return Asset("red", str(path), dtype, nodata, 1.0, 0.0, "1")


@pytest.mark.parametrize(("dtype", "nodata"), [("uint16", 0), ("float32", math.nan), ("uint8", None)])
def test_native_pixels_are_read_as_they_stand(tmp_path, dtype, nodata):
    values = RNG.integers(0, 9, (310, 270)).astype(dtype)
    path = write_cog(tmp_path / "red.tif", values, nodata=nodata)
    read = read_band(asset(path, nodata, dtype), lattice_grid((10, 10), -5, 300, 300, 25))
    assert not read.valid[:, :5].any()
    assert not read.valid[:, 275:].any()
    assert not read.valid[10:].any()
    inner = values[300:310]
    assert np.array_equal(read.stored[:10, 5:275], inner)
    assert np.array_equal(
        read.valid[:10, 5:275], np.ones_like(inner, bool) if nodata is None else inner != nodata
    )


def test_a_mask_inside_the_file_counts(tmp_path):
    mask = RNG.random((300, 300)) > 0.3
    path = write_cog(tmp_path / "red.tif", np.full((300, 300), 7, "uint8"), mask=mask)
    read = read_band(asset(path, None, "uint8"), lattice_grid((10, 10), 20, 30, 200, 100))
    assert np.array_equal(read.valid, mask[30:130, 20:220])


def test_a_coarser_band_is_repeated_on_a_finer_grid(tmp_path):
    values = RNG.integers(1, 99, (50, 40)).astype("uint8")
    path = write_cog(tmp_path / "scl.tif", values, nodata=0, pixel_size=20)
    read = read_band(asset(path, 0, "uint8"), lattice_grid((10, 10), -1, 3, 21, 10))
    expected = np.repeat(np.repeat(values, 2, 0), 2, 1)[3:13, :20]
    assert np.array_equal(read.stored[:, 1:], expected)
    assert not read.valid[:, 0].any()


@pytest.mark.parametrize("level", [1, 2])
def test_overview_pixels_are_those_of_a_warp(tmp_path, level):
    values = RNG.integers(0, 99, (701, 603)).astype("uint16")
    path = write_cog(tmp_path / "red.tif", values, nodata=0)
    with rasterio.open(path, overview_level=level - 1) as dataset:
        cell = (dataset.transform.a, -dataset.transform.e)
        for column, row, width, height in ((-3, -7, 90, 80), (5, 9, 300, 20), (40, 100, 60, 300)):
            grid = lattice_grid(cell, column, row, width, height)
            with WarpedVRT(
                dataset,
                crs=grid.crs,
                transform=from_bounds(*grid.bounds, width, height),
                width=width,
                height=height,
                src_nodata=0,
                nodata=0,
            ) as warped:
                expected = warped.read(1)
            read = read_band(asset(path, 0, "uint16"), grid)
            assert np.array_equal(read.valid, expected != 0)
            assert np.array_equal(read.stored[read.valid], expected[read.valid])
