"""The registry: products by id."""

import shutil

import pytest

from app.products.product import ProductFileError
from app.products.registry import SHIPPED, Registry, UnknownProductError


def test_the_shipped_products_are_there():
    ids = [product.id for product in Registry.load().all()]
    assert ids == sorted(ids)
    assert {"ndvi", "nightlights", "no2", "true-color"} <= set(ids)


def test_a_folder_of_the_operator_adds_products(tmp_path):
    shutil.copy(SHIPPED / "no2.toml", tmp_path / "smog.toml")
    registry = Registry.load([SHIPPED, tmp_path])
    assert registry.get("smog").digest == registry.get("no2").digest
    assert registry.get("smog").title == registry.get("no2").title


def test_an_unknown_product_is_answered_with_those_there_are():
    with pytest.raises(
        UnknownProductError, match=r"no product 'ndvx'; there are: .*ndvi, .* did you mean ndvi\?"
    ):
        Registry.load().get("ndvx")
    with pytest.raises(UnknownProductError, match=r"no product 'a'; there are: none$"):
        Registry([]).get("a")


def test_an_endless_name_is_not_repeated():
    with pytest.raises(UnknownProductError) as refusal:
        Registry([]).get("x" * 10_000)
    assert len(str(refusal.value)) < 200


def test_two_files_for_one_product_are_refused(tmp_path):
    shutil.copy(SHIPPED / "ndvi.toml", tmp_path)
    with pytest.raises(ProductFileError, match="both describe a product 'ndvi'; rename one"):
        Registry.load([SHIPPED, tmp_path])


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ProductFileError, match="is not a folder of product files"):
        Registry.load([tmp_path / "absent"])


def test_a_file_name_that_is_not_an_id_is_refused(tmp_path):
    shutil.copy(SHIPPED / "ndvi.toml", tmp_path / "My NDVI.toml")
    with pytest.raises(ProductFileError, match=r"^My NDVI.toml: id: .*Small letters, digits, hyphens"):
        Registry.load([tmp_path])
