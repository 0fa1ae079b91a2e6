"""The pixels of one tile of an overview: filled scene by scene, best first, or made of four tiles' pixels.

All bands of a pixel come from one scene. A scene yields where it does not show the ground (the collection's
rule of clearness) to the next that does; where none does, the best scene's pixels stay, so that a product's
mask rejects them as it rejects the scene's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mosaics.descriptions.collections import ClearRule
from mosaics.raster.grid import Grid
from mosaics.raster.reading import BandPixels, read_band
from mosaics.scene import Asset, SceneItem

Mask: TypeAlias = NDArray[np.bool_]
Stored: TypeAlias = NDArray[Any]
ReadBand: TypeAlias = Callable[[Asset, Grid], BandPixels]
"""Reads a band onto a grid; `read_band`, as tiles are read, but in tests."""

SCENE_OF_PIXEL = "scene-of-pixel"
"""The asset that says which scene each pixel is of; no name of a band has hyphens."""
NOTHING, PARTLY, HIDDEN, CLEAR = range(4)
"""What a scene says of a pixel: nothing; some bands; all, but not of the ground; all, of the ground."""


class UnlikeScenesError(ValueError):
    """Scenes that no overview can hold together; the message says why."""


@dataclass(frozen=True, slots=True)
class BandForm:
    """How a band's numbers are stored."""

    dtype: str
    nodata: float | None
    """None where a mask marks missing pixels."""
    scale: float
    offset: float
    unit: str

    @classmethod
    def of(cls, asset: Asset) -> "BandForm":
        """Return the form of an asset."""
        return cls(asset.dtype, asset.nodata, asset.scale, asset.offset, asset.unit)

    def takes(self, asset: Asset, stored: Stored) -> Stored:
        """Return numbers of an asset in this form: as they are, or as physical values where forms differ."""
        if (asset.scale, asset.offset) == (self.scale, self.offset):
            return stored.astype(self.dtype, copy=False)
        # The offset first, as rendering does it: a stored number that means zero becomes exactly zero.
        physical = stored.astype(np.float32) + np.float32(asset.offset / asset.scale)
        return np.asarray(physical * np.float32(asset.scale))


def common_forms(items: Iterable[SceneItem], categorical: frozenset[str]) -> dict[str, BandForm]:
    """Return the form of each band that the numbers of all items can be given.

    Where all agree it is theirs; where they do not, physical values in float32.

    Raises:
        UnlikeScenesError: If items have different bands, or name the classes of a band differently.
    """
    forms: dict[str, set[BandForm]] = {}
    bands: tuple[str, ...] | None = None
    for item in items:
        names = tuple(sorted(item.assets.keys() - {SCENE_OF_PIXEL}))
        if bands is not None and names != bands:
            unlike = sorted(set(bands) ^ set(names))
            raise UnlikeScenesError(f"not all scenes have {', '.join(unlike)}")
        bands = names
        for name in names:
            forms.setdefault(name, set()).add(BandForm.of(item.assets[name]))
    return {name: _common_form(name, found, categorical) for name, found in forms.items()}


def _common_form(name: str, forms: set[BandForm], categorical: frozenset[str]) -> BandForm:
    if len(forms) == 1:
        return next(iter(forms))
    if name in categorical:
        raise UnlikeScenesError(f"the numbers of {name} are stored in different ways, and they are names")
    units = {form.unit for form in forms}
    if len(units) > 1:
        raise UnlikeScenesError(f"{name} is in different units: {', '.join(sorted(units))}")
    return BandForm("float32", float("nan"), 1.0, 0.0, units.pop())


@dataclass(slots=True)
class Pixels:
    """Square pixels of all bands."""

    stored: dict[str, Stored]
    valid: dict[str, Mask]
    rank: NDArray[np.uint8]
    """NOTHING to CLEAR."""
    scene: NDArray[np.uint32]
    """Mark of the scene each pixel is of; 0 where there is none."""

    @classmethod
    def empty(cls, forms: Mapping[str, BandForm], side: int) -> "Pixels":
        """Return pixels that no scene has filled yet."""
        shape = (side, side)
        return cls(
            {name: np.full(shape, _filling(form), form.dtype) for name, form in forms.items()},
            {name: np.zeros(shape, np.bool_) for name in forms},
            np.zeros(shape, np.uint8),
            np.zeros(shape, np.uint32),
        )

    @property
    def is_empty(self) -> bool:
        """Whether no pixel has a value."""
        return not self.rank.any()

    def fill(self, other: "Pixels") -> None:
        """Take those pixels of another that say more."""
        better = other.rank > self.rank
        for name, stored in self.stored.items():
            np.copyto(stored, other.stored[name], where=better)
            np.copyto(self.valid[name], other.valid[name], where=better)
        np.copyto(self.rank, other.rank, where=better)
        np.copyto(self.scene, other.scene, where=better)

    def fill_forms(self, forms: Mapping[str, BandForm]) -> None:
        """Mark missing pixels as their forms want it, so that equal pixels are equal bytes."""
        for name, form in forms.items():
            self.stored[name][~self.valid[name]] = _filling(form)


