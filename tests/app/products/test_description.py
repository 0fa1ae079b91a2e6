"""Descriptions of products: the files that are refused, and with which words."""

import pytest

from app.products.product import ProductFileError
from tests.app.products.texts import BURN, COLOR, NDVI

WRONG = [
    (NDVI, "collection =", "colection =", "colection: this is not a valid key; did you mean collection?"),
    (NDVI, 'collection = "sentinel-2-l2a"', "", "collection: this is missing: The id of the collection"),
    (NDVI, "title =", "name =", "There are: title, description, collection, roles, expression, index, bands"),
    (NDVI, 'title = "Vegetation"', 'id = "x"', "id: the id is the name of the file, 'some-product'"),
    (
        NDVI,
        "title = ",
        "title = 5 #",
        "title: input should be a valid string, not 5; A short name for people",
    ),
    (NDVI, "keep = [4, 5]", "kep = [4, 5]", r"mask\[1\].kep: this is not a valid key; did you mean keep"),
    (NDVI, "keep = [4, 5]", "", r"mask\[1\]: a mask rule has exactly one of keep, .* there is none"),
    (NDVI, "keep = [4, 5]", "keep = [4]\nmin = 1", r"mask\[1\]: .* these are 2: keep, min"),
    (NDVI, "keep = [4, 5]", 'keep = ["a"]', r"mask\[1\].keep\[0\]: input should be a valid integer"),
    (NDVI, 'band = "scl"\nkeep', "keep", r"mask\[1\].band: this is missing: The band that is looked at"),
    (NDVI, "[-0.2, 1.0]", "[1.0, -0.2]", "rescale: low stands below high; these are 1 and -0.2"),
    (NDVI, "[-0.2, 1.0]", "[1.0, 1.00000000001]", "rescale: low and high are too close"),
    (NDVI, "[-0.2, 1.0]", "[0.0, inf]", "rescale: numbers from"),
    (NDVI, "[-0.2, 1.0]", "[0.0, nan]", "rescale: numbers from"),
    (
        NDVI,
        "[-0.2, 1.0]",
        "[[0, 1], [0, 2]]",
        r"rescale: an expression has one pair, \[low, high\]; these are 2",
    ),
    (NDVI, "[-0.2, 1.0]", "[1.0]", r"rescale\[0\]\[1\]"),
    (NDVI, "rescale = [-0.2, 1.0]", "", "classes: an expression is drawn by either classes or rescale"),
    (NDVI, '"viridis"', '"viridris"', "colormap: no colormap 'viridris'; there are: .* did you mean viridis"),
    (NDVI, 'colormap = "viridis"', "", "colormap: rescale and classes without a color need a colormap"),
    (NDVI, "nir + red)", "nir + red", "expression: .* is not an expression"),
    (NDVI, "nir + red)", "pre.nir + red)", "expression: this product has no time windows"),
    (
        NDVI,
        "expression =",
        'bands = ["red"]\nexpression =',
        "expression: a product has either an expression or bands",
    ),
    (
        NDVI,
        'unit = "1"',
        "lit_above = 0.5",
        "lit_above: a lit area needs values of an expression and their unit",
    ),
    (
        BURN,
        "from = -0.10",
        "from = -0.05",
        r"classes\[1\].from: a class begins where the one before it ends, at -0.1",
    ),
    (
        BURN,
        "from = -0.10",
        "from = -0.20",
        r"classes\[1\].from: a class begins where the one before it ends, at -0.1",
    ),
    (
        BURN,
        "to = 0.10",
        "to = -0.10",
        r"classes\[1\].to: a class ends above where it begins; .* from -0.1 to -0.1",
    ),
    (BURN, "from = -0.10\n", "", r"classes\[1\].from: only the lowest class is open below"),
    (BURN, "to = 0.10\n", "", r"classes\[1\].to: only the highest class is open above"),
    (BURN, '"Burned"', '"Unburned"', r"classes\[2\].name: two classes are called 'Unburned'"),
    (BURN, '"Burned"', '"Burned"\ncolor = "#ff0000"', "classes: either every class has a color, or none has"),
    (BURN, '"Burned"', '"Burned"\ncolor = "red"', r"classes\[2\].color: .* not 'red'; Its colour, #rrggbb"),
    (
        BURN,
        "colormap =",
        "rescale = [0, 1]\ncolormap =",
        "classes: an expression is drawn by either classes or",
    ),
    (
        BURN,
        "[roles.pre]",
        "[roles.mid]\ntitle = '-'\n[roles.pre]",
        "roles.mid: the expression does not name it",
    ),
    (
        BURN,
        "[roles.pre]",
        "[roles.prior]",
        "expression: 'pre.nir08' does not name a time window; write prior.nir08 or",
    ),
    (BURN, "[roles.pre]", "[roles.post2]", "expression: 'pre.nir08' does not name a time window"),
    (
        BURN,
        'before = "post"\n',
        "",
        "roles: one role is the tested one .* without before there are: pre, post",
    ),
    (BURN, 'before = "post"', 'before = "pre"', "roles.pre.before: the tested role is 'post', not 'pre'"),
    (BURN, 'before = "post"', "years = 2", "roles.pre: years is for a role that comes before another"),
    (BURN, 'before = "post"', 'before = "post"\nyears = 2', "roles.pre: of 2 years, minimum_years says"),
    (
        BURN,
        'before = "post"',
        'before = "post"\nyears = 5\nminimum_years = 3',
        r"expression: pre has a window in each of several years; write mean\(pre.nir08\)",
    ),
    (BURN, "colormap =", "plausible = [1, 0]\ncolormap =", "plausible: low stands below high"),
    (
        BURN,
        "colormap =",
        'absences = {masked = "#808080"}\ncolormap =',
        "absences.masked: this belongs to a product with roles and mask rules",
    ),
    (
        BURN,
        "colormap =",
        'counted = [{name = "Wet", where = "pre.red > 1"}]\ncolormap =',
        r"counted\[0\].where: it names bands that the expression does not",
    ),
    (COLOR, '"red", ', "", "bands: there are three bands, for red, green and blue; these are 2"),
    (COLOR, "rescale = [0.0, 0.3]", "", "rescale: bands need the values of black and full colour"),
    (COLOR, "rescale =", 'colormap = "greys"\nrescale =', "colormap: this belongs to an expression"),
    (
        COLOR,
        "rescale =",
        'unit = "1"\nlit_above = 1\nrescale =',
        "lit_above: a lit area needs values of an expression",
    ),
    (COLOR, "rescale =", "rescale", "is not TOML"),
    (
        BURN,
        "[roles.pre]",
        "[absences]\nmaskd = '#b8bcc2'\n[roles.pre]",
        "absences.maskd: this is not a valid key; did you mean masked",
    ),
    (
        BURN,
        "[roles.pre]",
        "[[counted]]\nnam = 'Lost'\nwhere = 'pre.nir08 > 0'\n[roles.pre]",
        r"counted\[0\].name: this is missing: What such ground.*counted\[0\].nam: this is not a valid key",
    ),
]


@pytest.mark.parametrize(
    ("text", "old", "new", "words"), WRONG, ids=[f"{old}->{new}" for _, old, new, _ in WRONG]
)
def test_a_wrong_file_is_refused_with_field_and_remedy(read, text, old, new, words):
    assert text.count(old) >= 1
    with pytest.raises(ProductFileError, match=words) as refusal:
        read(text.replace(old, new, 1))
    assert str(refusal.value).startswith("some-product.toml")


def test_every_problem_of_a_file_is_told_at_once(read):
    with pytest.raises(
        ProductFileError, match=r"collection: this is missing.*mask\[0\]\.rejct: .*colection: this is not"
    ):
        read(NDVI.replace("collection", "colection").replace("reject", "rejct"))
