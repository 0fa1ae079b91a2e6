"""Computing: the values of a product, each pixel's from the best scene that has one under the mask.

A product is read through its windows: one of no name, or one for each role. Within a window the bands of a
pixel come from one scene, the first that has them all where every mask rule keeps the pixel. With one window
a pixel falls on to the next scene where the formula has no value, too; a product with roles has a value where
all of its windows have their bands.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from app.products.expression import Expression
from app.products.mask import MaskRule
from app.products.precision import Precision, Stored, precision_of, widened
from app.products.product import Product
from app.products.thresholds import LEEWAY
from app.rendering.absence import Absences
from app.rendering.comparability import Processing
from app.rendering.resolving import SceneWindows, WindowScenes
from app.rendering.values import Filled, FilledWindow, ItemOf, Mask, Pixels, Plane, Values
from app.rendering.zone_mask import outside_zones
from mosaics.index import SceneRef
from mosaics.raster.decimals import Floats, scaling_of
from mosaics.raster.fetched import Wanting
from mosaics.raster.grid import Grid
from mosaics.raster.reading import AssetReadError, BandPixels, read_band, read_pixel
from mosaics.scene import Asset, SceneItem


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


def pixels_of(grid: Grid) -> Pixels:
    """Return the pixels of a grid, each scene's resampled onto them."""
    return Pixels((grid.height, grid.width), partial(read_band, grid=grid), grid.lonlats)


def pixel_at(lon: float, lat: float) -> Pixels:
    """Return the pixel at a place in degrees: of each band the one of the file that holds it."""
    place = np.array([lon]), np.array([lat])
    return Pixels((1, 1), partial(read_pixel, lon=lon, lat=lat), lambda _: place)


def compute_values(
    product: Product,
    scenes: SceneWindows,
    pixels: Pixels,
    item_of: ItemOf,
    clock: Clock,
    *,
    wanted: Mask | None = None,
    thorough: bool = False,
) -> Values:
    """Compute a product from scenes, stopping as soon as no further pixel can have a value.

    Args:
        product: The formula or the three bands, the mask rules and the conditions counted.
        scenes: The scenes of its windows and mask collections.
        pixels: Where it is asked.
        item_of: Gives a scene's files; raises AssetReadError for an item that is damaged or gone.
        clock: Where the time spent is booked.
        wanted: True where a value is wanted, (height, width); None wants all. Other pixels stay missing.
        thorough: Whether to tell of every pixel why it has no value (`Values.codes`). All windows are looked
            at then, and the values of a scene before its mask.

    Raises:
        MixedProcessingError: If scenes would be compared whose values are not made alike.
        mosaics.storage.StorageUnavailableError: If the store does not answer.
    """
    filling = _Filling(product, pixels, item_of, clock, thorough)
    wanted = np.ones(pixels.shape, bool) if wanted is None else wanted
    if not scenes.zones:
        return _values(filling, scenes.windows, wanted)
    zones = outside_zones(product, scenes.zones, pixels, wanted, item_of)
    clock.lap("read")
    return zones.added_to(_values(filling, scenes.windows, wanted & ~zones.outside))


def _values(filling: "_Filling", scenes: Sequence[WindowScenes], wanted: Mask) -> Values:
    """The values of a product, as if it had no mask collections."""
    product, alive, windows = filling.product, wanted, list[FilledWindow]()
    wanting = Wanting()
    for window in scenes:
        asked = wanted if filling.thorough else alive
        bands = product.role_bands[window.role]
        # Of a role with one window the result is marked as missing, not each of its bands.
        by_band = not product.roles or product.roles[window.role].is_repeated
        years = wanting.each(partial(filling.fill, bands, wanted=asked, marks=by_band), window.spans)
        if wanting.pieces:
            continue
        held = years[0].held if len(years) == 1 else _in_enough(years, window.least)
        windows.append(FilledWindow(window, years, held))
        alive = alive & held
        if not (filling.thorough or alive.any()):
            break
    wanting.require()
    found, marks = years[0].planes, {name: of & years[0].missing for name, of in years[0].by_rule.items()}
    if product.roles:
        found, marks = _compared(filling, windows, alive, wanted)
    planes = found[0][np.newaxis] if len(found) == 1 else np.stack(found)
    if product.offset:
        planes -= planes.dtype.type(product.offset)
    if 0.0 in product.comparisons.of_values and filling.precisions - {Precision.SINGLE}:
        planes[np.abs(planes) <= LEEWAY * filling.reach] = 0.0  # what roundings have left over of nothing
    planes = planes.astype(filling.type_kept, copy=False)
    filling.clock.lap("compute")
    return Values(
        planes=planes,
        used=tuple(dict.fromkeys(s.id for window in windows for y in window.years for s in y.used)),
        skipped=tuple(filling.skipped),
        failed=tuple(filling.failed),
        unmasked=tuple(filling.unmasked),
        timing_ms=filling.clock.ms,
        files=len(filling.files),
        windows=windows,
        marks=marks,
        codes=filling.absences.codes(windows, planes, wanted) if filling.thorough else None,
    )


