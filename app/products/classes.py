"""Classes: named ranges of values that rise from the lowest without gaps, or named single values (codes)."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

MAX_VALUE = 1e30
"""Largest end of a stretch or class, and its inverse the smallest width: their ratios stay inside float32."""

VALUE = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True)
"""How parts of a product file are read."""


class ClassRow(BaseModel):
    """A named range of values: from `lower`, included, to `upper`, excluded."""

    model_config = VALUE

    name: str = Field(min_length=1)
    """What the class is called in legends and statistics."""
    color: str | None = Field(default=None, pattern=r"^#[0-9a-f]{6}$")
    """Its colour, #rrggbb in small letters; None takes it from the product's colormap."""
    lower: float | None = Field(default=None, alias="from", ge=-MAX_VALUE, le=MAX_VALUE)
    """Smallest value, itself in the class; left out in the lowest class, the class is open below."""
    upper: float | None = Field(default=None, alias="to", ge=-MAX_VALUE, le=MAX_VALUE)
    """Where the class ends, no longer in it; left out in the highest class, the class is open above."""


OTHER = "other"
"""The key of all values that a table does not name, and what they are called."""
OTHER_COLOR = "#bdbdbd"


def _read_code(key: object) -> object:
    text = str(key)
    if text == OTHER:
        return text
    try:
        code = int(text)
    except ValueError:
        code = None
    if code is None or str(code) != text or abs(code) > MAX_CODE:
        raise ValueError(
            f"{text[:40]!r} is not a valid value; values are whole numbers, as in 11, "
            f"or {OTHER} for all that are not in the table"
        )
    return code


MAX_CODE = 2**53
"""Up to here every whole number is a value of its own."""
Code = Annotated[int | str, BeforeValidator(_read_code)]


class ValueRow(BaseModel):
    """A class of one value."""

    model_config = VALUE

    name: str = Field(min_length=1)
    """What the class is called in legends and statistics."""
    color: str | None = Field(default=None, pattern=r"^#[0-9a-f]{6}$")
    """Its colour, #rrggbb in small letters; None takes it from the product's colormap."""

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, row: Any) -> Any:
        return {"name": row} if isinstance(row, str) else row


def check_values(rows: Mapping[int | str, ValueRow]) -> None:
    """Refuse values of which two have one name."""
    called: dict[str, int | str] = {}
    for value, row in rows.items():
        if row.name in called:
            refuse(
                f"values.{value}.name",
                f"{called[row.name]} and {value} are both called {row.name!r}; a name stands for one class",
            )
        called[row.name] = value


def check_ranges(classes: tuple[ClassRow, ...]) -> None:
    """Refuse classes that are not in order, overlap, or leave values between them without a class."""
    names = [row.name for row in classes]
    end: float | None = None
    for i, row in enumerate(classes):
        if row.name in names[:i]:
            refuse(f"classes[{i}].name", f"two classes are called {row.name!r}; a name stands for one class")
        if row.lower is None and i > 0:
            refuse(
                f"classes[{i}].from",
                "only the lowest class is open below; give the value where this one begins",
            )
        if row.upper is None and i < len(classes) - 1:
            refuse(
                f"classes[{i}].to", "only the highest class is open above; give the value where this one ends"
            )
        if i > 0 and row.lower != end:
            refuse(
                f"classes[{i}].from",
                f"a class begins where the one before it ends, at {end:g}; this one begins at {row.lower:g}. "
                "Classes rise from the lowest and leave no values between them",
            )
        low, high = (
            -math.inf if row.lower is None else row.lower,
            math.inf if row.upper is None else row.upper,
        )
        if not low < high:
            refuse(
                f"classes[{i}].to",
                f"a class ends above where it begins; this one runs from {low:g} to {high:g}",
            )
        end = row.upper


def refuse(field: str, message: str) -> NoReturn:
    """Raise for a field of a product file; pydantic reports it with the others."""
    raise PydanticCustomError("product", "{message}", {"message": message, "field": field})
