"""Blocks decoded here are those that GDAL decodes, whatever thread asks, in the memory that is allowed."""

import threading
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.errors import RasterioIOError
from rasterio.transform import from_origin
from rasterio.windows import Window

from mosaics.raster.blocks import BLOCKS, BLOCKS_BYTES, BlockCache, Raster
from tests.rasters import MOL, UTM_31N, write_cog, write_geotiff

RNG = np.random.default_rng(5)
TILED: dict[str, Any] = {"tiled": True, "blockxsize": 256, "blockysize": 256}
KINDS: dict[str, dict[str, Any]] = {
    "as landed": {"compress": "deflate", "predictor": 2, **TILED},
    "no predictor": {"compress": "deflate", **TILED},
    "other blocks": {
        "compress": "deflate",
        "predictor": 2,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 128,
    },
    "lzw": {"compress": "lzw", "predictor": 2, **TILED},
    "zstd": {"compress": "zstd", "predictor": 2, **TILED},
    "not compressed": TILED,
    "most significant byte first": {"compress": "deflate", "predictor": 2, "endianness": "big", **TILED},
    "lines": {"compress": "deflate", "predictor": 2, "blockysize": 1},
    "thick lines": {"compress": "deflate", "predictor": 2, "blockysize": 100},
}


def windows(height: int, width: int, count: int = 12) -> list[Window]:
    """The whole, its last pixel, and some between."""
    found = [Window(0, 0, width, height), Window(width - 1, height - 1, 1, 1)]
    for _ in range(count):
        row, column = int(RNG.integers(height)), int(RNG.integers(width))
        down, across = int(RNG.integers(1, height - row + 1)), int(RNG.integers(1, width - column + 1))
        found.append(Window(column, row, across, down))
    return found


def cut(values: np.ndarray, window: Window) -> np.ndarray:
    return values[window.row_off :, window.col_off :][: window.height, : window.width]


