"""Scenes as rendering takes them."""

from collections.abc import Iterable

from app.rendering.resolving import SceneWindows, WindowScenes
from mosaics.index import SceneRef


def one_window(scenes: Iterable[SceneRef]) -> SceneWindows:
    """The scenes of a product without roles, best first."""
    return SceneWindows((WindowScenes("", (tuple(scenes),)),))
