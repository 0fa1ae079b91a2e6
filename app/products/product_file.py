"""Product files: read TOML into the products it describes, or explain what is wrong with it."""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from app.products.classes import ClassRow, ValueRow
from app.products.indices.in_files import IndexInFileError, with_expression
from app.products.mask import MaskRule
from app.products.parameters import Parameter
from app.products.product import Product, ProductFileError
from app.products.role import AbsenceColors, CountedCondition, Role
from app.products.variant import UnknownRenameError, Variant
from mosaics.descriptions.collections import CollectionDescription, load_collections

_ROWS: dict[str, type[BaseModel]] = {
    "mask": MaskRule,
    "classes": ClassRow,
    "values": ValueRow,
    "roles": Role,
    "counted": CountedCondition,
    "parameters": Parameter,
}
"""Tables that may occur several times."""
_TABLES: dict[str, type[BaseModel]] = {"absences": AbsenceColors}

Described = TypeVar("Described", Product, Variant)


def read_products(
    path: Path, collections: Mapping[str, CollectionDescription] | None = None
) -> tuple[Product, ...]:
    """Read a product file: the product whose id is the file's name, then its variants.

    Args:
        path: Of the file.
        collections: By id, for the bands of indices; None takes those shipped.

    Raises:
        ProductFileError: If the file does not describe valid products.
    """
    content = _read_toml(path)
    tables = content.pop("variants", {})
    problems: list[str] = []
    if collections is None and "index" in content:
        collections = load_collections()
    product = _product({**content, "id": path.stem}, "", problems, collections or {})
    if not isinstance(tables, dict):
        problems.append("variants: write each as a table of its own, [variants.ID]")
        tables = {}
    if path.stem in tables:
        problems.append(
            f"variants.{path.stem}: {path.stem!r} is the product of the file itself; rename the variant"
        )
    variants = {
        variant_id: _describe(Variant, table, f"variants.{variant_id}", problems)
        for variant_id, table in tables.items()
    }
    found = [product]
    for variant_id, variant in variants.items():
        if product and variant:
            own = _variant(variant_id, variant, product, content, problems)
            if own is not None:
                found.append(_product(own, f"variants.{variant_id}", problems, collections or {}))
    if problems:
        raise ProductFileError(f"{path.name}: {'; '.join(problems)}")
    return tuple(one for one in found if one)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProductFileError(f"{path.name} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProductFileError(f"{path.name} is not TOML: {error}") from error
    if "id" in content:
        raise ProductFileError(
            f"{path.name}: id: the id is the name of the file, {path.stem!r}; remove this key"
        )
    return content


def _variant(
    variant_id: str, variant: Variant, product: Product, content: dict[str, Any], problems: list[str]
) -> dict[str, Any] | None:
    try:
        own = variant.content(product, content)
    except UnknownRenameError as error:
        problems.append(f"variants.{variant_id}.bands: {error}")
        return None
    return {**own, "id": variant_id}


def _product(
    content: dict[str, Any],
    place: str,
    problems: list[str],
    collections: Mapping[str, CollectionDescription],
) -> Product | None:
    """Return the product that some content describes, of an index with its formula."""
    try:
        complete = with_expression(content, collections)
    except IndexInFileError as error:
        problems.append(f"{'.'.join(filter(None, (place, 'index')))}: {error}")
        return None
    return _describe(Product, complete, place, problems)


def _describe(model: type[Described], content: object, place: str, problems: list[str]) -> Described | None:
    """Return the value that some content describes; None if it is not valid, after adding to `problems`."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        for field, problem in explain(error, model):
            # A variant's id is the name of its table; only the bands in its formula are its own.
            said = {"id": "", "expression": "bands"}.get(field, field) if place else field
            problems.append(f"{'.'.join(filter(None, (place, said)))}: {problem}")
        return None


def explain(error: ValidationError, model: type[BaseModel] = Product) -> list[tuple[str, str]]:
    """Return what is wrong: each field, written ``mask[1].band``, and what would be right there.

    Args:
        error: The error of the model.
        model: The model.
    """
    return [_explain_one(details, model) for details in error.errors(include_url=False)]


def _explain_one(details: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    context, location = details.get("ctx", {}), details["loc"]
    field = str(context["field"]) if "field" in context else _dotted(location)
    if details["type"] == "extra_forbidden":
        return field, _unknown_key(location, model)
    if details["type"] == "missing":
        return field, f"this is missing: {_meaning(location, model)}"
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] in ("product", "value_error"):
        return field, message
    meaning = _meaning(location, model)
    return field, f"{message[0].lower()}{message[1:]}, not {details['input']!r:.80}" + (
        f"; {meaning}" if meaning else ""
    )


def _dotted(location: tuple[int | str, ...]) -> str:
    named = (part for part in location if part != "[key]")
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in named)
    return "".join(parts).removeprefix(".")


def _model_at(location: tuple[int | str, ...], model: type[BaseModel]) -> type[BaseModel]:
    """Return the model of the table that contains a key."""
    if len(location) > 2:
        return _ROWS.get(str(location[0]), model)
    return _TABLES.get(str(location[0]), model) if len(location) > 1 else model


def _keys(model: type[BaseModel]) -> list[str]:
    keys = [field.alias or name for name, field in model.model_fields.items() if name != "id"]
    return [*keys, "variants"] if model is Product else keys


def _unknown_key(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    keys = _keys(_model_at(location, model))
    close = get_close_matches(str(location[-1]), keys, n=1)
    guess = f"did you mean {close[0]}? " if close else ""
    return f"this is not a valid key; {guess}There are: {', '.join(keys)}"


def _meaning(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """Return what the field is for, according to its model."""
    for name, field in _model_at(location, model).model_fields.items():
        if (field.alias or name) in location:
            return (field.description or "").splitlines()[0]
    return ""
