"""The registry of products: those shipped beside this file, and those in the operator's folders."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from app.products.categories import rows_of
from app.products.product import Product, ProductFileError
from app.products.product_file import read_products
from mosaics.collection import Collection
from mosaics.descriptions.collections import CollectionDescription
from mosaics.descriptions.toml_files import LeftOutFile

SHIPPED = Path(__file__).parent
"""The folder of the products shipped with Tilewatch."""


JOINTS = str.maketrans("", "", "-_.")
_PARTICLES = (
    "particulate matter is not a product of TEMPO, the source of air here; uv-aerosol-index is an index of "
    "smoke, dust and ash that absorb."
)
_INDEX = (
    "an air-quality index is made of concentrations at the ground, and satellites see columns of air; no2, "
    "hcho and ozone are columns."
)
NOT_OFFERED = {**dict.fromkeys(("pm", "pm1", "pm10", "pm25"), _PARTICLES), "aqi": _INDEX}
"""Why what many ask for is not there, by ids without joints."""


class UnknownProductError(LookupError):
    """No product has this id; the message lists those that exist."""


class Registry:
    """Products by id.

    Args:
        products: Each with an id of its own.
        left_out: Files and products that are left out, by the id of the product, or by the name of the file
            where that describes none.
    """

    def __init__(
        self, products: Iterable[Product], left_out: Mapping[str, LeftOutFile] | None = None
    ) -> None:
        self._products = {product.id: product for product in sorted(products, key=lambda product: product.id)}
        self.left_out: Mapping[str, LeftOutFile] = dict(left_out or {})
        self._collections: Callable[[], Mapping[str, Collection]] = dict
        self._told: dict[str, tuple[Collection, Product]] = {}

    def follow(self, collections: Callable[[], Mapping[str, Collection]]) -> None:
        """Take the classes of products that have none of their own from the collections there are now.

        Args:
            collections: Gives them, by id.
        """
        self._collections = collections

    def joined(self, products: Iterable[Product], left_out: Mapping[str, LeftOutFile]) -> "Registry":
        """Return a registry with further products; one that has the id of a product here is left out.

        Args:
            products: The further ones.
            left_out: What is left out of them, by id.
        """
        more = [product for product in products if product.id not in self._products]
        return Registry((*self._products.values(), *more), {**self.left_out, **left_out})

    @classmethod
    def load(
        cls,
        folders: Sequence[Path] = (SHIPPED,),
        collections: Mapping[str, LeftOutFile] | None = None,
        described: Mapping[str, CollectionDescription] | None = None,
    ) -> "Registry":
        """Read every ``.toml`` file in some folders.

        A file that does not describe valid products is left out, and so is one that describes a product of
        an earlier file again; so are products of collections that are left out.

        Args:
            folders: Of product files.
            collections: Files of collections that are left out, by id.
            described: The others, whose bands indices are over; None takes those shipped.

        Raises:
            ProductFileError: If a folder does not exist.
        """
        found: dict[str, tuple[Product, Path]] = {}
        left_out: dict[str, LeftOutFile] = {}
        for path in _files(folders):
            try:
                products = _read_new(path, found, described)
            except ProductFileError as error:
                left_out[path.stem] = LeftOutFile(path, str(error))
            else:
                found |= {product.id: (product, path) for product in products}
        homeless = {
            product.id: LeftOutFile(path, f"{path.name}: {product.id}: {reason}")
            for product, path in found.values()
            if (reason := _without_collection(product, collections or {}))
        }
        kept = (product for product, _ in found.values() if product.id not in homeless)
        return cls(kept, left_out | homeless)

    def get(self, product_id: str) -> Product:
        """Return the product with an id.

        Raises:
            UnknownProductError: If no product has this id.
        """
        product = self._products.get(product_id)
        if product is None:
            raise self._unknown(product_id)
        return self._with_classes(product) if product.takes_values else product

    def all(self) -> tuple[Product, ...]:
        """Return all products, in order of id."""
        return tuple(self.get(product_id) for product_id in self._products)

    def _unknown(self, product_id: str) -> UnknownProductError:
        if one := self.left_out.get(product_id):
            return UnknownProductError(f"product {product_id!r} is left out: {one.reason}")
        if why := NOT_OFFERED.get(product_id.lower().translate(JOINTS)):
            return UnknownProductError(f"no product {product_id!r}: {why}")
        close = get_close_matches(product_id, self._products, n=1)
        guess = f"; did you mean {close[0]}?" if close else ""
        there_are = ", ".join(self._products) or "none"
        return UnknownProductError(f"no product {product_id[:80]!r}; there are: {there_are}{guess}")

    def _with_classes(self, product: Product) -> Product:
        collection = self._collections().get(product.collection)
        if collection is None or product.bands[0] not in collection.band_names:
            return product
        kept = self._told.get(product.id)
        if kept is None or kept[0] is not collection:
            told = product.with_values(dict(rows_of(collection.band(product.bands[0]))))
            kept = self._told[product.id] = (collection, told)
        return kept[1]


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        if not folder.is_dir():
            raise ProductFileError(f"{folder} is not a folder of product files")
        yield from sorted(folder.glob("*.toml"))


def _read_new(
    path: Path,
    found: Mapping[str, tuple[Product, Path]],
    described: Mapping[str, CollectionDescription] | None,
) -> tuple[Product, ...]:
    """Read a product file whose products no other file has described."""
    products = read_products(path, described)
    for product in products:
        if product.id in found:
            other = found[product.id][1]
            shipped = "the shipped " if other.parent == SHIPPED else ""
            raise ProductFileError(
                f"{path.name} and {shipped}{other.name} both describe a product {product.id!r}; rename one"
            )
    return products


def _without_collection(product: Product, left_out: Mapping[str, LeftOutFile]) -> str | None:
    """Return why a product cannot be had since a collection it reads is left out; None where it can."""
    missing = [name for name in (product.collection, *product.zone_rules) if name in left_out]
    return f"its collection {missing[0]!r} is left out: {left_out[missing[0]].reason}" if missing else None
