"""Harmonisation: what was decided about the offset of a whole scene."""

from dataclasses import dataclass


class OffsetUndecidedError(ValueError):
    """Nothing tells whether the offset is in the numbers; the message says what would."""


@dataclass(frozen=True, slots=True)
class Harmonisation:
    """The offset to add to scaled numbers, and why."""

    offset: float
    """In reflectance: -0.1 or 0."""
    reason: str
    doubt: str | None = None
    """A sentence for the user who lands the scene, where the pixels speak against the decision."""
    is_firm: bool = False
    """Whether the numbers themselves show it, or other bands of the scene landed so."""
