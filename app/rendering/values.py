"""Values: what rendering works out for a grid of pixels, and where each of them came from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.products.mask import MaskRule
from mosaics.index import SceneRef
from mosaics.raster.reading import BandPixels
from mosaics.scene import Asset, SceneItem

Mask: TypeAlias = NDArray[np.bool_]
Planes: TypeAlias = NDArray[np.float32]
ItemOf: TypeAlias = Callable[[SceneRef], SceneItem]


@dataclass(slots=True)
class Values:
    """A product's values on a grid, and what they came from."""

    planes: Planes
    """(planes, height, width) float32 in the product's unit; NaN where there is no value."""
    used: tuple[str, ...]
    """Ids of the scenes that gave at least one pixel, best first."""
    skipped: tuple[SceneRef, ...]
    """Scenes with a file that could not be read."""
    failed: tuple[Asset, ...]
    """Those files."""
    unmasked: tuple[str, ...]
    """Labels of mask rules that a scene used has no band for, so that they were not applied to it."""
    timing_ms: Mapping[str, float]
    """Time spent by step: read, mask, compute."""
    marks: Mapping[str, Mask] = field(default_factory=dict)
    """Of a product that reads windows, the pixels of which something is known, (height, width): `masked` and
    `outside_zone` have no value for that reason; the product's counted conditions hold where there is one."""


class Clock:
    """Time by step of one rendering."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}
        self._last = perf_counter()

    def lap(self, step: str) -> None:
        """Book the time since the last lap under `step`."""
        now = perf_counter()
        self.ms[step] = self.ms.get(step, 0.0) + (now - self._last) * 1000
        self._last = now


def kept_by(rule: MaskRule, pixels: BandPixels, asset: Asset) -> Mask:
    """Where a rule keeps a pixel; one whose mask band has no value there is not kept."""
    physical = None if rule.needs_raw else pixels.physical(asset)
    kept: Mask = ~rule.rejected(pixels.stored, physical)
    kept &= pixels.valid
    return kept
