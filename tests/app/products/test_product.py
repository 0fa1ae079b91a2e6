"""Products: what they know of themselves."""

import pytest
from pydantic import ValidationError

from tests.app.products.texts import BURN, COLOR, NDVI


def test_a_continuous_product(read):
    product = read(NDVI, "ndvi")
    assert (product.id, product.kind, product.planes) == ("ndvi", "continuous", 1)
    assert product.bands == ("nir", "red")
    assert product.mask_bands == ("scl",)
    assert product.rescale == ((-0.2, 1.0),)
    assert product.formula is not None
    assert product.palette is not None
    assert product.palette.entries[0].color == "#440154"


def test_a_product_of_classes_with_roles(read):
    product = read(BURN)
    assert product.kind == "classes"
    assert product.bands == ("nir08", "swir22")
    assert product.formula.bands == ("pre.nir08", "pre.swir22", "post.nir08", "post.swir22")
    # Seven colours from high regrowth to high severity; three classes take the first, fourth and last.
    assert [entry.color for entry in product.palette.entries] == ["#7a8737", "#fff70b", "#a41fd6"]


def test_a_product_of_three_bands(read):
    product = read(COLOR)
    assert (product.kind, product.planes, product.formula, product.palette) == ("rgb", 3, None, None)
    assert product.bands == product.rgb_bands == ("red", "green", "blue")
    assert product.rescale == ((0.0, 0.3),) * 3
    assert read(COLOR.replace("[0.0, 0.3]", "[[0, 1], [0, 2], [0, 3]]")).rescale == ((0, 1), (0, 2), (0, 3))


def test_a_product_does_not_change(read):
    with pytest.raises(ValidationError, match="frozen"):
        read(NDVI).title = "another"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("nir - red", "nir - red * 2"),
        ("-0.2, 1.0", "-0.2, 0.9"),
        ("viridis", "greys"),
        ("[0, 3]", "[0, 3, 8]"),
        ("sentinel-2-l2a", "landsat-c2-l2"),
    ],
)
def test_what_changes_pixels_changes_the_digest(read, old, new):
    assert read(NDVI.replace(old, new)).digest != read(NDVI).digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"Vegetation"', '"Plants"'),
        ("(nir - red) / (nir + red)", "((nir-red)/(nir  +  red))"),
        ("reject = [0, 3]", 'reject = [0, 3]\nlabel = "clouds"'),
        ('unit = "1"', 'unit = "ratio"\nreferences = ["a paper"]\nlit_above = 0.5'),
    ],
)
def test_words_do_not_change_the_digest(read, old, new):
    assert read(NDVI.replace(old, new), "another-name").digest == read(NDVI).digest


def test_the_limits_of_a_class_change_the_digest_and_its_name_does_not(read):
    assert read(BURN.replace("0.10\n", "0.15\n")).digest != read(BURN).digest
    assert read(BURN.replace("Burned", "Scorched")).digest == read(BURN).digest
