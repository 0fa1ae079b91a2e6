"""Mask rules: which pixels of a scene count."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mosaics.raster.reading import BandPixels
from mosaics.scene import Asset

CONDITIONS = ("keep", "reject", "reject_bits", "min", "max")


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
    reject_bits: tuple[int, ...] | None = Field(default=None, min_length=1)
    """Bits, 0 the lowest, of which none may be set in the stored value."""
    min: float | None = Field(default=None, allow_inf_nan=False)
    """Smallest physical value that counts."""
    max: float | None = Field(default=None, allow_inf_nan=False)
    """Largest physical value that counts."""
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

    @model_validator(mode="after")
    def _one_condition(self) -> "MaskRule":
        given = [kind for kind in CONDITIONS if getattr(self, kind) is not None]
        if len(given) != 1:
            found = f"these are {len(given)}: {', '.join(given)}" if given else "there is none"
            raise ValueError(f"a mask rule has exactly one of {', '.join(CONDITIONS)}; {found}")
        if any(not 0 <= bit <= 63 for bit in self.reject_bits or ()):
            raise ValueError(
                f"bits are numbered from 0 to 63; reject_bits has {list(self.reject_bits or ())}"
            )
        return self

    def rejected(self, pixels: BandPixels, asset: Asset) -> NDArray[np.bool_]:
        """Return where the rule does not let a pixel count, of the shape of `pixels`.

        Args:
            pixels: The band as stored, integers where the rule names values or bits. What the rule says of
                pixels that are not valid means nothing, save that `min` and `max` never keep them.
            asset: Tells the band's unit.
        """
        result: NDArray[np.bool_]
        if self.min is not None:
            result = ~(pixels.physical(asset) >= self.min)
        elif self.max is not None:
            result = ~(pixels.physical(asset) <= self.max)
        elif self.reject_bits is not None:
            bits = sum(1 << bit for bit in self.reject_bits)
            result = (pixels.stored.astype(np.uint64, copy=False) & np.uint64(bits)) != 0
        elif self.reject is not None:
            result = _is_any(pixels.stored, self.reject)
        else:
            result = ~_is_any(pixels.stored, self.keep or ())
        return result

    @property
    def effect(self) -> dict[str, object]:
        """What decides about pixels, without the words."""
        return self.model_dump(exclude={"label"}, exclude_none=True)


def _label(band: str, kind: str, condition: Any) -> str:
    words = {
        "keep": "{} is not {}",
        "reject": "{} is {}",
        "reject_bits": "{} has a bit of {}",
        "min": "{} below {}",
        "max": "{} above {}",
    }
    listed = isinstance(condition, list | tuple)
    return words[kind].format(band, ", ".join(map(str, condition)) if listed else condition)


def _is_any(raw: NDArray[Any], wanted: tuple[int, ...]) -> NDArray[np.bool_]:
    if raw.dtype == np.uint8:
        # A third of the time of numpy.isin.
        table = np.zeros(256, dtype=bool)
        table[[value for value in wanted if 0 <= value <= 255]] = True
        return table.take(raw)
    return np.isin(raw, wanted)
