"""Mask rules: which pixels of a scene count."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from app.products.thresholds import last_up_to, least_from
from mosaics.bits import Bit, BitField, all_set, any_set
from mosaics.raster.decimals import stored_limit
from mosaics.raster.reading import BandPixels
from mosaics.scene import Asset

CONDITIONS = ("keep", "reject", "keep_bits", "reject_bits", "field", "min", "max")


class MaskRule(BaseModel):
    """One condition on one band; a pixel counts only where every rule of its product keeps it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    band: str = Field(min_length=1)
    """The band that is looked at, of the same scene as the values, or of the mask collection."""
    collection: str | None = Field(default=None, min_length=1)
    """A mask collection: its scenes say where the product applies, whatever their time."""
    keep: tuple[int, ...] | None = Field(default=None, min_length=1)
    """Stored values that count; no other does."""
    reject: tuple[int, ...] | None = Field(default=None, min_length=1)
    """Stored values that do not count."""
    keep_bits: tuple[Bit, ...] | None = Field(default=None, min_length=1)
    """Bits, 0 the lowest, all of which must be set in the stored value."""
    reject_bits: tuple[Bit, ...] | None = Field(default=None, min_length=1)
    """Bits, 0 the lowest, of which none may be set in the stored value."""
    field: BitField | None = None
    """Bits that are a number together: { bits = "6-7", reject = [3] }, or keep = […]."""
    min: float | None = Field(default=None, allow_inf_nan=False)
    """Smallest physical value that counts."""
    max: float | None = Field(default=None, allow_inf_nan=False)
    """Largest physical value that counts."""
    parameter: str | None = None
    """Name of the product's parameter by which a request sets `min` or `max`."""
    label: str = ""
    """Why such pixels do not count, for people."""

    @model_validator(mode="before")
    @classmethod
    def _label_itself(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("label"):
            given = [(kind, data[kind]) for kind in CONDITIONS if kind in data]
            if len(given) == 1 and "band" in data:
                return {**data, "label": _label(str(data["band"]), *given[0])}
        return data

    @property
    def bound(self) -> float | None:
        """The smallest or largest value that counts; None of a rule that speaks of neither."""
        return self.max if self.min is None else self.min

    def bounded(self, bound: float) -> "MaskRule":
        """Return the rule with another smallest or largest value, and a label that says so."""
        if bound == self.bound:
            return self
        kind = "max" if self.min is None else "min"
        return self.model_copy(update={kind: bound, "label": _label(self.band, kind, f"{bound:g}")})

    @model_validator(mode="after")
    def _one_condition(self) -> "MaskRule":
        given = [kind for kind in CONDITIONS if getattr(self, kind) is not None]
        if len(given) != 1:
            found = f"these are {len(given)}: {', '.join(given)}" if given else "there is none"
            raise ValueError(f"a mask rule has exactly one of {', '.join(CONDITIONS)}; {found}")
        return self

    @field_validator("keep_bits", "reject_bits", mode="before")
    @classmethod
    def _bits_there_are(cls, bits: Any, info: ValidationInfo) -> Any:
        if isinstance(bits, list | tuple) and any(isinstance(b, int) and not 0 <= b <= 63 for b in bits):
            raise ValueError(f"bits are numbered from 0 to 63; {info.field_name} has {list(bits)}")
        return bits

    def rejected(self, pixels: BandPixels, asset: Asset) -> NDArray[np.bool_]:
        """Return where the rule does not let a pixel count, of the shape of `pixels`.

        Args:
            pixels: The band as stored, integers where the rule names values or bits. What the rule says of
                pixels that are not valid means nothing, save that `min` and `max` never keep them.
            asset: Tells the band's scale and offset.
        """
        if self._of_bytes is None:
            return ~self._within(pixels, asset)
        return (
            self._of_bytes.take(pixels.stored)  # a third of the time of looking at each
            if pixels.stored.dtype == np.uint8
            else self._rejects(pixels.stored)
        )

    @cached_property
    def _of_bytes(self) -> NDArray[np.bool_] | None:
        """Which of the 256 bytes the rule does not let count; None where it speaks of physical values."""
        if self.min is not None or self.max is not None:
            return None
        return self._rejects(np.arange(256, dtype=np.uint8))

    def _rejects(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which stored values or bits the rule does not let count."""
        if self.keep_bits is not None:
            return ~all_set(stored, self.keep_bits)
        if self.reject_bits is not None:
            return any_set(stored, self.reject_bits)
        if self.field is not None:
            return self.field.rejects(stored)
        if self.reject is not None:
            return np.isin(stored, self.reject)
        return ~np.isin(stored, self.keep or ())

    def _within(self, pixels: BandPixels, asset: Asset) -> NDArray[np.bool_]:
        """Return where values are not below `min` or above `max`; of whole numbers, in exact arithmetic."""
        bound = self.bound
        assert bound is not None  # noqa: S101 - one of the two is given
        stored, kept = pixels.stored, pixels.valid
        if stored.dtype.kind in "iu":
            limit, rises = stored_limit(bound, asset.scale, asset.offset, least=self.min is not None)
            return kept & (stored >= limit if rises else stored <= limit)
        values = pixels.physical(asset, np.float64 if stored.dtype == np.float64 else np.float32)
        if self.min is not None:
            return values >= least_from(bound, values.dtype)
        return values <= last_up_to(bound, values.dtype)

    @property
    def effect(self) -> dict[str, object]:
        """What decides about pixels, without the words."""
        return self.model_dump(exclude={"label", "parameter"}, exclude_none=True)


def _label(band: str, kind: str, condition: Any) -> str:
    words = {
        "keep": "{} is not {}",
        "reject": "{} is {}",
        "keep_bits": "{} lacks a bit of {}",
        "reject_bits": "{} has a bit of {}",
        "min": "{} below {}",
        "max": "{} above {}",
    }
    if kind == "field":
        return f"{band}: {BitField.model_validate(condition)}"
    listed = isinstance(condition, list | tuple)
    return words[kind].format(band, ", ".join(map(str, condition)) if listed else condition)
