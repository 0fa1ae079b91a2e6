"""Parts of TEMPO scans in netCDF-4: where their cells lie, what their numbers are, and what is refused.

Of the SYNTHETIC parts the numbers are those of `tests.ingest.synthetic_scans`; of the real one those that
NASA gives of it in a CSV of its own, and that stand beside the data.
"""

import csv
import os
import shutil

import h5py
import numpy as np
import pytest

from ingest.formats import FORMATS
from ingest.formats.netcdf import unpack_netcdf
from ingest.hdf5.child import Bounds
from ingest.raster import DamagedRasterError, RasterRefusedError
from ingest.tempo import COLUMNS, ROWS, Cells, GridError, Scan, ScanNameError
from tests.ingest.synthetic_scans import CLOUD, COLUMN, FLAG, NAME, SUN, write_scan


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A part as it should be."""
    return write_scan(tmp_path_factory.mktemp("scan") / NAME)


@pytest.fixture(scope="module")
def column(plain, tmp_path_factory):
    """Its column of molecules."""
    return FORMATS["netcdf"](plain, COLUMN, tmp_path_factory.mktemp("unpacked"))


def pixels_of(raster):
    return np.concatenate([rows for _, rows, _ in raster.rows()])


def value_at(raster, lon, lat):
    west, north = raster.transform.c, raster.transform.f
    return pixels_of(raster)[int((north - lat) * 50), int((lon - west) * 50)]


def test_a_part_keeps_its_place_in_the_whole_grid(column):
    assert tuple(column.transform)[:6] == (0.02, 0.0, -77.5, 0.0, -0.02, 41.0)
    assert column.bounds == pytest.approx((-77.5, 38.5, -73.5, 41.0), abs=1e-12)
    assert (column.crs.to_epsg(), column.height_width, column.south_up) == (4326, (125, 200), False)
    assert (column.dtype, column.nodata, column.scale_offset) == ("float64", -1e30, (1.0, 0.0))
    assert column.unit == "molecules/cm2"


@pytest.mark.parametrize(
    ("lon", "lat", "row", "number"),
    [
        (-74.006, 40.7128, 1335, 4699),  # New York: 26.7128 / 0.02 = 1335.64; 93.994 / 0.02 = 4699.7
        (-77.03637, 38.89511, 1244, 4548),  # Washington: 24.89511 / 0.02 = 1244.8; 90.96363 / 0.02 = 4548.2
        (-73.501, 40.999, 1349, 4724),  # the last cell in the north-east
        (-73.501, 38.501, 1225, 4724),  # and in the south-east: unflipped, these two would be exchanged
        (-74.0199, 40.7001, 1335, 4699),  # near the edges of New York's cell: half a cell off, it
        (-74.0001, 40.7199, 1335, 4699),  # would be a neighbour's
    ],
)
def test_each_place_has_the_number_of_its_cell(column, lon, lat, row, number):
    assert value_at(column, lon, lat) == (row * 10_000 + number) * 1e12


def test_every_layer_is_of_its_own_type(plain, tmp_path):
    flag, cloud, sun = (unpack_netcdf(plain, layer, tmp_path / "unpacked") for layer in (FLAG, CLOUD, SUN))
    assert (flag.dtype, flag.nodata, flag.unit) == ("int16", -9999.0, None)
    assert (cloud.dtype, cloud.nodata, cloud.unit) == ("float32", float(np.float32(-1e30)), None)
    assert (sun.dtype, sun.unit) == ("float32", "degree")
    assert pixels_of(flag)[-1, :4].tolist() == [-9999, 2, 0, 0]
    assert pixels_of(cloud)[-1, :4].tolist() == [cloud.nodata, 0.25, 0.75, 0.25]
    assert pixels_of(sun)[-1, 1:4].tolist() == [40, 40, 85]


def test_a_fill_is_one_number_however_it_was_rounded(tmp_path):
    numbers = np.array([[-1e30, np.nan, -1.0000000150474662e30, -9.9e29, -2.7e16, 4.6e15]])
    path = write_scan(tmp_path / NAME, (0, 0, 1, 6), {COLUMN: numbers})
    raster = unpack_netcdf(path, COLUMN, tmp_path / "unpacked")
    assert pixels_of(raster)[0].tolist() == [-1e30] * 4 + [-2.7e16, 4.6e15]
    assert (raster.transform.c, raster.transform.f) == (-168.0, 14.02)


def test_rows_that_begin_in_the_north_stay_as_they_are(plain, column, tmp_path):
    def turned(file):
        for name in ("latitude", COLUMN):
            numbers = file[name][...]
            file[name][...] = numbers[::-1] if numbers.ndim == 1 else numbers[:, ::-1]

    path = write_scan(tmp_path / NAME, change=turned)
    assert np.array_equal(pixels_of(unpack_netcdf(path, COLUMN, tmp_path / "unpacked")), pixels_of(column))


@pytest.mark.parametrize(
    ("box", "part"),
    [
        ((-77.5, 38.5, -73.5, 41.0), (1225, 4525, 125, 200)),
        ((-121.0, 34.0, -119.0, 36.0), (1000, 2350, 100, 100)),
        ((-168.0, 14.0, -13.0, 73.0), (0, 0, ROWS, COLUMNS)),
    ],
)
def test_parts_that_harmony_cuts_out(box, part):
    """Rows and columns that NASA's own code gives for the box, from the middles it leaves."""
    west, south, east, north = box
    rows, columns = round((north - south) / 0.02), round((east - west) / 0.02)
    latitudes = np.float32(south + 0.01 + 0.02 * np.arange(rows)).astype(float)
    longitudes = np.float32(west + 0.01 + 0.02 * np.arange(columns)).astype(float)
    cells = Cells.at(latitudes.tolist(), longitudes.tolist())
    assert (cells.row, cells.column, cells.rows, cells.columns) == part
    assert cells.west_north == (west, north)
    assert cells.south_first


