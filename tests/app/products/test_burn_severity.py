"""Burn severity by the book: classes and formulas at the numbers that decide.

Vectors: classes of Key & Benson (2006) with edges that belong to the class above; formulas of Key & Benson,
Miller & Thode (2007) and Parks et al. (2014), worked out by hand.
"""

import math

import numpy as np
import pytest

from app.products.registry import Registry

PRODUCTS = Registry.load()
COLORS = ("#7a8737", "#acbe4d", "#0ae042", "#fff70b", "#ffaf38", "#ff641b", "#a41fd6")
"""UN-SPIDER's, from high regrowth to high severity."""


def burn(product_id: str, before: float, after: float) -> float:
    """A product's value from the NBR of two dates."""
    formula = PRODUCTS.get(product_id).formula
    assert formula is not None
    # Bands whose sum is 1 and whose difference is the ratio.
    values = {
        f"{role}.{band}": np.array([0.5 + sign * nbr / 2], np.float32)
        for role, nbr in (("pre", before), ("post", after))
        for band, sign in (("nir08", 1), ("swir22", -1))
    }
    return float(formula.evaluate(values)[0])


def class_of(product_id: str, value: float) -> str:
    palette = PRODUCTS.get(product_id).palette
    assert palette is not None
    index = int(palette.index(np.array([value], np.float32))[0])
    return palette.entries[index - 1].label


@pytest.mark.parametrize(
    ("thousandths", "number"),
    [
        (-251, 1), (-250, 2), (-101, 2), (-100, 3), (99, 3), (100, 4), (269, 4),
        (270, 5), (439, 5), (440, 6), (659, 6), (660, 7), (1300, 7),
    ],
)  # fmt: skip
def test_a_value_on_an_edge_belongs_to_the_class_above(thousandths, number):
    palette = PRODUCTS.get("dnbr").palette
    assert palette is not None
    index = palette.index(np.array([thousandths / 1000], np.float32))
    assert index.tolist() == [number]
    assert palette.entries[number - 1].color == COLORS[number - 1]


@pytest.mark.parametrize(
    ("before", "after", "dnbr", "rdnbr", "rbr"),
    [(0.55, -0.12, 670, 903.43, 431.98), (0.20, 0.02, 180, 402.49, 149.88)],
)
def test_the_three_formulas(before, after, dnbr, rdnbr, rbr):
    assert 1000 * burn("dnbr", before, after) == pytest.approx(dnbr, abs=0.01)
    assert burn("rdnbr", before, after) == pytest.approx(rdnbr, abs=0.01)
    assert burn("rbr", before, after) == pytest.approx(rbr, abs=0.01)


def test_one_pixel_may_have_another_class_by_another_formula():
    assert class_of("dnbr", burn("dnbr", 0.55, -0.12)) == class_of("rdnbr", burn("rdnbr", 0.55, -0.12))
    assert class_of("dnbr", burn("dnbr", 0.20, 0.02)) == "Low severity"
    assert class_of("rdnbr", burn("rdnbr", 0.20, 0.02)) == "Moderate severity"


@pytest.mark.parametrize("before", [-0.05, 0.0])
def test_relative_severity_is_finite_for_little_or_no_growth(before):
    # 1000 * (before - (-0.3)) over the root of |before|, which is taken as at least 0.001.
    expected = 1000 * (before + 0.3) / math.sqrt(max(abs(before), 0.001))
    assert burn("rdnbr", before, -0.3) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("value", "name"),
    [(68.9, "Unchanged"), (69, "Low severity"), (316, "Moderate severity"), (641, "High severity")],
)
def test_classes_of_relative_severity(value, name):
    assert class_of("rdnbr", value) == name
