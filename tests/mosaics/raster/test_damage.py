"""A landed file of which bits have changed is missing where they are, never wrong."""

import logging
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.warp
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import Affine

from ingest.integrity import integrity_of
from mosaics.checksums import FIELD, HEAD, MASKED, read_checksums, read_head
from mosaics.raster.blocks import BLOCKS
from mosaics.raster.damage import DAMAGE
from mosaics.raster.grid import Grid
from mosaics.raster.handles import WEB_MERCATOR, thread_pool
from mosaics.raster.opening import copy_as_cog, create_raster
from mosaics.raster.reading import AssetReadError, read_band, read_pixel
from mosaics.scene import Asset
from tests.rasters import UTM_31N, write_cog

CORNER = (655360.0, 5686280.0)
SIDE = 1024
LON, LAT = 5.26, 51.27
"""About the middle of the file."""


@pytest.fixture(params=["uint16", "float32"])
def landed(tmp_path: Path, request: pytest.FixtureRequest) -> Asset:
    """A COG of four by four blocks with two overviews, and what its item states of it."""
    dtype = request.param
    noise = np.random.default_rng(7).integers(1, 5000, (SIDE, SIDE)).astype(dtype)
    path = write_cog(tmp_path / "red.tif", noise, crs=UTM_31N, upper_left=CORNER, nodata=0)
    stated = integrity_of(path)
    checksums, head = read_checksums(stated[FIELD]), read_head(stated[HEAD])
    return Asset("red", str(path), dtype, 0, 1.0, 0.0, "1", checksums, head=head)


def along(asset: Asset) -> Grid:
    """The file's own pixels, which are read block by block."""
    left, top = CORNER
    with rasterio.open(asset.path) as dataset:
        return Grid(dataset.crs, (left, top - SIDE * 10, left + SIDE * 10, top), SIDE, SIDE)


def across(pixels: int) -> Grid:
    """A tile's pixels, over the whole file, which GDAL reads and warps."""
    return Grid(WEB_MERCATOR, (581000.0, 6660000.0, 603000.0, 6679000.0), pixels, pixels)


