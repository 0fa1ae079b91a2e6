"""Items of scenes: what they refuse, and which addresses an asset may have."""

import math
from datetime import UTC, datetime

import pytest

from mosaics.scene import SceneError, read_item
from mosaics.storage.local import LocalStorage

ITEM_KEY = "collections/harvest/scenes/a/d1/item.json"


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
