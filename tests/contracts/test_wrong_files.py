"""Whatever stands in a file of a product, collection or source: it is valid, or refused in words."""

import copy
import random
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.products import product_file
from app.products.product import ProductFileError
from app.products.registry import SHIPPED as PRODUCTS
from mosaics.descriptions import collections, sources
from mosaics.descriptions.collections import CollectionFileError
from mosaics.descriptions.sources import SourceFileError

ODD: tuple[Any, ...] = (
    *(5, -1, 10**30, float("inf"), float("nan"), True, "", "x", "a" * 5000, "(" * 200),
    *([], [1], [{}], [["x"], [2]], {}, {"a": {"b": []}}, [{"a": {}}]),
)


def spoiled(document: dict[str, Any], choose: random.Random) -> dict[str, Any]:
    """A file with one value gone or another, at any depth."""
    document = copy.deepcopy(document)
    at: Any = document
    while True:
        place = choose.choice(list(at) if isinstance(at, dict) else range(len(at)))
        inside = at[place]
        if isinstance(inside, dict | list) and inside and choose.random() < 0.7:
            at = inside
            continue
        if choose.random() < 0.15:
            del at[place]
        else:
            at[place] = choose.choice(ODD)
        return document


@pytest.mark.parametrize("kind", ["products", "collections", "sources"])
def test_a_spoiled_file_is_refused_as_a_file(kind, monkeypatch):
    kinds: dict[str, tuple[Path, Any, str, Callable[[Path], object], type[ValueError]]] = {
        "products": (PRODUCTS, product_file, "_read_toml", product_file.read_products, ProductFileError),
        "collections": (
            collections.SHIPPED, collections, "read_table", collections.read_collection, CollectionFileError,
        ),
        "sources": (sources.SHIPPED, sources, "read_table", sources.read_source, SourceFileError),
    }  # fmt: skip
    folder, module, reads, read, refusal = kinds[kind]
    shipped = {path: tomllib.loads(path.read_text()) for path in sorted(folder.glob("*.toml"))}
    choose, said = random.Random(20), list[bool]()
    for _ in range(150):
        path = choose.choice(list(shipped))
        document = spoiled(shipped[path], choose)
        monkeypatch.setattr(module, reads, lambda *_, document=document: document)
        try:
            read(path)
        except refusal as error:
            said.append(str(error).startswith(f"{path.name}: "))
    assert all(said)
    assert len(said) > 75


@pytest.mark.parametrize(
    "content", ["x = " + "[" * 5000, "x = \ud800".encode("utf-8", "surrogatepass"), b"\xff"]
)
@pytest.mark.parametrize(
    ("read", "refusal"),
    [
        (product_file.read_products, ProductFileError),
        (collections.read_collection, CollectionFileError),
        (sources.read_source, SourceFileError),
    ],
)
def test_what_is_not_toml_is_refused_as_a_file(tmp_path: Path, content, read, refusal):
    path = tmp_path / "mine.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(refusal, match=r"^mine\.toml is not TOML: "):
        read(path)
