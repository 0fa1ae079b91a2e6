"""The registry: products by id."""

import re
import shutil

import pytest

from app.products.product import ProductFileError
from app.products.registry import SHIPPED, Registry, UnknownProductError
from mosaics.descriptions.toml_files import LeftOutFile


def test_the_shipped_products_are_there():
    ids = [product.id for product in Registry.load().all()]
    assert ids == sorted(ids)
    assert {"ndvi", "nightlights", "no2", "true-color"} <= set(ids)


def test_a_folder_of_the_operator_adds_products(tmp_path):
    shutil.copy(SHIPPED / "ndvi-change.toml", tmp_path / "greening.toml")
    registry = Registry.load([SHIPPED, tmp_path])
    assert registry.get("greening").digest == registry.get("ndvi-change").digest
    assert registry.get("greening").title == registry.get("ndvi-change").title


def test_an_unknown_product_is_answered_with_those_there_are():
    with pytest.raises(
        UnknownProductError, match=r"no product 'ndvx'; there are: .*ndvi, .* did you mean ndvi\?"
    ):
        Registry.load().get("ndvx")
    with pytest.raises(UnknownProductError, match=r"no product 'a'; there are: none$"):
        Registry([]).get("a")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("pm25", "particulate matter is not a product of TEMPO"),
        ("PM2.5", "particulate matter is not a product of TEMPO"),
        ("pm-10", "particulate matter is not a product of TEMPO"),
        ("aqi", "satellites see columns of air"),
    ],
)
def test_what_satellites_of_the_air_do_not_measure_is_refused_with_that_reason(asked, why):
    with pytest.raises(UnknownProductError, match=rf"^no product '{re.escape(asked)}': .*{why}"):
        Registry.load().get(asked)


def test_an_endless_name_is_not_repeated():
    with pytest.raises(UnknownProductError) as refusal:
        Registry([]).get("x" * 10_000)
    assert len(str(refusal.value)) < 200


def test_the_second_file_for_one_product_is_left_out(tmp_path):
    shutil.copy(SHIPPED / "ndvi.toml", tmp_path)
    registry = Registry.load([SHIPPED, tmp_path])
    (one,) = registry.left_out.values()
    assert one.path == tmp_path / "ndvi.toml"
    assert one.reason == "ndvi.toml and the shipped ndvi.toml both describe a product 'ndvi'; rename one"
    assert registry.all() == Registry.load().all()


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ProductFileError, match="is not a folder of product files"):
        Registry.load([tmp_path / "absent"])


def test_a_wrong_file_costs_itself_alone_and_says_why(tmp_path):
    shutil.copy(SHIPPED / "ndvi.toml", tmp_path / "My NDVI.toml")
    shutil.copy(SHIPPED / "ndvi-change.toml", tmp_path / "greening.toml")
    (tmp_path / "broken.toml").write_text("title = ")
    (tmp_path / "typo.toml").write_text(
        (SHIPPED / "ndvi-change.toml").read_text().replace("rescale", "rescael")
    )
    (tmp_path / "folder.toml").mkdir()
    registry = Registry.load([SHIPPED, tmp_path])
    reasons = {name: one.reason for name, one in registry.left_out.items()}
    assert re.match(r"My NDVI.toml: id: .*Small letters, digits, hyphens", reasons.pop("My NDVI"))
    assert reasons.pop("broken").startswith("broken.toml is not TOML: ")
    assert "rescael: this is not a valid key; did you mean rescale?" in reasons["typo"]
    assert reasons["folder"] == "folder.toml cannot be read: Is a directory"
    assert {product.id for product in registry.all()} == {*(p.id for p in Registry.load().all()), "greening"}
    with pytest.raises(UnknownProductError, match=r"product 'typo' is left out: typo.toml: .*rescael"):
        registry.get("typo")


def test_products_of_a_collection_that_is_left_out_are_left_out_with_it(tmp_path):
    """A mask rule's collection too: without its mask a product would show what it says it does not."""
    left_out = {
        "landsat-c2-l2": LeftOutFile(
            tmp_path / "landsat-c2-l2.toml", "landsat-c2-l2.toml: bands: is missing."
        ),
        "fire-zones": LeftOutFile(tmp_path / "fire-zones.toml", "fire-zones.toml is not TOML: x"),
    }
    registry = Registry.load(collections=left_out)
    ids = {product.id for product in registry.all()}
    assert {"ndvi", "ndvi-monthly", "no2"} <= ids
    assert {"ndvi-landsat", "landsat-color", "dnbr"}.isdisjoint(ids)
    with pytest.raises(
        UnknownProductError, match=r"'ndvi-landsat' is left out: .*its collection 'landsat-c2-l2' is left"
    ):
        registry.get("ndvi-landsat")
    assert (
        "its collection 'fire-zones' is left out: fire-zones.toml is not TOML"
        in registry.left_out["dnbr"].reason
    )


def test_every_shipped_file_is_right():
    assert Registry.load().left_out == {}
