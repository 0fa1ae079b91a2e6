"""Product files: TOML in, a product or an explanation of what is wrong out."""

import tomllib
from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from app.products.mask import MaskRule
from app.products.model import ClassRow, Product, ProductFileError, Role

_PARTS: dict[str, type[BaseModel]] = {"mask": MaskRule, "classes": ClassRow, "roles": Role}


def read_product(path: Path) -> Product:
    """Read one product file; the product's id is the name of the file.

    Raises:
        ProductFileError: The file does not describe a product.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProductFileError(f"{path.name} is not TOML: {error}") from error
    if "id" in content:
        raise ProductFileError(
            f"{path.name}: id: the id is the name of the file, {path.stem!r}; remove this key"
        )
    try:
        return Product.model_validate({**content, "id": path.stem})
    except ValidationError as error:
        problems = "; ".join(f"{field}: {problem}" for field, problem in explain(error))
        raise ProductFileError(f"{path.name}: {problems}") from error


def explain(error: ValidationError) -> list[tuple[str, str]]:
    """What is wrong with a product: each field, written ``mask[1].band``, and what would be right there."""
    return [_explain_one(details) for details in error.errors(include_url=False)]


def _explain_one(details: ErrorDetails) -> tuple[str, str]:
    context, location = details.get("ctx", {}), details["loc"]
    field = str(context["field"]) if "field" in context else _dotted(location)
    if details["type"] == "extra_forbidden":
        return field, _unknown_key(location)
    if details["type"] == "missing":
        return field, f"this is missing: {_meaning(location)}"
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] in ("product", "value_error"):
        return field, message
    meaning = _meaning(location)
    return field, f"{message[0].lower()}{message[1:]}, not {details['input']!r:.80}" + (
        f"; {meaning}" if meaning else ""
    )


def _dotted(location: tuple[int | str, ...]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")


def _model_at(location: tuple[int | str, ...]) -> type[BaseModel]:
    return _PARTS.get(str(location[0]), Product) if len(location) > 2 else Product


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items() if name != "id"]


def _unknown_key(location: tuple[int | str, ...]) -> str:
    keys = _keys(_model_at(location))
    close = get_close_matches(str(location[-1]), keys, n=1)
    guess = f"did you mean {close[0]}? " if close else ""
    return f"there is no such key; {guess}There are: {', '.join(keys)}"


def _meaning(location: tuple[int | str, ...]) -> str:
    """What the field is for, as its model says."""
    for name, field in _model_at(location).model_fields.items():
        if (field.alias or name) in location:
            return (field.description or "").splitlines()[0]
    return ""
