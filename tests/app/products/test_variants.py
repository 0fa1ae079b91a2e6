"""Variants: one product file over several collections, whose bands have other names."""

import numpy as np
import pytest

from app.products.legend import legend_json
from app.products.product import Product, ProductFileError
from app.products.product_file import read_products
from app.products.registry import Registry

WETNESS = """
title = "Wetness"
description = "Green against near infrared."
collection = "sentinel-2-l2a"
expression = "keep((green - nir) / (green + nir), green + nir > 0)"
unit = "1"
rescale = [-1.0, 1.0]
colormap = "viridis"

[[mask]]
band = "scl"
reject = [0, 9]

[variants.wetness-landsat]
collection = "landsat-c2-l2"
title = "Wetness, Landsat"
bands = { nir = "nir08", scl = "quality" }

[variants.wetness-monthly]
collection = "sentinel-2-monthly"
mask = []
"""


@pytest.fixture
def read(tmp_path):
    def from_text(text: str) -> dict[str, Product]:
        path = tmp_path / "wetness.toml"
        path.write_text(text, encoding="utf-8")
        return {product.id: product for product in read_products(path)}

    return from_text


def test_a_variant_is_what_a_file_of_its_own_would_be(read, tmp_path):
    alone = tmp_path / "wetness-landsat.toml"
    alone.write_text(
        WETNESS[: WETNESS.index("[variants")]
        .replace("sentinel-2-l2a", "landsat-c2-l2")
        .replace('"Wetness"', '"Wetness, Landsat"')
        .replace("nir", "nir08")
        .replace("scl", "quality"),
        encoding="utf-8",
    )
    variant, expected = read(WETNESS)["wetness-landsat"], read_products(alone)[0]
    assert variant == expected
    assert variant.digest == expected.digest
    assert legend_json(variant) == legend_json(expected)


def test_a_variant_reads_the_bands_of_its_collection(read):
    landsat = read(WETNESS)["wetness-landsat"]
    assert landsat.expression == "keep((green - nir08) / (green + nir08), green + nir08 > 0)"
    assert (landsat.bands, landsat.mask_bands) == (("green", "nir08"), ("quality",))
    assert landsat.mask[0].label == "quality is 0, 9"
    assert landsat.description == "Green against near infrared."
    # (0.06 - 0.30) / (0.06 + 0.30) = -2/3
    values = {"green": np.array([0.06], np.float32), "nir08": np.array([0.30], np.float32)}
    assert landsat.formula.evaluate(values)[0] == pytest.approx(-2 / 3, rel=1e-6)


def test_no_mask_is_another_thing_than_the_mask_of_the_file(read):
    products = read(WETNESS)
    assert products["wetness-monthly"].mask == ()
    assert products["wetness-monthly"].expression == products["wetness"].expression
    assert products["wetness-monthly"].digest != products["wetness"].digest


def test_names_change_places_at_once(read):
    text = WETNESS.replace('nir = "nir08", scl = "quality"', 'nir = "green", green = "nir"')
    assert read(text)["wetness-landsat"].bands == ("nir", "green")


def test_the_bands_of_a_picture_and_of_roles_are_renamed(tmp_path):
    path = tmp_path / "change.toml"
    path.write_text(
        """
title = "Change"
collection = "sentinel-2-l2a"
expression = "where(pre.nir > 0, abs(pre.nir - post.nir), post.red)"
rescale = [0.0, 1.0]
colormap = "viridis"
roles = { pre = { title = "Before", before = "post" }, post = { title = "After" } }
counted = [{ name = "Lost", where = "post.nir < pre.nir" }]
mask = [{ collection = "zones", band = "nir", keep = [1] }]
variants.change-landsat = { collection = "landsat-c2-l2", bands = { nir = "nir08" } }
""",
        encoding="utf-8",
    )
    landsat = read_products(path)[1]
    assert landsat.expression == "where(pre.nir08 > 0, abs(pre.nir08 - post.nir08), post.red)"
    assert landsat.mask[0].band == "nir"  # of another collection
    assert landsat.counted[0].where == "post.nir08 < pre.nir08"
    path.write_text(
        """
title = "Grey"
collection = "naip"
bands = ["red", "red", "green"]
rescale = [0.0, 255.0]
variants.grey-pan = { collection = "pan", bands = { red = "pan", green = "pan" } }
""",
        encoding="utf-8",
    )
    assert read_products(path)[1].rgb_bands == ("pan", "pan", "pan")