@pytest.mark.parametrize(
    ("latitudes", "longitudes"),
    [
        ([38.50, 38.52], [-77.49, -77.47]),  # edges of cells, not middles
        ([38.51, 38.53], [-77.50, -77.48]),
        ([38.51, 38.55], [-77.49, -77.47]),  # cells of 0.04 degrees, as early files of ozone have
        ([38.51, 38.53], [-77.47, -77.49]),  # east to west
        ([13.99, 14.01], [-77.49, -77.47]),
        ([38.51, 38.53], [-13.01, -12.99]),
    ],
)
def test_coordinates_that_are_not_the_grid_s_are_refused(latitudes, longitudes):
    with pytest.raises(GridError, match=r"which are not middles of cells of 0\.02 degrees"):
        Cells.at(latitudes, longitudes)


@pytest.mark.parametrize(
    "name",
    [
        "TEMPO_HCHO_L2_V04_20250912T210435Z_S012G01.nc",
        "TEMPO_HCHO_L3_V04_20251312T210435Z_S012.nc",
        "TEMPO_PM25_L3_V04_20250912T210435Z_S012.nc",
        "TEMPO_HCHO_L3_V04_20250912T210435Z_S012.h5",
    ],
)
def test_names_that_are_not_of_gridded_scans(name):
    with pytest.raises(ScanNameError, match="one looks like TEMPO_HCHO_L3_V04_"):
        Scan.parse(name)


def test_names_of_gridded_scans():
    scan = Scan.parse("TEMPO_NO2_L3_NRT_V02_20251117T135327Z_S004.nc")
    assert (scan.product, scan.version, scan.number) == ("TEMPO_NO2_L3_NRT", 2, 4)
    assert f"{scan.start:%Y-%m-%dT%H:%M:%S%z}" == "2025-11-17T13:53:27+0000"


def _another_time(file):
    file.attrs["time_coverage_start"] = np.bytes_("2025-09-12T21:04:53Z")  # which `time` says, 18 s late


def _another_product(file):
    file.attrs["shortname"] = np.bytes_("TEMPO_NO2_L3")


def _corners(file):
    for name in ("latitude", "longitude"):
        file[name][...] = file[name][...] - 0.01


def _columns_first(file):
    file[COLUMN].attrs["_Netcdf4Coordinates"] = np.array([0, 2, 1], "int32")


def _without_fill(file):
    del file[COLUMN].attrs["_FillValue"]


def _elsewhere(file):
    del file[COLUMN]
    file[COLUMN] = h5py.ExternalLink("/etc/hostname", "column")


def _group_elsewhere(file):
    del file["product"]
    file["product"] = h5py.SoftLink("/support_data")


def _huge(file):
    del file[COLUMN]
    file.create_dataset(COLUMN, (1, 2_000_000, 2_000_000), "f8", chunks=(1, 1000, 1000))


