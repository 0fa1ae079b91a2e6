"""Published indices, held beside the program that publishes them."""

import re

import numpy as np
import pytest
import spyndex

from app.products.adhoc import ProductRequestError, adhoc_product
from app.products.compiling import compile_expression
from app.products.indices.catalogue import FILE, catalogue
from app.products.indices.translating import UntranslatableIndexError, translate
from app.products.registry import Registry
from mosaics.collection import Collection, IndexMapping
from mosaics.descriptions.collections import load_collections
from scripts.indices import document, written

COLLECTIONS = load_collections()
SENTINEL = COLLECTIONS["sentinel-2-l2a"].collection
LANDSAT = COLLECTIONS["landsat-c2-l2"].collection


@pytest.mark.parametrize(
    ("collection", "count"), [(SENTINEL, 234), (LANDSAT, 182)], ids=lambda v: str(v)[:20]
)
def test_every_index_that_can_be_written_has_the_values_of_spyndex(collection: Collection, count: int):
    """In float64, on 400 random reflectances from 0.01 to 0.9."""
    random = np.random.default_rng(15)
    bands = {name: random.uniform(0.01, 0.9, 400) for name in collection.band_names}
    held = 0
    for name in catalogue().indices:
        try:
            found = translate(name, collection)
        except UntranslatableIndexError:
            continue
        ours = compile_expression(found.expression).evaluate(bands)
        given = {letter: bands[band] for letter, band in found.bands.items()}
        with np.errstate(all="ignore"):
            theirs = spyndex.computeIndex(name, {**given, **found.constants})
        np.testing.assert_array_equal(np.isnan(ours), ~np.isfinite(theirs), err_msg=name)
        there = np.isfinite(theirs)
        np.testing.assert_allclose(ours[there], theirs[there], rtol=1e-9, atol=1e-12, err_msg=name)
        held += 1
    assert held == count


def test_the_catalogue_is_that_of_the_spyndex_that_is_pinned():
    assert FILE.read_text(encoding="utf-8") == written(document())


def test_evi_has_its_constants_and_the_bands_of_each_collection():
    """Huete and others (2002): G = 2.5, C1 = 6, C2 = 7.5, L = 1."""
    of_landsat = translate("EVI", LANDSAT)
    assert of_landsat.expression == "2.5 * (nir08 - red) / (nir08 + 6.0 * red - 7.5 * blue + 1.0)"
    assert of_landsat.constants == {"g": 2.5, "C1": 6.0, "C2": 7.5, "L": 1.0}
    assert translate("EVI", SENTINEL).bands == {"N": "nir", "R": "red", "B": "blue"}


def test_a_collection_can_name_bands_and_constants():
    indices = IndexMapping(bands={"N": "nir08"}, constants={"L": 0.5})
    own = SENTINEL.model_copy(update={"indices": indices})
    assert translate("SAVI", own).expression == "(1.0 + 0.5) * (nir08 - red) / (nir08 + red + 0.5)"
    assert Collection.from_stac(own.to_stac()).indices == indices
    with pytest.raises(ValueError, match=r"indices.bands names 'b8', which is not a band"):
        Collection.model_validate({**SENTINEL.model_dump(), "indices": {"bands": {"N": "b8"}}})


@pytest.mark.parametrize(
    ("name", "collection", "reason"),
    [
        ("AFRI1600", "naip", "needs N (Near-Infrared (NIR))"),
        (
            "EVI",
            "naip",
            "needs N (Near-Infrared (NIR)), which collection 'naip' does not have as a band of refl",
        ),
        ("SeLI", "landsat-c2-l2", "needs N2 (Near-Infrared (NIR) 2)"),
        ("NIRvP", "sentinel-2-l2a", "needs the constant PAR (Photosynthetically Active Radiation)"),
        ("kNDVI", "sentinel-2-l2a", "needs kNN, which is not the reflectance of one band"),
        ("FAI", "landsat-c2-l2", "needs the constant lambdaN (NIR central wavelength (nm))"),
        ("evi", "sentinel-2-l2a", "no index 'evi'; did you mean EVI"),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_reason(name: str, collection: str, reason: str):
    with pytest.raises(ProductRequestError, match=re.escape(reason)):
        adhoc_product(COLLECTIONS[collection].collection, index=name)


def test_wavelengths_are_those_of_the_bands_in_nm():
    assert translate("FAI", SENTINEL).constants == {"lambdaN": 842.0, "lambdaR": 665.0, "lambdaS1": 1610.0}


def test_an_index_is_drawn_over_its_expected_range():
    assert adhoc_product(SENTINEL, index="NDWI").rescale == ((-1.0, 1.0),)
    assert adhoc_product(SENTINEL, index="EVI").rescale == ((-0.029, 0.61),)
    with pytest.raises(ProductRequestError, match="this index has no default range; give"):
        adhoc_product(SENTINEL, index="MCARI")


def test_a_product_file_can_name_an_index_and_its_variants_too(tmp_path):
    (tmp_path / "moisture.toml").write_text(
        'index = "NDMI"\ncollection = "sentinel-2-l2a"\n[[mask]]\nband = "scl"\nkeep = [4, 5]\n'
        '[variants.moisture-landsat]\ncollection = "landsat-c2-l2"\nmask = []\n'
    )
    (tmp_path / "both.toml").write_text('index = "NDMI"\nexpression = "nir"\ncollection = "landsat-c2-l2"\n')
    (tmp_path / "lacking.toml").write_text('index = "SeLI"\ncollection = "landsat-c2-l2"\n')
    registry = Registry.load([tmp_path])
    moisture, landsat = registry.get("moisture"), registry.get("moisture-landsat")
    assert moisture.expression == "(nir - swir16) / (nir + swir16)"
    assert landsat.expression == "(nir08 - swir16) / (nir08 + swir16)"
    assert (moisture.title, moisture.unit) == ("Normalized Difference Moisture Index (NDMI)", "1")
    assert moisture.references == ("https://doi.org/10.1016/S0034-4257(01)00318-2",)
    assert "index: give an index, an expression or bands" in registry.left_out["both"].reason
    assert "index: index SeLI needs N2" in registry.left_out["lacking"].reason
