"""Thresholds of lit areas, as requests give them."""

from typing import Annotated

from fastapi import Query

from app.errors import RequestError
from app.http.parameters import numbers_in
from app.products.description import MAX_LIT
from app.products.product import Product

LitAbove = Annotated[
    str | None,
    Query(
        description="Up to ten thresholds in the unit, separated by commas, for the lit area of products "
        "of lights; the product's own if left out.",
        max_length=300,
    ),
]


def lit_at(product: Product, text: str) -> Product:
    """Return a product with the thresholds of a request.

    Raises:
        RequestError: If they are not valid, or the product has no lit area.
    """
    if product.lit_above is None:
        raise RequestError(f"product {product.id!r} has no lit area; leave out lit_above")
    thresholds = tuple(dict.fromkeys(numbers_in("lit_above", text)))
    if not 1 <= len(thresholds) <= MAX_LIT:
        raise RequestError(f"lit_above has 1 to {MAX_LIT} thresholds, not {len(thresholds)}")
    return product.lit_at(thresholds)
