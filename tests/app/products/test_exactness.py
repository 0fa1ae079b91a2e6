"""Comparisons of what an expression computes, held beside exact rationals."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.products.compiling import compile_expression
from mosaics.raster.decimals import conversion_of

NUMBERS = st.integers(1, 12_000)
PERCENT = st.integers(-99, 99).map(lambda n: n / 100)


def bands(scale: float, **stored: int) -> tuple[dict[str, np.ndarray], dict[str, Fraction]]:
    """Bands as they are computed with, and what they are."""
    conversion = conversion_of(np.dtype("int32"), scale, 0.0, np.dtype("float64"))
    read = {name: conversion.values(np.array([n], "int32")) for name, n in stored.items()}
    return read, {name: n * Fraction(str(scale)) for name, n in stored.items()}


@settings(max_examples=80, deadline=None)
@given(NUMBERS, NUMBERS, NUMBERS, PERCENT, st.sampled_from([0.0001, 0.01, 0.1, 0.00275]))
def test_comparisons_are_decided_as_of_decimals(a, b, c, threshold, scale):
    read, known = bands(scale, a=a, b=b, c=c)
    t, written = Fraction(str(threshold)), threshold if threshold >= 0 else f"(0 - {-threshold})"
    ratio, difference = (known["a"] - known["b"]) / (known["a"] + known["b"]), known["a"] - known["b"]
    expected = {
        f"where(a >= {written}, 1, 0)": known["a"] >= t,
        f"where(a - b > {written}, 1, 0)": difference > t,
        f"where(a - b == {written}, 1, 0)": difference == t,
        f"where((a - b) / (a + b) >= {written}, 1, 0)": ratio >= t,
        f"where(100 * (a - b) < 100 * {written}, 1, 0)": difference < t,
        "where(a + b - c > 0, 1, 0)": known["a"] + known["b"] - known["c"] > 0,
        "where(a + b != c, 1, 0)": known["a"] + known["b"] != known["c"],
        "where(a + b <= c, 1, 0)": known["a"] + known["b"] <= known["c"],
    }
    for text, holds in expected.items():
        assert compile_expression(text).evaluate(read).item() == holds, text


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("where(a - b >= 0.1, 1, 0)", {"a": 30, "b": 20}),
        ("where((a - b) / (a + b) >= 0.2, 1, 0)", {"a": 30, "b": 20}),
        ("where(a + b <= c, 1, 0)", {"a": 10, "b": 20, "c": 30}),
        ("1 - where(a + b - c > 0, 1, 0)", {"a": 10, "b": 20, "c": 30}),
    ],
)
def test_what_one_rounding_would_decide_otherwise(text, stored):
    read, _ = bands(0.01, **stored)
    assert compile_expression(text).evaluate(read).item() == 1


def test_a_denominator_that_is_nothing_in_decimals_gives_no_value():
    read, _ = bands(0.01, a=10, b=20, c=30)
    assert np.isnan(compile_expression("1 / (a + b - c)").evaluate(read)).all()


def test_what_is_missing_or_infinite_stays_missing():
    read = {"a": np.array([np.nan, np.inf, 1.0]), "b": np.array([1.0, 1.0, np.nan])}
    for text in ("a + b - 1 > 0", "where(a - b > 0.5, 1, 0)", "(a - b - 1) / (a + b - 1)"):
        assert np.isnan(compile_expression(text).evaluate(read)).all(), text


def test_whole_numbers_beyond_float32_are_told_apart():
    read = {"v": np.array([20240614.0, 20240615.0, 20240616.0])}
    assert compile_expression("v == 20240615").evaluate(read).tolist() == [0, 1, 0]
    assert compile_expression("v - 20240000").evaluate(read).tolist() == [614, 615, 616]


@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("keep((nir - red) / (nir + red), nir + red > 0)", True),
        ("where(a > 0, sqrt(a * b) / (a + b), 0)", True),
        ("log(a / b) + 0.5", True),
        ("a ** 2 / (b * c) - minimum(a, b) / c", True),
        ("2.5 * (nir - red) / (nir + 6 * red + 1)", False),
        ("keep(a / b, a > 0.1)", False),
        ("a / b * c", False),
        ("exp(a) / exp(b)", False),
        ("a", False),
    ],
)
def test_a_formula_that_units_do_not_change_is_known(text, free):
    assert compile_expression(text).is_scale_free is free


def test_a_band_may_be_called_as_python_calls_something_else():
    assert compile_expression("class").bands == ("class",)
