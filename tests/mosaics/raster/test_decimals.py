"""Stored numbers as decimals: held beside exact rationals."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaics.raster.decimals import WHOLE_IN, conversion_of, scaling_of, stored_limit, told_apart

NARROW = ("int8", "uint8", "int16", "uint16")
WHOLE = (*NARROW, "int32", "uint32")
SCALES = st.decimals("-99", "99", places=4).filter(bool).map(float) | st.sampled_from(
    [1.0, 0.01, 1e-4, 2.75e-5, 0.1, 1e-6, -0.5, 1 / 8]
)
OFFSETS = st.decimals("-300", "300", places=3).map(float) | st.sampled_from([0.0, -0.1, -0.2, 273.15])


def exact(stored: int, scale: float, offset: float) -> Fraction:
    return stored * Fraction(str(scale)) + Fraction(str(offset))


def scaled(stored: np.ndarray, scale: float, offset: float, dtype: type[np.floating]) -> np.ndarray:
    return conversion_of(stored.dtype, scale, offset, np.dtype(dtype)).values(stored)


def stored_of(dtype: str) -> st.SearchStrategy[int]:
    limits = np.iinfo(dtype)
    return st.integers(int(limits.min), int(limits.max))


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(WHOLE), SCALES, OFFSETS)
def test_values_are_the_nearest_to_the_exact_ones(data, dtype, scale, offset):
    stored = data.draw(st.lists(stored_of(dtype), min_size=1, max_size=8))
    if scaling_of(scale, offset).largest * max(map(abs, stored)) > WHOLE_IN[np.dtype(np.float64)]:
        return  # more digits than float64 has
    expected = [float(exact(number, scale, offset)) for number in stored]
    array = np.array(stored, dtype)
    assert scaled(array, scale, offset, np.float64).tolist() == expected
    assert scaled(array, scale, offset, np.float32).tolist() == np.array(expected, np.float32).tolist()


def test_ten_hundredths_are_a_tenth():
    stored = np.arange(100, dtype="uint8")
    assert scaled(stored, 0.01, 0.0, np.float64).tolist() == [float(f"{n / 100:.2f}") for n in range(100)]
    assert scaled(np.array([1000], "uint16"), 1e-4, -0.1, np.float32).item() == 0.0


@settings(max_examples=100, deadline=None)
@given(
    st.data(), st.sampled_from(WHOLE), SCALES, OFFSETS, st.decimals("-500", "500", places=3), st.booleans()
)
def test_a_limit_on_stored_numbers_is_the_limit_on_values(data, dtype, scale, offset, drawn, least):
    stored = data.draw(stored_of(dtype))
    value = float(drawn) if data.draw(st.booleans()) else float(exact(stored, scale, offset))
    limit, rises = stored_limit(value, scale, offset, least=least)
    kept = stored >= limit if rises else stored <= limit
    meant, bound = exact(stored, scale, offset), Fraction(str(value))
    assert kept == (meant >= bound if least else meant <= bound)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(NARROW), SCALES, OFFSETS, st.decimals("-99", "99", places=6).map(float))
def test_where_float32_tells_thresholds_apart_it_compares_as_decimals(data, dtype, scale, offset, threshold):
    if not told_apart((threshold,), scale, offset):
        return
    near = round((threshold - offset) / scale)
    limits = np.iinfo(dtype)
    around = [n for n in range(near - 2, near + 3) if limits.min <= n <= limits.max]
    stored = [*around, data.draw(stored_of(dtype))]
    reached = scaled(np.array(stored, dtype), scale, offset, np.float32) >= np.float32(threshold)
    expected = [exact(number, scale, offset) >= Fraction(str(threshold)) for number in stored]
    assert reached.tolist() == expected


@pytest.mark.parametrize(
    ("threshold", "scale", "told"), [(0.3, 1e-4, True), (0.30000001, 1e-4, False), (0.3, 0.01234567, False)]
)
def test_a_threshold_of_more_digits_than_float32_has_is_known(threshold, scale, told):
    assert told_apart((threshold,), scale, 0.0) is told
