"""Pointing: the value of a product at one place, or which of the four kinds of absence it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from app.products.model import Product
from app.rendering.computing import ItemOf, kept_by
from app.rendering.reading import AssetReadError, BandPixels, read_pixel
from mosaics.index import SceneRef
from mosaics.scene import Asset, SceneItem


class PointState(StrEnum):
    """Why a point has the value it has, or none."""

    OK = "ok"
    NODATA = "nodata"
    MASKED = "masked"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class PointAnswer:
    """What is known of one place."""

    values: tuple[float, ...]
    """One value, or red, green and blue; empty unless the state is ok."""
    state: PointState
    reason: str | None
    """A sentence for a person where there is no value."""
    scenes: tuple[SceneRef, ...] = ()
    """The scene the value came from; where there is none, those that were looked at, best first."""
    unmasked: tuple[str, ...] = ()
    """Mask rules that could not be applied, the scene having no such band."""
    failed: tuple[Asset, ...] = field(default=())
    """Files that could not be read."""


def point_value(
    product: Product, scenes: Sequence[SceneRef], lon: float, lat: float, item_of: ItemOf
) -> PointAnswer:
    """The value of the best scene that has one, as a tile would show it.

    Args:
        product: What is asked.
        scenes: Those whose footprint holds the place, best first.
        lon: Longitude in degrees east.
        lat: Latitude in degrees north.
        item_of: Gives a scene's files.
    """
    masked: list[str] = []
    nodata = False
    failed: list[Asset] = []
    for scene in scenes:
        try:
            found = _scene_point(product, scene, item_of(scene), lon, lat)
        except AssetReadError as error:
            failed.append(error.asset)
            continue
        if found.state is PointState.OK:
            return found
        nodata |= found.state is PointState.NODATA
        if found.state is PointState.MASKED and found.reason:
            masked.append(found.reason)
    seen = tuple(scenes)
    if masked:
        reason = "Masked: " + "; ".join(dict.fromkeys(masked)) + "."
        return PointAnswer((), PointState.MASKED, reason, seen, failed=tuple(failed))
    if nodata or failed:
        reason = "No data: the scenes here have no value at this place."
        return PointAnswer((), PointState.NODATA, reason, seen, failed=tuple(failed))
    return PointAnswer((), PointState.OUTSIDE, "Outside coverage: no scene covers this place.", seen)


def _scene_point(product: Product, scene: SceneRef, item: SceneItem, lon: float, lat: float) -> PointAnswer:
    if any(band not in item.assets for band in product.bands):
        return PointAnswer((), PointState.NODATA, None, (scene,))
    bands = dict.fromkeys(band for band in (*product.mask_bands, *product.bands) if band in item.assets)
    pixels = {band: read_pixel(item.assets[band], lon, lat) for band in bands}
    values: dict[str, BandPixels] = {}
    for band in product.bands:
        held = pixels[band]
        if held is None:
            return PointAnswer((), PointState.OUTSIDE, None, (scene,))
        if not held.valid.all():
            return PointAnswer((), PointState.NODATA, None, (scene,))
        values[band] = held
    for rule in product.mask:
        if rule.band in item.assets:
            held = pixels[rule.band]
            if held is None or not kept_by(rule, held, item.assets[rule.band]).all():
                return PointAnswer((), PointState.MASKED, rule.label, (scene,))
    answer = _answer(product, {b: pixel.physical(item.assets[b]) for b, pixel in values.items()})
    if np.isnan(answer).any():
        return PointAnswer((), PointState.NODATA, None, (scene,))
    unmasked = tuple(rule.label for rule in product.mask if rule.band not in item.assets)
    return PointAnswer(answer, PointState.OK, None, (scene,), unmasked)


def _answer(product: Product, physical: Mapping[str, NDArray[np.float32]]) -> tuple[float, ...]:
    if product.formula is not None:
        return (float(product.formula.evaluate(physical)[0, 0]),)
    return tuple(float(physical[band][0, 0]) for band in product.rgb_bands)
