"""Where nodata, scale and offset come from, and when nobody knows."""

import math
from typing import Any

import pytest

from ingest.encoding import (
    OFFSET_GIVEN,
    PHYSICAL,
    SCALE_GIVEN,
    TAGS,
    PerBand,
    decide_nodata,
    decide_scale,
)
from ingest.harmonisation import Harmonisation, OffsetUndecidedError
from ingest.raster import RasterRefusedError, inspect_raster
from tests.rasters import ramp, write_geotiff

UNTOLD: dict[str, Any] = {"scales": PerBand(), "offsets": PerBand()}


@pytest.fixture
def raster(tmp_path):
    return lambda dtype="uint16", **given: inspect_raster(
        write_geotiff(tmp_path / "red.tif", ramp(5, 5, dtype=dtype), **given)
    )


@pytest.fixture
def red(collections):
    return collections["sentinel-2-l2a"].collection.band("red")


def rule():
    return Harmonisation(-0.1, "because")


def never():
    raise AssertionError("the rule is asked only where its answer is used")


class TestNodata:
    def test_the_tag_of_the_file_comes_before_the_option_and_the_collection(self, raster, red):
        assert decide_nodata(raster(nodata=65535), red, PerBand(7)) == 65535

    def test_the_option_for_one_band_replaces_the_tag(self, raster, red):
        assert decide_nodata(raster(nodata=65535), red, PerBand(None, {"red": 0.0})) == 0

    def test_the_option_comes_before_the_collection(self, raster, red):
        assert decide_nodata(raster(), red, PerBand(7)) == 7

    def test_the_collection_speaks_for_files_of_its_dtype(self, raster, red):
        assert decide_nodata(raster(), red, PerBand()) == 0
        assert decide_nodata(raster("int16"), red, PerBand()) is None

    def test_floats_without_a_tag_are_missing_where_they_are_nan(self, raster, red):
        nodata = decide_nodata(raster("float64"), red, PerBand())
        assert nodata is not None
        assert math.isnan(nodata)

    def test_none_is_for_files_with_a_tag_too(self, raster, red):
        assert decide_nodata(raster(nodata=65535), red, PerBand(without=frozenset({None}))) is None
        for_red = PerBand(7, without=frozenset({"red"}))
        assert decide_nodata(raster(), red, for_red) is None

    def test_floats_with_a_mask_keep_it(self, raster, red):
        assert decide_nodata(raster("float64", mask=ramp(5, 5) > 3), red, PerBand()) is None

    def test_a_tag_the_dtype_cannot_hold_marks_nothing(self, raster, collections):
        band = collections["naip"].collection.band("red")
        assert decide_nodata(raster("uint8", nodata=255), band, PerBand()) == 255
        assert decide_nodata(raster("uint8"), band, PerBand()) is None

    def test_an_option_the_dtype_cannot_hold_is_refused(self, raster, red):
        with pytest.raises(RasterRefusedError, match=r"uint16, which cannot hold a nodata value of -9999"):
            decide_nodata(raster(), red, PerBand(-9999.0))


