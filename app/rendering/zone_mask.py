"""Zoning: where a mask collection says that a product does not apply, such as outside the fire zones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.products.mask import MaskRule
from app.products.product import Product
from app.rendering.values import ItemOf, Mask
from mosaics.index import SceneRef
from mosaics.raster.grid import Grid
from mosaics.raster.reading import AssetReadError, read_band
from mosaics.scene import Asset


@dataclass(slots=True)
class Outside:
    """What the mask collections of a product say."""

    outside: Mask
    """True where a zone is known and rejects the pixel, (height, width)."""
    unmasked: tuple[str, ...] = ()
    """Labels of rules that were not applied to some pixel, since no zone has been landed there."""
    skipped: tuple[SceneRef, ...] = ()
    """Scenes with a file that could not be read."""
    failed: tuple[Asset, ...] = ()
    """Those files, in the same order."""


def outside_zones(
    product: Product,
    zones: Mapping[str, Sequence[SceneRef]],
    grid: Grid,
    wanted: Mask,
    item_of: ItemOf,
) -> Outside:
    """Where the mask collections of a product reject pixels.

    A pixel belongs to the first scene that has a value there. Where none has, the rule is not applied: nobody
    has said what lies there.

    Args:
        product: Its rules on mask collections.
        zones: The scenes of each such collection, the latest period's first.
        grid: The pixels.
        wanted: Where it matters.
        item_of: Gives a scene's files.
    """
    found = Outside(np.zeros(wanted.shape, bool))
    for collection, rule in product.zone_rules.items():
        unknown = wanted.copy()
        for scene in zones[collection]:
            if not unknown.any():
                break
            try:
                asset = item_of(scene).assets.get(rule.band)
                if asset is not None:
                    _apply(rule, asset, grid, unknown, found.outside)
            except AssetReadError as error:
                found.skipped += (scene,)
                found.failed += (error.asset,)
        if unknown.any():
            found.unmasked += (rule.label,)
    return found


def _apply(rule: MaskRule, asset: Asset, grid: Grid, unknown: Mask, outside: Mask) -> None:
    """Add what one scene says of pixels of which nothing is known yet; both masks are changed."""
    pixels = read_band(asset, grid)
    known = unknown & pixels.valid
    physical = None if rule.needs_raw else pixels.physical(asset)
    outside |= known & rule.rejected(pixels.stored, physical)
    unknown &= ~known
