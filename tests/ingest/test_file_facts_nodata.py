"""64-bit nodata beyond 2^53: what marks missing pixels still does, in the COG and everywhere it is read."""

import struct

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS

from ingest.cog import write_cog
from ingest.encoding import Encoding
from ingest.file_facts import marks_64_bits
from ingest.raster import inspect_raster, marked_beyond_float64
from mosaics.raster.grid import Grid
from mosaics.raster.reading import read_band, read_pixel
from mosaics.scene import Asset
from tests.rasters import MOL, UTM_31N, write_geotiff

LEAST, GREATEST = -(2**63), 2**63 - 1
TAG = 42113


def tagged(path, values, text, **creation):
    """A GeoTIFF whose nodata tag says what rasterio cannot write (TIFF 6.0, section 2)."""
    write_geotiff(path, values, nodata=123456, **creation)
    content = bytearray(path.read_bytes())
    order = "<" if content[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", content, 2)[0] == 43
    (start,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", content, 8 if big else 4)
    (count,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", content, start)
    form = f"{order}{'HHQQ' if big else 'HHII'}"
    said = text.encode() + b"\0"
    for place in range(count):
        at = start + (8 if big else 2) + place * struct.calcsize(form)
        if struct.unpack_from(form, content, at)[0] == TAG:
            room = struct.calcsize(form) - 4 - (8 if big else 4)
            struct.pack_into(form, content, at, TAG, 2, len(said), len(content))
            if len(said) > room:
                content += said
            else:  # so short that it stands in the directory itself
                content[at + 4 + (8 if big else 4) : at + struct.calcsize(form)] = said.ljust(room, b"\0")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("creation", [{}, {"bigtiff": "YES"}, {"endianness": "BIG"}])
@pytest.mark.parametrize(
    ("dtype", "text", "number"),
    [
        ("int64", str(LEAST), LEAST),
        ("int64", str(GREATEST), GREATEST),
        ("int64", "-9.2233720368547758e+18", LEAST),  # as rasterio writes it, and GDAL reads -9
        ("int64", "9.2233720368547758e+18", GREATEST),
        ("uint64", str(2**64 - 1), 2**64 - 1),
        ("int64", "-9007199254740993", -(2**53) - 1),
        ("int64", "-9999", -9999),
        ("int64", "nan", None),
        ("uint64", "-1", None),
        ("int32", "-9999", None),
    ],
)
def test_the_tag_is_read_to_its_last_digit(tmp_path, dtype, text, number, creation):
    path = tagged(tmp_path / "a.tif", np.ones((4, 4), dtype), text, **creation)
    assert marks_64_bits(path, dtype) == number


@pytest.mark.parametrize(
    ("dtype", "mark"),
    [("int64", LEAST), ("int64", GREATEST), ("uint64", 2**64 - 1), ("int64", -(2**53) - 1), ("int64", -9999)],
)
def test_missing_pixels_stay_missing_at_every_resolution(tmp_path, dtype, mark):
    values = np.full((600, 600), 7, dtype)
    values[:300] = mark
    raster = inspect_raster(tagged(tmp_path / "a.tif", values, str(mark)))
    encoding = Encoding(raster.nodata, 1.0, 0.0, "1", categorical=False, reason="")
    write_cog(raster, tmp_path / "cog.tif", encoding=encoding)
    asset = Asset("v", str(tmp_path / "cog.tif"), dtype, raster.nodata, 1.0, 0.0, "1")
    left, top = MOL
    for crs, side in ((UTM_31N, 600), (UTM_31N, 60)):
        grid = Grid(CRS.from_string(crs), (left, top - 6000, left + 6000, top), side, side)
        pixels = read_band(asset, grid)
        assert not pixels.valid[: side // 2].any()
        assert pixels.valid[side // 2 :].all()
        assert (pixels.stored[side // 2 :] == 7).all()
    mercator = Grid(
        CRS.from_epsg(3857),
        rasterio.warp.transform_bounds(UTM_31N, 3857, left, top - 6000, left + 6000, top),
        64,
        64,
    )
    pixels = read_band(asset, mercator)
    assert set(np.unique(pixels.stored[pixels.valid])) == {7}
    assert not pixels.valid[:28].any()
    (lon, *_), (lat, *_) = rasterio.warp.transform(UTM_31N, "EPSG:4326", [left + 3000], [top - 1000])
    assert not read_pixel(asset, lon, lat).valid.any()


@pytest.mark.parametrize(("dtype", "mark"), [("int64", LEAST), ("int64", GREATEST), ("uint64", 2**64 - 1)])
def test_a_file_left_in_its_archive_is_read_by_its_items_nodata(tmp_path, dtype, mark):
    path = tagged(tmp_path / "a.tif", np.array([[mark, 7]], dtype), str(mark))
    asset = Asset("v", str(path), dtype, mark, 1.0, 0.0, "1")
    left, top = MOL
    grid = Grid(CRS.from_string(UTM_31N), (left, top - 10, left + 20, top), 2, 1)
    assert read_band(asset, grid).valid.tolist() == [[False, True]]
    shifted = Grid(CRS.from_string(UTM_31N), (left + 1, top - 9, left + 19, top - 1), 2, 1)
    assert read_band(asset, shifted).valid.tolist() == [[False, True]]


def test_nodata_that_a_user_gives_marks_as_well(tmp_path):
    raster = inspect_raster(write_geotiff(tmp_path / "a.tif", np.array([[GREATEST, 7]], "int64")))
    marked = marked_beyond_float64(raster, GREATEST)
    ((_, _, kept),) = marked.rows()
    assert kept is not None
    assert (marked.nodata, kept.tolist()) == (None, [[False, True]])
