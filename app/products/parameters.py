"""Parameters of products: bounds of mask rules that a request may change, within limits."""

import math
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, Field, model_validator

from app.products.classes import VALUE

RESERVED = frozenset(
    {
        *("absence", "baseline", "bbox", "bidx", "bins", "buffer", "colormap", "coord_crs", "crs"),
        *("coords", "coverage_min", "datetime", "dst_crs", "end", "expression", "f", "format"),
        *("geometry_source", "height", "histogram_bins"),
        *("histogram_range", "kind", "lit_above", "limit", "max_size", "maxzoom", "minzoom", "name"),
        *("offset", "percentiles", "post", "pre", "product", "properties", "repair", "rescale"),
        *("start", "step", "tile_format", "tilesize", "token", "use_epsg", "v", "value", "width", "zooms"),
    }
)
"""Names that mean something in addresses of products already."""

ParameterName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Parameter(BaseModel):
    """What a request may choose; a mask rule names it and states the default as its own bound."""

    model_config = VALUE

    title: str = Field(min_length=1)
    """What it is, for people: "Largest cloud fraction"."""
    range: tuple[float, float]
    """[low, high], what a request may give."""
    unit: str = "1"
    """Unit of the number; "1" for a ratio."""

    @model_validator(mode="after")
    def _rises(self) -> "Parameter":
        low, high = self.range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"low stands below high, and both are finite; these are {low:g} and {high:g}")
        return self

    def said(self, value: float) -> str:
        """Return a value of it as a sentence."""
        return f"{self.title}: {value:g}{'' if self.unit == '1' else f' {self.unit}'}."


def written_parameters(values: Mapping[str, float]) -> str:
    """Return parameters as one line: "cloud_max=0.3, zenith_max=80"."""
    return ", ".join(f"{name}={value:g}" for name, value in values.items())
