"""What the catalogue holds of each collection at one time."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mosaics.collection import Collection
from mosaics.commits import LogState
from mosaics.near_real_time import PREFIX
from mosaics.period import Period


@dataclass(frozen=True, slots=True)
class Kept:
    """One collection as it was last read."""

    collection: Collection
    state: LogState
    periods: tuple[Period, ...]
    synthetic: bool
    early: frozenset[Period] = frozenset()
    """Those in which a scene in near real time stands in for one of the standard product."""
    trouble: str | None = None
    """Why this may be out of date: its log cannot be followed from here, or its description is damaged."""

    @classmethod
    def of(cls, collection: Collection, state: LogState, trouble: str | None) -> "Kept":
        """Return what is kept of a collection as it has just been read."""
        synthetic = any(scene.synthetic for scene in state.scenes.values())
        early = frozenset(
            scene.period for scene_id, scene in state.scenes.items() if scene_id.startswith(PREFIX)
        )
        return cls(collection, state, tuple(sorted(state.mosaics)), synthetic, early, trouble)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A collection of which nothing good is known."""

    trouble: str


@dataclass(frozen=True, slots=True)
class View:
    """Everything there is at one time; replaced whole."""

    kept: Mapping[str, Kept] = field(default_factory=dict)
    collections: Mapping[str, Collection] = field(default_factory=dict)
    unreadable: Mapping[str, Unreadable] = field(default_factory=dict)


def without_description(before: Kept | None, state: LogState, damage: str) -> Kept | Unreadable:
    """Return what is shown of a collection whose description cannot be read: the description it had."""
    if before is None:
        return Unreadable(damage)
    if state is before.state and before.trouble == damage:
        return before
    return Kept.of(before.collection, state, damage)


def shows_same(one: Kept | Unreadable | None, other: Kept | Unreadable | None) -> bool:
    """Return whether two readings of a collection differ in their trouble at most."""
    if one is other:
        return True
    if isinstance(one, Kept) and isinstance(other, Kept):
        return one.state is other.state and one.collection == other.collection
    return not isinstance(one, Kept) and not isinstance(other, Kept)
