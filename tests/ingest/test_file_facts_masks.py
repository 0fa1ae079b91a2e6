"""Every mask a file can have: what is landed is missing where GDAL and rio-tiler say the file is."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.enums import ColorInterp
from rio_tiler.io import Reader

from ingest.clipping import clip_file
from ingest.cog import write_cog
from ingest.encoding import Encoding, PerBand, as_told, decide_nodata
from ingest.file_facts import alpha_of
from ingest.raster import inspect_raster
from mosaics.bbox import Bbox
from mosaics.collection import Band
from tests.rasters import write_geotiff

SIDE = 16
DEGREES: dict[str, Any] = {"crs": "EPSG:4326", "upper_left": (10.0, 50.0), "pixel_size": 0.1}
RGB = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
OPAQUE = {"uint8": 255, "int8": 127, "uint16": 65535, "int16": 32767}
"""Alpha of `gdalwarp -dstalpha` by type; 255 in others."""


def numbers(rng, dtype, bands=1):
    """Few different numbers, so that each is nodata somewhere; 0 and 1 among them."""
    return rng.integers(0, 4, (bands, SIDE, SIDE)).astype(dtype)


def band(dtype, nodata=None, *, categorical=False):
    return Band(name="red", title="Red", dtype=dtype, nodata=nodata, categorical=categorical)


def landed(path, index=1, *, described=None, told=None):
    """Land a band, and return its numbers and which of them are valid, by GDAL."""
    raster = inspect_raster(path, index, side_cars=True)
    described, told = described or band(raster.dtype), told or PerBand()
    nodata = decide_nodata(raster, described, told)
    target = path.with_suffix(".landed.tif")
    write_cog(as_told(raster, described, told), target, encoding=Encoding(nodata, 1.0, 0.0, "1", False, ""))
    with rasterio.open(target) as dataset:
        assert dataset.count == 1
        return dataset.read(1), dataset.read_masks(1) > 0


def check(path, index, wanted, **options):
    """Look at what is landed of a file, and of its part under a box."""
    stored, valid = landed(path, index, **options)
    with rasterio.open(path) as dataset:
        values = dataset.read(index)
    wanted = wanted & ~np.isnan(values.astype("float64"))
    assert np.array_equal(valid, wanted)
    assert (stored[valid] == values[valid]).all()
    if path.with_name(f"{path.name}.msk").is_file():
        return  # what is clipped comes from an archive, with nothing beside it
    part = path.with_suffix(".part.tif")
    clip_file(path, Bbox(10.21, 48.71, 10.99, 49.69), part)
    _, valid = landed(part, index, **options)
    assert np.array_equal(valid, wanted[3:13, 2:10])


def recolour(path, colours):
    """Set what bands are shown as; GDAL keeps it of some files only if they are there already."""
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = colours


@settings(max_examples=25, deadline=None)
@given(
    dtype=st.sampled_from(["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]),
    kind=st.sampled_from(["nothing", "nodata", "nan", "alpha", "internal", "side-car"]),
    bands=st.integers(1, 5),
    is_picture=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_any_file_is_missing_where_its_dataset_mask_says(dtype, kind, bands, is_picture, seed):
    rng = np.random.default_rng(seed)
    values = numbers(rng, dtype, bands + (kind == "alpha"))
    is_picture = is_picture and bands >= 3
    first = RGB if is_picture else (ColorInterp.gray,)
    shown = [*first, *[ColorInterp.undefined] * (len(values) - len(first))]
    if kind == "alpha":
        values[-1], shown[-1] = OPAQUE.get(dtype, 255) * (values[-1] > 1), ColorInterp.alpha
    if kind == "nan" and dtype.startswith("f"):
        values[values == 3] = np.nan
    nodata = {"nodata": 1, "nan": np.nan if dtype.startswith("f") else None}.get(kind)
    with TemporaryDirectory() as folder:
        path = write_geotiff(Path(folder, "a.tif"), values, nodata=nodata, **DEGREES)
        recolour(path, shown)
        if kind in {"internal", "side-car"}:
            with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=kind == "internal"), rasterio.open(path, "r+") as file:
                file.write_mask(values[0] > 1)
        with rasterio.open(path) as file, Reader(str(path)) as reader:
            if kind in {"internal", "side-car"}:
                wanted = file.dataset_mask() > 0
            elif kind == "alpha" or is_picture:
                wanted = reader.read().mask > 0
            else:
                wanted = file.read_masks(1) > 0
        check(path, 1, wanted)


@pytest.mark.parametrize(
    ("dtype", "tagged", "side_car"),
    [("uint8", True, False), ("uint16", False, False), ("int16", True, True), ("float32", True, False)],
)
def test_a_mask_of_the_file_is_all_there_is(tmp_path, dtype, tagged, side_car):
    rng = np.random.default_rng(1)
    values, mask = numbers(rng, dtype, bands=2), rng.random((SIDE, SIDE)) < 0.6
    nodata = 0 if tagged else None
    path = write_geotiff(
        tmp_path / "a.tif", values, nodata=nodata, **DEGREES, mask=None if side_car else mask
    )
    if side_car:
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as dataset:
            dataset.write_mask(mask)
    assert (tmp_path / "a.tif.msk").is_file() == side_car
    with rasterio.open(path) as dataset:
        assert np.array_equal(dataset.dataset_mask() > 0, mask)
    check(path, 2, mask, described=band(dtype, nodata=0))


@pytest.mark.parametrize(
    ("dtype", "bands"),
    [("uint8", 2), ("uint8", 4), ("uint16", 5), ("uint16", 10), ("int16", 1), ("float32", 1)],
)
def test_an_alpha_band_counts_beside_any_bands_and_in_any_type(tmp_path, dtype, bands):
    rng = np.random.default_rng(2)
    values = numbers(rng, dtype, bands + 1)
    values[-1] = rng.choice([0, 1, OPAQUE.get(dtype, 255)], (SIDE, SIDE))
    path = write_geotiff(tmp_path / "a.tif", values, **DEGREES)
    shown = RGB if bands >= 3 else (ColorInterp.gray,)
    recolour(path, (*shown, *[ColorInterp.undefined] * (bands - len(shown)), ColorInterp.alpha))
    with Reader(str(path)) as reader:
        wanted = reader.read().mask > 0
    assert np.array_equal(wanted, values[-1] > 0)
    check(path, 1, wanted, described=band(dtype, nodata=0))
    check(path, bands, wanted)


@pytest.mark.parametrize(("dtype", "nodata"), [("int32", 2), ("int8", 100)])
def test_nodata_is_of_the_band_itself(tmp_path, dtype, nodata):
    rng = np.random.default_rng(3)
    values = numbers(rng, dtype, bands=2)
    path = write_geotiff(tmp_path / "a.tif", values, nodata=nodata, photometric="minisblack", **DEGREES)
    with rasterio.open(path) as dataset:
        wanted = dataset.read_masks(2) > 0
    check(path, 2, wanted)


@pytest.mark.parametrize(("dtype", "nodata"), [("float32", None), ("float64", np.nan), ("float32", 2.0)])
def test_nan_is_never_a_value(tmp_path, dtype, nodata):
    rng = np.random.default_rng(4)
    values = numbers(rng, dtype)
    values[rng.random(values.shape) < 0.3] = np.nan
    path = write_geotiff(tmp_path / "a.tif", values, nodata=nodata, **DEGREES)
    wanted = ~np.isnan(values[0]) & (values[0] != 2 if nodata == 2 else True)
    check(path, 1, wanted)
    check(path, 1, ~np.isnan(values[0]), told=PerBand(without=frozenset({None})))


@pytest.mark.parametrize(("dtype", "others"), [("uint8", 0), ("uint8", 1), ("uint16", 3), ("float32", 0)])
def test_a_pixel_of_a_picture_is_missing_where_all_bands_are(tmp_path, dtype, others):
    rng = np.random.default_rng(5)
    values = numbers(rng, dtype, 3 + others) // 2  # halves are 0
    path = write_geotiff(tmp_path / "a.tif", values, nodata=0, **DEGREES)
    recolour(path, (*RGB, *[ColorInterp.undefined] * others))
    with Reader(str(path)) as reader:
        wanted = reader.read().mask > 0
    with rasterio.open(
        path
    ) as dataset:  # four bands with red first are red, green, blue and alpha to rasterio
        assert others == 1 or np.array_equal(dataset.dataset_mask() > 0, wanted)
    assert 0 < np.count_nonzero(~wanted) < np.count_nonzero(values[0] == 0)
    check(path, 3, wanted, told=PerBand(3.0))


def test_a_band_of_a_picture_is_looked_at_by_itself_where_something_says_so(tmp_path):
    values = numbers(np.random.default_rng(5), "uint8", 3) // 2
    path = write_geotiff(tmp_path / "a.tif", values, nodata=0, **DEGREES)
    check(path, 2, values[1] != 0, described=band("uint8", nodata=0))
    check(path, 2, values[1] != 0, described=band("uint8", categorical=True))
    check(path, 2, values[1] != 0, told=PerBand(None, {"red": 0.0}))
    check(path, 2, np.ones((SIDE, SIDE), bool), told=PerBand(without=frozenset({"red"})))


def test_a_number_given_for_all_bands_of_a_picture_is_that_of_all(tmp_path):
    values = numbers(np.random.default_rng(6), "uint8", 3) // 2
    path = write_geotiff(tmp_path / "a.tif", values, **DEGREES)
    check(path, 1, (values != 0).any(axis=0), told=PerBand(0.0))
    check(path, 1, values[0] != 0, told=PerBand(None, {"red": 0.0}))
    check(path, 1, np.ones((SIDE, SIDE), bool))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_beside_an_alpha_band_nodata_counts_as_in_a_warp_by_gdal(tmp_path, dtype):
    rng = np.random.default_rng(7)
    values = numbers(rng, dtype, 2)
    values[1] = rng.choice([0, 255], (SIDE, SIDE))
    path = write_geotiff(tmp_path / "a.tif", values, nodata=2, **DEGREES)
    recolour(path, (ColorInterp.gray, ColorInterp.alpha))
    check(path, 1, (values[0] != 2) & (values[1] > 0))


def test_an_alpha_band_that_is_landed_has_no_mask(tmp_path):
    values = numbers(np.random.default_rng(8), "int16", 3)
    path = write_geotiff(tmp_path / "a.tif", values, **DEGREES)
    recolour(path, (ColorInterp.gray, ColorInterp.undefined, ColorInterp.alpha))
    with rasterio.open(path) as dataset:
        assert [alpha_of(dataset, index) for index in dataset.indexes] == [3, 3, None]
    check(path, 3, np.ones((SIDE, SIDE), bool))


def test_nodata_values_of_a_picture_are_gdals_mask(tmp_path):
    values = numbers(np.random.default_rng(9), "uint8", 3) // 2
    path = write_geotiff(tmp_path / "a.tif", values, **DEGREES)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(NODATA_VALUES="0 0 0")
    with rasterio.open(path) as dataset:
        wanted = dataset.dataset_mask() > 0
    assert np.array_equal(wanted, (values != 0).any(axis=0))
    check(path, 2, wanted, described=band("uint8", nodata=0))
