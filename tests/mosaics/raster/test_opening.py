"""Files are opened as GeoTIFFs that stand by themselves, whatever they are called and lies beside."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.errors import RasterioIOError

from mosaics.raster.handles import HandlePool
from mosaics.raster.opening import NotGeoTiffError, open_raster, open_with_side_cars
from mosaics.raster.reading import AssetReadError, read_pixel
from mosaics.scene import Asset
from tests.rasters import write_cog, write_geotiff

VRT = """<VRTDataset rasterXSize="64" rasterYSize="64">
  <SRS>EPSG:32631</SRS><GeoTransform>655360, 10, 0, 5686280, 0, -10</GeoTransform>
  <VRTRasterBand dataType="Byte" band="1"><SimpleSource>
    <SourceFilename>{path}</SourceFilename><SourceBand>1</SourceBand>
  </SimpleSource></VRTRasterBand></VRTDataset>"""


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A file of this machine that nothing else may lead to."""
    return write_geotiff(tmp_path / "other.tif", np.full((32, 32), 77, np.uint8), pixel_size=20)


def of_kind(kind: str, target: Path, other: Path) -> Path:
    """Write something else under the name of a GeoTIFF."""
    values = np.full((64, 64), 1, np.uint8)
    if kind == "vrt":
        target.write_text(VRT.format(path=other))
    elif kind == "vrt of an address":
        target.write_text(VRT.format(path="/vsicurl/http://127.0.0.1:1/a.tif"))
    elif kind in {"overviews", "geolocation"}:
        write_geotiff(target, values)
        with rasterio.open(target, "r+") as dataset:
            told = {"OVERVIEW_FILE": str(other)} if kind == "overviews" else {"X_DATASET": str(other)}
            dataset.update_tags(ns=kind.upper(), **told)
    else:
        with rasterio.open(target, "w", driver=kind, width=64, height=64, count=1, dtype="uint8") as dataset:
            dataset.write(values, 1)
    return target


KINDS = ("vrt", "vrt of an address", "overviews", "geolocation", "PNG", "JPEG", "ENVI")


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_a_geotiff_by_itself_is_refused(kind: str, tmp_path: Path, other: Path) -> None:
    path = of_kind(kind, tmp_path / "a.tif", other)
    with pytest.raises(NotGeoTiffError, match=r"a\.tif (cannot be opened as a GeoTIFF|names another file)"):
        open_raster(path)
    with pytest.raises(AssetReadError):
        read_pixel(Asset("red", str(path), "uint8", None, 1.0, 0.0, "1"), 5.23, 51.31)


def test_a_file_that_has_become_a_vrt_is_refused(tmp_path: Path, other: Path) -> None:
    path = write_cog(tmp_path / "a.tif", np.full((64, 64), 1, np.uint8))
    pool = HandlePool()
    assert pool.handle(str(path)).dataset(0).read(1)[0, 0] == 1
    pool.close()
    of_kind("vrt", path, other)
    with pytest.raises(NotGeoTiffError):
        pool.handle(str(path))


@pytest.mark.parametrize(
    "path",
    [
        "GTIFF_DIR:1:{other}",
        "GTIFF_RAW:{other}",
        "file://{other}",
        "vrt://{other}",
        "zip://{other}",
        "/vsistdin/",
        "/vsizip/{other}",
        "/vsisubfile/0_100,{other}",
        "/vsicurl/http://127.0.0.1/a.tif",
        "/vsicurl/http://else.example/a.tif",
        "/vsicurl/file://{other}",
        "/vsicurl/ftp://else.example/a.tif",
        "/vsicurl/https://user:word@else.example/a.tif",
        "/vsicurl?list_dir=no&url=https%3A%2F%2Felse.example%2Fa.tif",
        "/vsicurl_streaming/https://else.example/a.tif",
        "other.tif",
    ],
)
def test_no_path_names_anything_but_a_file(path: str, other: Path) -> None:
    with pytest.raises(NotGeoTiffError):
        open_raster(path.format(other=other))


def test_nothing_beside_a_file_is_read_with_it(tmp_path: Path, other: Path) -> None:
    path = write_geotiff(tmp_path / "a.tif", np.full((64, 64), 5, np.uint8))
    Path(f"{path}.aux.xml").write_text(
        f'<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{other}</MDI></Metadata>'
        '<PAMRasterBand band="1"><NoDataValue>5</NoDataValue></PAMRasterBand></PAMDataset>'
    )
    mask = write_geotiff(tmp_path / "a.tif.msk", np.zeros((64, 64), np.uint8))
    with rasterio.open(mask, "r+") as dataset:
        dataset.update_tags(INTERNAL_MASK_FLAGS_1="2")
    write_geotiff(tmp_path / "a.tif.ovr", np.full((32, 32), 77, np.uint8), pixel_size=20)
    with open_raster(path) as alone:
        found = (alone.files, alone.nodata, alone.overviews(1), int(alone.read_masks(1).min()))
    assert found == ([str(path)], None, [], 255)
    with open_with_side_cars(path) as user_s:
        assert {Path(name).name for name in user_s.files} >= {"a.tif", "a.tif.msk", "a.tif.aux.xml"}


def test_a_file_that_is_away_is_an_error_of_reading(tmp_path: Path) -> None:
    with pytest.raises(RasterioIOError, match=r"away\.tif cannot be opened as a GeoTIFF; it is missing"):
        open_raster(tmp_path / "away.tif")
