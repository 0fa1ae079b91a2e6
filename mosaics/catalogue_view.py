"""What the catalogue holds of each collection at one time."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mosaics.collection import Collection
from mosaics.outline import Outline
from mosaics.period import Period


@dataclass(frozen=True, slots=True)
class Kept:
    """One collection as it was last read."""

    collection: Collection
    outline: Outline
    periods: tuple[Period, ...]
    trouble: str | None = None
    """Why this may be out of date: its log cannot be followed from here, or its description is damaged."""

    @classmethod
    def of(cls, collection: Collection, outline: Outline, trouble: str | None) -> "Kept":
        """Return what is kept of a collection as it has just been read."""
        return cls(collection, outline, tuple(sorted(outline.mosaics)), trouble)

    @property
    def synthetic(self) -> bool:
        """Whether any scene was made up."""
        return bool(self.outline.synthetic)


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


def without_description(before: Kept | None, outline: Outline, damage: str) -> Kept | Unreadable:
    """Return what is shown of a collection whose description cannot be read: the description it had."""
    if before is None:
        return Unreadable(damage)
    if outline is before.outline and before.trouble == damage:
        return before
    return Kept.of(before.collection, outline, damage)


def shows_same(one: Kept | Unreadable | None, other: Kept | Unreadable | None) -> bool:
    """Return whether two readings of a collection differ in their trouble at most."""
    if one is other:
        return True
    if isinstance(one, Kept) and isinstance(other, Kept):
        return one.outline is other.outline and one.collection == other.collection
    return not isinstance(one, Kept) and not isinstance(other, Kept)
