"""What becomes of a pixel's observations, beside NumPy's own reductions that leave NaN aside."""

import warnings
from typing import Any

import numpy as np
import pytest

from ingest.compositing.reducing import METHODS, clear_values, encode, first_clear, reduce_planes
from mosaics.descriptions.collections import ClearRule
from mosaics.scene import Asset

NUMPY: dict[str, Any] = {"median": np.nanmedian, "mean": np.nanmean, "min": np.nanmin, "max": np.nanmax}
SCL = ClearRule(band="scl", reject=(0, 3, 9))


def f32(values: list[list[float]]) -> np.ndarray:
    return np.array(values, np.float32)


def reflectance(nodata: float | None = 0, scale: float = 0.0001, offset: float = -0.1) -> Asset:
    return Asset("red", "red.tif", "uint16", nodata, scale, offset, "1")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("depth", [1, 2, 5, 20])
def test_a_reduction_is_that_of_numpy_without_the_missing(method, depth):
    random = np.random.default_rng(depth)
    stack = random.normal(0.2, 0.1, (depth, 40, 30)).astype(np.float32)
    stack[random.random(stack.shape) < 0.4] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of pixels without any observation
        expected = NUMPY[method](stack, axis=0)
    assert np.isnan(expected).any() == (depth < 20)
    np.testing.assert_allclose(METHODS[method](stack.copy()), expected, rtol=1e-6)


def test_numbers_become_values_by_the_scenes_own_scale_and_offset():
    numbers = np.array([[0, 1000, 1718, 3338]], np.uint16)
    clear = np.full(numbers.shape, 4, np.uint8)
    found = clear_values(numbers, clear, asset=reflectance(), rule=SCL)
    assert np.isnan(found[0, 0])  # no data, before any offset
    assert found[0, 1] == 0.0
    np.testing.assert_allclose(found[0, 2:], [0.0718, 0.2338], rtol=1e-6)
    landsat = clear_values(numbers, clear, asset=reflectance(scale=0.0000275, offset=-0.2), rule=SCL)
    np.testing.assert_allclose(landsat[0, 1:], [-0.1725, -0.152755, -0.108205], rtol=1e-5)


def test_pixels_the_quality_band_rejects_are_missing():
    numbers = np.full((1, 4), 2000, np.uint16)
    found = clear_values(numbers, np.array([[4, 9, 3, 0]], np.uint8), asset=reflectance(), rule=SCL)
    assert np.isnan(found).tolist() == [[False, True, True, True]]


def test_floats_whose_missing_are_nan():
    found = clear_values(
        np.array([[np.nan, 0.25]], np.float32),
        np.array([[4, 4]], np.uint8),
        asset=reflectance(nodata=float("nan"), scale=1.0, offset=0.0),
        rule=SCL,
    )
    np.testing.assert_array_equal(found, np.array([[np.nan, 0.25]], np.float32))


def test_of_overlapping_scenes_the_first_value_counts():
    nan = np.nan
    first, second = f32([[1, nan, nan]]), f32([[2, 2, nan]])
    np.testing.assert_array_equal(first_clear(first, second), f32([[1, 2, nan]]))


def test_what_is_missing_or_does_not_fit_is_stored_as_no_data():
    values = f32([[np.nan, -0.1, -0.0999, 0.0, 6.4535, 6.6]])
    assert encode(values, 0.0001, -0.1).tolist() == [[0, 0, 1, 1000, 65535, 0]]


def test_the_count_is_beside_the_numbers():
    nan = np.nan
    planes = [f32([[0.1, 0.1, nan]]), f32([[0.3, nan, nan]]), f32([[0.2, 0.5, nan]])]
    numbers, count = reduce_planes(*planes, method="median", scale=0.0001, offset=-0.1)
    assert numbers.tolist() == [[3000, 4000, 0]]
    assert count.tolist() == [[3, 2, 0]]
