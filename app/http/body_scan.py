"""Body scan: counts what a JSON body holds before anything is made of it.

A parser makes an object of 56 bytes and more of every two bytes `[]`; counting takes none.
"""

import re
from dataclasses import dataclass

import numpy as np

STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""A string, or the rest of the body where it does not end."""

MAX_DEPTH = 64
"""Levels of lists and objects; coordinates of a MultiPolygon in a FeatureCollection lie on the eighth."""

MAX_ELEMENTS = 100_000
"""Values in a body: a polygon of 10 000 vertices has 30 000."""

MAX_GEOMETRY_ELEMENTS = 1_000_000
"""For routes that take large polygons: 200 000 vertices with heights are 800 000."""

OPENING, CLOSING = b"[{", b"]}"

STEPS = np.zeros(256, np.int8)
"""By byte: one level down, one up, or none."""
STEPS[list(OPENING)], STEPS[list(CLOSING)] = 1, -1


@dataclass(frozen=True, slots=True)
class Counted:
    """What a body holds, at most."""

    elements: int
    """Lists, objects, members and elements."""
    depth: int
    """Levels of lists and objects inside one another."""


def count(body: bytes) -> Counted:
    """Return what a JSON text holds; of one that is not valid, what a parser could meet before it stops.

    It takes one pass over the bytes, and twice their memory.
    """
    bare = STRING.sub(b"", body)
    elements = sum(map(bare.count, (b",", b"[", b"{")))
    steps = STEPS[np.frombuffer(bare, np.uint8)]
    deepest = np.cumsum(steps[steps != 0], dtype=np.int32).max(initial=0)
    return Counted(elements, int(deepest))


def refusal(body: bytes, *, max_elements: int) -> str | None:
    """Return why a body is not parsed, or None.

    Args:
        body: The whole body.
        max_elements: The number of values it may have.
    """
    found = count(body)
    if found.depth > MAX_DEPTH:
        return f"the body is nested too deeply, {found.depth:,} levels; at most {MAX_DEPTH} are allowed"
    if found.elements > max_elements:
        return (
            f"the body has {found.elements:,} values; at most {max_elements:,} are allowed, send it in parts"
        )
    return None