LANDSAT = "[variants.wetness-landsat]"
OWN_MASK = LANDSAT + '\nmask = [{ band = "qa_pixel", reject_bits = [3] }]'
WRONG = [
    (
        LANDSAT,
        LANDSAT + '\nmask = [{ bnd = "qa_pixel", reject = [1] }]',
        r"mask\[0\].band: this is missing: The band that is.*variants.wetness-landsat.mask\[0\].bnd: this",
    ),
    (
        LANDSAT,
        LANDSAT + '\nunit = "%"',
        (
            "variants.wetness-landsat.unit: this is not a valid key; "
            "There are: collection, title, .*, bands, classes, mask"
        ),
    ),
    (
        'collection = "landsat-c2-l2"\n',
        "",
        "variants.wetness-landsat.collection: this is missing: The id of the collection",
    ),
    (
        "nir = ",
        "nri = ",
        "variants.wetness-landsat.bands: 'nri' is not a band of the product; there are: green, nir, scl",
    ),
    (
        LANDSAT,
        OWN_MASK,
        "variants.wetness-landsat.bands: 'scl' is not a band of the product; there are: green, nir$",
    ),
    (
        '"nir08"',
        '"nir + red"',
        "variants.wetness-landsat.bands.nir: string should match .* not 'nir \\+ red'; New names of bands",
    ),
    ('"nir08"', '"sqrt"', "variants.wetness-landsat.bands: sqrt is a function; write sqrt\\(x\\)"),
    (LANDSAT, "[variants.'Wetness L8']", "variants.Wetness L8: .*Small letters, digits, hyphens"),
    (LANDSAT, "[variants.wetness]", "variants.wetness: 'wetness' is the product of the file itself; rename"),
    (LANDSAT, "[variant.wetness-landsat]", "variant: this is not a valid key; did you mean variants"),
]


@pytest.mark.parametrize(("old", "new", "words"), WRONG, ids=[new for _, new, _ in WRONG])
def test_a_wrong_variant_is_refused_with_field_and_remedy(read, old, new, words):
    assert old in WETNESS
    with pytest.raises(ProductFileError, match=words) as refusal:
        read(WETNESS.replace(old, new, 1))
    assert str(refusal.value).startswith("wetness.toml")


def test_variants_that_are_no_table_are_refused(read):
    with pytest.raises(ProductFileError, match=r"wetness.toml: variants: write each as .* \[variants.ID\]"):
        read("variants = 3\n" + WETNESS[: WETNESS.index("[variants")])
    with pytest.raises(ProductFileError, match=r"variants.dry: input should be .*, not 5"):
        read("variants = { dry = 5 }\n" + WETNESS[: WETNESS.index("[variants")])


def test_every_problem_of_a_file_and_its_variants_is_told_at_once(read):
    with pytest.raises(ProductFileError, match=r"expression: .*variants.wetness-landsat.colection: this"):
        read(
            WETNESS.replace("green + nir)", "green + nir").replace(
                'collection = "landsat-c2-l2"', 'colection = "landsat-c2-l2"'
            )
        )


def test_a_variant_and_a_file_of_one_id_are_refused_by_name(tmp_path):
    (tmp_path / "wetness.toml").write_text(WETNESS, encoding="utf-8")
    other = WETNESS[: WETNESS.index("[variants")]
    (tmp_path / "wetness-landsat.toml").write_text(other, encoding="utf-8")
    registry = Registry.load([tmp_path])
    assert [product.id for product in registry.all()] == ["wetness-landsat"]
    assert registry.left_out["wetness"].reason == (
        "wetness.toml and wetness-landsat.toml both describe a product 'wetness-landsat'; rename one"
    )


def test_landsat_and_composites_are_shown_by_the_same_files():
    registry = Registry.load()
    for product_id, collection, bands, mask_bands in [
        ("ndvi", "sentinel-2-l2a", ("nir", "red"), ("scl",)),
        ("ndvi-landsat", "landsat-c2-l2", ("nir08", "red"), ("qa_pixel",)),
        ("ndvi-monthly", "sentinel-2-monthly", ("nir", "red"), ()),
        ("true-color-monthly", "sentinel-2-monthly", ("red", "green", "blue"), ()),
    ]:
        product = registry.get(product_id)
        assert (product.collection, product.bands, product.mask_bands) == (collection, bands, mask_bands)