def _in_enough(years: Sequence[Filled], least: int) -> Mask:
    """Where enough years have a value."""
    counts = np.sum([year.held for year in years], axis=0, dtype=np.uint8)
    return np.asarray(counts >= least)


def _compared(
    filling: "_Filling", windows: Sequence[FilledWindow], alive: Mask, wanted: Mask
) -> tuple[list[Plane], dict[str, Mask]]:
    """The one plane of a product with roles, from the bands of all its windows, and what is marked on it.

    Where no pixel has all windows the formula need not be evaluated.
    """
    product = filling.product
    assert product.formula is not None  # noqa: S101 - a product with roles has one
    bands = {name: plane for window in windows for name, plane in _named(product, window)}
    plane = np.full(wanted.shape, np.nan, np.float32)
    if alive.any():
        plane = filling.evaluate(product.formula, bands, None if product.offset else filling.type_kept)
    if not alive.all():
        plane[~alive] = np.nan
    present = ~np.isnan(plane)
    marks = {"masked": np.zeros(wanted.shape, bool)}
    for filled in (year for window in windows for year in window.years):
        marks["masked"] |= filled.rejected & filled.missing
    marks["masked"] &= ~present
    for name, condition in product.conditions.items():
        marks[name] = present & (filling.evaluate(condition, bands, None) == 1) if alive.any() else present
    return [plane], marks


def _named(product: Product, window: FilledWindow) -> Iterator[tuple[str, Plane]]:
    """The bands of a role by name; of a role of several years with these as the first axis."""
    role = window.scenes.role
    for place, name in enumerate(product.role_bands[role]):
        planes = [year.planes[place] for year in window.years]
        yield f"{role}.{name}", np.stack(planes) if product.roles[role].is_repeated else planes[0]


