"""STAC items: valid by the schema, and enough for readers that know nothing of us."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pystac
import pystac.validation
import pytest
from rasterio.warp import transform_bounds
from rio_tiler.io import STACReader

from ingest.item import scene_item
from ingest.landing import convert_scene
from ingest.planning import plan_scene
from tests.rasters import MOL, ramp, write_geotiff


@pytest.fixture
def plan(collections, make_order):
    return lambda **given: plan_scene(collections["sentinel-2-l2a"], make_order(**given))


@pytest.fixture
def files(tmp_path):
    """Red at 10 m and scl at 20 m over the same ground."""
    return {
        "red": write_geotiff(tmp_path / "red.tif", ramp(300, 280), nodata=0),
        "scl": write_geotiff(tmp_path / "scl.tif", ramp(150, 140, dtype="uint8"), pixel_size=20.0),
    }


def assert_valid(item):
    """Holds the item against the STAC schemas that pystac carries; those of extensions would be fetched."""
    pystac.validation.validate_dict(item, extensions=[])


def test_an_item_is_valid_stac(plan, files):
    item = scene_item(plan(files=files, cloud_cover_percent=12.5))
    assert_valid(item)
    with pytest.raises(pystac.STACValidationError):
        assert_valid({**item, "assets": {"red": {"type": "image/tiff"}}})


def test_an_item_of_a_period_is_valid_stac_and_says_from_when_to_when(plan):
    item = scene_item(plan(start=datetime(2024, 6, 1, tzinfo=UTC), end=datetime(2024, 7, 1, tzinfo=UTC)))
    assert_valid(item)
    assert item["properties"]["datetime"] == "2024-06-01T00:00:00Z"
    assert item["properties"]["start_datetime"] == "2024-06-01T00:00:00Z"
    assert item["properties"]["end_datetime"] == "2024-07-01T00:00:00Z"


def test_an_asset_says_how_its_numbers_are_read(plan, files):
    assets = scene_item(plan(files=files))["assets"]
    assert assets["red"]["href"] == "./red.tif"
    assert assets["red"]["type"] == "image/tiff; application=geotiff; profile=cloud-optimized"
    (red,) = assets["red"]["bands"]
    assert (red["data_type"], red["nodata"], red["raster:scale"], red["raster:offset"], red["unit"]) == (
        "uint16", 0, 0.0001, -0.1, "1",
    )  # fmt: skip
    (scl,) = assets["scl"]["bands"]
    assert (scl["data_type"], scl["nodata"], scl["raster:scale"], scl["raster:offset"]) == (
        "uint8",
        0,
        1.0,
        0.0,
    )


def test_assets_of_different_grids_each_have_their_own(plan, files):
    item = pystac.Item.from_dict(scene_item(plan(files=files)))
    assert item.properties["proj:code"] == "EPSG:32631"
    assert item.assets["red"].ext.proj.shape == [300, 280]
    assert item.assets["scl"].ext.proj.shape == [150, 140]
    assert item.assets["scl"].ext.proj.transform == [20.0, 0.0, MOL[0], 0.0, -20.0, MOL[1]]


def test_the_decision_about_the_offset_stands_with_its_reason(plan):
    stated = scene_item(plan())["properties"]["tilewatch:harmonisation"]["red"]
    assert stated["offset"] == -0.1
    assert "05.10" in stated["reason"]


def test_sources_are_named_without_their_folders(plan, tmp_path):
    item = scene_item(plan())
    source = item["properties"]["tilewatch:sources"]["red"]
    assert source["file"] == "a-red-1.tif"
    assert len(source["sha256"]) == 64
    assert str(tmp_path) not in json.dumps(item)


def test_nan_as_nodata_is_json(plan, tmp_path):
    red = write_geotiff(tmp_path / "red.tif", ramp(30, 30, dtype="float32"), nodata=math.nan)
    item = scene_item(plan(files={"red": red}))
    assert json.loads(json.dumps(item, allow_nan=False))["assets"]["red"]["bands"][0]["nodata"] == "nan"
    assert_valid(item)


def test_a_crs_without_a_code_is_written_out(plan, tmp_path):
    crs = "+proj=laea +lat_0=51 +lon_0=5 +datum=WGS84 +units=m"
    red = write_geotiff(tmp_path / "red.tif", ramp(30, 30), crs=crs, upper_left=(0.0, 0.0))
    item = scene_item(plan(files={"red": red}))
    assert_valid(item)
    assert item["properties"]["proj:code"] is None
    assert "Lambert Azimuthal Equal Area" in item["properties"]["proj:wkt2"]


def test_a_scene_across_the_antimeridian_has_a_box_that_crosses_it(plan, tmp_path):
    red = write_geotiff(
        tmp_path / "red.tif",
        ramp(100, 100),
        crs="EPSG:32660",
        upper_left=(700000.0, 5500000.0),
        pixel_size=1000.0,
    )
    item = scene_item(plan(files={"red": red}))
    west, _, east, _ = item["bbox"]
    assert west > 179 > 0 > east
    assert item["geometry"]["type"] == "MultiPolygon"
    assert_valid(item)


def test_synthetic_data_says_so(plan):
    properties = scene_item(plan(synthetic=True))["properties"]
    assert properties["tilewatch:synthetic"] is True
    assert properties["title"] == "Synthetic demonstration data"
    assert "title" not in scene_item(plan())["properties"]


@pytest.mark.filterwarnings("ignore:Some statistics data in STAC are invalid")
def test_a_stock_stac_reader_opens_it(plan, files, tmp_path):
    planned = plan(files=files)
    convert_scene(planned, tmp_path)
    address = tmp_path / "item.json"
    Path(address).write_text(json.dumps(scene_item(planned)))
    with STACReader(str(address)) as reader:
        assert set(reader.assets) == {"red", "scl"}
        assert (reader.width, reader.height, str(reader.crs)) == (280, 300, "EPSG:32631")
        assert reader.bounds == (MOL[0], MOL[1] - 3000, MOL[0] + 2800, MOL[1])
        image = reader.part(
            transform_bounds("EPSG:32631", "EPSG:32631", *reader.bounds),
            bounds_crs="EPSG:32631",
            dst_crs="EPSG:32631",
            assets=["red"],
        )
        assert (np.asarray(image.array[0]) == ramp(300, 280)).all()
