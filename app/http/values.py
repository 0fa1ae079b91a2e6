"""Numbers of entries that a map or a trend can be of."""

from collections.abc import Mapping
from typing import Any

from app.areas.area_tiles import LIGHT_CHANGES, Value
from app.errors import RequestError
from app.http.series_table import thresholds_said
from app.products.product import Product

__all__ = ["Value", "notes_of", "number_of", "refuse_absent", "unit_of"]

LIT = {Value.LIT_AREA_KM2, Value.LIT_SHARE}
AREAS = {Value.LIT_AREA_KM2, Value.NEWLY_LIT_KM2, Value.DIMMED_KM2}
SHARES = {Value.LIT_SHARE, Value.NEWLY_LIT_SHARE, Value.DIMMED_SHARE}


def refuse_absent(product: Product, value: Value) -> None:
    """Raise `RequestError` if entries of a product do not have a number."""
    if value in LIT and (product.lit_above is None or product.lights is not None):
        raise RequestError(f"product {product.id!r} has no lit area; choose another value")
    if value in LIGHT_CHANGES and product.lights is None:
        raise RequestError(f"product {product.id!r} does not compare lights; choose another value")


def notes_of(product: Product, value: Value) -> list[str]:
    """Return what is to be said of a number of a product's entries."""
    return list(thresholds_said(product)) if value in LIT | LIGHT_CHANGES else []


def number_of(entry: Mapping[str, Any], value: Value) -> float | None:
    """Return a number of an entry; None where it has no value."""
    found: Any = entry
    for step in value.path:
        if not found:
            return None
        found = found[int(step)] if isinstance(found, list) else found.get(step)
    number: float | None = found
    return number


def unit_of(product: Product, value: Value) -> str | None:
    """Return the unit of a number of a product's entries; None for shares."""
    if value in AREAS:
        return "km2"
    if value in SHARES:
        return None
    if value is Value.AREA_WEIGHTED_SUM and product.unit is not None:
        return f"{product.unit} km2"
    return product.unit
