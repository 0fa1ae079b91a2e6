"""Which rasters are taken, how they are read, and what is said of those that are not."""

import math
from pathlib import Path

import numpy as np
import pytest
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

from ingest.raster import RasterRefusedError, SourceRaster, held_nodata, inspect_raster
from tests.rasters import MOL, ramp, write_geotiff


def read_all(raster: SourceRaster) -> np.ndarray:
    return np.concatenate([pixels for _, pixels, _ in raster.rows()])


def test_a_strip_file_is_described_as_its_tags_say(tmp_path):
    path = write_geotiff(tmp_path / "red.tif", ramp(30, 40), nodata=7, scales=[0.5], offsets=[-3])
    raster = inspect_raster(path)
    assert raster.height_width == (30, 40)
    assert (raster.dtype, raster.nodata, raster.scale_offset) == ("uint16", 7.0, (0.5, -3.0))
    assert raster.bounds == (655360.0, 5685980.0, 655760.0, 5686280.0)
    assert raster.pixel_size_m == 10.0
    assert not raster.has_mask
    assert raster.files == (path,)


def test_rows_come_in_pieces_of_bounded_size(tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.raster.ROWS_BYTES", 16 * 40 * 2)
    values = ramp(50, 40)
    raster = inspect_raster(write_geotiff(tmp_path / "red.tif", values))
    pieces = list(raster.rows())
    assert [(top, len(pixels)) for top, pixels, _ in pieces] == [(0, 16), (16, 16), (32, 16), (48, 2)]
    assert (np.concatenate([pixels for _, pixels, _ in pieces]) == values).all()


def test_south_up_rows_are_turned_without_touching_a_value(tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.raster.ROWS_BYTES", 16 * 40 * 2)
    north_first = ramp(50, 40)
    upward = Affine(10, 0, MOL[0], 0, 10, MOL[1] - 500)
    raster = inspect_raster(write_geotiff(tmp_path / "red.tif", north_first[::-1], transform=upward))
    assert raster.transform == Affine(10, 0, MOL[0], 0, -10, MOL[1])
    assert (read_all(raster) == north_first).all()


def test_south_up_masks_are_turned_with_their_rows(tmp_path):
    kept = ramp(50, 40) > 300
    upward = Affine(10, 0, MOL[0], 0, 10, MOL[1] - 500)
    raster = inspect_raster(
        write_geotiff(tmp_path / "red.tif", ramp(50, 40)[::-1], transform=upward, mask=kept[::-1])
    )
    assert (np.concatenate([mask for _, _, mask in raster.rows()]) == kept).all()


@pytest.mark.parametrize("south_up", [False, True])
def test_mirrored_columns_are_turned_on_request(tmp_path, south_up):
    west_first, kept = ramp(50, 40), ramp(50, 40) % 3 == 0
    turned = np.s_[:: -1 if south_up else 1, ::-1]
    top, down = (MOL[1] - 500, 10) if south_up else (MOL[1], -10)
    westward = Affine(-10, 0, MOL[0] + 400, 0, down, top)
    path = write_geotiff(tmp_path / "r.tif", west_first[turned], transform=westward, mask=kept[turned])
    with pytest.raises(RasterRefusedError, match=r"r\.tif is mirrored.*tilewatch land --flip"):
        inspect_raster(path)
    raster = inspect_raster(path, flip=True)
    assert raster.transform == Affine(10, 0, MOL[0], 0, -10, MOL[1])
    ((_, pixels, valid),) = raster.rows()
    assert np.array_equal(pixels, west_first)
    assert valid is not None
    assert np.array_equal(valid, kept)


@pytest.mark.parametrize(("share", "is_taken"), [(0.9, True), (1.1, False)])
@pytest.mark.parametrize("which", ["b", "d"])
def test_a_rotation_below_a_billionth_of_a_pixel_is_rounding(tmp_path, share, is_taken, which):
    # over 40 columns or 50 rows of 10 m
    term = share * 1e-9 * 10 / (50 if which == "b" else 40)
    b, d = (term, 0.0) if which == "b" else (0.0, term)
    path = write_geotiff(
        tmp_path / "r.tif", ramp(50, 40), transform=Affine(10, b, 655360.0, d, -10, 5686280.0)
    )
    if not is_taken:
        with pytest.raises(RasterRefusedError, match=r"rotated or sheared"):
            inspect_raster(path)
        return
    assert inspect_raster(path).transform == Affine(10, 0, 655360.0, 0, -10, 5686280.0)


def test_one_band_of_several_is_read(tmp_path):
    stack = np.stack([ramp(20, 30), ramp(20, 30, low=5000), ramp(20, 30, low=9000)])
    path = write_geotiff(tmp_path / "stack.tif", stack)
    assert read_all(inspect_raster(path, 2))[0, 0] == 5000
    with pytest.raises(RasterRefusedError, match=r"stack\.tif has no band 4; it has 3"):
        inspect_raster(path, 4)
    with pytest.raises(RasterRefusedError, match=r"no band 0"):
        inspect_raster(path, 0)


def test_an_alpha_band_is_a_mask_of_the_others(tmp_path):
    values = ramp(20, 30, dtype="uint8")
    alpha = np.where(np.arange(30) < 11, 0, 255).astype("uint8") * np.ones((20, 1), dtype="uint8")
    path = write_geotiff(
        tmp_path / "rgba.tif",
        np.stack([values, values, values, alpha]),
        colorinterp=[ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha],
    )
    raster = inspect_raster(path, 2)
    assert raster.has_mask
    ((_, _, kept),) = raster.rows()
    assert kept is not None
    assert (kept == (alpha > 0)).all()


@pytest.mark.parametrize(
    ("nodata", "dtype", "held"),
    [
        (65535.0, "uint16", 65535.0),
        (-9999.0, "uint16", None),
        (0.5, "uint8", None),
        (256.0, "uint8", None),
        (-1e30, "float64", -1e30),
        (1e300, "float32", None),
        (-999.9, "float32", -999.9000244140625),
        (None, "float32", None),
    ],
)
def test_nodata_is_what_the_dtype_holds_of_it(nodata, dtype, held):
    assert held_nodata(nodata, dtype) == held


def test_nan_is_a_nodata_value_of_floats_only():
    assert math.isnan(held_nodata(math.nan, "float32") or 0.0)
    assert held_nodata(math.nan, "uint16") is None


def test_pixels_of_degrees_are_measured_in_meters(tmp_path):
    raster = inspect_raster(
        write_geotiff(
            tmp_path / "a.tif", ramp(4, 4), crs="EPSG:4326", upper_left=(5.0, 51.0), pixel_size=1 / 240
        )
    )
    # 15 arc-seconds along a meridian of a 6378137 m sphere
    assert raster.pixel_size_m == pytest.approx(463.83, abs=0.01)


class TestRefusals:
    def test_rotated(self, tmp_path):
        turned = Affine.translation(*MOL) * Affine.rotation(10) * Affine.scale(10, -10)
        with pytest.raises(RasterRefusedError, match=r"r\.tif is rotated or sheared.*gdalwarp r\.tif OUTPUT"):
            inspect_raster(write_geotiff(tmp_path / "r.tif", ramp(5, 5), transform=turned))

    def test_sheared(self, tmp_path):
        with pytest.raises(RasterRefusedError, match=r"rotated or sheared"):
            inspect_raster(
                write_geotiff(tmp_path / "r.tif", ramp(5, 5), transform=Affine(10, 2, MOL[0], 0, -10, MOL[1]))
            )

    def test_without_a_crs(self, tmp_path):
        with pytest.raises(RasterRefusedError, match=r"no coordinate reference system.*gdal_edit.py -a_srs"):
            inspect_raster(write_geotiff(tmp_path / "r.tif", ramp(5, 5), crs=None))

    @pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
    def test_without_a_place(self, tmp_path):
        path = write_geotiff(tmp_path / "r.tif", ramp(5, 5), transform=Affine.identity())
        with pytest.raises(RasterRefusedError, match=r"does not say where it lies.*-a_ullr"):
            inspect_raster(path)

    def test_placed_by_ground_control_points(self, tmp_path):
        corners = [(0, 0, 5.0, 51.0), (0, 5, 5.1, 51.0), (5, 0, 5.0, 50.9), (5, 5, 5.1, 50.9)]
        gcps = [GroundControlPoint(row=r, col=c, x=x, y=y) for r, c, x, y in corners]
        with pytest.raises(RasterRefusedError, match=r"ground control points only.*gdalwarp -t_srs"):
            inspect_raster(write_geotiff(tmp_path / "r.tif", ramp(5, 5), crs="EPSG:4326", gcps=gcps))

    def test_complex_numbers(self, tmp_path):
        with pytest.raises(RasterRefusedError, match=r"complex numbers.*amplitude"):
            inspect_raster(write_geotiff(tmp_path / "r.tif", np.ones((5, 5), dtype="complex64")))

    def test_no_file(self, tmp_path):
        with pytest.raises(RasterRefusedError, match=r"there is no file r\.tif") as refused:
            inspect_raster(tmp_path / "r.tif")
        assert str(tmp_path) not in str(refused.value)

    @pytest.mark.parametrize("address", ["https://example.org/r.tif", "/vsicurl/https://example.org/r.tif"])
    def test_an_address_in_place_of_a_file(self, address):
        with pytest.raises(RasterRefusedError, match=r"there is no file"):
            inspect_raster(Path(address))

    @pytest.mark.parametrize(
        ("content", "remedy"),
        [
            *((content, "gdal_translate -of GTiff INPUT") for content in (b"", b"hello", b"II*\0\x08\0\0\0")),
            # GDAL reads NASA's tiles upside down or in no place
            (b"\x89HDF\r\n\x1a\n\0\0", "It is HDF5: .* `tilewatch ingest` fetches them"),
        ],
    )
    def test_not_a_raster(self, tmp_path, content, remedy):
        (tmp_path / "r.tif").write_bytes(content)
        with pytest.raises(
            RasterRefusedError, match=rf"r\.tif is not a GeoTIFF that can be read\. .*{remedy}"
        ):
            inspect_raster(tmp_path / "r.tif")

    def test_a_virtual_raster_that_names_another_file(self, tmp_path):
        write_geotiff(tmp_path / "secret.tif", ramp(5, 5))
        (tmp_path / "r.tif").write_text(
            '<VRTDataset rasterXSize="5" rasterYSize="5"><VRTRasterBand dataType="UInt16" band="1">'
            "<SimpleSource><SourceFilename>secret.tif</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
        )
        with pytest.raises(RasterRefusedError, match=r"not a GeoTIFF"):
            inspect_raster(tmp_path / "r.tif")

    def test_truncated(self, tmp_path):
        path = write_geotiff(tmp_path / "r.tif", ramp(600, 600), compress="DEFLATE")
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        with pytest.raises(RasterRefusedError, match=r"r\.tif (cannot be read to its end|is not a GeoTIFF)"):
            read_all(inspect_raster(path))

    def test_truncated_without_compression(self, tmp_path):
        path = write_geotiff(tmp_path / "r.tif", ramp(600, 600))
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        with pytest.raises(RasterRefusedError, match=r"truncated or damaged"):
            read_all(inspect_raster(path))
