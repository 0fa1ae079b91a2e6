"""Bits: rules over the bits of whole numbers, as quality bands keep several answers in one number."""

import re
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

Bit = Annotated[int, Field(ge=0, le=63)]
_SPAN = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?")


class BitField(BaseModel):
    """Neighbouring bits that are a number together, and which of its values count or do not."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    bits: str
    """The lowest and the highest bit, "6-7", 0 the lowest of all; or one bit, "6"."""
    keep: tuple[int, ...] | None = Field(default=None, min_length=1)
    """Values of the field that count; no other does."""
    reject: tuple[int, ...] | None = Field(default=None, min_length=1)
    """Values of the field that do not count."""

    @model_validator(mode="after")
    def _check(self) -> "BitField":
        low, high = self._span()
        if (self.keep is None) == (self.reject is None):
            raise ValueError("a field has either keep or reject, values of the field; give one of the two")
        most = 2 ** (high - low + 1) - 1
        for value in self.keep or self.reject or ():
            if not 0 <= value <= most:
                raise ValueError(
                    f"{value} is not a valid value of bits {self.bits}; they are a number from 0 to {most}"
                )
        return self

    def rejects(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Return where the field of stored numbers does not let a pixel count."""
        low, high = self._span()
        width = np.uint64(2 ** (high - low + 1) - 1)
        found = (as_bits(stored) >> np.uint64(low)) & width
        listed = np.isin(found, np.array(self.keep or self.reject, np.uint64))
        return ~listed if self.keep is not None else listed

    def __str__(self) -> str:
        kind, values = ("not ", self.keep) if self.keep is not None else ("", self.reject)
        return f"bits {self.bits} {kind}{', '.join(map(str, values or ()))}"

    def _span(self) -> tuple[int, int]:
        return _span_of(self.bits)


@lru_cache(maxsize=256)
def _span_of(text: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(text)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if not 0 <= low <= high <= 63:
        raise ValueError(
            f"{text[:40]!r} is not a valid span of bits; write the lowest and the highest, from 0 to 63, "
            'as "6-7", or one bit, "6"'
        )
    return low, high


def any_set(stored: NDArray[Any], bits: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return where any of some bits of whole numbers is set."""
    found: NDArray[np.bool_] = (as_bits(stored) & _mask(bits)) != 0
    return found


def all_set(stored: NDArray[Any], bits: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return where all of some bits of whole numbers are set."""
    mask = _mask(bits)
    found: NDArray[np.bool_] = (as_bits(stored) & mask) == mask
    return found


def as_bits(stored: NDArray[Any]) -> NDArray[np.uint64]:
    """Return whole numbers as 64 bits; numbers below 0 in two's complement."""
    return stored.astype(np.uint64, copy=False)


def _mask(bits: tuple[int, ...]) -> np.uint64:
    return np.uint64(sum(1 << bit for bit in set(bits)))
