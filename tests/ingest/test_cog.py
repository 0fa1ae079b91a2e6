"""The COG of a raster: valid, on the same grid, with the same values, missing where the source is missing."""

import math

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from rio_cogeo.cogeo import cog_validate

from ingest.cog import InvalidCogError, write_cog
from ingest.encoding import Encoding
from ingest.raster import RasterRefusedError, inspect_raster
from tests.rasters import MOL, ramp, write_geotiff


def encoding(nodata=None, *, categorical=False):
    return Encoding(nodata, 0.0001, -0.1, "1", categorical, "")


def convert(tmp_path, values, *, nodata=None, categorical=False, **geotiff):
    raster = inspect_raster(write_geotiff(tmp_path / "source.tif", values, **geotiff))
    target = tmp_path / "landed.tif"
    write_cog(raster, target, encoding=encoding(nodata, categorical=categorical), description="red")
    return target


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "uint64", "float32", "float64"]
)
def test_every_value_of_every_dtype_stays(tmp_path, dtype):
    values = (
        ramp(700, 600, dtype="float64") / 7 if dtype.startswith("f") else ramp(700, 600, dtype="int64") % 100
    ).astype(dtype)
    target = convert(tmp_path, values)
    with rasterio.open(target) as landed:
        assert landed.dtypes == (dtype,)
        assert (landed.read(1) == values).all()
        assert landed.transform == Affine(10, 0, MOL[0], 0, -10, MOL[1])
        assert landed.crs == "EPSG:32631"
        assert landed.block_shapes == [(256, 256)]
        assert landed.overviews(1) == [2, 4]
        assert (landed.scales, landed.offsets, landed.descriptions) == ((0.0001,), (-0.1,), ("red",))
        assert landed.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == ("3" if dtype.startswith("f") else "2")
        assert landed.profile["compress"] == "deflate"
    assert cog_validate(target, strict=True, quiet=True) == (True, [], [])


def test_overviews_reach_down_to_one_block(tmp_path):
    with rasterio.open(convert(tmp_path, np.ones((300, 4200), dtype="uint8"))) as landed:
        assert landed.overviews(1) == [2, 4, 8, 16, 32]  # 4200 / 32 = 131.25 px, one block


def test_a_raster_smaller_than_a_block_has_no_overviews(tmp_path):
    target = convert(tmp_path, ramp(3, 5))
    with rasterio.open(target) as landed:
        assert landed.overviews(1) == []
        assert landed.read(1).tolist() == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12, 13, 14, 15]]


@pytest.mark.parametrize("nodata", [0.0, 65535.0])
def test_overviews_average_what_is_valid_only(tmp_path, nodata):
    values = np.full((600, 600), 1000, dtype="uint16")
    values[::2, ::2] = nodata
    values[:100, :100] = nodata
    with rasterio.open(convert(tmp_path, values, nodata=nodata), overview_level=0) as overview:
        pixels = overview.read(1)
    assert (pixels[:50, :50] == nodata).all()
    assert (pixels[50:, 50:] == 1000).all()


def test_overviews_of_codes_hold_codes_only(tmp_path):
    values = np.full((600, 600), 4, dtype="uint8")
    values[:, 300:] = 9
    values[::7, ::5] = 11
    with rasterio.open(convert(tmp_path, values, nodata=0, categorical=True), overview_level=1) as overview:
        assert set(np.unique(overview.read(1))) <= {4, 9, 11}
        assert overview.read(1)[75, 0] == 4
        assert overview.read(1)[75, -1] == 9


@pytest.mark.parametrize("nodata", [math.nan, -1e30, -999.9])
def test_one_missing_float_does_not_void_the_overviews_above_it(tmp_path, nodata):
    values = np.full((600, 600), 2.5, dtype="float32")
    values[300, 300] = np.nan
    values[10, 10] = nodata
    target = convert(tmp_path, values, nodata=float(np.float32(nodata)))
    with rasterio.open(target) as landed:
        mask = landed.read_masks(1)
        assert (mask[300, 300], mask[10, 10], mask[0, 0]) == (0, 0, 255)
        assert (landed.read(1)[mask > 0] == 2.5).all()
    with rasterio.open(target, overview_level=0) as overview:
        assert (overview.read(1) == 2.5).all()


def test_a_mask_is_kept_where_there_is_no_nodata(tmp_path):
    kept = ramp(600, 500) % 3 != 0
    values = np.full((600, 500), 80, dtype="uint8")
    values[~kept] = 240
    target = convert(tmp_path, values, mask=kept)
    with rasterio.open(target) as landed:
        assert landed.nodata is None
        assert landed.count == 1
        assert ((landed.read_masks(1) > 0) == kept).all()
        assert (landed.read(1) == values).all()
    with rasterio.open(target, overview_level=0) as overview:
        assert (overview.read(1) == 80).all()
    assert cog_validate(target, strict=True, quiet=True) == (True, [], [])


def test_a_mask_becomes_nodata_where_there_is_one(tmp_path):
    kept = ramp(600, 500) % 3 != 0
    values = ramp(600, 500)
    with rasterio.open(convert(tmp_path, values, mask=kept, nodata=0)) as landed:
        assert (landed.read(1) == np.where(kept, values, 0)).all()
        assert ((landed.read_masks(1) > 0) == kept).all()


def test_the_same_raster_gives_the_same_bytes(tmp_path):
    first = convert(tmp_path, ramp(700, 900, dtype="float32"), nodata=-999.0).read_bytes()
    assert convert(tmp_path, ramp(700, 900, dtype="float32"), nodata=-999.0).read_bytes() == first


def test_a_damaged_source_leaves_no_file_behind(tmp_path):
    path = write_geotiff(tmp_path / "source.tif", ramp(600, 600))
    raster = inspect_raster(path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(RasterRefusedError, match=r"truncated"):
        write_cog(raster, tmp_path / "landed.tif", encoding=encoding())
    assert sorted(file.name for file in tmp_path.iterdir()) == ["source.tif"]


def test_a_folder_that_takes_no_file_is_named(tmp_path):
    raster = inspect_raster(write_geotiff(tmp_path / "source.tif", ramp(60, 60)))
    with pytest.raises(InvalidCogError, match=r"the COG of source\.tif cannot be written"):
        write_cog(raster, tmp_path / "gone" / "landed.tif", encoding=encoding())


def test_progress_counts_every_pixel_twice(tmp_path):
    counted: list[int] = []
    raster = inspect_raster(write_geotiff(tmp_path / "source.tif", ramp(60, 50)))
    write_cog(raster, tmp_path / "landed.tif", encoding=encoding(), progress=counted.append)
    assert sum(counted) == 2 * 60 * 50
