"""What is decided of a scene before its pixels are converted."""

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from ingest.encoding import PerBand
from ingest.planning import bands_to_probe, plan_scene
from ingest.raster import RasterRefusedError
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


def test_flip_is_for_mirrored_files_alone(collections, make_order):
    with pytest.raises(RasterRefusedError, match=r"--flip is for files .* none is mirrored"):
        plan_scene(collections["sentinel-2-l2a"], make_order(flip=True))


def test_a_mirrored_file_is_told_as_mirrored(collections, make_order, tmp_path):
    upper_left, turned = (655360.0, 5686280.0), Affine(-10, 0, 100, 0, 10, -100)
    path = write_geotiff(
        tmp_path / "red.tif", ramp(10, 10), transform=Affine.translation(*upper_left) @ turned
    )
    plan = plan_scene(collections["sentinel-2-l2a"], make_order(files={"red": path}, flip=True))
    assert plan.bands["red"].raster.transform == Affine(10, 0, 655360, 0, -10, 5686280)
    told = "red.tif is mirrored (columns from east to west and rows from south to north)"
    assert any(told in note for note in plan.notes)


@pytest.mark.parametrize(
    ("tags", "given", "note"),
    [
        (
            {"scales": [0.0001], "offsets": [0]},
            {"baseline": "05.09"},
            "red: scale 0.0001 and offset -0.1 hold (processing baseline 05.09 is 04.00 or later: -1000), n",
        ),
        (
            {"scales": [2], "offsets": [1]},
            {"baseline": None},
            "red: scale 2 and offset 1 hold (the file's own tags), not scale 0.0001 and offset 0 of the c",
        ),
        (
            {},
            {"baseline": "05.09", "scales": PerBand(0.5)},
            "the processing baseline 05.09 decides nothing about red.",
        ),
        (
            {"nodata": 65535},
            {"nodata": PerBand(7)},
            "told by the nodata value 65535, not by --nodata 7 or the collection's nodata value 0;",
        ),
        (
            {"nodata": 7, "mask": ramp(10, 10) > 50},
            {},
            "told by its mask, not by the nodata value 7 of its tag or the collection's nodata value 0;",
        ),
    ],
)
def test_what_does_not_hold_is_told(collections, make_order, tmp_path, tags, given, note):
    path = write_geotiff(tmp_path / "red.tif", ramp(10, 10), **tags)
    notes = plan_scene(collections["sentinel-2-l2a"], make_order(files={"red": path}, **given)).notes
    assert note in "\n".join(notes)


def test_what_else_marks_missing_pixels_makes_another_digest(collections, make_order, tmp_path):
    stack = np.stack([ramp(10, 10, dtype="uint8")] * 3)
    path = write_geotiff(tmp_path / "rgb.tif", stack)
    digests = {
        plan_scene(collections["naip"], make_order(files={"red": path}, **given)).digest
        for given in ({}, {"nodata": PerBand(0.0)}, {"nodata": PerBand(9.0)})
    }
    assert len(digests) == 3


def test_a_nodata_value_that_the_collection_states_needs_no_note(collections, make_order, tmp_path):
    # -999.9 is -999.9000244140625 in float32
    path = write_geotiff(tmp_path / "lights.tif", ramp(10, 10, dtype="float32"))
    order = make_order(files={"radiance": path}, baseline=None)
    (note,) = plan_scene(collections["black-marble-yearly"], order).notes
    assert "physical values" in note
