"""Classes of single values: of the product's file, or of the band it shows."""

import numpy as np
import pytest

from app.products.legend import legend_json, legend_png, legend_svg
from app.products.product import ProductFileError
from app.products.product_file import read_products
from app.products.registry import Registry
from app.statistics.distribution import Distribution, Run
from app.statistics.summarising import _classes
from mosaics.collection import Band, Category, Collection
from mosaics.period import Cadence

LAND_COVER = """
title = "Land cover"
collection = "nlcd"
expression = "class"
unit = "1"
"""
VALUES = """
[values]
11 = { name = "Open water", color = "#466b9f" }
21 = { name = "Developed, open space", color = "#dec5c5" }
22 = { name = "Developed, low", color = "#d99282" }
"""
CODES = [11, 12, 21, 21.5, 22, 95, np.nan, 0]
NAMES = ["Open water", "other", "Developed, open space", "other", "Developed, low", "other", None, "other"]


def read(tmp_path, text):
    path = tmp_path / "cover.toml"
    path.write_text(text)
    return read_products(path)[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_code_is_itself_or_other_but_never_its_neighbour(tmp_path, dtype):
    product = read(tmp_path, LAND_COVER + VALUES)
    codes = np.array(CODES, dtype)
    entries = [product.palette.entry_of(code) for code in codes]
    assert [entry and entry.label for entry in entries] == NAMES
    colors = product.palette.colors[product.palette.index(codes)]
    assert colors[:2].tolist() == [[0x46, 0x6B, 0x9F, 255], [0xBD, 0xBD, 0xBD, 255]]
    assert colors[6].tolist() == [0, 0, 0, 0]
    held = np.sort(codes[~np.isnan(codes)])
    found = Distribution.of([Run(held, 1e4)], held[:0], np.empty(0))
    areas = {row.name: row.area_ha for row in _classes(product, found)}
    assert areas == {"Open water": 1, "Developed, open space": 1, "Developed, low": 1, "other": 4}


def test_the_legend_has_each_code_and_what_others_are(tmp_path):
    named = VALUES + 'other = { name = "Unknown code", color = "#111111" }\n'
    product = read(tmp_path, LAND_COVER + named)
    entries = legend_json(product)["entries"]
    assert [(e["label"], e["from"], e["to"]) for e in entries] == [
        ("Open water", 11, 11),
        ("Developed, open space", 21, 21),
        ("Developed, low", 22, 22),
        ("Unknown code", None, None),
    ]
    assert entries[3]["color"] == "#111111"
    assert "Developed, low" in legend_svg(product)
    assert legend_png(product).startswith(b"\x89PNG")


def test_codes_of_eight_digits_are_told_apart(tmp_path):
    text = LAND_COVER + '[values]\n20240615 = { name = "a", color = "#000001" }\n'
    product = read(tmp_path, text + '20240616 = { name = "b", color = "#000002" }\n')
    codes = np.array([20240614, 20240615, 20240616], "float64")
    assert [product.palette.entry_of(code).label for code in codes] == ["other", "a", "b"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[values]\neleven = "Water"\n', r"values.eleven: 'eleven' is not a valid value; values are whole"),
        ('[values]\n11.5 = "Water"\n', "values"),
        ('[values]\n11 = { name = "Water", color = "blue" }\n', "values.11.color: string should match"),
        (
            '[values]\n11 = { color = "#0000ff" }\n',
            "values.11.name: this is missing: What the class is called",
        ),
        (
            'colormap = "viridis"\n[values]\n11 = "Water"\n12 = "Water"\n',
            "values.12.name: 11 and 12 are both",
        ),
        ('[values]\n11 = "Water"\n', "colormap: rescale and classes without a color need a colormap"),
        (
            '[values]\n11 = "Water"\n12 = { name = "Ice", color = "#ffffff" }\n',
            "values: either every class has a color",
        ),
        (f'rescale = [0, 1]\ncolormap = "viridis"\n{VALUES}', "classes: an expression is drawn by either"),
    ],
)
def test_a_wrong_table_is_refused_with_field_and_remedy(tmp_path, text, complaint):
    with pytest.raises(ProductFileError, match=complaint):
        read(tmp_path, LAND_COVER + text)


def test_values_may_take_their_colours_from_a_colormap(tmp_path):
    product = read(tmp_path, f'{LAND_COVER}colormap = "greys"\n[values]\n1 = "Water"\n2 = "Land"\n')
    assert product.class_names == ("Water", "Land", "other")


def collection(**band):
    return Collection(
        id="nlcd",
        title="NLCD",
        description="",
        cadence=Cadence.YEAR,
        license="other",
        attribution="",
        bands=(Band(name="class", title="Class", dtype="uint8", categorical=True, **band),),
    )


def test_a_product_without_classes_has_those_of_its_collection(tmp_path):
    (tmp_path / "cover.toml").write_text(LAND_COVER)
    registry = Registry.load([tmp_path])
    assert registry.get("cover").class_names == ("other",)
    landed = {11: Category(name="Open Water", color="#466b9f"), 12: Category(color="#d1def8")}
    now = collection(values={11: "Water"}, landed=landed)
    registry.follow(lambda: {"nlcd": now})
    first = registry.get("cover")
    assert first.class_names == ("Water", "12", "other")
    assert first.palette is not None
    assert [entry.color for entry in first.palette.entries] == ["#466b9f", "#d1def8", "#bdbdbd"]
    now = collection(landed={11: Category(name="Open Water", color="#0000ff")})
    assert registry.get("cover").class_names == ("Open Water", "other")
    assert registry.get("cover").digest != first.digest


def test_what_files_and_collection_say_of_numbers_survives_in_storage():
    landed = {11: Category(name="Open Water", color="#466b9f"), 12: Category(color="#d1def8")}
    before = collection(values={11: "Water", 21: "Built"}, colors={21: "#ff0000"}, landed=landed)
    document = before.to_stac()
    assert Collection.from_stac(document) == before
    (band,) = document["item_assets"]["class"]["bands"]
    told = [(row["value"], row["title"], row.get("color_hint")) for row in band["classification:classes"]]
    assert told == [(11, "Water", "466B9F"), (12, "12", "D1DEF8"), (21, "Built", "FF0000")]
