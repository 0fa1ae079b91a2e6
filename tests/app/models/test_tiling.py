"""Patches over an area and their blending, by hand and beside numpy's mirrored padding."""

import numpy as np
import pytest

from app.models.tiling import Blending, Tiling


def test_weights_by_hand():
    """Of an overlap of 3: (1 - cos(0)) / 2, (1 - cos(pi / 2)) / 2 and (1 - cos(pi)) / 2."""
    np.testing.assert_allclose(Tiling(20, 8, 3).weights(), [0, 0.5, 1, 1, 1, 1, 0.5, 0], atol=1e-15)


@pytest.mark.parametrize(
    ("length", "patch", "overlap"), [(512, 256, 52), (100, 64, 16), (5, 64, 16), (49, 64, 16)]
)
def test_weights_add_up_to_one_everywhere_and_mirrored_pixels_are_those_of_numpy(length, patch, overlap):
    tiling = Tiling(length, patch, overlap)
    added = np.zeros(length + 2 * patch)
    padded = np.pad(np.arange(length), (overlap, 2 * patch), mode="symmetric")
    for start in tiling.starts:
        added[start + patch : start + 2 * patch] += tiling.weights()
        np.testing.assert_array_equal(tiling.mirrored(start), padded[start + overlap :][:patch])
    np.testing.assert_allclose(added[patch : patch + length], 1, atol=1e-12)


def test_which_pixels_are_blended():
    """Patches of 8 that have 3 in common begin at -2, 3, 8: the middle one of three has shares of two."""
    assert np.flatnonzero(Tiling(10, 8, 3).blended()).tolist() == [4, 9]


def test_patches_of_one_array_are_that_array_again():
    """Also an area smaller than a patch, and one that ends within the last patch's overlap."""
    random = np.random.default_rng(5)
    for height, width in ((100, 75), (20, 64), (49, 97)):
        truth = random.random((2, height, width)).astype(np.float32)
        rows, columns = Tiling(height, 64, 16), Tiling(width, 64, 16)
        blending, found = Blending(rows, columns, 2), np.full_like(truth, np.nan)
        for start in rows.starts:
            for column in columns.starts:
                blending.add(column, truth[:, rows.mirrored(start)][:, :, columns.mirrored(column)])
            for first, shares in blending.finish(start):
                found[:, first : first + shares.shape[1]] = shares
        np.testing.assert_allclose(found, truth, rtol=1e-6)


def test_where_two_patches_answer_differently_the_blend_is_weighted_by_the_window():
    """Patches of 8 that overlap by 3: the first says 0, all others 1; between them 0, 0.5 and 1."""
    rows, columns = Tiling(1, 8, 3), Tiling(10, 8, 3)
    blending = Blending(rows, columns, 1)
    for column in columns.starts:
        blending.add(column, np.full((1, 8, 8), float(column > -2), np.float32))
    ((first, shares),) = blending.finish(rows.starts[0])
    assert first == 0
    np.testing.assert_allclose(shares[0, 0], [0, 0, 0, 0, 0.5, 1, 1, 1, 1, 1], atol=1e-7)
