"""Scene records and items: what they refuse, and which addresses an asset may have."""

import json
import math
from datetime import UTC, datetime

import pytest
import shapely

from mosaics.scene import SceneError, SceneRecord, read_item
from mosaics.storage.local import LocalStorage
from tests.mosaics.records import JUNE, scene

ITEM_KEY = "collections/harvest/scenes/a/d1/item.json"


def test_a_record_comes_back_from_json_as_it_was():
    record = scene("a", cloud_cover_percent=None, synthetic=True)
    assert SceneRecord.from_json(json.loads(json.dumps(record.to_json()))) == record
    assert record.to_json()["period"] == JUNE.text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"start": datetime(2024, 6, 16, tzinfo=UTC)}, "not a UTC time span"),
        ({"start": datetime(2024, 6, 1)}, "not a UTC time span"),  # noqa: DTZ001
        ({"cloud_cover_percent": 101.0}, "101.0 % of clouds"),
        ({"resolution_m": 0.0}, "pixels of 0.0 m"),
        ({"footprint": shapely.Point(0, 0)}, "Point as its footprint"),
    ],
)
def test_a_wrong_record_never_exists(fields, message):
    with pytest.raises(SceneError, match=message):
        scene("a", **fields)


@pytest.mark.parametrize(
    ("footprint", "message"),
    [
        (shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "Self-intersection"),
        (shapely.box(179, 0, 181, 1), "split there"),
        (shapely.box(0, 80, 1, 91), "split there"),
        (shapely.Polygon(), "not a valid area"),
    ],
)
def test_a_footprint_that_is_no_area_on_earth_is_refused(footprint, message):
    with pytest.raises(SceneError, match=message):
        scene("a", footprint).polygons()


def test_best_is_clearest_then_latest_then_by_id():
    scenes = [
        scene("unknown", cloud_cover_percent=None),
        scene("cloudy", cloud_cover_percent=100.0),
        scene("b"),
        scene("a"),
        scene("later", end=datetime(2024, 6, 20, tzinfo=UTC), start=datetime(2024, 6, 20, tzinfo=UTC)),
        scene("clear", cloud_cover_percent=0.0),
    ]
    best = sorted(scenes, key=lambda record: record.best_first)
    assert [record.id for record in best] == ["clear", "later", "a", "b", "cloudy", "unknown"]


def item(**asset):
    return {
        "id": "a",
        "collection": "harvest",
        "properties": {"datetime": "2024-06-15T10:00:00Z", "tilewatch:synthetic": True},
        "assets": {"red": {"href": "./red.tif", **asset}, "thumbnail": {"href": "./small.png"}},
    }


@pytest.mark.parametrize(
    "asset",
    [
        {
            "raster:bands": [
                {"data_type": "uint16", "scale": 0.0001, "offset": -0.1, "nodata": 0, "unit": "1"}
            ]
        },
        {
            "bands": [
                {"name": "red", "data_type": "uint16", "raster:scale": 0.0001, "raster:offset": -0.1}
                | {"nodata": 0, "unit": "1"}
            ]
        },
    ],
)
def test_assets_are_understood_from_both_forms_of_stac(tmp_path, asset):
    read = read_item(item(**asset), ITEM_KEY, LocalStorage(tmp_path))
    assert list(read.assets) == ["red"]
    red = read.assets["red"]
    assert red.path == f"{tmp_path}/collections/harvest/scenes/a/d1/red.tif"
    assert (red.dtype, red.scale, red.offset, red.nodata, red.unit) == ("uint16", 0.0001, -0.1, 0.0, "1")
    assert read.start == read.end == datetime(2024, 6, 15, 10, tzinfo=UTC)
    assert read.properties["tilewatch:synthetic"] is True


def test_nodata_may_be_not_a_number(tmp_path):
    asset = {"bands": [{"data_type": "float32", "nodata": "nan"}]}
    nodata = read_item(item(**asset), ITEM_KEY, LocalStorage(tmp_path)).assets["red"].nodata
    assert nodata is not None
    assert math.isnan(nodata)


@pytest.mark.parametrize(
    ("href", "path"),
    [
        ("https://example.com/a/B04.tif", "/vsicurl/https://example.com/a/B04.tif"),
        ("s3://bucket/a/B04.tif", "/vsicurl/https://bucket.s3.amazonaws.com/a/B04.tif"),
    ],
)
def test_public_assets_are_opened_where_they_lie(tmp_path, href, path):
    asset = {"href": href, "bands": [{"data_type": "uint16"}]}
    assert read_item(item(**asset), ITEM_KEY, LocalStorage(tmp_path)).assets["red"].path == path


@pytest.mark.parametrize(
    "href",
    [
        "/etc/passwd",
        "../../b/d1/red.tif",
        "file:///etc/passwd",
        "vrt://a.tif?bands=1",
        "/vsicurl/http://a/b.tif",
        *[
            "http://169.254.169.254/latest",
            "<VRTDataset/>",
            "./.hidden",
            "",
            "https://user@example.com/a.tif",
        ],
    ],
)
def test_no_other_address_can_be_opened(tmp_path, href):
    asset = {"href": href, "bands": [{"data_type": "uint16"}]}
    with pytest.raises(SceneError, match="neither beside it nor at an https or s3 address"):
        read_item(item(**asset), ITEM_KEY, LocalStorage(tmp_path))


def test_an_item_that_lacks_something_is_refused(tmp_path):
    with pytest.raises(SceneError, match="not a STAC item"):
        read_item({"id": "a"}, ITEM_KEY, LocalStorage(tmp_path))
