"""Ad-hoc products: bands or an expression over one collection, with the limits of any other product."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from app.products.categories import rows_of
from app.products.classes import ValueRow
from app.products.compiling import compile_expression
from app.products.expression import Expression
from app.products.grammar import ExpressionError
from app.products.indices.catalogue import IndexEntry, UnknownIndexError, catalogue
from app.products.indices.translating import UntranslatableIndexError, translate
from app.products.product import Product
from app.products.product_file import explain
from mosaics.collection import Band, Collection

REFLECTANCE_STRETCH = (0.0, 0.4)
"""Default stretch from black to full colour: land without snow lies below a reflectance of 0.4."""
DEFAULT_COLORMAP = "viridis"


class ProductRequestError(ValueError):
    """A request does not describe a product; the message says what is wrong and what would work."""


def adhoc_product(
    collection: Collection,
    *,
    bands: Sequence[str] | None = None,
    expression: str | None = None,
    index: str | None = None,
    rescale: str | None = None,
    colormap: str | None = None,
    painted: bool = True,
) -> Product:
    """Return the product a request describes.

    Args:
        collection: The collection of the bands.
        bands: One band, drawn with a colormap, or three, drawn as red, green and blue.
        expression: A formula over the bands, instead of `bands`.
        index: The name of a published index, instead of either.
        rescale: ``low,high``, or three such pairs for three bands; None uses the bands' own ranges, or that
            of the index.
        colormap: Name of a colormap; for one band or an expression only.
        painted: Whether colours are wanted; numeric values need no range.

    Raises:
        ProductRequestError: If the request does not describe a product.
        UnknownBandError: If the collection has no such band.
    """
    if [expression is not None, bool(bands), index is not None].count(True) != 1:
        raise ProductRequestError(
            "give either bands=red,green,blue (or one band), expression=… or index=…, as in index=EVI"
        )
    names = tuple(bands or ())
    if names and len(names) not in (1, 3):
        raise ProductRequestError(f"bands has {len(names)} names; give one, or three for red, green and blue")
    entry = None
    if index is not None:
        entry, expression = _of_index(index, collection)
    formula = _compiled(expression)
    chosen = [collection.band(name) for name in (formula.bands if formula else names)]
    own = _own_classes(chosen, rescale, colormap) if len(names) == 1 else {}
    content: dict[str, Any] = {
        "id": collection.id,
        "title": f"{collection.title}: {_called(index, entry, expression, chosen)}",
        "collection": collection.id,
        "rescale": () if own else _range(rescale, None if formula else chosen, entry, painted=painted),
        "unit": chosen[0].unit if not formula and len({band.unit for band in chosen}) == 1 else None,
    }
    if entry is not None:
        content |= {"index": index, "references": (entry.reference,)}
    if len(names) == 3:
        content |= {"bands": names, "colormap": colormap}
    elif own:
        content |= {"expression": names[0], "values": own}
    else:
        content |= {"expression": expression or names[0], "colormap": colormap or DEFAULT_COLORMAP}
    try:
        product = Product.model_validate(content)
    except ValidationError as error:
        raise ProductRequestError(
            "; ".join(f"{field}: {problem}" for field, problem in explain(error))
        ) from error
    return product


def _of_index(name: str, collection: Collection) -> tuple[IndexEntry, str]:
    try:
        return catalogue().index(name), translate(name, collection).expression
    except (UnknownIndexError, UntranslatableIndexError) as error:
        raise ProductRequestError(str(error)) from error


def _compiled(expression: str | None) -> Expression | None:
    try:
        return None if expression is None else compile_expression(expression)
    except ExpressionError as error:
        raise ProductRequestError(f"expression: {error}") from error


def _called(
    index: str | None, entry: IndexEntry | None, expression: str | None, chosen: Sequence[Band]
) -> str:
    if entry is not None:
        return f"{entry.title} ({index})"
    return expression or ", ".join(band.title for band in chosen)


def _own_classes(bands: Sequence[Band], rescale: str | None, colormap: str | None) -> Mapping[int, ValueRow]:
    """Return the classes of a band whose numbers have colours; none if others are asked for."""
    (band,) = bands
    asked = rescale is not None or colormap is not None
    coloured = any(category.color for category in band.categories.values())
    return rows_of(band) if coloured and not asked else {}


def _range(
    rescale: str | None, bands: Sequence[Band] | None, entry: IndexEntry | None, *, painted: bool
) -> tuple[tuple[float, float], ...]:
    """Return the range of the colours: as requested, or the bands' own; any if nothing is painted."""
    if rescale is not None:
        return _stretches(rescale)
    if not painted:
        return ((0.0, 1.0),)
    if entry is not None and entry.expected is not None:
        return ((entry.expected.low, entry.expected.high),)
    if bands is None:
        raise _no_usual_range("an expression" if entry is None else "this index")
    return tuple(_own_stretch(band) for band in bands)


def _stretches(text: str) -> tuple[tuple[float, float], ...]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 6):
        raise ProductRequestError(
            f"rescale={text[:80]!r} is not valid; give two numbers, low,high, as in rescale=0,0.4, or "
            "six, a pair for each of three bands"
        )
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _own_stretch(band: Band) -> tuple[float, float]:
    """Return the range a band is usually drawn over: that of reflectance, or of plain 8-bit pictures."""
    if band.unit == "1" and band.wavelength_um is not None and not band.categorical:
        return REFLECTANCE_STRETCH
    if band.dtype == "uint8" and (band.scale, band.offset) == (1.0, 0.0) and not band.categorical:
        return (0.0, 255.0)
    raise _no_usual_range(f"band {band.name!r}")


def _no_usual_range(what: str) -> ProductRequestError:
    return ProductRequestError(
        f"{what} has no default range; give the values of the first and the last colour, as in rescale=-1,1"
    )
