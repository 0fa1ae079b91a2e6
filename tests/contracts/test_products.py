"""What holds for every product and every colour map there is."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.products.legend import legend_colors, legend_entries, legend_json, legend_png, legend_svg
from app.products.palette import scale_rgb
from app.products.product import Product
from app.products.registry import SHIPPED, Registry
from colormaps import colormap_names, load_colormap
from tests.rasters import as_read

PRODUCTS = Registry.load().all()
COLLECTIONS = Path(__file__).parents[2] / "mosaics" / "descriptions" / "collections"

every_product = pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.id)
every_ramp = pytest.mark.parametrize(
    "product",
    [product for product in PRODUCTS if product.kind == "continuous"],
    ids=lambda product: product.id,
)
every_formula = pytest.mark.parametrize(
    "product", [product for product in PRODUCTS if product.formula], ids=lambda product: product.id
)
every_colormap = pytest.mark.parametrize("name", colormap_names())


def collection_bands(collection: str) -> dict[str, dict[str, object]]:
    content = tomllib.loads((COLLECTIONS / f"{collection}.toml").read_text(encoding="utf-8"))
    return {band["name"]: band for band in content["bands"]}


def drawn(product: Product, *values: float) -> str:
    """The colour of a pixel with these values: one, or those of red, green and blue."""
    pixel = np.array(values, dtype=np.float32).reshape(-1, 1, 1)
    if product.palette is None:
        colors, alpha = scale_rgb(pixel, product.rescale)
        assert alpha.item() == 255
        return "#" + bytes(colors.ravel().tolist()).hex()
    red, green, blue, opacity = product.palette.colors[product.palette.index(pixel[0])].ravel().tolist()
    assert opacity == 255
    return "#" + bytes([red, green, blue]).hex()


def test_no_file_is_left_out():
    described = []
    for path in SHIPPED.glob("*.toml"):
        described += [path.stem, *tomllib.loads(path.read_text(encoding="utf-8")).get("variants", {})]
    assert sorted(product.id for product in PRODUCTS) == sorted(described)


@every_product
def test_it_reads_bands_its_collection_has(product):
    bands = collection_bands(product.collection)
    assert set(product.bands) <= set(bands)
    assert set(product.mask_bands) <= set(bands)


@every_product
def test_its_mask_looks_at_stored_values_of_flags_and_physical_values_of_quantities(product):
    for rule in product.mask:
        bands = collection_bands(rule.collection or product.collection)
        is_flag = bands[rule.band].get("categorical", False)
        looks_at_stored = rule.min is None and rule.max is None
        assert looks_at_stored == is_flag, f"{rule.band}: {rule.label}"


@every_product
def test_the_legend_shows_the_colour_of_the_pixel(product):
    for channel, entry in enumerate(legend_entries(product)):
        if product.kind == "rgb":
            full = [low for low, _ in product.rescale]
            full[channel] = product.rescale[channel][1]
            assert drawn(product, *full) == entry.color
            continue
        inside = [value for value in (entry.lower, entry.upper) if value is not None]
        if entry.lower is not None:
            assert drawn(product, entry.lower) == entry.color
        if entry.lower != entry.upper and entry.upper is not None:
            below = float(np.nextafter(np.float32(entry.upper), np.float32(-np.inf)))
            assert drawn(product, below) == entry.color
        assert inside, "an entry of a legend says for which values it stands"


@every_ramp
def test_the_ramp_of_the_legend_is_that_of_the_pixels(product):
    low, high = product.rescale[0]
    colors = legend_colors(product)
    assert len(colors) >= 16
    for i, color in enumerate(colors):
        # The ramp shows 32 of the 255 steps, rounded to the next: one step of the table is the tolerance.
        values = low + (high - low) * (i / (len(colors) - 1) + np.array([-1, -0.5, 0, 0.5, 1]) / 254)
        assert color in {drawn(product, value) for value in values}


@every_product
def test_a_missing_value_is_transparent(product):
    missing = np.full((product.planes, 1, 1), np.nan, dtype=np.float32)
    if product.palette is None:
        assert scale_rgb(missing, product.rescale)[1].item() == 0
    else:
        assert product.palette.colors[product.palette.index(missing[0])].ravel().tolist() == [0, 0, 0, 0]


@every_formula
def test_a_pixel_without_a_band_has_no_value(product):
    for absent in product.formula.bands:
        values = {
            name: np.full(3, np.nan if name == absent else 0.4, dtype=np.float32)
            for name in product.formula.bands
        }
        assert np.isnan(product.formula.evaluate(values)).all()


@every_formula
def test_a_pixel_of_nothing_but_zeros_is_a_number_or_missing_but_never_infinite(product):
    values = {name: np.zeros(3, dtype=np.float32) for name in product.formula.bands}
    assert not np.isinf(product.formula.evaluate(values)).any()


@every_product
def test_it_says_what_it_is(product):
    assert product.title
    assert product.description
    assert all(rule.label for rule in product.mask)
    assert product.references or product.kind == "rgb"
    assert product.unit or product.kind == "rgb"
    assert len(product.digest) == 64


def test_digests_tell_products_apart():
    assert len({product.digest for product in PRODUCTS}) == len(PRODUCTS)


@every_product
def test_its_legend_is_there_in_every_form(product, tmp_path):
    assert legend_json(product)["entries"]
    assert legend_svg(product).startswith("<svg ")
    path = tmp_path / "legend.png"
    path.write_bytes(legend_png(product))
    with Image.open(path) as image:
        assert min(image.size) > 100


@pytest.mark.parametrize(
    ("product_id", "nir"), [("ndvi", "nir"), ("ndvi-landsat", "nir08"), ("ndvi-monthly", "nir")]
)
def test_ndvi_has_no_value_where_the_sum_is_not_positive(product_id, nir):
    formula = Registry.load().get(product_id).formula
    assert formula is not None
    values = {
        nir: np.array([0.295, 0.0, 0.05, -0.02, 0.02], dtype=np.float32),
        "red": np.array([0.03375, 0.0, -0.05, 0.01, -0.01], dtype=np.float32),
    }
    # Landsat DN 18000 and 8500 are reflectances 0.295 and 0.03375: NDVI 0.7947. The last is 0.03 / 0.01.
    found = formula.evaluate(values)
    assert found[0] == pytest.approx(0.7947, abs=5e-5)
    assert np.isnan(found[1:4]).all()
    assert found[4] == pytest.approx(3.0, rel=1e-5)


LIGHTS = [
    *("nightlights", "nightlights-yearly", "nightlights-noaa20", "nightlights-yearly-noaa20"),
    "nightlights-c1",
]


@pytest.mark.parametrize("product_id", [*LIGHTS, "nightlights-daily", "nightlights-daily-noaa20"])
def test_darkness_is_a_value_and_negative_radiance_is_not(product_id):
    product = Registry.load().get(product_id)
    radiance = np.array([-999.9, -0.1, 0.0, 0.6], dtype=np.float32)
    rules = [rule for rule in product.mask if rule.band == "radiance"]
    assert [rule.rejected(*as_read(radiance)).tolist() for rule in rules] == [[True, True, False, False]]
    assert product.lit_above == 0.5


@pytest.mark.parametrize("product_id", [*LIGHTS, "nightlights-change", "nightlights-change-noaa20"])
def test_night_lights_count_where_they_were_seen(product_id):
    observations = np.array([0, 1, 2, 15], dtype=np.uint16)
    (rule,) = [rule for rule in Registry.load().get(product_id).mask if rule.band == "num_observations"]
    assert rule.rejected(*as_read(observations)).tolist() == [True, False, False, False]


def test_small_negative_columns_of_no2_are_values():
    product = Registry.load().get("no2")
    assert product.formula is not None
    column = np.array([-3.05e15, 2.27e15], dtype=np.float32)
    assert product.formula.evaluate({"no2": column}).tolist() == column.tolist()


@every_colormap
def test_a_colour_map_is_whole(name):
    colormap = load_colormap(name)
    assert colormap.name == name
    assert colormap.title
    assert colormap.source, "colours of others are named with their terms"
    table = colormap.table(255)
    assert table.shape == (255, 3)
    assert "#" + bytes(table[0].tolist()).hex() == colormap.stops[0][1]
    assert "#" + bytes(table[-1].tolist()).hex() == colormap.stops[-1][1]
    assert len(np.unique(table, axis=0)) > 200


AIR = [product for product in PRODUCTS if product.collection.startswith("tempo-")]
JUDGING = re.compile(
    r"\b(aqi|air[- ]quality|health\w*|hazard\w*|harmful|toxic|danger\w*|unsafe|good air)\b",
    re.IGNORECASE,
)
"""Words that judge air by what it does to people, which a column does not tell."""


@pytest.mark.parametrize("product", AIR, ids=[product.id for product in AIR])
def test_products_of_air_tell_levels_of_columns_and_judge_nothing(product):
    said = [product.title, product.description, *(rule.label for rule in product.mask)]
    said += [row.name for row in product.classes]
    assert not [text for text in said if JUDGING.search(text)]
    assert product.classes == () or all(product.unit in row.name for row in product.classes)
    assert product.palette is not None
    (below,) = product.palette.index(np.array([-1e15], np.float32))
    assert product.palette.colors[below][3] == 255  # values below 0 are shown


def test_the_page_and_readme_judge_no_air():
    root = Path(__file__).parents[2]
    texts = [root / "README.md", *(root / "app/web/src").rglob("*.ts*")]
    found = {
        f"{path.name}: {line.strip()[:80]}"
        for path in texts
        if path.name != "schema.d.ts"
        for line in path.read_text().splitlines()
        if JUDGING.search(re.sub(r"/health\w*", "", line))
    }
    assert found == set()
