"""Processing: whether the values of scenes were made alike, so that their difference says something.

Scenes landed here carry `tilewatch:harmonisation`: scale and offset of every band as decided on landing, with
the reason; their values are physical, whatever the processing baseline was, and may be compared. Of an item
that somebody else wrote, what it says itself decides; one that says nothing is compared with its like alone.
"""

import re
from dataclasses import dataclass, field

from mosaics.scene import SceneItem

LEVELS = ("processing:level", "s2:product_type")
"""Where items tell how far a scene is processed: Level-1C is reflectance above the atmosphere, 2A below."""
BASELINES = ("s2:processing_baseline", "processing:version")
FIRST_BASELINE_WITH_OFFSET = (4, 0)
"""Sentinel-2's numbers are 1000 higher from processing baseline 04.00 on (ESA, 2022-01-25)."""


class MixedProcessingError(ValueError):
    """Scenes that would be compared are not made alike; the message names them and what would help."""


@dataclass(slots=True)
class Processing:
    """What the scenes of one answer have in common."""

    first: dict[str, tuple[str, str]] = field(default_factory=dict)
    """For level and offset, what was found first, and the scene it was found in."""

    def add(self, item: SceneItem) -> None:
        """Add a scene.

        Raises:
            MixedProcessingError: If it is not made like the ones before.
        """
        for aspect, found in (("level", level_of(item)), ("offset", offset_of(item))):
            if found is None:
                continue
            known, scene = self.first.setdefault(aspect, (found, item.id))
            if known != found:
                raise MixedProcessingError(
                    f"scenes {scene} ({known}) and {item.id} ({found}) are not made alike, so that their "
                    "difference says nothing; land them anew from the same kind of product, with "
                    "tilewatch land or tilewatch ingest, or ask for other windows"
                )


def level_of(item: SceneItem) -> str | None:
    """How far a scene has been processed; None where it does not say."""
    for name in LEVELS:
        if (level := item.properties.get(name)) is not None:
            return f"level {str(level).removeprefix('S2MSI').removeprefix('L')}"
    return None


def offset_of(item: SceneItem) -> str | None:
    """What is known of the offset of a scene's values; None of an overview, which is made of its scenes'."""
    if "tilewatch:overview" in item.properties:
        return None
    if "tilewatch:harmonisation" in item.properties:
        return "harmonised"
    for name in BASELINES:
        match = re.fullmatch(r"N?(\d{2})\.?(\d{2})", str(item.properties.get(name, "")))
        if match is None:
            continue
        late = (int(match[1]), int(match[2])) >= FIRST_BASELINE_WITH_OFFSET
        applied = any(asset.offset != 0 for asset in item.assets.values())
        return "harmonised" if applied or not late else "baseline 04.00 or later, offset unknown"
    return "offset unknown"
