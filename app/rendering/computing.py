"""Computing: from the bands of scenes to the values of a product, best scene first.

A pixel takes its value from the first scene that has one: every band of the formula present, every
mask rule keeping it. The bands of one pixel always come from one scene.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.products.model import MaskRule, Product
from app.rendering.reading import AssetReadError, BandPixels, read_band
from app.rendering.request import Grid
from mosaics.index import SceneRef
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


def compute_values(
    product: Product,
    scenes: Sequence[SceneRef],
    grid: Grid,
    item_of: ItemOf,
    clock: Clock,
    *,
    wanted: Mask | None = None,
) -> Values:
    """Compute a product on a grid from scenes, stopping as soon as every pixel has a value.

    Args:
        product: The formula or the three bands, and the mask rules.
        scenes: Best first.
        grid: The pixels wanted.
        item_of: Gives a scene's files; raises AssetReadError for an item that is damaged or gone.
        clock: Where the time spent is booked.
        wanted: True where a value is wanted, (height, width); other pixels stay missing, and no scene is
            read for their sake. None wants all.

    Raises:
        mosaics.storage.StorageUnavailableError: If the store does not answer.
    """
    shape = (grid.height, grid.width)
    planes: Planes | None = None
    missing: Mask = np.ones(shape, bool) if wanted is None else wanted.copy()
    used: list[str] = []
    skipped: list[SceneRef] = []
    failed: list[Asset] = []
    unmasked: dict[str, None] = {}
    for scene in scenes:
        try:
            item = item_of(scene)
            found = _scene_values(product, item, grid, missing, clock)
        except AssetReadError as error:
            skipped.append(scene)
            failed.append(error.asset)
            clock.lap("read")
            continue
        if found is None:
            continue
        holds = ~np.isnan(found).any(axis=0)
        if holds.any():
            if planes is None:
                planes = found
            else:
                np.copyto(planes, found, where=holds)
            missing &= ~holds
            used.append(scene.id)
            unmasked.update(dict.fromkeys(_rules_without_band(product, item)))
        clock.lap("compute")
        if not missing.any():
            break
    if planes is None:
        planes = np.full((product.planes, *shape), np.nan, np.float32)
    return Values(planes, tuple(used), tuple(skipped), tuple(failed), tuple(unmasked), clock.ms)


def _scene_values(
    product: Product, item: SceneItem, grid: Grid, missing: Mask, clock: Clock
) -> Planes | None:
    """One scene's values, NaN where it has none or none is missing; None where it can add nothing."""
    if any(band not in item.assets for band in product.bands):
        return None
    pixels: dict[str, BandPixels] = {}
    kept = missing.copy()
    for band in (*product.mask_bands, *product.bands):
        asset = item.assets.get(band)
        if asset is None or band in pixels:
            continue
        pixels[band] = read_band(asset, grid)
        clock.lap("read")
        if band in product.bands:
            kept &= pixels[band].valid
        _apply_rules(product, band, pixels[band], asset, kept)
        clock.lap("mask")
        if not kept.any():
            return None
    physical = {band: pixels[band].physical(item.assets[band]) for band in product.bands}
    if product.formula is not None:
        found = product.formula.evaluate(physical)[np.newaxis]
    else:
        found = np.stack([physical[band] for band in product.rgb_bands])
    if not kept.all():
        np.copyto(found, np.nan, where=~kept)
    return found


def _apply_rules(product: Product, band: str, pixels: BandPixels, asset: Asset, kept: Mask) -> None:
    for rule in product.mask:
        if rule.band == band:
            kept &= kept_by(rule, pixels, asset)


def kept_by(rule: MaskRule, pixels: BandPixels, asset: Asset) -> Mask:
    """Where a rule keeps a pixel; one whose mask band has no value there is not kept."""
    physical = None if rule.needs_raw else pixels.physical(asset)
    kept: Mask = ~rule.rejected(pixels.stored, physical)
    kept &= pixels.valid
    return kept


def _rules_without_band(product: Product, item: SceneItem) -> list[str]:
    return [rule.label for rule in product.mask if rule.band not in item.assets]
