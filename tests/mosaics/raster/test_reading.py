"""Bands read onto a grid equal rio-tiler's read of the same file, pixel for pixel."""

import math
from pathlib import Path
from typing import Any

import morecantile
import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.warp import transform, transform_bounds
from rio_tiler.io import Reader

from mosaics.raster.grid import Grid
from mosaics.raster.handles import HandlePool
from mosaics.raster.reading import AssetReadError, lies_within, read_band, read_pixel
from mosaics.scene import Asset
from tests.rasters import write_cog, write_geotiff

KANSAS_14N = "EPSG:32614"


def asset(path: Path, *, nodata: float | None = 0, scale: float = 1.0, offset: float = 0.0) -> Asset:
    return Asset(
        band="nir", path=str(path), dtype="uint16", nodata=nodata, scale=scale, offset=offset, unit="1"
    )


def texture(height: int, width: int, dtype: str = "uint16") -> np.ndarray:
    """Values of which nearly every pixel differs from its neighbours, with a hole of zeros."""
    values = np.random.default_rng(7).integers(1, 10_000, (height, width)).astype(dtype)
    values[height // 3 : height // 2, width // 4 : width // 2] = 0
    return values


def bounds_of(tms: morecantile.TileMatrixSet, tile: morecantile.Tile) -> tuple[float, float, float, float]:
    left, bottom, right, top = tms.xy_bounds(tile)
    return left, bottom, right, top


CASES: dict[str, dict[str, Any]] = {
    "utm": {"crs": KANSAS_14N, "upper_left": (500_000.0, 4_500_000.0), "pixel_size": 10.0},
    "sinusoidal-like-lonlat": {"crs": "EPSG:4326", "upper_left": (-99.5, 41.0), "pixel_size": 0.0005},
    "polar": {"crs": "EPSG:3413", "upper_left": (100_000.0, -1_500_000.0), "pixel_size": 30.0},
}


@pytest.mark.parametrize("crs", [KANSAS_14N, "EPSG:3857"])
def test_a_mask_of_the_file_counts_in_place_of_its_tag_and_of_the_items(tmp_path, crs):
    values, mask = np.full((300, 300), 7, "uint16"), np.zeros((300, 300), bool)
    values[:, 100:], mask[:150] = 0, True  # real zeros, and sevens that are masked
    place = {"crs": KANSAS_14N, "upper_left": (500_000.0, 4_500_000.0), "pixel_size": 10.0}
    path = write_geotiff(tmp_path / "a.tif", values, nodata=0, mask=mask, **place)  # type: ignore[arg-type]
    with rasterio.open(path) as dataset:
        assert np.array_equal(dataset.dataset_mask() > 0, mask)
        bounds = transform_bounds(dataset.crs, crs, *dataset.bounds)
    pixels = read_band(asset(path, nodata=7), Grid(CRS.from_string(crs), bounds, 30, 30))
    inner = np.s_[2:13, 2:-2]
    assert pixels.valid[inner].all()
    assert set(np.unique(pixels.stored[inner])) == {0, 7}
    assert not pixels.valid[17:28].any()
    lons, lats = transform(KANSAS_14N, "EPSG:4326", [502_500.0] * 2, [4_499_500.0, 4_497_500.0])
    at = [read_pixel(asset(path, nodata=7), lon, lat) for lon, lat in zip(lons, lats, strict=True)]
    assert [(int(pixel.stored[0, 0]), bool(pixel.valid[0, 0])) for pixel in at] == [(0, True), (0, False)]


@pytest.mark.parametrize(
    ("dtype", "numbers", "nodata"),
    [
        ("int64", [2**53 - 1, 1 - 2**53, 2**52 + 1, 20240615], None),
        ("uint64", [2**53 - 1, 2**52 + 3, 202406151230, 1], 7),
        ("int64", [2**53 - 1, -(2**63), 7, 3], -(2**63)),
    ],
)
def test_whole_numbers_to_2_53_are_warped_as_they_are(tmp_path, dtype, numbers, nodata):
    values = np.repeat(np.array(numbers, dtype), 300 * 75).reshape(300, 300)
    place = {"crs": KANSAS_14N, "upper_left": (500_000.0, 4_500_000.0), "pixel_size": 10.0}
    path = write_geotiff(tmp_path / "a.tif", values, **place)  # type: ignore[arg-type]
    bounds = transform_bounds(KANSAS_14N, "EPSG:3857", 500_000, 4_497_000, 503_000, 4_500_000)
    pixels = read_band(asset(path, nodata=nodata), Grid(CRS.from_epsg(3857), bounds, 40, 40))
    assert pixels.stored.dtype == dtype
    assert set(pixels.stored[pixels.valid].tolist()) == set(numbers) - {nodata}
    assert not pixels.valid[pixels.stored == nodata].any()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("tms_id", ["WebMercatorQuad", "WorldCRS84Quad"])
@pytest.mark.parametrize("size", [256, 512])
def test_tiles_of_every_zoom_equal_rio_tiler(tmp_path, name, tms_id, size):
    path = write_cog(tmp_path / "nir.tif", texture(1100, 1300), nodata=0, **CASES[name])
    tms = morecantile.tms.get(tms_id)
    compared = 0
    with Reader(str(path), tms=tms) as reader:
        bounds = reader.get_geographic_bounds(tms.rasterio_geographic_crs)
        for z in range(3, reader.maxzoom + 3):
            middle = tms.tile((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2, z)
            corner = tms.tile(bounds[0] + 1e-6, bounds[3] - 1e-6, z)
            for tile in {middle, corner}:
                if not reader.tile_exists(*tile):
                    continue
                theirs = reader.tile(*tile, tilesize=size).array
                grid = Grid(tms.rasterio_crs, bounds_of(tms, tile), size, size)
                ours = read_band(asset(path), grid)
                assert np.array_equal(ours.valid, ~theirs.mask[0]), (z, tile)
                assert np.array_equal(ours.stored[ours.valid], theirs.data[0][ours.valid]), (z, tile)
                compared += 1
    assert compared > 10


def test_on_the_files_own_grid_the_pixels_are_the_files(tmp_path):
    values = texture(600, 700)
    path = write_cog(tmp_path / "nir.tif", values, nodata=0, **CASES["utm"])
    left, top = 500_000.0 + 40 * 10, 4_500_000.0 - 30 * 10
    grid = Grid(CRS.from_string(KANSAS_14N), (left, top - 200 * 10, left + 300 * 10, top), 300, 200)
    ours = read_band(asset(path), grid)
    assert np.array_equal(ours.stored, values[30:230, 40:340])
    assert np.array_equal(ours.valid, values[30:230, 40:340] != 0)


def test_in_a_utm_matrix_set_each_pixel_is_the_one_its_centre_lies_in(tmp_path):
    values = texture(700, 700)
    corner = (600_000.0, 5_600_000.0)
    path = write_cog(tmp_path / "nir.tif", values, nodata=0, crs="EPSG:32631", upper_left=corner)
    tms = morecantile.tms.get("UTM31WGS84Quad")
    tile = tms._tile(corner[0] + 2000, corner[1] - 2000, 14)
    left, _, right, top = bounds = bounds_of(tms, tile)
    ours = read_band(asset(path), Grid(tms.rasterio_crs, bounds, 256, 256))
    step = (right - left) / 256
    columns = np.floor((left + (np.arange(256) + 0.5) * step - corner[0]) / 10).astype(int)
    rows = np.floor((corner[1] - (top - (np.arange(256) + 0.5) * step)) / 10).astype(int)
    inside = (rows[:, None] >= 0) & (rows[:, None] < 700) & (columns >= 0) & (columns < 700)
    expected = np.where(inside, values[np.clip(rows, 0, 699)[:, None], np.clip(columns, 0, 699)], 0)
    assert np.array_equal(np.where(ours.valid, ours.stored, 0), expected)


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("float32", math.nan), ("float32", -999.9), ("float64", -1e30), ("int16", -32768)]
)
def test_the_value_that_marks_missing_may_be_any(tmp_path, dtype, nodata):
    values = texture(300, 300, "float64").astype(dtype)
    values[100:200, 100:200] = nodata
    path = write_cog(tmp_path / "band.tif", values, nodata=nodata, **CASES["utm"])
    grid = Grid(
        CRS.from_string(KANSAS_14N), (500_000.0, 4_500_000.0 - 3000, 500_000.0 + 3000, 4_500_000.0), 300, 300
    )
    ours = read_band(asset(path, nodata=nodata), grid)
    expected = np.ones((300, 300), bool)
    expected[100:200, 100:200] = False
    assert np.array_equal(ours.valid, expected)
    assert np.isnan(ours.physical(asset(path))[150, 150])


