"""Absence: why pixels have no value, told apart as a point tells it.

What is masked is known from filling. Whether a scene covers a pixel it gave nothing for is found out here,
where it matters: by the scene's footprint and by the extent of its files.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

import numpy as np
import shapely.geometry
from numpy.typing import NDArray

from app.products.product import Product
from app.rendering.values import Code, Codes, FilledWindow, ItemOf, Mask, Pixels, Planes
from mosaics.index import SceneRef
from mosaics.raster.reading import AssetReadError, lies_within

Degrees = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Absences:
    """Tells why pixels of an answer have no value.

    Args:
        product: The product computed.
        pixels: Where it was asked.
        item_of: Gives a scene's files.
    """

    product: Product
    pixels: Pixels
    item_of: ItemOf

    def codes(self, windows: Sequence[FilledWindow], planes: Planes, wanted: Mask) -> Codes:
        """Return the code of each pixel.

        A pixel that is masked in one window counts as masked whatever it is in the others, and one without
        data before one that no scene covers. Where all windows have a value and the formula has none there is
        no data.

        Args:
            windows: What each of them gave, all scenes having been looked at for what was missing.
            planes: The values, (planes, height, width); NaN where there is none.
            wanted: Where a value was wanted, (height, width).
        """
        present = wanted & ~np.isnan(planes).any(axis=0)
        if present.all():
            return np.full(present.shape, Code.VALUE, np.uint8)
        standing = np.stack([self.in_window(window, wanted) for window in windows])
        held = standing == Code.VALUE
        lacking = np.where(held, Code.OUTSIDE, standing).max(axis=0)
        codes = np.where(held.all(axis=0), Code.NODATA, lacking).astype(np.uint8)
        codes[present] = Code.VALUE
        codes[~wanted] = Code.OUTSIDE
        return codes

    def in_window(self, window: FilledWindow, wanted: Mask) -> Codes:
        """Return how each pixel stands in one window: a value, masked, no data or outside coverage."""
        codes = np.full(wanted.shape, Code.OUTSIDE, np.uint8)
        for year in window.years:
            codes[year.rejected & year.missing] = Code.MASKED
        codes[window.held] = Code.VALUE
        uncovered = wanted & (codes == Code.OUTSIDE)
        if uncovered.any():
            lons, lats = self.pixels.lonlats(uncovered)
            covered = np.zeros(len(lons), bool)
            for scene in chain.from_iterable(window.scenes.spans):
                if not (rest := np.flatnonzero(~covered)).size:
                    break
                bands = self.product.role_bands[window.scenes.role]
                covered[rest] = self.covers(scene, bands, (lons[rest], lats[rest]))
            codes[uncovered] = np.where(covered, Code.NODATA, Code.OUTSIDE)
        return codes

    def covers(
        self, scene: SceneRef, bands: Sequence[str], places: tuple[Degrees, Degrees]
    ) -> NDArray[np.bool_]:
        """Tell which places a scene's footprint and the files of its bands hold; unreadable, all."""
        covered = np.ones(len(places[0]), bool)
        try:
            item = self.item_of(scene)
        except AssetReadError:
            return covered
        if item.geometry is not None:
            footprint = shapely.geometry.shape(dict(item.geometry))
            shapely.prepare(footprint)
            covered &= shapely.intersects_xy(footprint, *places)
        for asset in (item.assets[band] for band in bands if band in item.assets):
            if not (rest := np.flatnonzero(covered)).size:
                break
            with suppress(AssetReadError):
                covered[rest] = lies_within(asset, *(axis[rest] for axis in places))
        return covered
