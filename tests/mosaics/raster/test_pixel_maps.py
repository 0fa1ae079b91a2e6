"""Pixel maps show what GDAL's own warp shows, whatever the systems, sizes and places."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.transform import Affine, from_bounds, from_origin
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform, transform_bounds

from mosaics.raster import pixel_maps
from mosaics.raster.grid import Grid
from mosaics.raster.handles import thread_pool
from mosaics.raster.pixel_maps import MAPS, PixelMaps, _interpolated
from mosaics.raster.reading import read_band
from mosaics.scene import Asset

RNG = np.random.default_rng(11)
NODATA = 0

PLACES = [
    ("EPSG:32631", 3.0, 51.0, 10.0),
    ("EPSG:32733", 15.0, -20.0, 60.0),
    ("EPSG:3857", -99.0, 40.0, 30.0),
    ("EPSG:4326", 5.0, 50.0, 0.0003),
    ("EPSG:3035", 10.0, 52.0, 100.0),
    ("EPSG:27700", -2.0, 53.0, 5.0),
    ("EPSG:3413", -45.0, 75.0, 500.0),
    ("EPSG:6933", 20.0, 10.0, 500.0),
]
"""Systems, a place in each, and a pixel."""

GRIDS = ["EPSG:3857", "EPSG:4326", "EPSG:32631", "EPSG:3035", "EPSG:3031"]


def written(folder: Path, place: tuple[str, float, float, float], turned: float) -> Path:
    crs, lon, lat, pixel = place
    (x,), (y,) = transform("EPSG:4326", crs, [lon], [lat])
    width, height = 700, 500
    path = folder / f"{crs.replace(':', '-')}-{lon:.0f}-{turned:.0f}.tif"
    if not path.exists():
        placed = from_origin(x - width * pixel / 2, y + height * pixel / 2, pixel, pixel)
        values = RNG.integers(0, 60000, (height, width)).astype("uint16")
        with rasterio.open(
            path, "w", driver="GTiff", width=width, height=height, count=1, dtype="uint16", crs=crs,
            transform=placed @ Affine.rotation(turned), nodata=NODATA, tiled=True, blockxsize=128,
            blockysize=128, compress="deflate", predictor=2,
        ) as dataset:  # fmt: skip
            dataset.write(values, 1)
    return path


def warped(path: Path, grid: Grid) -> np.ndarray:
    """What GDAL shows, in one warp of the whole file."""
    with (
        rasterio.open(path) as dataset,
        WarpedVRT(
            dataset, src_nodata=NODATA, nodata=NODATA, crs=grid.crs, width=grid.width, height=grid.height,
            transform=from_bounds(*grid.bounds, grid.width, grid.height),
        ) as vrt,
    ):  # fmt: skip
        found: np.ndarray = vrt.read(1)
        return found


@st.composite
def cases(draw: st.DrawFn) -> tuple[tuple[str, float, float, float], float, str, tuple[float, ...], int]:
    place = draw(st.sampled_from(PLACES))
    turned = draw(st.sampled_from([0.0, 0.0, 0.0, 12.0]))
    share = draw(st.sampled_from([0.03, 0.1, 0.3, 0.9, 1.4]))
    at = draw(st.tuples(st.floats(-0.1, 1.1), st.floats(-0.1, 1.1)))
    size = draw(st.sampled_from([64, 256, 300, 512]))
    return place, turned, draw(st.sampled_from(GRIDS)), (share, *at), size


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("maps")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases())
def test_a_grid_shows_what_gdal_shows(folder: Path, case: Any) -> None:
    place, turned, grid_crs, (share, across, down), size = case
    path = written(folder, place, turned)
    with rasterio.open(path) as dataset:
        try:
            left, bottom, right, top = transform_bounds(dataset.crs, grid_crs, *dataset.bounds)
        except rasterio.errors.RasterioError:
            return
    if not np.isfinite([left, bottom, right, top]).all():
        return
    half = (right - left) * share / 2
    x, y = left + (right - left) * across, bottom + (top - bottom) * down
    grid = Grid(CRS.from_string(grid_crs), (x - half, y - half, x + half, y + half), size, size)
    expected = warped(path, grid)
    found = read_band(Asset("red", str(path), "uint16", NODATA, 1.0, 0.0, "1"), grid)
    assert np.array_equal(found.valid, expected != NODATA)
    assert np.array_equal(found.stored[found.valid], expected[found.valid])


def test_a_grid_of_more_than_one_turn_shows_what_gdal_shows(folder: Path) -> None:
    path = written(folder, ("EPSG:4326", 170.0, 10.0, 0.02), 0.0)
    grid = Grid(CRS.from_epsg(3857), (-31_760_494.0, -23_758_715.0, 16_025_926.0, 24_027_705.0), 64, 64)
    found = read_band(Asset("red", str(path), "uint16", NODATA, 1.0, 0.0, "1"), grid)
    expected = warped(path, grid)
    assert np.array_equal(np.where(found.valid, found.stored, NODATA), expected)


def test_a_tile_within_a_file_needs_no_warp(folder: Path) -> None:
    path = written(folder, PLACES[0], 0.0)
    with rasterio.open(path) as dataset:
        left, bottom, right, top = transform_bounds(dataset.crs, "EPSG:3857", *dataset.bounds)
        x, y = (left + right) / 2, (bottom + top) / 2
        grid = Grid(CRS.from_epsg(3857), (x - 1500, y - 1500, x + 1500, y + 1500), 256, 256)
        lines = _interpolated(dataset, dataset.transform, grid)
        assert lines is not None
        shown = dataset.read(1)[lines[0], lines[1]]
    assert np.array_equal(shown, warped(path, grid))


def test_maps_stay_within_their_bytes_and_the_last_used_stay(folder: Path) -> None:
    path = written(folder, PLACES[0], 0.0)
    dataset = thread_pool().handle(str(path)).dataset(0)
    left, bottom, right, top = transform_bounds(dataset.crs, "EPSG:3857", *dataset.bounds)
    x, y = (left + right) / 2, (bottom + top) / 2
    grids = [
        Grid(CRS.from_epsg(3857), (x - 900 - step, y - 900, x + 900 - step, y + 900), 100, 100)
        for step in (0, 1, 2)
    ]
    maps = PixelMaps(limit_bytes=2 * 100 * 100 * 4)
    first = maps.of(dataset, dataset.transform, grids[0])
    maps.of(dataset, dataset.transform, grids[1])
    assert maps.of(dataset, dataset.transform, grids[0]) is first
    maps.of(dataset, dataset.transform, grids[2])
    assert maps.held_bytes == 2 * 100 * 100 * 4
    assert maps.of(dataset, dataset.transform, grids[0]) is first


def test_bands_on_the_same_pixels_share_a_map(folder: Path) -> None:
    path = written(folder, PLACES[0], 0.0)
    other = path.with_name("other.tif")
    other.write_bytes(path.read_bytes())
    with rasterio.open(path) as dataset:
        left, bottom, _, _ = transform_bounds(dataset.crs, "EPSG:3857", *dataset.bounds)
    grid = Grid(CRS.from_epsg(3857), (left + 400, bottom + 400, left + 2400, bottom + 2400), 256, 256)
    read_band(Asset("red", str(path), "uint16", NODATA, 1.0, 0.0, "1"), grid)
    held = MAPS.held_bytes
    read_band(Asset("nir", str(other), "uint16", NODATA, 1.0, 0.0, "1"), grid)
    assert MAPS.held_bytes == held


def test_the_numbers_of_a_thread_that_was_not_the_first_stay_while_they_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of threads that are the first at the same time each makes numbers, and those of one alone are kept."""
    monkeypatch.setattr(pixel_maps, "_numbers", pixel_maps._numbers.__wrapped__)
    path = written(folder, PLACES[4], 0.0)
    with rasterio.open(path) as dataset:
        bounds = transform_bounds(dataset.crs, "EPSG:3857", *dataset.bounds)
        grid = Grid(CRS.from_epsg(3857), bounds, 256, 256)
        found = PixelMaps(1 << 20).of(dataset, dataset.transform, grid)
        assert found is not None
        pixels = dataset.read(1, window=found.window).ravel()[found.index]
    shown = pixels if found.inside is None else np.where(found.inside, pixels, NODATA)
    assert np.array_equal(shown.reshape(256, 256), warped(path, grid))