class TestScale:
    def test_given_scale_and_offset_come_first(self, raster, red):
        got = decide_scale(
            raster(scales=[2], offsets=[1]), red, scales=PerBand(0.5), offsets=PerBand(3), rule=never
        )
        assert got[:2] == (0.5, 3)

    def test_then_the_tags_of_the_file(self, raster, red):
        got = decide_scale(
            raster(scales=[2], offsets=[1]), red, scales=PerBand(), offsets=PerBand(), rule=never
        )
        assert got[:2] == (2, 1)

    @pytest.mark.parametrize(
        ("tags", "baseline", "ruled"),
        [
            ((0.0001, 0.0), "05.09", Harmonisation(-0.1, "by baseline")),  # an offset was lost without a note
            ((0.0001, -0.1), "05.09", Harmonisation(-0.1, "by baseline")),
            ((0.0001, -0.1), "02.08", Harmonisation(0.0, "by baseline")),
            ((0.0001, 0.0), None, Harmonisation(0.0, "by date")),
            ((0.0001, 0.0), None, Harmonisation(0.0, "by pixels", is_firm=True)),
        ],
    )
    def test_a_tag_of_the_collections_scale_leaves_the_offset_to_the_rule(
        self, raster, red, tags, baseline, ruled
    ):
        tagged = raster(scales=[tags[0]], offsets=[tags[1]])
        for dtype in ("uint16", "float32"):  # digital numbers may be kept as floats
            tagged = raster(dtype, scales=[tags[0]], offsets=[tags[1]])
            got = decide_scale(tagged, red, **UNTOLD, rule=lambda: ruled, baseline=baseline)
            assert got == (0.0001, ruled.offset, ruled.reason)

    def test_an_offset_of_the_tags_stands_against_a_mere_guess(self, raster, red):
        tagged = raster(scales=[0.0001], offsets=[-0.1])
        got = decide_scale(tagged, red, **UNTOLD, rule=lambda: Harmonisation(0.0, "by date"))
        assert got == (0.0001, -0.1, TAGS)

    def test_an_offset_of_the_tags_stands_where_nothing_else_tells(self, raster, red):
        def undecided():
            raise OffsetUndecidedError("give --baseline")

        tagged = raster(scales=[0.0001], offsets=[-0.1])
        assert decide_scale(tagged, red, **UNTOLD, rule=undecided) == (0.0001, -0.1, TAGS)
        untold = raster(scales=[0.0001], offsets=[0])
        with pytest.raises(OffsetUndecidedError, match=r"tags of red\.tif say offset 0.*give --baseline"):
            decide_scale(untold, red, **UNTOLD, rule=undecided)

    @pytest.mark.parametrize(
        ("tags", "baseline", "ruled", "said"),
        [
            ((0.0001, -0.1), None, Harmonisation(0.0, "too low", is_firm=True), "offset is 0: too low"),
            ((0.0001, -0.05), "05.09", Harmonisation(-0.1, "by baseline"), "offset is -0.1: by baseline"),
            ((2.0, 1.0), "05.09", None, "--baseline 05.09 speaks of numbers of scale 0.0001"),
            ((1.0, -0.1), None, None, "the collection says 0.0001 and 0"),
        ],
    )
    def test_what_cannot_both_be_right_is_refused_with_both_named(
        self, raster, red, tags, baseline, ruled, said
    ):
        tagged = raster(scales=[tags[0]], offsets=[tags[1]])
        stated = (
            rf"tags of red\.tif say scale {tags[0]:g} and offset {tags[1]:g}, but .*{said}.*--offset red=O"
        )
        with pytest.raises(RasterRefusedError, match=stated):
            decide_scale(
                tagged, red, **UNTOLD, rule=never if ruled is None else lambda: ruled, baseline=baseline
            )
        given: dict[str, Any] = {
            "scales": PerBand(),
            "offsets": PerBand(0.5),
            "rule": never,
            "baseline": baseline,
        }
        assert decide_scale(tagged, red, **given) == (tags[0], 0.5, OFFSET_GIVEN)

    def test_an_offset_of_the_collection_is_not_lost_to_a_tag_of_its_scale(self, raster, collections):
        red = collections["landsat-c2-l2"].collection.band("red")
        with pytest.raises(
            RasterRefusedError, match=r"offset 0, but the collection says 2\.75e-05 and -0\.2"
        ):
            decide_scale(raster(scales=[0.0000275], offsets=[0]), red, **UNTOLD, rule=None)
        agreed = raster(scales=[0.0000275], offsets=[-0.2])
        assert decide_scale(agreed, red, **UNTOLD, rule=None) == (0.0000275, -0.2, TAGS)
        other = raster(scales=[0.5], offsets=[3])
        assert decide_scale(other, red, **UNTOLD, rule=None) == (0.5, 3, TAGS)

    def test_a_given_scale_puts_the_tags_aside(self, raster, red):
        tagged = raster(scales=[2], offsets=[1])
        got = decide_scale(tagged, red, scales=PerBand(0.0001), offsets=PerBand(), rule=rule)
        assert got == (0.0001, -0.1, SCALE_GIVEN)

    def test_then_the_collection_with_the_offset_of_its_rule(self, raster, red):
        got = decide_scale(raster(), red, scales=PerBand(), offsets=PerBand(), rule=rule)
        assert got == (0.0001, -0.1, "because")

    def test_a_given_offset_leaves_the_rule_unasked(self, raster, red):
        got = decide_scale(raster(), red, scales=PerBand(), offsets=PerBand(0.0), rule=never)
        assert got[:2] == (0.0001, 0)

    def test_a_given_scale_that_is_the_collections_keeps_its_offset(self, raster, red):
        got = decide_scale(raster(), red, scales=PerBand(0.0001), offsets=PerBand(), rule=rule)
        assert got[:2] == (0.0001, -0.1)

    def test_another_scale_has_no_offset_unless_it_is_given(self, raster, red):
        got = decide_scale(raster(), red, scales=PerBand(0.001), offsets=PerBand(), rule=never)
        assert got[:2] == (0.001, 0)

    def test_floats_are_physical_values(self, raster, red):
        got = decide_scale(raster("float64"), red, scales=PerBand(), offsets=PerBand(), rule=never)
        assert got == (1, 0, PHYSICAL)

    def test_codes_of_classes_have_no_scale(self, raster, collections):
        scl = collections["sentinel-2-l2a"].collection.band("scl")
        got = decide_scale(raster("uint8"), scl, scales=PerBand(), offsets=PerBand(), rule=never)
        assert got[:2] == (1, 0)

    def test_integers_that_count_may_be_of_any_size(self, raster, collections):
        counts = collections["black-marble-monthly"].collection.band("num_observations")
        got = decide_scale(raster("int32"), counts, scales=PerBand(), offsets=PerBand(), rule=None)
        assert got[:2] == (1, 0)

    def test_integers_of_another_kind_than_the_collections_are_not_guessed_at(self, raster, collections):
        # Black Marble's Collection 1: uint16 in steps of 0.1, where the collection has float32
        radiance = collections["black-marble-monthly"].collection.band("radiance")
        with pytest.raises(RasterRefusedError, match=r"Give --scale radiance=S .* is in nW cm-2 sr-1"):
            decide_scale(raster(), radiance, scales=PerBand(), offsets=PerBand(), rule=None)
        got = decide_scale(raster(), radiance, scales=PerBand(0.1), offsets=PerBand(), rule=None)
        assert got[:2] == (0.1, 0)
