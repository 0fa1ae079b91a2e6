"""Processing: how the values of a scene are made, as far as its item tells.

Scenes landed here carry `tilewatch:harmonisation`: scale and offset of every band as decided on landing, with
the reason; their values are physical, whatever the processing baseline was. Of an item that somebody else
wrote, what it says itself decides. An overview says what was found in the scenes it is made of.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from mosaics.scene import SceneItem

OF_SCENES = "tilewatch:processing"
"""The property of an overview in which it says how the values of its scenes are made."""
LEVELS = ("processing:level", "s2:product_type")
"""Where items tell how far a scene is processed: Level-1C is reflectance above the atmosphere, 2A below."""
BASELINES = ("s2:processing_baseline", "processing:version")
FIRST_BASELINE_WITH_OFFSET = (4, 0)
"""Sentinel-2's numbers are 1000 higher from processing baseline 04.00 on (ESA, 2022-01-25)."""
UNKNOWN_OFFSET = "offset unknown"


def processing_of(item: SceneItem) -> Mapping[str, Sequence[str]]:
    """Return what is known of level and offset of a scene's values: one of each; of an overview's, any."""
    if "tilewatch:overview" in item.properties:
        of_scenes: Mapping[str, Sequence[str]] = item.properties.get(OF_SCENES, {"offset": [UNKNOWN_OFFSET]})
        return of_scenes
    found = {"level": _level_of(item), "offset": _offset_of(item)}
    return {aspect: [text] for aspect, text in found.items() if text is not None}


def processing_of_all(items: Iterable[SceneItem]) -> dict[str, list[str]]:
    """Return what `processing_of` tells of some scenes together, each once, in the order of the alphabet."""
    found: dict[str, set[str]] = {}
    for item in items:
        for aspect, texts in processing_of(item).items():
            found.setdefault(aspect, set()).update(texts)
    return {aspect: sorted(found[aspect]) for aspect in sorted(found)}


def _level_of(item: SceneItem) -> str | None:
    for name in LEVELS:
        if (level := item.properties.get(name)) is not None:
            return f"level {str(level).removeprefix('S2MSI').removeprefix('L')}"
    return None


def _offset_of(item: SceneItem) -> str:
    if "tilewatch:harmonisation" in item.properties:
        return "harmonised"
    for name in BASELINES:
        match = re.fullmatch(r"N?(\d{2})\.?(\d{2})", str(item.properties.get(name, "")))
        if match is None:
            continue
        late = (int(match[1]), int(match[2])) >= FIRST_BASELINE_WITH_OFFSET
        applied = any(asset.offset != 0 for asset in item.assets.values())
        return "harmonised" if applied or not late else "baseline 04.00 or later, offset unknown"
    return UNKNOWN_OFFSET
