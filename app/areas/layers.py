"""A layer of a file of areas: what its formats have in common once it is opened."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from rasterio.crs import CRS
from shapely.geometry.base import BaseGeometry

Row: TypeAlias = tuple[BaseGeometry | str, Mapping[str, Any]]
"""A geometry, or why there is none, and the properties beside it."""


class LayerError(ValueError):
    """A file or layer that cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class OpenedLayer:
    """A layer whose rows can be read."""

    count: int
    crs: CRS | None
    """None where it does not state one that can be read."""
    rows: Iterator[Row]
    stating: str
    """What is missing where it states none, for people: the coordinate system of a layer, a file."""
