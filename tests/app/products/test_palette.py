"""Palettes: values to colours."""

import numpy as np
import pytest

from app.products.palette import LegendEntry, Palette, number_labels, scale_rgb
from colormaps import Colormap

GREYS = Colormap("greys", "Greys", "own", ((0.0, "#000000"), (1.0, "#ffffff")))

# After Key & Benson (2006): x1000 -251 is class 1, -250 class 2, … 660 class 7.
BURN_EDGES = (-0.25, -0.10, 0.10, 0.27, 0.44, 0.66)


def burn_classes(*, lowest=None, highest=None) -> list[LegendEntry]:
    edges = (lowest, *BURN_EDGES, highest)
    return [LegendEntry(f"class {i}", f"#0000{i:02x}", edges[i - 1], edges[i]) for i in range(1, 8)]


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_a_ramp_uses_255_colours_and_keeps_0_for_missing():
    palette = Palette.of_ramp(GREYS, 0.0, 254.0)
    assert palette.index(floats(0, 1, 1.4, 1.6, 254, np.nan)).tolist() == [1, 2, 2, 3, 255, 0]
    assert palette.colors.shape == (256, 4)
    assert palette.colors[0].tolist() == [0, 0, 0, 0]
    assert palette.colors[1].tolist() == [0, 0, 0, 255]
    assert palette.colors[255].tolist() == [255, 255, 255, 255]


def test_values_beyond_a_ramp_have_the_colour_of_its_end():
    palette = Palette.of_ramp(GREYS, -0.2, 1.0)
    assert palette.index(floats(-5, 7, -3e38, 3e38)).tolist() == [1, 255, 1, 255]


@pytest.mark.parametrize(("low", "high"), [(-0.2, 1.0), (0.0, 1.5e16), (-1e-6, 3e-6), (200.0, 500.0)])
def test_ramp_indices_are_the_rounded_share_of_the_way(low, high):
    values = np.linspace(low - 0.1 * (high - low), high + 0.1 * (high - low), 997).astype(np.float32)
    shares = np.clip((values.astype(float) - low) / (high - low), 0, 1) * 254
    found = Palette.of_ramp(GREYS, low, high).index(values)
    between = np.abs(shares % 1 - 0.5) > 1e-3  # at the very half, float32 may go either way
    assert (found[between] == 1 + np.rint(shares[between])).all()


def test_classes_include_their_lower_end_and_exclude_their_upper():
    palette = Palette.of_classes(burn_classes())
    values = [-251, -250, -101, -100, 99, 100, 269, 270, 439, 440, 659, 660, 1300]
    found = palette.index(np.array(values, dtype=np.float32) / np.float32(1000))
    assert found.tolist() == [1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]


def test_a_value_outside_all_classes_is_transparent():
    palette = Palette.of_classes(burn_classes(lowest=-0.5, highest=1.3))
    assert palette.index(floats(-0.51, -0.5, 1.29, 1.3, 3e38, np.nan)).tolist() == [0, 1, 7, 0, 0, 0]


def test_a_missing_value_is_in_no_class():
    assert Palette.of_classes(burn_classes()).index(floats(np.nan, -3e38, 3e38)).tolist() == [0, 1, 7]


def test_arrays_keep_their_shape_and_their_values():
    values = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    before = values.copy()
    for palette in (Palette.of_ramp(GREYS, 0, 1), Palette.of_classes(burn_classes())):
        assert palette.index(values).shape == (3, 4)
        assert palette.index(values).dtype == np.uint8
    assert (values == before).all()


def test_the_legend_of_a_ramp_names_even_values():
    entries = Palette.of_ramp(GREYS, -0.2, 1.0).entries
    assert [entry.label for entry in entries] == ["-0.2", "0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert [entry.lower for entry in entries] == [-0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert entries[0].color == "#000000"
    assert entries[-1].color == "#ffffff"


def test_labels_are_as_short_as_telling_the_truth_allows():
    assert number_labels((0, 5e15, 1.25e16)) == ("0", "5e15", "1.25e16")
    assert number_labels((0, 128, 255)) == ("0", "128", "255")
    assert number_labels((271.5, 271.75)) == ("271.5", "271.75")


def test_rgb_is_scaled_to_bytes_and_missing_in_any_plane_is_transparent():
    planes = np.array([[[0.0, 0.15, 0.3]], [[-0.1, 0.3, 0.9]], [[0.1, 0.2, np.nan]]], dtype=np.float32)
    colors, alpha = scale_rgb(planes, ((0, 0.3),) * 3)
    # 0.15 / 0.3 x 255 = 127.5, 0.1 -> 85, 0.2 -> 170.
    assert colors[:, 0, 0].tolist() == [0, 0, 85]
    assert colors[0, 0, 1] in (127, 128)
    assert colors[1:, 0, 1].tolist() == [255, 170]
    assert colors[:, 0, 2].tolist() == [0, 0, 0]
    assert alpha.tolist() == [[255, 255, 0]]
    assert colors.dtype == np.uint8
    assert alpha.dtype == np.uint8


def test_each_plane_has_its_own_stretch():
    colors, _ = scale_rgb(np.full((3, 1, 1), 10, dtype=np.float32), ((0, 10), (0, 20.4), (10, 20)))
    assert colors.ravel().tolist() == [255, 125, 0]


def test_pixels_without_a_value_are_drawn_by_what_keeps_them_from_one():
    absent = {"masked": LegendEntry("Masked", "#808080", None, None)}
    ramp = Palette.of_ramp(GREYS, 0.0, 253.0, absent)
    classes = Palette.of_classes(burn_classes(), absent)
    masked = np.array([False, False, True])
    for palette, place in ((ramp, 255), (classes, 8)):
        index = palette.index(floats(0, np.nan, np.nan))
        palette.mark(index, {"masked": masked, "outside_zone": ~masked})
        assert index.tolist()[1:] == [0, place]
        assert palette.colors[place].tolist() == [128, 128, 128, 255]
    assert ramp.index(floats(253, 300)).tolist() == [254, 254]
