"""The basis of a series: what all of its entries are compared with."""

from weakref import WeakKeyDictionary

from app.products.product import Product
from app.rendering.selecting import Span, years_before
from mosaics.catalogue import Catalogue

_kept: WeakKeyDictionary[Catalogue, tuple[int, dict[Product, Product]]] = WeakKeyDictionary()
"""By product, until something lands."""


def of_one_basis(catalogue: Catalogue, product: Product) -> Product:
    """Return a product whose entries can be joined by a line, since all are compared with the same.

    A map without a year-earlier period may show the difference from the latest one before. A series that did
    so would join differences from month to month and from year to year. Where any period of the collection
    has one a year before, that is the basis, and periods without it have no entry; else it is the latest
    period before for all.

    Args:
        catalogue: What exists now.
        product: With the windows a request has given.
    """
    if all(role.otherwise is None or role.window for role in product.roles.values()):
        return product
    generation, kept = _kept.get(catalogue, (-1, {}))
    if generation != catalogue.generation:
        _kept[catalogue] = (catalogue.generation, kept := {})
    if product not in kept:
        kept[product] = product.without_fallback() if _has_year_before(catalogue, product) else product
    return kept[product]


def _has_year_before(catalogue: Catalogue, product: Product) -> bool:
    periods = reversed(catalogue.periods(product.collection))
    return any(years_before(catalogue, product, Span((period,), None), 1) is not None for period in periods)
