"""Mask rules: exactly one condition each, on stored or physical values."""

import numpy as np
import pytest
from pydantic import ValidationError

from app.products.mask import MaskRule
from tests.rasters import as_read

SCENE_CLASSES = np.array([[0, 3, 4, 5], [8, 9, 11, 255]], dtype=np.uint8)


def test_reject_names_stored_values_that_do_not_count():
    rule = MaskRule(band="scl", reject=(0, 3, 8, 9))
    expected = [[True, True, False, False], [True, True, False, False]]
    assert rule.rejected(*as_read(SCENE_CLASSES)).tolist() == expected
    assert rule.rejected(*as_read(SCENE_CLASSES.astype(np.int16))).tolist() == expected


def test_keep_names_the_only_stored_values_that_count():
    rule = MaskRule(band="quality", keep=(0,))
    assert rule.rejected(*as_read(np.array([0, 1, 2, -32768], dtype=np.int16))).tolist() == [
        False,
        True,
        True,
        True,
    ]


def test_a_value_outside_eight_bits_is_no_value_of_an_eight_bit_band():
    rule = MaskRule(band="scl", reject=(256, -1, 4))
    assert rule.rejected(*as_read(SCENE_CLASSES)).tolist() == [[False, False, True, False], [False] * 4]


@pytest.mark.parametrize(
    ("value", "rejected"),
    [(21824, False), (21952, False), (22280, True), (23888, True), (1, True), (5440 | 1 << 5, True)],
)
def test_landsat_quality_bits(value, rejected):
    # Clear land, clear water, cloud with high confidence, cloud shadow (its clear bit is set), fill, snow.
    rule = MaskRule(band="qa_pixel", reject_bits=(0, 1, 2, 3, 4, 5))
    assert rule.rejected(*as_read(np.array([value], dtype=np.uint16))).tolist() == [rejected]


def test_the_sign_bit_of_a_signed_band_can_be_tested():
    rule = MaskRule(band="flags", reject_bits=(15,))
    assert rule.rejected(*as_read(np.array([-1, 32767], dtype=np.int16))).tolist() == [True, False]


def test_limits_include_themselves_and_exclude_what_is_missing():
    values = np.array([-0.1, 0.0, 0.5, 0.6, np.nan], dtype=np.float32)
    assert MaskRule(band="a", min=0).rejected(*as_read(values)).tolist() == [True, False, False, False, True]
    assert MaskRule(band="a", max=0.5).rejected(*as_read(values)).tolist() == [
        False,
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            {"band": "scl"},
            "exactly one of keep, reject, keep_bits, reject_bits, field, min, max; there is none",
        ),
        ({"band": "scl", "keep": [4], "min": 1}, "these are 2: keep, min"),
        ({"band": "scl", "reject_bits": [64]}, r"from 0 to 63; reject_bits has \[64\]"),
        ({"band": "scl", "keep": []}, "at least 1 item"),
        ({"band": "scl", "min": float("nan")}, "finite"),
        ({"keep": [1]}, "band"),
    ],
)
def test_a_rule_that_is_none_refuses_itself(content, words):
    with pytest.raises(ValidationError, match=words):
        MaskRule.model_validate(content)


def test_a_rule_explains_itself():
    assert MaskRule(band="scl", reject=(3, 8)).label == "scl is 3, 8"
    assert MaskRule(band="cloud_fraction", max=0.5).label == "cloud_fraction above 0.5"


def test_words_are_no_effect():
    assert (
        MaskRule(band="scl", keep=(4,), label="a").effect == MaskRule(band="scl", keep=(4,), label="b").effect
    )
