"""Products from the text of a file."""

import pytest

from app.products.product import Product
from app.products.product_file import read_products


@pytest.fixture
def read(tmp_path):
    def from_text(text: str, name: str = "some-product") -> Product:
        path = tmp_path / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        return read_products(path)[0]

    return from_text
