"""Values: the pixels that rendering is asked for, what it works out for them, and where that came from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.rendering.resolving import WindowScenes
from mosaics.index import SceneRef
from mosaics.raster.decimals import Floats
from mosaics.raster.reading import BandPixels
from mosaics.scene import Asset, SceneItem

Mask: TypeAlias = NDArray[np.bool_]
Plane: TypeAlias = Floats
Planes: TypeAlias = Floats
Codes: TypeAlias = NDArray[np.uint8]
ItemOf: TypeAlias = Callable[[SceneRef], SceneItem]


class Code(IntEnum):
    """Whether a pixel has a value, or why it has none."""

    OUTSIDE = 0
    """No scene covers it, or it was not asked for."""
    NODATA = 1
    """Scenes cover it and have no value there, or the formula has none for what they have."""
    MASKED = 2
    """A mask rule does not keep it."""
    OUTSIDE_ZONE = 3
    """A mask collection says that the product does not apply."""
    VALUE = 255
    """It has a value."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """The pixels wanted: those of a grid, or the one at a place."""

    shape: tuple[int, int]
    """Rows and columns; of a place one of each."""
    read: Callable[[Asset], BandPixels]
    """Gives a band there, of that shape; pixels outside the file are not valid."""
    lonlats: Callable[[Mask], tuple[NDArray[np.float64], NDArray[np.float64]]]
    """Gives the longitudes and latitudes, each of shape (n,), of the middles of some of the pixels."""


@dataclass(slots=True)
class Filled:
    """What one list of scenes gave."""

    missing: Mask
    """Where values are wanted that no scene has given yet."""
    rejected: Mask
    """Where a mask rule rejected a pixel that was missing then."""
    planes: list[Plane] = field(default_factory=list)
    """One a band; of a product without roles one a value. NaN where no scene has given all of them."""
    used: list[SceneRef] = field(default_factory=list)
    """The scenes that gave at least one pixel."""
    labels: list[str] = field(default_factory=list)
    """Of the rules that rejected a pixel, scene by scene; noted only for codes."""
    by_rule: dict[str, Mask] = field(default_factory=dict)
    """Where each rule was the first to reject a pixel, by its label; noted only for codes."""
    held: Mask = field(init=False)
    """Where a scene has given a value that was wanted."""


@dataclass(frozen=True, slots=True)
class FilledWindow:
    """What the scenes of one window gave."""

    scenes: WindowScenes
    years: Sequence[Filled]
    """One; of a role of several years one for each."""
    held: Mask
    """Where enough of them have a value, (height, width)."""

    @property
    def used(self) -> tuple[SceneRef, ...]:
        """The scenes that gave at least one pixel, those of each year best first."""
        return tuple(scene for year in self.years for scene in year.used)


@dataclass(frozen=True, slots=True)
class Values:
    """A product's values on a grid, and what they came from."""

    planes: Planes
    """(planes, height, width) in the product's unit; NaN where there is no value. float32, or float64 where
    that cannot hold them (`app.products.precision`)."""
    used: tuple[str, ...]
    """Ids of the scenes that gave at least one pixel, best first."""
    skipped: tuple[SceneRef, ...]
    """Scenes with a file that could not be read."""
    failed: tuple[Asset, ...]
    """Those files, in the same order."""
    unmasked: tuple[str, ...]
    """Labels of mask rules that were not applied: a scene used has no such band, or no zone has landed."""
    timing_ms: Mapping[str, float]
    """Time spent by step: read, mask, compute."""
    files: int
    """Files read from, each band of each scene being one."""
    windows: Sequence[FilledWindow]
    """What each window gave, the tested one first."""
    marks: Mapping[str, Mask] = field(default_factory=dict)
    """The pixels of which something is known, (height, width): `masked` and `outside_zone` have no value for
    that reason, or for that of a rule whose label stands here, where codes were asked for; the conditions
    that a product counts hold where there is one."""
    codes: Codes | None = None
    """The `Code` of each pixel, (height, width); None where it was not asked for."""
    zone_labels: Sequence[str] = ()
    """Of the rules on mask collections that reject a pixel."""

    def beside(self, east: "Values") -> "Values":
        """Return them together with those of a grid of as many rows to the east of theirs."""
        codes = [each.codes for each in (self, east) if each.codes is not None]
        return replace(
            self,
            planes=np.concatenate([self.planes, east.planes], axis=2),
            used=tuple(dict.fromkeys((*self.used, *east.used))),
            skipped=tuple(dict.fromkeys((*self.skipped, *east.skipped))),
            failed=tuple(dict.fromkeys((*self.failed, *east.failed))),
            unmasked=tuple(dict.fromkeys((*self.unmasked, *east.unmasked))),
            files=self.files + east.files,
            marks={name: np.hstack([self.marks[name], east.marks[name]]) for name in self.marks},
            codes=np.hstack(codes) if len(codes) == 2 else None,
        )

    def without(self, pixels: Mask) -> "Values":
        """Return them without some pixels, which have no value and count as not asked for.

        Args:
            pixels: True for the pixels to leave out, (height, width).
        """
        return replace(
            self,
            planes=np.where(pixels, self.planes.dtype.type(np.nan), self.planes),
            marks={name: mark & ~pixels for name, mark in self.marks.items()},
            codes=None if self.codes is None else np.where(pixels, np.uint8(Code.OUTSIDE), self.codes),
        )
