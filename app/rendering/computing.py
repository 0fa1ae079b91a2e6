"""Computing: from the bands of scenes to the values of a product, best scene first.

A pixel takes its value from the first scene that has one: every band of the formula present, every
mask rule keeping it. The bands of one pixel always come from one scene.
"""

from collections.abc import Sequence

import numpy as np

from app.products.product import Product
from app.rendering.comparing import compare
from app.rendering.scene_windows import SceneWindows
from app.rendering.values import Clock, ItemOf, Mask, Planes, Values, kept_by
from app.rendering.zone_mask import outside_zones
from mosaics.index import SceneRef
from mosaics.raster.grid import Grid
from mosaics.raster.reading import AssetReadError, BandPixels, read_band
from mosaics.scene import Asset, SceneItem

__all__ = ["Clock", "ItemOf", "Mask", "Planes", "Values", "compute_values", "kept_by"]


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
        scenes: Best first; `SceneWindows` where the product reads windows or mask collections.
        grid: The pixels wanted.
        item_of: Gives a scene's files; raises AssetReadError for an item that is damaged or gone.
        clock: Where the time spent is booked.
        wanted: True where a value is wanted, (height, width); other pixels stay missing, and no scene is
            read for their sake. None wants all.

    Raises:
        MixedProcessingError: If scenes would be compared whose values are not made alike.
        mosaics.storage.StorageUnavailableError: If the store does not answer.
    """
    if not isinstance(scenes, SceneWindows):
        values = _best_first(product, scenes, grid, item_of, clock, wanted=wanted)
        if product.offset is not None:
            values.planes -= np.float32(product.offset)
        return values
    asked = np.ones((grid.height, grid.width), bool) if wanted is None else wanted
    zones = outside_zones(product, scenes.zones, grid, asked, item_of)
    clock.lap("read")
    inside = asked & ~zones.outside
    if product.roles:
        values = compare(product, scenes.windows, grid, inside, item_of=item_of, clock=clock)
    else:
        values = _best_first(product, scenes, grid, item_of, clock, wanted=inside)
    if product.offset is not None:
        values.planes -= np.float32(product.offset)
    values.marks = {**values.marks, "outside_zone": zones.outside}
    values.unmasked = (*values.unmasked, *zones.unmasked)
    values.skipped = (*values.skipped, *zones.skipped)
    values.failed = (*values.failed, *zones.failed)
    return values


def _best_first(
    product: Product,
    scenes: Sequence[SceneRef],
    grid: Grid,
    item_of: ItemOf,
    clock: Clock,
    *,
    wanted: Mask | None,
) -> Values:
    """The values of one time: each pixel's of the first scene that has one."""
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
    for rule in product.scene_rules:
        if rule.band == band:
            kept &= kept_by(rule, pixels, asset)


def _rules_without_band(product: Product, item: SceneItem) -> list[str]:
    return [rule.label for rule in product.scene_rules if rule.band not in item.assets]
