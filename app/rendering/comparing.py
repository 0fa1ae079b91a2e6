"""Comparing: the values of a product with roles, each pixel from the best scene of every window.

A pixel counts where all windows have one. Within a window the bands of one pixel come from one scene, the
first that has them all under the mask.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.products.product import Product
from app.rendering.comparability import Processing
from app.rendering.scene_windows import WindowScenes
from app.rendering.values import Clock, ItemOf, Mask, Planes, Values
from mosaics.index import SceneRef
from mosaics.raster.grid import Grid
from mosaics.raster.reading import AssetReadError, read_band
from mosaics.scene import Asset, SceneItem


@dataclass(slots=True)
class Comparison:
    """What is gathered on the way."""

    product: Product
    grid: Grid
    item_of: ItemOf
    clock: Clock
    masked: Mask
    """True where a rule rejected a pixel in some window that no other scene of it filled."""
    processing: Processing = field(default_factory=Processing)
    used: list[str] = field(default_factory=list)
    skipped: list[SceneRef] = field(default_factory=list)
    failed: list[Asset] = field(default_factory=list)
    unmasked: dict[str, None] = field(default_factory=dict)


def compare(
    product: Product,
    windows: Sequence[WindowScenes],
    grid: Grid,
    wanted: Mask,
    *,
    item_of: ItemOf,
    clock: Clock,
) -> Values:
    """Compute a product with roles on a grid.

    Args:
        product: The formula, the mask rules and the conditions counted.
        windows: The scenes of each role, the tested one's first.
        grid: The pixels wanted.
        wanted: True where a value is wanted, (height, width).
        item_of: Gives a scene's files.
        clock: Where the time spent is booked.

    Raises:
        MixedProcessingError: If scenes would be compared whose values are not made alike.
    """
    comparison = Comparison(product, grid, item_of, clock, np.zeros(wanted.shape, bool))
    bands: dict[str, NDArray[np.float32]] = {}
    missing = wanted.copy()
    for window in windows:
        names = product.role_bands[window.role]
        years = [_fill(comparison, names, scenes, missing) for scenes in window.spans]
        for place, name in enumerate(names):
            planes = [year.bands[place] for year in years]
            is_repeated = product.roles[window.role].is_repeated
            bands[f"{window.role}.{name}"] = np.stack(planes) if is_repeated else planes[0]
        if len(years) == 1:
            missing &= years[0].held
        else:
            missing &= np.sum([year.held for year in years], axis=0, dtype=np.uint8) >= window.least
        if not missing.any():
            break
    else:
        return _values(comparison, bands, wanted)
    return _nothing(comparison, wanted)


def _values(comparison: Comparison, bands: Mapping[str, NDArray[np.float32]], wanted: Mask) -> Values:
    product = comparison.product
    assert product.formula is not None  # noqa: S101 - a product with roles has one
    plane = product.formula.evaluate(bands)
    if not wanted.all():
        plane[~wanted] = np.nan
    present = ~np.isnan(plane)
    marks = {"masked": comparison.masked & ~present}
    for name, condition in product.conditions.items():
        marks[name] = present & (condition.evaluate(bands) == 1)
    comparison.clock.lap("compute")
    return _found(comparison, plane[np.newaxis], marks)


def _nothing(comparison: Comparison, wanted: Mask) -> Values:
    """Where some window has no pixel at all: the formula need not be evaluated."""
    empty = np.full((1, *wanted.shape), np.nan, np.float32)
    marks = dict.fromkeys(comparison.product.conditions, np.zeros(wanted.shape, bool))
    return _found(comparison, empty, {"masked": comparison.masked, **marks})


def _found(comparison: Comparison, planes: Planes, marks: Mapping[str, Mask]) -> Values:
    return Values(
        planes,
        tuple(dict.fromkeys(comparison.used)),
        tuple(comparison.skipped),
        tuple(comparison.failed),
        tuple(comparison.unmasked),
        comparison.clock.ms,
        marks,
    )


@dataclass(slots=True)
class Filled:
    """The bands of one window."""

    bands: list[NDArray[np.float32]]
    """One a band, (height, width) in its unit; NaN where no scene has them all."""
    held: Mask
    """Where a scene has them all."""


def _fill(comparison: Comparison, names: Sequence[str], scenes: Sequence[SceneRef], wanted: Mask) -> Filled:
    """The bands of one window where they are wanted."""
    filled: list[NDArray[np.float32]] = []
    missing = wanted.copy()
    rejected = np.zeros(wanted.shape, bool)
    for scene in scenes:
        if not missing.any():
            break
        try:
            item = comparison.item_of(scene)
            kept = _fill_from(comparison, names, item, missing=missing, rejected=rejected, filled=filled)
        except AssetReadError as error:
            comparison.skipped.append(scene)
            comparison.failed.append(error.asset)
            comparison.clock.lap("read")
            continue
        if kept is not None and kept.any():
            comparison.processing.add(item)
            comparison.used.append(scene.id)
            rules = comparison.product.scene_rules
            comparison.unmasked.update({r.label: None for r in rules if r.band not in item.assets})
            missing &= ~kept
    comparison.masked |= rejected & missing
    if not filled:
        filled = [np.full(wanted.shape, np.nan, np.float32) for _ in names]
    return Filled(filled, wanted & ~missing)


def _fill_from(
    comparison: Comparison,
    names: Sequence[str],
    item: SceneItem,
    *,
    missing: Mask,
    rejected: Mask,
    filled: list[NDArray[np.float32]],
) -> Mask | None:
    """Fill what is missing from one scene; tells where, or None where the scene lacks a band."""
    if any(name not in item.assets for name in names):
        return None
    kept = missing.copy()
    physical: dict[str, NDArray[np.float32]] = {}
    for band in dict.fromkeys((*comparison.product.mask_bands, *names)):
        asset = item.assets.get(band)
        if asset is None:
            continue
        pixels = read_band(asset, comparison.grid)
        comparison.clock.lap("read")
        for rule in comparison.product.scene_rules:
            if rule.band == band:
                values = None if rule.needs_raw else pixels.physical(asset)
                refused = rule.rejected(pixels.stored, values)
                rejected |= kept & pixels.valid & refused
                kept &= pixels.valid & ~refused
        comparison.clock.lap("mask")
        if band in names:
            kept &= pixels.valid
            physical[band] = pixels.physical(asset)
        if not kept.any():
            return kept
    _add(filled, [physical[name] for name in names], kept)
    comparison.clock.lap("compute")
    return kept


def _add(filled: list[NDArray[np.float32]], found: list[NDArray[np.float32]], kept: Mask) -> None:
    """Add what one scene has to the bands; the first scene's arrays become those of the window."""
    if filled:
        for plane, values in zip(filled, found, strict=True):
            np.copyto(plane, values, where=kept)
        return
    filled += found
    if not kept.all():
        for plane in filled:
            np.copyto(plane, np.nan, where=~kept)