@dataclass(slots=True)
class _Filling:
    """The filling of pixels from scenes, and what is gathered on the way."""

    product: Product
    pixels: Pixels
    item_of: ItemOf
    clock: Clock
    thorough: bool
    processing: Processing = field(default_factory=Processing)
    skipped: list[SceneRef] = field(default_factory=list)
    failed: list[Asset] = field(default_factory=list)
    unmasked: dict[str, None] = field(default_factory=dict)
    precisions: set[Precision] = field(default_factory=set)
    """Of the bands that values were computed from."""
    times: int | None = None
    """What bands are multiplied by, 1 where that would change the result; None until one has been read."""
    reach: float = 1.0
    """Values that 16 bits reach with the smallest scale among them, 1 at most."""
    files: set[str] = field(default_factory=set)

    @property
    def absences(self) -> Absences:
        """What tells why pixels have no value."""
        return Absences(self.product, self.pixels, self.item_of)

    def evaluate(
        self, formula: Expression, bands: Mapping[str, Floats], rounded_to: type[np.floating[Any]] | None
    ) -> Floats:
        """Evaluate a formula in the precision that the bands read need."""
        return formula.evaluate(bands, rounded_to, double=bool(self.precisions - {Precision.SINGLE}))

    @property
    def type_kept(self) -> type[np.floating[Any]]:
        """The type that results have."""
        kept: type[np.floating[Any]] = np.result_type(np.float32, *(p.kept for p in self.precisions)).type
        return kept

    def fill(self, names: Sequence[str], scenes: Sequence[SceneRef], wanted: Mask, *, marks: bool) -> Filled:
        """Fill what is wanted of some bands, or of the product's values, each pixel from its best scene.

        With `marks` what is missing becomes NaN; else it is anything where a scene has given something.
        """
        filled, wanting = Filled(wanted.copy(), np.zeros(wanted.shape, bool)), Wanting()
        for scene in scenes:
            if wanting.is_enough or not filled.missing.any():
                break
            try:
                with wanting:
                    if self.fill_from(self.item_of(scene), names, filled, marks=marks):
                        filled.used.append(scene)
            except AssetReadError as error:
                self.skipped.append(scene)
                self.failed.append(error.asset)
            self.clock.lap("compute")
        wanting.require()
        if not filled.planes:
            count = len(names) if self.product.roles else self.product.planes
            filled.planes = [np.full(wanted.shape, np.nan, np.float32) for _ in range(count)]
        filled.held = wanted & ~filled.missing
        return filled

    def fill_from(self, item: SceneItem, names: Sequence[str], filled: Filled, *, marks: bool) -> bool:
        """Fill what is missing with what one scene has under the mask; tells whether it has anything.

        The first such scene's arrays become those of the window.
        """
        kept = filled.missing.copy()
        bands = self.read(item, names, kept, filled)
        if not kept.any():
            return False
        found, holds = [bands[name] for name in self.product.rgb_bands or names], kept
        if self.product.formula is not None and not self.product.roles:
            found = [
                self.evaluate(self.product.formula, bands, None if self.product.offset else self.type_kept)
            ]
            holds = kept & ~np.isnan(found[0])
            if not holds.any():
                return False
        if self.product.roles:
            self.processing.add(item)
        if filled.planes and filled.planes[0].dtype != found[0].dtype:
            filled.planes, found = [widened(plane) for plane in filled.planes], [*map(widened, found)]
        for plane, values in zip(filled.planes, found, strict=False):
            np.copyto(plane, values, where=holds)
        if not filled.planes:
            filled.planes += found
            for plane in found if marks and not kept.all() else ():
                np.copyto(plane, np.nan, where=~kept)
        filled.missing &= ~holds
        rules = self.product.scene_rules
        self.unmasked |= {rule.label: None for rule in rules if rule.band not in item.assets}
        return True

    def read(self, item: SceneItem, names: Sequence[str], kept: Mask, filled: Filled) -> dict[str, Plane]:
        """Read bands of a scene in their units, and keep the pixels that it has under the mask.

        Reading ends where no pixel is kept any more; the bands are of no use then.
        """
        product, pixels, wanting = self.product, dict[str, BandPixels](), Wanting()
        if any(name not in item.assets for name in names):
            kept[...] = False
        order = (*names, *product.mask_bands) if self.thorough else (*product.mask_bands, *names)
        for band in dict.fromkeys(order):
            if not kept.any():
                return {}
            if (asset := item.assets.get(band)) is None:
                continue
            self.files.add(asset.path)
            with wanting:
                found = pixels[band] = self.pixels.read(asset)
            self.clock.lap("read")
            if wanting.pieces:
                continue
            if band in names:
                kept &= found.valid
            for rule in (rule for rule in product.scene_rules if rule.band == band):
                keeps = ~rule.rejected(found, asset) & found.valid
                if self.thorough or product.roles:
                    self.note_rejected(rule, found, kept & ~keeps, filled)
                kept &= keeps
            self.clock.lap("mask")
        wanting.require()
        return self.values_of({name: pixels[name] for name in names}, item) if kept.any() else {}

    def values_of(self, pixels: Mapping[str, BandPixels], item: SceneItem) -> dict[str, Plane]:
        """Return bands in their units, or times one number where that changes nothing, to compute with."""
        values = {}
        for name, band in pixels.items():
            asset = item.assets[name]
            stored = Stored(asset.dtype, asset.scale, asset.offset)
            precision = precision_of(stored, self.product.comparisons)
            self.precisions.add(precision)
            self.reach = min(self.reach, abs(asset.scale) * 2**16)
            if self.times is None:
                self.times = scaling_of(*stored[1:]).divisor if self.product.is_scale_free else 1
            values[name] = band.physical(asset, precision.computed, times=self.times)
        return values

    def note_rejected(self, rule: MaskRule, pixels: BandPixels, rejected: Mask, filled: Filled) -> None:
        """Note what a rule does not keep; a pixel its band has no value for counts only when thorough."""
        if not self.thorough:
            rejected &= pixels.valid
        elif rejected.any():
            filled.labels.append(rule.label)
            first = filled.by_rule.setdefault(rule.label, np.zeros_like(rejected))
            first |= rejected & ~filled.rejected
        filled.rejected |= rejected
