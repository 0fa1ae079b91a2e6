"""Numbers of entries that a map or a trend can be of."""

from app.areas.area_tiles import Value
from app.errors import RequestError
from app.http.series_table import thresholds_said
from app.products.product import Product

__all__ = ["Value", "notes_of", "refuse_absent", "unit_of"]

LIT = {Value.LIT_AREA_KM2, Value.LIT_SHARE}


def refuse_absent(product: Product, value: Value) -> None:
    """Raise `RequestError` if entries of a product do not have a number."""
    if value in LIT and (product.lit_above is None or product.lights is not None):
        raise RequestError(f"product {product.id!r} has no lit area; choose another value")


def notes_of(product: Product, value: Value) -> list[str]:
    """Return what is to be said of a number of a product's entries."""
    return list(thresholds_said(product)) if value in LIT else []


def unit_of(product: Product, value: Value) -> str | None:
    """Return the unit of a number of a product's entries; None for shares."""
    if value is Value.LIT_AREA_KM2:
        return "km2"
    if value is Value.LIT_SHARE:
        return None
    if value is Value.AREA_WEIGHTED_SUM and product.unit is not None:
        return f"{product.unit} km2"
    return product.unit
