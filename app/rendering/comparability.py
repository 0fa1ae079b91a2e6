"""Processing: whether the values of scenes were made alike, so that their difference says something.

Harmonised values may be compared whatever the processing baseline was; a scene that says nothing of its
offset is compared with its like alone.
"""

from dataclasses import dataclass, field

from mosaics.processing import processing_of
from mosaics.scene import SceneItem


class MixedProcessingError(ValueError):
    """Scenes that would be compared are not made alike; the message names them and what would help."""


@dataclass(slots=True)
class Processing:
    """What the scenes of one answer have in common."""

    first: dict[str, tuple[str, str]] = field(default_factory=dict)
    """For level and offset, what was found first, and the scene it was found in."""

    def add(self, item: SceneItem) -> None:
        """Add a scene, or an overview, which is as unlike as the scenes it is made of.

        Raises:
            MixedProcessingError: If it is not made like the ones before.
        """
        for aspect, texts in processing_of(item).items():
            for found in texts:
                known, scene = self.first.setdefault(aspect, (found, item.id))
                if known != found:
                    raise MixedProcessingError(
                        f"scenes {scene} ({known}) and {item.id} ({found}) are not made alike, so that their "
                        "difference says nothing; land them again from the same kind of product, with "
                        "tilewatch land or tilewatch ingest, or ask for other windows"
                    )
