"""PNGs that other programs decode to the very pixels that went in."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from app.rendering.painting import color_png, palette_png

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


def decoded(png: bytes, mode: str) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(png)).convert(mode))


@given(indexes=hnp.arrays(np.uint8, sizes), colors=hnp.arrays(np.uint8, (256, 4)), ramp=st.booleans())
def test_a_palette_png_decodes_to_the_colors_of_its_indexes(indexes, colors, ramp):
    assert np.array_equal(decoded(palette_png(indexes, colors, ramp=ramp), "RGBA"), colors[indexes])


def test_a_ramp_takes_fewer_bytes_where_neighbours_differ_by_little():
    steps = np.random.default_rng(1).integers(-3, 4, (256, 256))
    indexes = np.clip(128 + np.cumsum(steps, axis=1), 1, 255).astype(np.uint8)
    colors = np.full((256, 4), 255, np.uint8)
    assert len(palette_png(indexes, colors, ramp=True)) < 0.7 * len(palette_png(indexes, colors))


@given(pixels=hnp.arrays(np.uint8, sizes.map(lambda hw: (*hw, 4))))
def test_a_color_png_decodes_to_its_pixels(pixels):
    assert np.array_equal(decoded(color_png(pixels), "RGBA"), pixels)


def test_an_opaque_picture_is_written_without_alpha():
    pixels = np.full((8, 8, 4), 255, np.uint8)
    assert Image.open(BytesIO(color_png(pixels))).mode == "RGB"


def test_a_palette_png_holds_no_more_colors_than_are_used():
    colors = np.zeros((256, 4), np.uint8)
    colors[:, 3] = 255
    small = palette_png(np.array([[0, 2]], np.uint8), colors)
    assert small[small.index(b"PLTE") - 4 : small.index(b"PLTE")] == (9).to_bytes(4, "big")
    assert b"tRNS" not in small


@pytest.mark.parametrize("transparent_upto", [1, 3])
def test_transparency_is_written_up_to_the_last_transparent_color(transparent_upto):
    colors = np.full((256, 4), 255, np.uint8)
    colors[:transparent_upto, 3] = 0
    png = palette_png(np.array([[0, 1, 2, 5]], np.uint8), colors)
    place = png.index(b"tRNS")
    assert int.from_bytes(png[place - 4 : place], "big") == transparent_upto
