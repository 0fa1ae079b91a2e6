"""Rules over bits: the fields of Landsat's QA_PIXEL (Collection 2, table 6-3), and of any whole number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mosaics.bits import BitField, all_set, any_set

# Clear with low cloud confidence; cloud of high confidence; fill.
QA = np.array([21824, 22280, 1], "uint16")


def test_a_field_is_the_number_that_its_bits_are():
    # Bits 8-9 are the confidence that a pixel is cloud: 1 low, 3 high (21824 = 0b0101010101000000).
    assert BitField(bits="8-9", reject=(3,)).rejects(QA).tolist() == [False, True, False]
    assert BitField(bits="8-9", keep=(1,)).rejects(QA).tolist() == [False, True, True]
    assert BitField(bits="6", keep=(1,)).rejects(QA).tolist() == [False, True, True]


def test_all_and_any_of_some_bits():
    assert all_set(np.array([0b11, 0b01, 0b00, 0b111]), (0, 1)).tolist() == [True, False, False, True]
    assert any_set(np.array([0b11, 0b01, 0b00, 0b100]), (0, 1)).tolist() == [True, True, False, False]


@given(st.integers(0, 2**64 - 1), st.integers(0, 63), st.integers(0, 63))
def test_fields_of_any_span_are_those_of_their_binary_digits(number, one, other):
    low, high = sorted((one, other))
    digits = f"{number:064b}"[63 - high : 64 - low]
    value = int(digits, 2)
    assert not BitField(bits=f"{low}-{high}", keep=(value,)).rejects(np.array([number], "uint64"))[0]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (
            {"bits": "7-6", "reject": [1]},
            "'7-6' is not a valid span of bits; write the lowest and the highest",
        ),
        ({"bits": "60-64", "reject": [1]}, "not a valid span"),
        ({"bits": "six", "reject": [1]}, "not a valid span"),
        ({"bits": "6-7", "reject": [4]}, "4 is not a valid value of bits 6-7; they are a number from 0 to 3"),
        ({"bits": "6-7"}, "a field has either keep or reject"),
        ({"bits": "6-7", "keep": [1], "reject": [2]}, "a field has either keep or reject"),
    ],
)
def test_a_field_that_cannot_be_refuses_itself(content, complaint):
    with pytest.raises(ValidationError, match=complaint):
        BitField.model_validate(content)
