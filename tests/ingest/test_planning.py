"""What is decided of a scene before its pixels are converted."""

import numpy as np
import pytest
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


def test_flip_is_for_mirrored_files_alone(collections, make_order):
    with pytest.raises(RasterRefusedError, match=r"--flip is for files .* none is mirrored"):
        plan_scene(collections["sentinel-2-l2a"], make_order(flip=True))


def test_a_mirrored_file_is_planned_the_right_way_round(collections, make_order, tmp_path):
    upper_left, turned = (655360.0, 5686280.0), Affine(-10, 0, 100, 0, 10, -100)
    path = write_geotiff(
        tmp_path / "red.tif", ramp(10, 10), transform=Affine.translation(*upper_left) @ turned
    )
    plan = plan_scene(collections["sentinel-2-l2a"], make_order(files={"red": path}, flip=True))
    assert plan.bands["red"].raster.transform == Affine(10, 0, 655360, 0, -10, 5686280)


def test_what_else_marks_missing_pixels_makes_another_digest(collections, make_order, tmp_path):
    stack = np.stack([ramp(10, 10, dtype="uint8")] * 3)
    path = write_geotiff(tmp_path / "rgb.tif", stack)
    digests = {
        plan_scene(collections["naip"], make_order(files={"red": path}, **given)).digest
        for given in ({}, {"nodata": PerBand(0.0)}, {"nodata": PerBand(9.0)})
    }
    assert len(digests) == 3
