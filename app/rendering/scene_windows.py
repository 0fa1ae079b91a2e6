"""Sources: the scenes of a product with time windows or a mask collection, each in its place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import overload

from mosaics.index import SceneRef


@dataclass(frozen=True, slots=True)
class WindowScenes:
    """The scenes of one role."""

    role: str
    """Empty for a product without roles."""
    spans: tuple[tuple[SceneRef, ...], ...]
    """Best first; one list, or one for each year of a role that has several, the latest first."""
    least: int = 1
    """Of these lists, how many must have a scene for there to be any value."""

    @property
    def is_seen(self) -> bool:
        """Whether enough of the lists have a scene."""
        return sum(map(bool, self.spans)) >= self.least


@dataclass(frozen=True)
class SceneWindows(Sequence[SceneRef]):
    """Scenes by window, and those of mask collections.

    As a sequence these are the scenes values come from, the tested window's first. It is empty where a window
    has no scene: there is nothing to compare then.
    """

    windows: tuple[WindowScenes, ...]
    """The tested role's first."""
    zones: Mapping[str, tuple[SceneRef, ...]]
    """Scenes of mask collections, by collection, the latest period's first; empty where none has landed."""

    @property
    def of_windows(self) -> tuple[SceneRef, ...]:
        """The scenes of all windows, whether or not each window has one."""
        return tuple(chain.from_iterable(chain.from_iterable(window.spans for window in self.windows)))

    def __len__(self) -> int:
        return len(self._scenes)

    def __iter__(self) -> Iterator[SceneRef]:
        return iter(self._scenes)

    @overload
    def __getitem__(self, place: int) -> SceneRef: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[SceneRef, ...]: ...
    def __getitem__(self, place: int | slice) -> SceneRef | tuple[SceneRef, ...]:
        return self._scenes[place]

    @property
    def key_parts(self) -> tuple[str, ...]:
        """What a key is made from: every scene, and where it stands."""
        parts: list[str] = []
        for window in self.windows:
            for number, scenes in enumerate(window.spans):
                parts += [f"window {window.role} {number}", *(scene.item_key for scene in scenes)]
        for collection, scenes in self.zones.items():
            parts += [f"zone {collection}", *(scene.item_key for scene in scenes)]
        return tuple(parts)

    @property
    def _scenes(self) -> tuple[SceneRef, ...]:
        return self.of_windows if all(window.is_seen for window in self.windows) else ()


def key_parts(scenes: Sequence[SceneRef]) -> tuple[str, ...]:
    """What a key over scenes is made from."""
    return scenes.key_parts if isinstance(scenes, SceneWindows) else tuple(scene.item_key for scene in scenes)