def compose(
    items: Sequence[SceneItem],
    grid: Grid,
    *,
    forms: Mapping[str, BandForm],
    clear: ClearRule | None,
    read: ReadBand = read_band,
) -> Pixels:
    """Return the pixels of scenes, best first, each read as a tile of that size reads it.

    Args:
        items: The scenes.
        grid: A square of pixels.
        forms: How the numbers of each band are stored.
        clear: Which pixels show the ground; None where all do.
        read: Reads a band.

    Raises:
        AssetReadError: If a file cannot be read.
    """
    pixels = Pixels.empty(forms, grid.width)
    for item in items:
        _add_scene(pixels, item, grid, forms=forms, clear=clear, read=read)
        if (pixels.rank == CLEAR).all():
            break
    pixels.fill_forms(forms)
    return pixels


def _add_scene(
    pixels: Pixels,
    item: SceneItem,
    grid: Grid,
    *,
    forms: Mapping[str, BandForm],
    clear: ClearRule | None,
    read: ReadBand,
) -> None:
    """Fill in what one scene, or an overview already made, adds; its quality band is read first."""
    quality = clear.band if clear is not None and clear.band in forms else None
    at_best = np.full_like(pixels.rank, CLEAR)
    found = Pixels({}, {}, at_best, np.zeros_like(pixels.scene))
    for name in sorted(forms, key=lambda name: name != quality):
        band = read(item.assets[name], grid)
        found.stored[name] = forms[name].takes(item.assets[name], band.stored)
        found.valid[name] = band.valid
        if name == quality and clear is not None:
            at_best[~(clear.keeps(band.stored) & band.valid)] = HIDDEN
            if not (at_best > pixels.rank).any():
                return
    seen = np.stack(list(found.valid.values()))
    at_best[~seen.all(axis=0)] = PARTLY
    at_best[~seen.any(axis=0)] = NOTHING
    if SCENE_OF_PIXEL in item.assets:
        found.scene = read(item.assets[SCENE_OF_PIXEL], grid).stored
    else:
        found.scene[...] = scene_mark(item.item_key)
    pixels.fill(found)


def scene_mark(item_key: str) -> int:
    """Return a number that stands for a scene; two neighbours share one by a chance of 2**-32."""
    return int.from_bytes(blake2b(item_key.encode(), digest_size=4).digest(), "big") or 1


def halve(pixels: Pixels, *, forms: Mapping[str, BandForm], categorical: frozenset[str]) -> Pixels:
    """Return pixels twice as wide: each from those of its four that say most and are of one scene.

    The scene is that of the first of them. Its numbers are averaged, classes are those of the first.
    """
    rank, scene = _quarters(pixels.rank), _quarters(pixels.scene)
    best = rank.max(axis=0)
    first = (rank == best).argmax(axis=0)[np.newaxis]
    chosen = np.take_along_axis(scene, first, axis=0)
    members = (rank == best) & (scene == chosen)
    stored, valid = {}, {}
    for name, form in forms.items():
        numbers, counts = _quarters(pixels.stored[name]), members & _quarters(pixels.valid[name])
        valid[name] = counts.any(axis=0)
        one = np.take_along_axis(numbers, counts.argmax(axis=0)[np.newaxis], axis=0)[0]
        stored[name] = one if name in categorical else _mean(numbers, counts, one, form)
    halved = Pixels(stored, valid, best, np.where(best > NOTHING, chosen[0], np.uint32(0)))
    halved.fill_forms(forms)
    return halved


def _mean(numbers: Stored, counts: Mask, one: Stored, form: BandForm) -> Stored:
    total = np.where(counts, numbers, 0).sum(axis=0, dtype=np.float64)
    mean = total / np.maximum(counts.sum(axis=0), 1)
    kind = np.dtype(form.dtype)
    mean = (np.rint(mean) if kind.kind in "iu" else mean).astype(kind)
    # A mean that happens to be the number of missing pixels would be missing.
    return mean if form.nodata is None else np.where(mean == kind.type(form.nodata), one, mean)


def _quarters(plane: Stored) -> Stored:
    """Return the four pixels of each square of two by two, (4, side / 2, side / 2), row by row."""
    half = len(plane) // 2
    return plane.reshape(half, 2, half, 2).transpose(1, 3, 0, 2).reshape(4, half, half)


def _filling(form: BandForm) -> float:
    return 0 if form.nodata is None else form.nodata
