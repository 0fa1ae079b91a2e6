"""What is decided of a scene before its pixels are converted."""

import pytest
import rasterio

from ingest.encoding import PerBand
from ingest.planning import bands_to_probe, plan_scene
from tests.rasters import ramp, write_geotiff

RED_AND_NIR = {"red": (0.0001, -0.1), "nir": (0.0001, -0.1)}


@pytest.mark.parametrize(
    ("collection", "given", "bands"),
    [
        ("sentinel-2-l2a", {"removed": False}, ("red", "scl")),
        ("sentinel-2-l2a", {"removed": True}, ()),
        ("sentinel-2-l2a", {"baseline": None}, ("red", "scl")),
        ("sentinel-2-l2a", {"removed": False, "offsets": PerBand(0.0)}, ()),
        ("sentinel-2-l2a", {"removed": False, "offsets": PerBand(None, {"nir": 0.0})}, ("red", "scl")),
        ("sentinel-2-l2a", {"removed": False, "declared": RED_AND_NIR}, ()),
        ("sentinel-2-l2a", {"removed": False, "declared": {"nir": (0.0001, -0.1)}}, ("red", "scl")),
        ("landsat-c2-l2", {"baseline": None}, ()),  # which has no rule of its own
    ],
)
def test_which_bands_tell_the_offset(collections, make_order, tmp_path, collection, given, bands):
    files = {band: tmp_path / f"{band}.tif" for band in ("nir", "red", "scl")}
    order = make_order(files=files, **{"baseline": "05.11", **given})
    assert bands_to_probe(collections[collection], order) == bands


def test_a_unit_that_is_not_the_collections_is_told(collections, make_order, tmp_path):
    path = write_geotiff(tmp_path / "lights.tif", ramp(10, 10, dtype="float32"))
    with rasterio.open(path, "r+") as dataset:
        dataset.units = ("W",)
    order = make_order(files={"red": path}, baseline=None)
    notes = plan_scene(collections["sentinel-2-l2a"], order).notes
    assert "red: the file's unit is 'W', the collection's is '1'." in notes
