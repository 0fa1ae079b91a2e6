"""Indices in product files: what `index = "EVI"` says in place of an expression."""

from collections.abc import Mapping
from typing import Any

from app.products.grammar import ExpressionError
from app.products.indices.catalogue import UnknownIndexError, catalogue
from app.products.indices.translating import UntranslatableIndexError, translate
from mosaics.descriptions.collections import CollectionDescription

DRAWN = ("rescale", "classes", "values")


class IndexInFileError(ValueError):
    """A product file whose index cannot be had; the message says what would be right."""


def with_expression(
    content: Mapping[str, Any], collections: Mapping[str, CollectionDescription]
) -> dict[str, Any]:
    """Return the content of a product file with the formula of its index, if it names one.

    Title, unit, references and stretch are the index's where the file gives none.

    Args:
        content: Of the file or of a variant in it.
        collections: By id.

    Raises:
        IndexInFileError: If it has an expression or bands as well, the index is not known, or its collection
            cannot have it.
    """
    name = content.get("index")
    if not isinstance(name, str):
        return dict(content)
    if "expression" in content or "bands" in content:
        raise IndexInFileError("give an index, an expression or bands; one of them")
    described = collections.get(str(content.get("collection")))
    if described is None:
        raise IndexInFileError("its collection is not described by a file, so its bands are not known")
    try:
        entry = catalogue().index(name)
        expression = translate(name, described.collection).expression
    except (UnknownIndexError, UntranslatableIndexError, ExpressionError) as error:
        raise IndexInFileError(str(error)) from error
    usual: dict[str, Any] = {"title": f"{entry.title} ({name})", "unit": "1"}
    if entry.expected is not None and not any(field in content for field in DRAWN):
        usual["rescale"] = [entry.expected.low, entry.expected.high]
        usual["colormap"] = "viridis"
    references = [*content.get("references", ()), entry.reference]
    return {**usual, **content, "expression": expression, "references": references}