def test_a_file_without_nodata_is_missing_only_outside_itself_and_under_its_mask(tmp_path):
    mask = np.ones((300, 300), bool)
    mask[:50] = False
    values = np.zeros((300, 300), np.uint8)
    path = write_cog(tmp_path / "band.tif", values, mask=mask, **CASES["utm"])
    bounds = (500_000.0 - 1000, 4_500_000.0 - 3000, 500_000.0 + 3000, 4_500_000.0)
    ours = read_band(asset(path, nodata=None), Grid(CRS.from_string(KANSAS_14N), bounds, 400, 300))
    assert not ours.valid[:, :100].any()
    assert not ours.valid[:50].any()
    assert ours.valid[50:, 100:].all()


def test_physical_values_are_scaled_and_shifted(tmp_path):
    path = write_cog(tmp_path / "red.tif", np.full((256, 256), 1718, np.uint16), nodata=0, **CASES["utm"])
    grid = Grid(
        CRS.from_string(KANSAS_14N), (500_000.0, 4_500_000.0 - 100, 500_000.0 + 100, 4_500_000.0), 10, 10
    )
    band = asset(path, scale=0.0001, offset=-0.1)
    # 1718 * 0.0001 - 0.1, the Sentinel-2 offset from baseline 04.00 on
    assert read_band(band, grid).physical(band)[0, 0] == pytest.approx(0.0718, abs=1e-7)


