"""Black Marble tiles in HDF5: where their cells lie and what their numbers are, and what is not such a tile.

Of the SYNTHETIC tiles the numbers are those of `tests.ingest.synthetic_tiles`; of real ones those that others
have worked out from them (h5py and numpy alone), as they stand beside the data.
"""

import hashlib
import os
import shutil
import zlib

import h5py
import numpy as np
import pytest

from ingest.formats import FORMATS
from ingest.formats.hdf5 import unpack_hdf5
from ingest.hdf5.child import Bounds
from ingest.raster import DamagedRasterError, RasterRefusedError
from tests.ingest.synthetic_tiles import (
    FIELDS,
    NAME,
    NUMBER,
    QUALITY,
    RADIANCE,
    SIDE,
    usual_layers,
    write_tile,
)

C1_NAME = "VNP46A3.A2024001.h21v07.001.2024066123456.h5"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A tile as it should be."""
    return write_tile(tmp_path_factory.mktemp("tile"))


@pytest.fixture(scope="module")
def radiance_alone(tmp_path_factory):
    """A tile of one layer, to be copied and changed."""
    return write_tile(tmp_path_factory.mktemp("radiance"), layers={RADIANCE: usual_layers()[RADIANCE]})


def pixels_of(raster):
    return np.concatenate([rows for _, rows, _ in raster.rows()])


def value_at(raster, lon, lat):
    """The physical value of the cell that holds a place; on its western and northern edge, too."""
    west, north = raster.transform.c, raster.transform.f
    row, column = int((north - lat) * 240 + 1e-9), int((lon - west) * 240 + 1e-9)
    scale, offset = raster.scale_offset
    return pixels_of(raster)[row, column] * scale + offset


def test_each_layer_is_put_where_the_name_says(plain, tmp_path):
    radiance = FORMATS["hdf5"](plain, RADIANCE, tmp_path / "unpacked")
    assert tuple(radiance.transform)[:6] == (1 / 240, 0.0, 30.0, 0.0, -1 / 240, 20.0)
    assert radiance.bounds == (30.0, 10.0, 40.0, 20.0)
    assert (radiance.crs.to_epsg(), radiance.height_width) == (4326, (SIDE, SIDE))
    assert (radiance.dtype, radiance.nodata) == ("float32", float(np.float32(-999.9)))
    assert (radiance.scale_offset, radiance.unit) == ((1.0, 0.0), "nW cm-2 sr-1")
    assert (radiance.path, radiance.files, radiance.layer) == (plain, (plain,), RADIANCE)
    assert np.array_equal(pixels_of(radiance), usual_layers()[RADIANCE])
    number = FORMATS["hdf5"](plain, NUMBER, tmp_path / "unpacked")
    assert (number.dtype, number.nodata, number.unit) == ("uint16", 65535.0, "1")
    quality = FORMATS["hdf5"](plain, QUALITY, tmp_path / "unpacked")
    assert (quality.dtype, quality.nodata) == ("uint8", 255.0)


def test_a_layer_is_read_once(plain, tmp_path):
    first = FORMATS["hdf5"](plain, NUMBER, tmp_path / "unpacked")
    written = first.pixels_path.stat().st_mtime_ns
    assert FORMATS["hdf5"](plain, NUMBER, tmp_path / "unpacked") == first
    assert first.pixels_path.stat().st_mtime_ns == written
    assert sorted(path.suffix for path in (tmp_path / "unpacked").iterdir()) == [".json", ".tif"]


def test_rows_run_from_north_to_south(plain, tmp_path):
    """A file read upside down would have its last cell in the north-east."""
    radiance = FORMATS["hdf5"](plain, RADIANCE, tmp_path)
    assert value_at(radiance, 40 - 1 / 480, 10 + 1 / 480) == np.float32(12.5)
    assert value_at(radiance, 40 - 1 / 480, 20 - 1 / 480) == np.float32(-999.9)


def test_lat_and_lon_are_corners_of_cells(plain, tmp_path):
    """Cell (100, 200) is 30.83333 to 30.8375 E and 19.57916 to 19.58333 N: half a cell less in either

    direction if the numbers of lat and lon were taken for its middle.
    """
    radiance = FORMATS["hdf5"](plain, RADIANCE, tmp_path)
    west, north = 30 + 200 / 240, 20 - 100 / 240
    assert value_at(radiance, west + 0.9 / 240, north - 0.9 / 240) == 40
    assert value_at(radiance, west + 0.1 / 240, north - 0.1 / 240) == 40
    assert value_at(radiance, west - 0.1 / 240, north - 0.5 / 240) == 2.5
    assert value_at(radiance, west + 0.5 / 240, north + 0.1 / 240) == 2.5


def test_the_numbers_of_collection_1_are_steps_of_a_tenth(tmp_path):
    path = write_tile(tmp_path, C1_NAME)
    radiance = FORMATS["hdf5"](path, RADIANCE, tmp_path / "unpacked")
    assert (radiance.dtype, radiance.nodata, radiance.scale_offset) == ("uint16", 65535.0, (0.1, 0.0))
    assert pixels_of(radiance)[100, 200] == 400
    assert value_at(radiance, 30.8354, 19.58) == pytest.approx(40.0, abs=1e-9)


def test_a_fill_is_one_number_however_it_was_rounded(tmp_path):
    radiance = usual_layers()[RADIANCE]
    radiance[0, :4] = -999.9, -999.90002, -999.0, -9999
    path = write_tile(tmp_path, layers={RADIANCE: radiance})
    raster = FORMATS["hdf5"](path, RADIANCE, tmp_path / "unpacked")
    assert set(pixels_of(raster)[0]) == {np.float32(-999.9)}


@pytest.mark.parametrize(
    ("name", "read_as", "said"),
    [
        (C1_NAME, NAME, "holds uint16, where the product has float32"),
        (NAME, C1_NAME, "holds float32, where the product has uint16"),
    ],
)
def test_one_collection_is_not_read_as_the_other(tmp_path, name, read_as, said):
    def without_attributes(file):
        for attribute in list(file.attrs):
            del file.attrs[attribute]

    path = write_tile(tmp_path, name, change=without_attributes)
    with pytest.raises(RasterRefusedError, match=said):
        unpack_hdf5(path.rename(tmp_path / read_as), RADIANCE, tmp_path / "unpacked")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("VNP46A3.A2024001.h21v08.002.2024066123456.h5", "VerticalTileNumber is 07, and its name says 8"),
        (
            "VNP46A3.A2024001.h21v07.001.2024066123456.h5",
            "holds float32|VersionID is 002, and its name says 1",
        ),
        ("VJ146A3.A2024001.h21v07.002.2024066123456.h5", "ShortName is VNP46A3, and its name says VJ146A3"),
        ("lights.h5", "not a valid name of a Black Marble tile"),
        ("VNP46A3.A2024032.h36v07.002.2024066123456.h5", "not a valid name"),
        ("VNP46A3.A2024002.h21v07.002.2024066123456.h5", "not a valid name"),  # the second day of a month
        ("VNP46A3.A2024400.h21v07.002.2024066123456.h5", "not a valid name"),
    ],
)
def test_a_file_under_another_name_is_refused(plain, tmp_path, name, said):
    os.link(plain, tmp_path / name)
    with pytest.raises(RasterRefusedError, match=said):
        unpack_hdf5(tmp_path / name, RADIANCE, tmp_path / "unpacked")


@pytest.mark.parametrize("layer", ["NearNadir_Composite", "lat", "../lat", "DNB_BRDF-Corrected_NTL", 1])
def test_a_layer_that_the_product_lacks_is_refused(plain, tmp_path, layer):
    with pytest.raises(RasterRefusedError, match="is not a layer of VNP46A3"):
        unpack_hdf5(plain, layer, tmp_path)


def test_a_layer_that_the_file_lacks_is_refused(plain, tmp_path):
    with pytest.raises(RasterRefusedError, match="not one of its grids has the layer Land_Water_Mask"):
        unpack_hdf5(plain, "Land_Water_Mask", tmp_path)


def _turned(file):
    fields = file[FIELDS]
    turned = fields["lat"][...][::-1]
    del fields["lat"]
    fields["lat"] = turned


def _half_a_tile_away(file):
    file[FIELDS]["lon"][...] = file[FIELDS]["lon"][...] + 5


def _other_corners(file):
    text = file["HDFEOS INFORMATION/StructMetadata.0"][()].replace(b"(30000000", b"(40000000")
    del file["HDFEOS INFORMATION/StructMetadata.0"]
    file["HDFEOS INFORMATION/StructMetadata.0"] = np.bytes_(text)


def _without_fill(file):
    del file[FIELDS][RADIANCE].attrs["_FillValue"]


def _swollen(file):
    fields = file[FIELDS]
    latitudes = fields["lat"][...]
    del fields["lat"]
    axis = fields.create_dataset("lat", data=latitudes, chunks=latitudes.shape, compression="gzip")
    axis.id.write_direct_chunk((0,), zlib.compress(latitudes.tobytes() + bytes(8)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_swollen, "a piece of lat unpacks to more than its 19,200 bytes"),
        (_turned, "latitudes run from 10.0042 to 20"),
        (_half_a_tile_away, "longitudes run from 35 to"),
        (_other_corners, r"StructMetadata\.0 places"),
        (_without_fill, "does not say by _FillValue"),
    ],
)
def test_a_file_that_says_something_else_than_its_name_is_refused(radiance_alone, tmp_path, change, said):
    shutil.copy(radiance_alone, tmp_path / NAME)
    with h5py.File(tmp_path / NAME, "r+") as file:
        change(file)
    with pytest.raises(RasterRefusedError, match=said) as refused:
        unpack_hdf5(tmp_path / NAME, RADIANCE, tmp_path / "unpacked")
    assert not isinstance(refused.value, DamagedRasterError)
    assert list((tmp_path / "unpacked").iterdir()) == []


def test_what_is_no_product_and_what_is_damaged_are_told_apart(radiance_alone, tmp_path):
    shutil.copy(radiance_alone, tmp_path / NAME)
    with h5py.File(tmp_path / NAME, "r+") as file:
        del file[FIELDS][RADIANCE]
        file[FIELDS][RADIANCE] = h5py.ExternalLink("/etc/hostname", "radiance")
    with pytest.raises(RasterRefusedError, match="Snow_Free is an external link") as refused:
        unpack_hdf5(tmp_path / NAME, RADIANCE, tmp_path / "unpacked")
    assert not isinstance(refused.value, DamagedRasterError)
    (tmp_path / NAME).write_bytes(radiance_alone.read_bytes()[:9000])
    with pytest.raises(DamagedRasterError, match="Download it again"):
        unpack_hdf5(tmp_path / NAME, RADIANCE, tmp_path / "unpacked")


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        (Bounds(memory_bytes=2**26), "memory|failed|signal"),
        (Bounds(wall_s=0.05), "is not read within 0 s"),
    ],
)
def test_memory_and_time_are_bounded(plain, tmp_path, bounds, said):
    with pytest.raises(DamagedRasterError, match=said):
        unpack_hdf5(plain, RADIANCE, tmp_path / "unpacked", bounds=bounds)
    assert list((tmp_path / "unpacked").iterdir()) == []


REAL = {
    "2023-02 h21v06": ("2023-02-2810784.h5", "A2023032.h21v06", 1125750, 31795721),
    "2023-02 h21v07": ("2023-02-2836590.h5", "A2023032.h21v07", 404558, 3039301),
    "2023-02 h20v08": ("2023-02-2840009.h5", "A2023032.h20v08", 6520, 1555760),
    "2023-02 h21v08": ("2023-02-285549.h5", "A2023032.h21v08", 20772, 3604939),
    "2024-02 h21v06": ("2024-02-295060.h5", "A2024032.h21v06", 1126219, 32032249),
    "2024-02 h21v07": ("2024-02-2954158.h5", "A2024032.h21v07", 406579, 2205697),
    "2024-02 h20v08": ("2024-02-2953611.h5", "A2024032.h20v08", 1397, 2555465),
    "2024-02 h21v08": ("2024-02-2927482.h5", "A2024032.h21v08", 9262, 3301523),
}


@pytest.mark.real_data
@pytest.mark.parametrize("which", REAL)
def test_real_tiles(shared_data, tmp_path, which):
    """Fills, sums, corners, the floor of 0.5 and the cap of 3000 of real tiles of Collection 1."""
    file, place, fills, total = REAL[which]
    path = tmp_path / f"VNP46A3.{place}.001.2024100000000.h5"
    path.symlink_to(shared_data / "nasa/vnp46a3_c1_real" / file)
    raster = FORMATS["hdf5"](path, RADIANCE, tmp_path / "unpacked")
    pixels = pixels_of(raster)
    held = pixels[pixels != raster.nodata]
    assert (pixels.size - held.size, int(held.sum(dtype="int64"))) == (fills, total)
    assert (raster.dtype, raster.nodata, raster.scale_offset) == ("uint16", 65535.0, (0.1, 0.0))
    assert raster.unit == "nW cm-2 sr-1"
    with h5py.File(path) as read:
        fields = read[next(iter(_fields_of(read)))]
        stored = fields[RADIANCE][...]
        assert np.array_equal(pixels, stored)
        assert raster.bounds[3] == pytest.approx(fields["lat"][0], abs=1e-9)
        assert raster.bounds[0] == pytest.approx(fields["lon"][0], abs=1e-9)
    assert held[held > 0].min() >= 5
    assert held.max() <= 30000


def _fields_of(file):
    found = []
    file.visititems(lambda name, it: found.append(name) if name.endswith("Data Fields") else None)
    return found


@pytest.mark.real_data
def test_the_real_khartoum(shared_data, tmp_path):
    """The box 32.4, 15.4, 32.7, 15.8: 110212.5 nW in February 2023; upside down it would be dark, 0.0365 on

    average.
    """
    path = tmp_path / "VNP46A3.A2023032.h21v07.001.2024100000000.h5"
    path.symlink_to(shared_data / "nasa/vnp46a3_c1_real" / REAL["2023-02 h21v07"][0])
    raster = FORMATS["hdf5"](path, RADIANCE, tmp_path / "unpacked")
    box = pixels_of(raster)[1008:1104, 576:648] * 0.1
    left, top = raster.transform * (576, 1008)
    assert (left, top) == (pytest.approx(32.4, abs=1e-9), pytest.approx(15.8, abs=1e-9))
    assert box.sum() == pytest.approx(110212.5, abs=1e-6)
    assert box.mean() == pytest.approx(15.9451, abs=5e-5)


def test_the_file_is_left_as_it_is(plain, tmp_path):
    before = hashlib.sha256(plain.read_bytes()).hexdigest()
    FORMATS["hdf5"](plain, QUALITY, tmp_path)
    assert hashlib.sha256(plain.read_bytes()).hexdigest() == before
