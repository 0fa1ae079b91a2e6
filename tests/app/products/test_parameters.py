"""Parameters in product files: what a file may say of them, and what would be right."""

from pathlib import Path

import pytest

from app.products.product import ProductFileError
from app.products.product_file import read_products

FILE = """
title = "Column"
collection = "air"
expression = "no2"
unit = "molecules cm-2"
rescale = [0.0, 1e16]
colormap = "viridis"

[[mask]]
band = "cloud"
max = 0.5
parameter = "cloud_max"
label = "clouded"

[parameters.cloud_max]
title = "Largest cloud fraction"
range = [0.0, 1.0]
"""


def read(folder: Path, text: str):
    path = folder / "column.toml"
    path.write_text(text, encoding="utf-8")
    return read_products(path)[0]


def test_the_default_is_the_rule_s_own_bound_and_changes_no_digest(tmp_path):
    product = read(tmp_path, FILE)
    plain = read(tmp_path, FILE[: FILE.index("[parameters")].replace('parameter = "cloud_max"\n', ""))
    assert dict(product.parameter_values) == {"cloud_max": 0.5}
    assert product.digest == plain.digest
    changed = product.with_parameters({"cloud_max": 0.25})
    assert changed.digest != product.digest
    assert [(rule.max, rule.label) for rule in changed.scene_rules] == [(0.25, "cloud above 0.25")]
    assert [rule.label for rule in product.with_parameters({"cloud_max": 0.5}).scene_rules] == ["clouded"]
    assert dict(product.parameter_values) == {"cloud_max": 0.5}  # as it was


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "[parameters.cloud_max]",
            "[parameters.cloud]",
            r"mask\[0\].parameter: there is no \[parameters.cloud_max\]",
        ),
        ("max = 0.5", "max = 1.5", r"mask\[0\].parameter: the default, 1.5, .* from 0 to 1"),
        ("max = 0.5", "keep = [0]", r"mask\[0\].parameter: this belongs to a rule with min or max"),
        ("range = [0.0, 1.0]", "range = [1.0, 0.0]", "low stands below high"),
        ("range = [0.0, 1.0]", "range = [0.0, inf]", "both are finite"),
        ('parameter = "cloud_max"\n', "", "parameters.cloud_max: no mask rule names it"),
        ("cloud_max", "datetime", "parameters.datetime: this name means something else"),
        ("cloud_max", "cloudMax", "parameters.cloudMax"),
        ("range =", "limits =", "parameters.cloud_max.limits: this is not a valid key"),
    ],
)
def test_what_contradicts_itself_is_refused_by_its_field(tmp_path, before, after, said):
    with pytest.raises(ProductFileError, match=said):
        read(tmp_path, FILE.replace(before, after))


def test_rules_of_one_parameter_have_one_default(tmp_path):
    other = '[[mask]]\nband = "shadow"\nmax = 0.4\nparameter = "cloud_max"\n\n[parameters'
    with pytest.raises(ProductFileError, match="is the same in all rules"):
        read(tmp_path, FILE.replace("[parameters", other))
