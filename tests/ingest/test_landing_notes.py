"""Landing notes: what is told of a plan where a file and something else say different things."""

import pytest
import rasterio
from rasterio.transform import Affine

from ingest.encoding import PerBand
from ingest.landing_notes import notes_on
from ingest.planning import plan_scene
from tests.rasters import ramp, write_geotiff


def test_a_unit_that_is_not_the_collections_is_told(collections, make_order, tmp_path):
    path = write_geotiff(tmp_path / "lights.tif", ramp(10, 10, dtype="float32"))
    with rasterio.open(path, "r+") as dataset:
        dataset.units = ("W",)
    order = make_order(files={"red": path}, baseline=None)
    notes = notes_on(plan_scene(collections["sentinel-2-l2a"], order))
    assert "red: the file's unit is 'W', the collection's is '1'." in notes


def test_a_mirrored_file_is_told_as_mirrored(collections, make_order, tmp_path):
    upper_left, turned = (655360.0, 5686280.0), Affine(-10, 0, 100, 0, 10, -100)
    path = write_geotiff(
        tmp_path / "red.tif", ramp(10, 10), transform=Affine.translation(*upper_left) @ turned
    )
    plan = plan_scene(collections["sentinel-2-l2a"], make_order(files={"red": path}, flip=True))
    told = "red.tif is mirrored (columns from east to west and rows from south to north)"
    assert any(told in note for note in notes_on(plan))


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
    notes = notes_on(plan_scene(collections["sentinel-2-l2a"], make_order(files={"red": path}, **given)))
    assert note in "\n".join(notes)


def test_a_nodata_value_that_the_collection_states_needs_no_note(collections, make_order, tmp_path):
    # -999.9 is -999.9000244140625 in float32
    path = write_geotiff(tmp_path / "lights.tif", ramp(10, 10, dtype="float32"))
    order = make_order(files={"radiance": path}, baseline=None)
    (note,) = notes_on(plan_scene(collections["black-marble-yearly"], order))
    assert "physical values" in note
