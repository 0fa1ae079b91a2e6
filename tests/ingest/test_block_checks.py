"""Checking what has come: damage that GDAL reads as pixels, or as missing ones, is found."""

import numpy as np
import pytest
import rasterio

from ingest.block_checks import require_whole
from ingest.raster import DamagedRasterError
from tests.rasters import write_cog, write_geotiff

VALUES = np.random.default_rng(3).integers(1000, 1100, (600, 600)).astype("uint16")


@pytest.fixture
def cog(tmp_path):
    return write_cog(tmp_path / "red.tif", VALUES, nodata=0)


def block_at(path, column, row):
    with rasterio.open(path) as dataset:
        return [
            int(dataset.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=1))
            for what in ("OFFSET", "SIZE")
        ]


def changed(path, at, data):
    content = bytearray(path.read_bytes())
    content[at : at + len(data)] = data
    path.write_bytes(content)


@pytest.mark.parametrize("made", [write_cog, write_geotiff])
def test_a_whole_file_is_taken(tmp_path, made):
    require_whole(made(tmp_path / "red.tif", VALUES, nodata=0))
    require_whole(tmp_path / "red.tif")


def test_zeroed_bytes_of_a_block_are_found_where_gdal_reads_on(cog):
    offset, size = block_at(cog, 1, 1)
    changed(cog, offset + size - 600, bytes(600))
    with pytest.raises(DamagedRasterError, match=rf"red.tif is damaged: the block at byte {offset}"):
        require_whole(cog)


def test_one_flipped_bit_is_found(cog):
    offset, size = block_at(cog, 0, 1)
    flipped = cog.read_bytes()[offset + size // 2] ^ 4
    changed(cog, offset + size // 2, bytes([flipped]))
    with pytest.raises(DamagedRasterError, match=f"block at byte {offset}"):
        require_whole(cog)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.999])
def test_a_truncated_file_is_found(cog, share):
    content = cog.read_bytes()
    cog.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DamagedRasterError):
        require_whole(cog)


def test_a_block_that_lost_its_size_is_not_taken_for_missing_pixels(cog):
    _, size = block_at(cog, 0, 0)
    content = cog.read_bytes()
    at = content.index(size.to_bytes(4, "little"), 100)
    changed(cog, at, bytes(4))
    with rasterio.open(cog) as dataset:
        assert (dataset.read(1)[:256, :256] == 0).all()  # as GDAL reads it, without an error
    with pytest.raises(DamagedRasterError, match="a place and no length"):
        require_whole(cog)


@pytest.mark.parametrize("content", [b"", b"<html>please log in</html>", b"II*\0" + bytes(100)])
def test_what_is_not_a_geotiff_is_told(tmp_path, content):
    path = tmp_path / "red.tif"
    path.write_bytes(content)
    with pytest.raises(DamagedRasterError, match="is not a GeoTIFF that can be read"):
        require_whole(path)


def test_a_file_of_another_format_is_left_to_it(tmp_path):
    path = tmp_path / "made.npz"
    path.write_bytes(b"PK")
    require_whole(path)
