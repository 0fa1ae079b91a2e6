"""Pointing: the value of a product at one place, or which kind of absence it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from app.products.mask import MaskRule
from app.products.product import Product
from app.rendering.comparability import Processing
from app.rendering.scene_windows import SceneWindows, WindowScenes
from app.rendering.values import ItemOf, kept_by
from mosaics.index import SceneRef
from mosaics.raster.reading import AssetReadError, BandPixels, read_pixel
from mosaics.scene import Asset, SceneItem


class PointState(StrEnum):
    """Why a point has the value it has, or none."""

    OK = "ok"
    NODATA = "nodata"
    MASKED = "masked"
    OUTSIDE_ZONE = "outside_zone"
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
    roles: Mapping[str, tuple[PointState, tuple[SceneRef, ...]]] = field(default_factory=dict)
    """Of a product with roles, how each window stands here, and the scenes its values came from."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one scene has at a place."""

    state: PointState
    physical: Mapping[str, NDArray[np.float32]]
    """Bands in their units, shape (1, 1); empty unless the state is ok."""
    label: str | None = None
    """Of the rule that masks the place."""


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

    Raises:
        MixedProcessingError: If scenes would be compared whose values are not made alike.
    """
    if isinstance(scenes, SceneWindows):
        return compared_point(product, scenes, lon, lat, item_of)
    return best_point(product, scenes, lon, lat, item_of)


def best_point(
    product: Product, scenes: Sequence[SceneRef], lon: float, lat: float, item_of: ItemOf
) -> PointAnswer:
    """The value of the best scene of one time that has one."""
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
            return replace(found, failed=tuple(failed))
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


def compared_point(
    product: Product, sources: SceneWindows, lon: float, lat: float, item_of: ItemOf
) -> PointAnswer:
    """The value of a product that reads windows or mask collections."""
    unmasked: list[str] = []
    failed: list[Asset] = []
    for collection, rule in product.zone_rules.items():
        keeps = _zone_at(rule, sources.zones[collection], (lon, lat), item_of, failed)
        if keeps is False:
            return PointAnswer((), PointState.OUTSIDE_ZONE, _sentence([rule.label]), failed=tuple(failed))
        if keeps is None:
            unmasked.append(rule.label)
    if not product.roles:
        answer = best_point(product, sources.windows[0].spans[0], lon, lat, item_of)
        return replace(answer, unmasked=(*answer.unmasked, *unmasked), failed=(*answer.failed, *failed))
    windows = _Windows(product, (lon, lat), item_of, failed, unmasked)
    return windows.answer(sources.windows)


@dataclass(slots=True)
class _Windows:
    """The windows of a product at a place, as they are looked at."""

    product: Product
    lonlat: tuple[float, float]
    item_of: ItemOf
    failed: list[Asset]
    unmasked: list[str]
    processing: Processing = field(default_factory=Processing)
    reasons: list[str] = field(default_factory=list)
    roles: dict[str, tuple[PointState, tuple[SceneRef, ...]]] = field(default_factory=dict)

    def answer(self, windows: Sequence[WindowScenes]) -> PointAnswer:
        bands: dict[str, NDArray[np.float32]] = {}
        for window in windows:
            bands |= self.bands_of(window)
        states = [state for state, _ in self.roles.values()]
        failed = tuple(self.failed)
        for state in (PointState.MASKED, PointState.NODATA, PointState.OUTSIDE):
            if state in states:
                seen = tuple(scene for _, scenes in self.roles.values() for scene in scenes)
                reason = " ".join(dict.fromkeys(self.reasons))
                return PointAnswer((), state, reason, seen, tuple(self.unmasked), failed, self.roles)
        assert self.product.formula is not None  # noqa: S101 - a product with roles has one
        value = _less_offset(self.product, self.product.formula.evaluate(bands))
        used = tuple(scene for _, scenes in self.roles.values() for scene in scenes)
        unmasked = tuple(dict.fromkeys(self.unmasked))
        if np.isnan(value):
            reason = "No data: the formula has no value for what the scenes show here."
            return PointAnswer((), PointState.NODATA, reason, used, unmasked, failed, self.roles)
        return PointAnswer((value,), PointState.OK, None, used, unmasked, failed, self.roles)

    def bands_of(self, window: WindowScenes) -> dict[str, NDArray[np.float32]]:
        """The bands of a role; those of a role of several years with the years as first axis."""
        names = self.product.role_bands[window.role]
        looks = [self.look_at(names, scenes) for scenes in window.spans]
        held = [look for look, _ in looks if look.state is PointState.OK]
        scenes = tuple(scene for _, scene in looks if scene is not None)
        if len(held) < window.least:
            states = [look.state for look, _ in looks]
            order = (PointState.MASKED, PointState.NODATA, PointState.OUTSIDE)
            state = next(state for state in order if state in (*states, PointState.OUTSIDE))
            labels = [look.label for look, _ in looks if look.label]
            self.roles[window.role] = (state, scenes)
            self.reasons.append(_reason(self.product.roles[window.role].title, state, labels))
            return {}
        self.roles[window.role] = (PointState.OK, scenes)
        if not self.product.roles[window.role].is_repeated:
            return {f"{window.role}.{name}": held[0].physical[name] for name in names}
        return {f"{window.role}.{name}": np.stack([look.physical[name] for look in held]) for name in names}

    def look_at(self, names: Sequence[str], scenes: Sequence[SceneRef]) -> tuple[Look, SceneRef | None]:
        """What the best scene of a list has, and which it is."""
        worst = Look(PointState.OUTSIDE, {})
        for scene in scenes:
            try:
                item = self.item_of(scene)
                look = _look(self.product, names, item, self.lonlat)
            except AssetReadError as error:
                self.failed.append(error.asset)
                look = Look(PointState.NODATA, {})
            else:
                if look.state is PointState.OK:
                    self.processing.add(item)
                    self.unmasked.extend(_rules_without_band(self.product, item))
                    return look, scene
            if worst.state is not PointState.MASKED and look.state is not PointState.OUTSIDE:
                worst = look
        return worst, None


def _zone_at(
    rule: MaskRule,
    scenes: Sequence[SceneRef],
    lonlat: tuple[float, float],
    item_of: ItemOf,
    failed: list[Asset],
) -> bool | None:
    """Whether a mask collection keeps a place; None where no scene of it says."""
    for scene in scenes:
        try:
            asset = item_of(scene).assets.get(rule.band)
            held = None if asset is None else read_pixel(asset, *lonlat)
        except AssetReadError as error:
            failed.append(error.asset)
            continue
        if asset is not None and held is not None and held.valid.all():
            return bool(kept_by(rule, held, asset).all())
    return None


def _reason(title: str, state: PointState, labels: Sequence[str]) -> str:
    match state:
        case PointState.MASKED:
            return f"{title}: masked, {'; '.join(dict.fromkeys(labels))}."
        case PointState.NODATA:
            return f"{title}: no data, the scenes have no value at this place."
        case _:
            return f"{title}: outside coverage, no scene covers this place."


def _sentence(labels: Sequence[str]) -> str:
    text = "; ".join(labels)
    return f"{text[:1].upper()}{text[1:]}."


def _scene_point(product: Product, scene: SceneRef, item: SceneItem, lon: float, lat: float) -> PointAnswer:
    look = _look(product, product.bands, item, (lon, lat))
    if look.state is not PointState.OK:
        return PointAnswer((), look.state, look.label, (scene,))
    answer = _answer(product, look.physical)
    if np.isnan(answer).any():
        return PointAnswer((), PointState.NODATA, None, (scene,))
    return PointAnswer(answer, PointState.OK, None, (scene,), tuple(_rules_without_band(product, item)))


def _look(product: Product, names: Sequence[str], item: SceneItem, lonlat: tuple[float, float]) -> Look:
    """What a scene has of some bands at a place, under the product's mask."""
    if any(name not in item.assets for name in names):
        return Look(PointState.NODATA, {})
    bands = dict.fromkeys(band for band in (*product.mask_bands, *names) if band in item.assets)
    pixels = {band: read_pixel(item.assets[band], *lonlat) for band in bands}
    values: dict[str, BandPixels] = {}
    for band in names:
        held = pixels[band]
        if held is None:
            return Look(PointState.OUTSIDE, {})
        if not held.valid.all():
            return Look(PointState.NODATA, {})
        values[band] = held
    for rule in product.scene_rules:
        if rule.band in item.assets:
            held = pixels[rule.band]
            if held is None or not kept_by(rule, held, item.assets[rule.band]).all():
                return Look(PointState.MASKED, {}, rule.label)
    return Look(PointState.OK, {band: held.physical(item.assets[band]) for band, held in values.items()})


def _rules_without_band(product: Product, item: SceneItem) -> list[str]:
    return [rule.label for rule in product.scene_rules if rule.band not in item.assets]


def _answer(product: Product, physical: Mapping[str, NDArray[np.float32]]) -> tuple[float, ...]:
    if product.formula is not None:
        return (_less_offset(product, product.formula.evaluate(physical)),)
    return tuple(float(physical[band][0, 0]) for band in product.rgb_bands)


def _less_offset(product: Product, plane: NDArray[np.float32]) -> float:
    """The one value of a plane, as a tile has it."""
    return float(plane[0, 0] - np.float32(product.offset or 0.0))
