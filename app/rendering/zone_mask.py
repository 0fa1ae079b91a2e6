"""Zone mask: where a mask collection says that a product does not apply, such as outside the fire zones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from app.products.mask import MaskRule
from app.products.product import Product
from app.rendering.values import Code, ItemOf, Mask, Pixels, Values
from mosaics.index import SceneRef
from mosaics.raster.reading import AssetReadError
from mosaics.scene import Asset


@dataclass(slots=True)
class Outside:
    """What the mask collections of a product say."""

    outside: Mask
    """True where a zone is known and rejects the pixel, (height, width)."""
    labels: tuple[str, ...] = ()
    """Of the rules that reject a pixel."""
    unmasked: tuple[str, ...] = ()
    """Labels of rules that were not applied to some pixel, since no zone has been landed there."""
    skipped: tuple[SceneRef, ...] = ()
    """Scenes with a file that could not be read."""
    failed: tuple[Asset, ...] = ()
    """Those files, in the same order."""
    files: set[str] = field(default_factory=set)
    """Paths of the files read from."""

    def added_to(self, values: Values) -> Values:
        """Return values with what mask collections say of them; they were computed for the pixels inside."""
        codes = values.codes
        return replace(
            values,
            skipped=(*values.skipped, *self.skipped),
            failed=(*values.failed, *self.failed),
            unmasked=tuple(dict.fromkeys((*values.unmasked, *self.unmasked))),
            files=values.files + len(self.files),
            marks={**values.marks, "outside_zone": self.outside},
            codes=None if codes is None else np.where(self.outside, np.uint8(Code.OUTSIDE_ZONE), codes),
            zone_labels=self.labels,
        )


def outside_zones(
    product: Product,
    zones: Mapping[str, Sequence[SceneRef]],
    pixels: Pixels,
    wanted: Mask,
    item_of: ItemOf,
) -> Outside:
    """Find where the mask collections of a product reject pixels.

    A pixel belongs to the first scene that has a value there. Where none has, the rule is not applied: what
    lies there is unknown.

    Args:
        product: Its rules on mask collections.
        zones: The scenes of each such collection, the latest period's first.
        pixels: Where it is asked.
        wanted: Where it matters, (height, width).
        item_of: Gives a scene's files.
    """
    found = Outside(np.zeros(wanted.shape, bool))
    for collection, rule in product.zone_rules.items():
        unknown = wanted.copy()
        rejected = np.zeros(wanted.shape, bool)
        for scene in zones[collection]:
            if not unknown.any():
                break
            try:
                asset = item_of(scene).assets.get(rule.band)
                if asset is not None:
                    found.files.add(asset.path)
                    _apply(rule, asset, pixels, unknown, rejected)
            except AssetReadError as error:
                found.skipped += (scene,)
                found.failed += (error.asset,)
        found.outside |= rejected
        if rejected.any():
            found.labels += (rule.label,)
        if unknown.any():
            found.unmasked += (rule.label,)
    return found


def _apply(rule: MaskRule, asset: Asset, pixels: Pixels, unknown: Mask, rejected: Mask) -> None:
    """Add what one scene says of pixels of which nothing is known yet; both masks are changed."""
    band = pixels.read(asset)
    known = unknown & band.valid
    rejected |= known & rule.rejected(band, asset)
    unknown &= ~known