def read(asset: Asset, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    forget(asset)
    found = read_band(asset, grid)
    return np.where(found.valid, found.stored, 0), found.valid


def forget(asset: Asset) -> None:
    thread_pool().forget(asset.path)
    BLOCKS.clear()


def body_of(path: str) -> tuple[int, int]:
    """Where the blocks of a COG begin and end: after its directories, which come first."""
    with rasterio.open(path) as dataset:
        first = min(
            int(offset)
            for column in range(dataset.width // 256)
            for row in range(dataset.height // 256)
            if (offset := dataset.get_tag_item(f"BLOCK_OFFSET_{column}_{row}", "TIFF", bidx=1))
        )
    return first, Path(path).stat().st_size


def test_what_is_whole_is_read_as_before(landed: Asset) -> None:
    unstated = replace(landed, checksums=())
    for grid in (along(landed), across(256), across(64), across(900)):
        for one, other in zip(read(landed, grid), read(unstated, grid), strict=True):
            np.testing.assert_array_equal(one, other)


def test_no_flipped_bit_becomes_a_value(landed: Asset) -> None:
    grids = (along(landed), across(256), across(900))
    right = [read(landed, grid) for grid in grids]
    content = Path(landed.path).read_bytes()
    begin, end = body_of(landed.path)
    found = random.Random(3)
    missing = 0
    for _ in range(25):
        damaged = bytearray(content)
        damaged[found.randrange(begin, end)] ^= 1 << found.randrange(8)
        Path(landed.path).write_bytes(damaged)
        for grid, (stored, valid) in zip(grids, right, strict=True):
            try:
                now = read(landed, grid)
            except AssetReadError:
                missing += 1
                continue
            np.testing.assert_array_equal(now[0], stored)
            np.testing.assert_array_equal(now[1], valid)
    assert missing >= 25  # full resolution is read by one grid of three, and has three quarters of the bytes


def test_no_flipped_bit_of_the_head_is_believed(landed: Asset) -> None:
    content = Path(landed.path).read_bytes()
    begin, _ = body_of(landed.path)
    assert landed.head is not None
    assert landed.head[0] <= begin
    for at in range(0, landed.head[0], 13):
        damaged = bytearray(content)
        damaged[at] ^= 1 << at % 8
        Path(landed.path).write_bytes(damaged)
        forget(landed)
        with pytest.raises(AssetReadError):
            read_band(landed, across(256))
        with pytest.raises(AssetReadError):
            read_pixel(landed, LON, LAT)


def test_no_flipped_bit_of_a_mask_is_believed(tmp_path: Path) -> None:
    noise = np.random.default_rng(7).integers(1, 5000, (512, 512)).astype("uint16")
    kept = np.random.default_rng(8).random((512, 512)) > 0.3
    plain, path = tmp_path / "plain.tif", tmp_path / "red.tif"
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        create_raster(
            plain, height=512, width=512, count=1, dtype="uint16", crs=UTM_31N,
            transform=Affine(10, 0, CORNER[0], 0, -10, CORNER[1]),
        ) as file,
    ):  # fmt: skip
        file.write(noise, 1)
        file.write_mask(kept)
        file.build_overviews([2], Resampling.nearest)
    copy_as_cog(plain, path, blocksize=256, compress="DEFLATE", overviews="FORCE_USE_EXISTING")
    stated = integrity_of(path)
    checksums, head = read_checksums(stated[MASKED]), read_head(stated[HEAD])
    asset = Asset("red", str(path), "uint16", None, 1.0, 0.0, "1", checksums, with_mask=True, head=head)
    left, top = CORNER
    grids = (Grid(CRS.from_epsg(32631), (left, top - 5120, left + 5120, top), 512, 512), across(900))
    right = [read(asset, grid) for grid in grids]
    np.testing.assert_array_equal(right[0][1], kept)
    content, found, told = path.read_bytes(), random.Random(5), 0
    for _ in range(60):
        damaged = bytearray(content)
        damaged[found.randrange(len(content))] ^= 1 << found.randrange(8)
        path.write_bytes(damaged)
        for grid, (stored, valid) in zip(grids, right, strict=True):
            try:
                now = read(asset, grid)
            except AssetReadError:
                told += 1
                continue
            np.testing.assert_array_equal(now[0], stored)
            np.testing.assert_array_equal(now[1], valid)
    assert told >= 60


@pytest.mark.parametrize("change", ["zeroed", "swapped", "cut off"])
def test_larger_damage_is_missing(landed: Asset, change: str) -> None:
    content = bytearray(Path(landed.path).read_bytes())
    begin, end = body_of(landed.path)
    middle = (begin + end) // 2
    if change == "zeroed":
        content[middle : middle + 50_000] = bytes(50_000)
    elif change == "swapped":
        content[middle : middle + 40_000] = content[middle + 40_000 : middle + 80_000]
    else:
        del content[middle:]
    Path(landed.path).write_bytes(content)
    with pytest.raises(AssetReadError):
        read(landed, along(landed))
    with pytest.raises(AssetReadError):
        read(landed, across(900))


def test_a_damaged_file_is_logged_once_and_remembered(
    landed: Asset, caplog: pytest.LogCaptureFixture
) -> None:
    with rasterio.open(landed.path) as dataset:
        (x,), (y,) = rasterio.warp.transform("EPSG:4326", dataset.crs, [LON], [LAT])
        row, column = dataset.index(x, y)
        place = f"{column // 256}_{row // 256}"
        offset = int(dataset.get_tag_item(f"BLOCK_OFFSET_{place}", "TIFF", bidx=1))
    content = bytearray(Path(landed.path).read_bytes())
    content[offset + 1000] ^= 4
    Path(landed.path).write_bytes(content)
    forget(landed)
    caplog.set_level(logging.ERROR)
    for _ in range(3):
        with pytest.raises(AssetReadError):
            read_pixel(landed, LON, LAT)
    assert [record.message for record in caplog.records if "red.tif is damaged" in record.message] != []
    assert len([record for record in caplog.records if landed.path in record.message]) == 1
    assert "is damaged" in DAMAGE.known()[landed.path]


def test_a_file_without_stated_checksums_is_looked_at_as_it_is_inflated(landed: Asset) -> None:
    if landed.dtype != "uint16":
        pytest.skip("GDAL inflates blocks of floats")
    asset = replace(landed, checksums=())
    begin, end = body_of(landed.path)
    content = bytearray(Path(landed.path).read_bytes())
    content[end - 2000] ^= 1
    content[begin + (end - begin) * 9 // 10] ^= 1
    Path(landed.path).write_bytes(content)
    with pytest.raises(AssetReadError):
        read(asset, along(asset))