def place_of(path: Path, column: int) -> tuple[int, int]:
    """Where a block of the first row lies in its file, and how many bytes it has."""
    with rasterio.open(path) as dataset:
        offset = dataset.get_tag_item(f"BLOCK_OFFSET_{column}_0", "TIFF", bidx=1)
        return int(offset), int(dataset.get_tag_item(f"BLOCK_SIZE_{column}_0", "TIFF", bidx=1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["uint16", "uint8", "int32", "float32"])
def test_pixels_are_those_that_were_written(tmp_path, kind, dtype):
    values = RNG.integers(0, 200, (700, 530)).astype(dtype)
    path = write_geotiff(tmp_path / "band.tif", values, **KINDS[kind])
    cache = BlockCache(1 << 20)
    with rasterio.open(path) as dataset:
        raster = Raster(dataset, str(path), 0, cache)
        for window in windows(700, 530):
            assert np.array_equal(raster.read(window), cut(values, window))
            assert np.array_equal(raster.read(window), cut(values, window))


def test_pixels_of_overviews_are_kept_apart_from_those_they_show(tmp_path):
    path = str(write_cog(tmp_path / "band.tif", RNG.integers(0, 9999, (1100, 900)).astype("uint16")))
    cache = BlockCache(16 << 20)
    for level, options in ((0, {}), (1, {"overview_level": 0}), (2, {"overview_level": 1})):
        with rasterio.open(path, **options) as dataset:
            expected = dataset.read(1)
            for window in windows(*expected.shape):
                assert np.array_equal(Raster(dataset, path, level, cache).read(window), cut(expected, window))


def test_blocks_that_were_never_written_hold_nodata(tmp_path):
    path = tmp_path / "sparse.tif"
    profile = {"driver": "GTiff", "width": 600, "height": 600, "count": 1, "dtype": "uint16", "nodata": 7}
    profile |= {"crs": UTM_31N, "transform": from_origin(*MOL, 10, 10)}
    with rasterio.open(path, "w", **profile, **KINDS["as landed"], sparse_ok=True) as dataset:
        dataset.write(np.full((256, 256), 3, "uint16"), 1, window=Window(256, 256, 256, 256))
    with rasterio.open(path) as dataset:
        read = Raster(dataset, str(path), 0, BlockCache(1 << 20)).read(Window(200, 200, 300, 300))
    assert (read[:56] == 7).all()
    assert (read[56:, 56:] == 3).all()


@pytest.mark.parametrize("damage", ["checksum", "middle", "end of file"])
def test_a_damaged_block_is_an_error_each_time_and_costs_no_other(tmp_path, damage):
    values = RNG.integers(0, 9999, (256, 512)).astype("uint16")
    path = write_geotiff(tmp_path / "band.tif", values, **KINDS["as landed"])
    offset, size = place_of(path, 1)
    content = bytearray(path.read_bytes())
    if damage == "end of file":
        del content[offset + size // 2 :]
    else:
        content[offset + (size - 1 if damage == "checksum" else size // 2)] ^= 0xFF
    path.write_bytes(content)
    cache = BlockCache(1 << 20)
    with rasterio.open(path) as dataset:
        raster = Raster(dataset, str(path), 0, cache)
        for _ in range(2):
            with pytest.raises(RasterioIOError):
                raster.read(Window(0, 0, 512, 256))
            assert np.array_equal(raster.read(Window(0, 0, 256, 256)), values[:, :256])
    assert cache.held_bytes == 256 * 256 * 2


def test_a_block_that_would_grow_beyond_its_pixels_is_not_inflated(tmp_path):
    path = write_geotiff(
        tmp_path / "band.tif", RNG.integers(0, 65536, (256, 256)).astype("uint16"), **KINDS["as landed"]
    )
    offset, size = place_of(path, 0)
    bomb = zlib.compress(bytes(100_000_000))
    assert len(bomb) < size
    content = bytearray(path.read_bytes())
    content[offset : offset + len(bomb)] = bomb
    path.write_bytes(content)
    with rasterio.open(path) as dataset:
        tracemalloc.start()
        try:
            read = Raster(dataset, str(path), 0, BlockCache(1 << 20)).read(Window(0, 0, 256, 256))
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()
        assert np.array_equal(read, dataset.read(1))


def test_what_is_kept_stays_within_its_bytes_and_forgets_the_oldest_first(tmp_path):
    values = RNG.integers(0, 9999, (1024, 1024)).astype("uint16")
    path = str(write_geotiff(tmp_path / "band.tif", values, **KINDS["as landed"]))
    block = 256 * 256 * 2
    cache = BlockCache(5 * block)
    with rasterio.open(path) as dataset:
        raster = Raster(dataset, path, 0, cache)
        for row in range(4):
            raster.read(Window(0, row * 256, 1024, 256))
            assert cache.held_bytes <= 5 * block
        assert cache.held_bytes == 5 * block
        assert np.array_equal(raster.read(Window(0, 0, 1024, 1024)), values)
        assert cache.held_bytes == 5 * block


def test_threads_share_blocks_and_each_sees_its_own_pixels(tmp_path):
    files = []
    for number in range(3):
        values = RNG.integers(0, 9999, (900, 800)).astype("uint16")
        files.append((str(write_geotiff(tmp_path / f"{number}.tif", values, **KINDS["as landed"])), values))
    cache = BlockCache(10 * 256 * 256 * 2)  # less than one file has: blocks come and go all the time
    begin = threading.Barrier(4)

    def look(seed: int) -> int:
        random = np.random.default_rng(seed)
        opened = [(Raster(rasterio.open(path, sharing=False), path, 0, cache), v) for path, v in files]
        begin.wait()
        for _ in range(60):
            raster, values = opened[random.integers(3)]
            row, column = random.integers(700), random.integers(600)
            window = Window(int(column), int(row), int(random.integers(1, 200)), int(random.integers(1, 200)))
            assert np.array_equal(raster.read(window), cut(values, window))
            assert cache.held_bytes <= 10 * 256 * 256 * 2
        for raster, _ in opened:
            raster.dataset.close()
        return seed

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(look, range(4))) == [0, 1, 2, 3]


def test_a_block_is_decoded_once_for_all_threads(tmp_path):
    values = RNG.integers(0, 9999, (256, 256)).astype("uint16")
    path = write_geotiff(tmp_path / "band.tif", values, **KINDS["as landed"])
    cache = BlockCache(1 << 20)
    with rasterio.open(path) as dataset:
        Raster(dataset, str(path), 0, cache).read(Window(0, 0, 9, 9))
        content = path.read_bytes()
        path.write_bytes(content[:300] + bytes(len(content) - 300))  # nobody can decode it again

        def look() -> np.ndarray:
            with rasterio.open(path) as again:
                return Raster(again, str(path), 0, cache).read(Window(100, 100, 50, 50))

        with ThreadPoolExecutor(1) as pool:
            assert np.array_equal(pool.submit(look).result(), values[100:150, 100:150])


def test_this_process_keeps_a_bounded_number_of_bytes():
    assert BLOCKS.held_bytes <= BLOCKS_BYTES == 128 << 20