def test_a_pixel_is_the_one_the_place_lies_in(tmp_path):
    values = texture(300, 300)
    path = write_cog(tmp_path / "band.tif", values, nodata=0, **CASES["sinusoidal-like-lonlat"])
    lon, lat = -99.5 + 17.5 * 0.0005, 41.0 - 203.2 * 0.0005
    found = read_pixel(asset(path), lon, lat)
    assert found.valid.all()
    assert found.stored[0, 0] == values[203, 17]
    outside = -99.5 - 0.0001
    assert not read_pixel(asset(path), outside, 40.99).valid.any()
    assert lies_within(asset(path), [lon, outside], [lat, 40.99]).tolist() == [True, False]


def test_a_damaged_file_says_which_band_could_not_be_read(tmp_path):
    path = tmp_path / "bad.tif"
    path.write_bytes(b"II*\x00" + b"\x00" * 100)
    with pytest.raises(AssetReadError, match="'nir'"):
        read_band(asset(path), Grid(CRS.from_epsg(3857), (0, 0, 1, 1), 256, 256))
    with pytest.raises(AssetReadError):
        read_pixel(asset(tmp_path / "missing.tif"), 0, 0)


def test_a_pool_keeps_no_more_than_its_size(tmp_path):
    paths = [
        write_cog(tmp_path / f"{n}.tif", np.ones((300, 300), np.uint8), **CASES["utm"]) for n in range(4)
    ]
    pool = HandlePool(size=2)
    first = pool.handle(str(paths[0])).datasets[0]
    for path in paths:
        pool.handle(str(path))
    assert first.closed
    pool.close()
