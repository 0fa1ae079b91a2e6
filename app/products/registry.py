"""The registry of products: those shipped beside this file, and those in the operator's folders."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from app.products.categories import rows_of
from app.products.product import Product, ProductFileError
from app.products.product_file import read_products
from mosaics.collection import Collection

SHIPPED = Path(__file__).parent
"""The folder of the products shipped with Tilewatch."""


class UnknownProductError(LookupError):
    """No product has this id; the message lists those that exist."""


class Registry:
    """Products by id."""

    def __init__(self, products: Iterable[Product]) -> None:
        self._products = {product.id: product for product in sorted(products, key=lambda product: product.id)}
        self._collections: Callable[[], Mapping[str, Collection]] = dict
        self._told: dict[str, tuple[Collection, Product]] = {}

    def follow(self, collections: Callable[[], Mapping[str, Collection]]) -> None:
        """Take the classes of products that have none of their own from the collections there are now.

        Args:
            collections: Gives them, by id.
        """
        self._collections = collections

    @classmethod
    def load(cls, folders: Sequence[Path] = (SHIPPED,)) -> "Registry":
        """Read every ``.toml`` file in some folders.

        Raises:
            ProductFileError: If a file does not describe valid products, a folder does not exist, or two
                products have the same id.
        """
        found: dict[str, tuple[Product, Path]] = {}
        for folder in folders:
            if not folder.is_dir():
                raise ProductFileError(f"{folder} is not a folder of product files")
            for path in sorted(folder.glob("*.toml")):
                for product in read_products(path):
                    if product.id in found:
                        raise ProductFileError(
                            f"{path} and {found[product.id][1]} both describe a product {product.id!r}; "
                            "rename one"
                        )
                    found[product.id] = (product, path)
        return cls(product for product, _ in found.values())

    def get(self, product_id: str) -> Product:
        """Return the product with an id.

        Raises:
            UnknownProductError: If no product has this id.
        """
        try:
            return self._with_classes(self._products[product_id])
        except KeyError:
            close = get_close_matches(product_id, self._products, n=1)
            guess = f"; did you mean {close[0]}?" if close else ""
            there_are = ", ".join(self._products) or "none"
            raise UnknownProductError(
                f"no product {product_id[:80]!r}; there are: {there_are}{guess}"
            ) from None

    def all(self) -> tuple[Product, ...]:
        """Return all products, in order of id."""
        return tuple(map(self._with_classes, self._products.values()))

    def _with_classes(self, product: Product) -> Product:
        if not product.takes_values:
            return product
        collection = self._collections().get(product.collection)
        if collection is None or product.bands[0] not in collection.band_names:
            return product
        kept = self._told.get(product.id)
        if kept is None or kept[0] is not collection:
            told = product.with_values(dict(rows_of(collection.band(product.bands[0]))))
            kept = self._told[product.id] = (collection, told)
        return kept[1]
