"""Products as a request specifies them: with its own windows, offset and parameters."""

import math
from collections.abc import Mapping
from types import MappingProxyType

from app.products.adhoc import ProductRequestError
from app.products.product import Product


def requested_product(
    product: Product,
    *,
    windows: Mapping[str, str | None],
    offset: str | None,
    datetime: str | None,
    parameters: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Product, str | None]:
    """Return a product with a request's windows and offset, and the time of its tested window.

    Args:
        product: The product; its windows and offset apply where the request gives none.
        windows: A period or interval by role; None if the request does not name it.
        offset: A number to subtract from every value.
        datetime: The time of the tested role, under its other name.
        parameters: Those of the product that the request gives, by name.

    Raises:
        ProductRequestError: If the product has no such window, parameter or no offset, or a number is not
            valid.
    """
    given = {role: text for role, text in windows.items() if text is not None}
    for role in given:
        if role not in product.roles:
            raise ProductRequestError(
                f"product {product.id!r} has no window {role!r}; {_what_it_has(product)}"
            )
    tested = given.pop(product.tested_role, None)
    if tested is not None and datetime is not None and tested != datetime:
        raise ProductRequestError(
            f"datetime={datetime[:40]} and {product.tested_role}={tested[:40]} name the same window of "
            f"{product.id!r}; give one of them"
        )
    number = None if offset is None else _offset(product, offset)
    values = {name: _parameter(product, name, text) for name, text in parameters.items()}
    return product.specified(windows=given, offset=number).with_parameters(values), tested or datetime


def _what_it_has(product: Product) -> str:
    if not product.roles:
        return "it shows one time, datetime=2024-06"
    return f"there are: {', '.join(product.roles)}"


def _offset(product: Product, text: str) -> float:
    if product.offset is None:
        raise ProductRequestError(f"product {product.id!r} has no offset; leave out offset={text[:40]}")
    number = _number(text)
    if not abs(number) <= 1e6:
        raise ProductRequestError(
            f"offset={text[:40]!r} is not valid; give a number in the product's unit, as in offset=0.012"
        )
    return number


def _parameter(product: Product, name: str, text: str) -> float:
    known = product.parameters.get(name)
    if known is None:
        there_are = f"there are: {', '.join(product.parameters)}" if product.parameters else "it has none"
        raise ProductRequestError(f"product {product.id!r} has no parameter {name[:40]!r}; {there_are}")
    low, high = known.range
    number = _number(text)
    if not low <= number <= high:
        unit = "" if known.unit == "1" else f" {known.unit}"
        raise ProductRequestError(
            f"{name}={text[:40]!r} is not valid; give a number from {low:g} to {high:g}{unit}"
        )
    return number


def _number(text: str) -> float:
    """Return a text as a number; NaN, which lies in no range, where it cannot be read."""
    try:
        return float(text)
    except ValueError:
        return math.nan