def _two_times(file):
    numbers = np.concatenate([file[COLUMN][...]] * 2)
    del file[COLUMN]
    file[COLUMN] = numbers


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_another_time, "it covers 2025-09-12T21:04:53Z to .* its name says 2025-09-12T21:04:35Z"),
        (_another_product, "its shortname is TEMPO_NO2_L3"),
        (_corners, r"its latitudes run from 38\.5 to 40\.98 in 125 steps"),
        (_columns_first, "is not stored by latitude and then longitude"),
        (_without_fill, "does not say by _FillValue"),
        (_elsewhere, "vertical_column is an external link"),
        (_group_elsewhere, "product is a soft link"),
        (_huge, r"has the form \(1, 2000000, 2000000\)"),
        (_two_times, r"has the form \(2, 125, 200\)"),
    ],
)
def test_a_file_that_is_not_as_its_product_is_refused(plain, tmp_path, change, said):
    shutil.copy(plain, tmp_path / NAME)
    with h5py.File(tmp_path / NAME, "r+") as file:
        change(file)
    with pytest.raises(RasterRefusedError, match=said) as refused:
        unpack_netcdf(tmp_path / NAME, COLUMN, tmp_path / "unpacked")
    assert not isinstance(refused.value, DamagedRasterError)
    assert list((tmp_path / "unpacked").iterdir()) == []


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (1, "1 is not a variable of"),
        ("product/no2", "has no variable product/no2"),
        ("product", "no variable"),
    ],
)
def test_a_layer_that_the_file_lacks_is_refused(plain, tmp_path, layer, said):
    with pytest.raises(RasterRefusedError, match=said):
        unpack_netcdf(plain, layer, tmp_path)


def test_a_file_that_breaks_off_is_damaged(plain, tmp_path):
    (tmp_path / NAME).write_bytes(plain.read_bytes()[:9000])
    with pytest.raises(DamagedRasterError, match="Download it again"):
        unpack_netcdf(tmp_path / NAME, COLUMN, tmp_path / "unpacked")


def test_memory_is_bounded(plain, tmp_path):
    with pytest.raises(DamagedRasterError, match=r"memory|failed|signal"):
        unpack_netcdf(plain, COLUMN, tmp_path, bounds=Bounds(memory_bytes=2**26))


def test_a_file_under_another_name_is_refused(plain, tmp_path):
    os.link(plain, tmp_path / "air.nc")
    with pytest.raises(RasterRefusedError, match="Of which scan it is, its name says"):
        unpack_netcdf(tmp_path / "air.nc", COLUMN, tmp_path)


@pytest.mark.real_data
def test_the_real_formaldehyde_of_2025_09_12(shared_data, tmp_path):
    """Place, numbers and flags of a part that Harmony cut out; NASA's CSV has the same numbers."""
    folder = shared_data / "nasa/tempo_l3_harmony_subset"
    path = tmp_path / "TEMPO_HCHO_L3_V04_20250912T210435Z_S012.nc"
    path.symlink_to(folder / "TEMPO_HCHO_L3_V04_20250912T210435Z_S012_subsetted.nc4")
    raster = unpack_netcdf(path, COLUMN, tmp_path / "unpacked")
    pixels = pixels_of(raster)
    assert pixels.shape == (28, 107)
    assert (pixels > -1e29).all()
    assert pixels.mean() == pytest.approx(4.628157386945321e15, rel=1e-12)
    assert (pixels.min(), pixels.max()) == (-2.7021658972419172e16, 3.234210102662234e16)
    assert (raster.transform.c, raster.transform.f) == (-86.78, 41.76)  # columns from 4061, rows to 1387
    flags = pixels_of(unpack_netcdf(path, FLAG, tmp_path / "unpacked"))
    assert [int((flags == flag).sum()) for flag in (0, 1, 2)] == [2920, 68, 8]
    cloud = pixels_of(unpack_netcdf(path, CLOUD, tmp_path / "unpacked"))
    assert cloud.max() == np.float32(0.5874973)
    with (folder / f"{path.stem}_subsetted.nc4-1_reformatted.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 2996
    assert value_at(raster, -86.77, 41.21) == float(rows[0]["/product/vertical_column"]) == -842143642194742.0
    for row in rows:
        lon, lat = float(row["longitude"]), float(row["latitude"])
        cell = round((41.75 - lat) / 0.02), round((lon + 86.77) / 0.02)
        assert pixels[cell] == float(row["/product/vertical_column"])
        assert flags[cell] == float(row["/product/main_data_quality_flag"])


@pytest.mark.real_data
def test_the_real_grid(shared_data):
    """All latitudes and longitudes of a whole scan."""
    axes = np.load(shared_data / "nasa/tempo_l3_structure/coordinates.npz")
    found = [
        axes[name].astype(float).tolist()
        for name in sorted(axes)
        if axes[name].ndim == 1 and axes[name].size > 1
    ]
    latitudes, longitudes = sorted(found, key=len)
    assert Cells.at(latitudes, longitudes) == Cells(0, 0, ROWS, COLUMNS)
