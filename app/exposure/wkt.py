"""Well-known text of lines: LINESTRING and MULTILINESTRING with heights (Z) and times (M, Unix seconds)."""

import re
from dataclasses import dataclass

import numpy as np

from app.exposure.journey import Journey
from app.exposure.line import MAX_PARTS, MAX_VERTICES, Floats, Line, LineError

HEAD = re.compile(r"\s*(MULTI)?LINESTRING\s*(ZM|Z|M)?\s*(?=\()", re.IGNORECASE)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")

MAX_CHARACTERS = 2_000_000

FORMS = "LINESTRING(lon lat, …), LINESTRINGM(lon lat seconds, …), with Z or ZM, or MULTILINESTRING((…), (…))"


@dataclass(frozen=True, slots=True)
class Way:
    """A line of well-known text."""

    line: Line
    moments_s: Floats | None
    """Of all positions of all parts, in Unix seconds; None where it has no M."""
    has_heights: bool

    def journey(self) -> Journey:
        """Return it as a journey.

        Raises:
            LineError: If its times do not rise.
        """
        if self.moments_s is None:
            return Journey(self.line)
        return Journey.of_moments(self.line, self.moments_s)


def read_way(text: str) -> Way:
    """Read a line of well-known text, longitude first; heights are dropped.

    Raises:
        LineError: If it is not one, or exceeds a limit.
    """
    if len(text) > MAX_CHARACTERS:
        raise LineError(f"coords has {len(text):,} characters; at most {MAX_CHARACTERS:,} are allowed")
    head = HEAD.match(text)
    if head is None:
        raise LineError(f"coords is not a line of well-known text; give {FORMS}")
    dimensions = (head[2] or "").upper()
    body = text[head.end() :].strip()
    chains = _parts(body) if head[1] else [_within(body)]
    if len(chains) > MAX_PARTS:
        raise LineError(f"coords has {len(chains):,} parts; at most {MAX_PARTS:,} are allowed")
    size = 2 + len(dimensions)
    parts = [_positions(chain, size) for chain in chains]
    if sum(map(len, parts)) > MAX_VERTICES:
        raise LineError(f"the line has more positions than {MAX_VERTICES:,}, which are allowed")
    line = Line.of([part[:, :2].copy() for part in parts])
    moments = np.concatenate([part[:, -1] for part in parts]) if dimensions.endswith("M") else None
    return Way(line, moments, dimensions.startswith("Z"))


def _within(text: str) -> str:
    """Return what stands between the brackets around a text."""
    inside = text[1:-1]
    if len(text) < 2 or text[0] != "(" or text[-1] != ")" or "(" in inside or ")" in inside:
        raise LineError(f"the brackets of coords do not match; give {FORMS}")
    return inside


def _parts(text: str) -> list[str]:
    """Return what stands between the brackets of each part."""
    if len(text) < 4 or text[0] != "(" or text[-1] != ")":
        raise LineError(f"the brackets of coords do not match; give {FORMS}")
    pieces = [piece.strip() for piece in text[1:-1].split(")")]
    if pieces.pop():
        raise LineError(f"the brackets of coords do not match; give {FORMS}")
    first, *others = pieces
    if any(not other.startswith(",") for other in others):
        raise LineError(f"the parts of coords must be separated by commas; give {FORMS}")
    return [_within(f"{piece})") for piece in (first, *(other[1:].strip() for other in others))]


def _positions(text: str, size: int) -> Floats:
    """Return positions, (n, size)."""
    rows = [position.split() for position in text.split(",")]
    for place, row in enumerate(rows):
        if len(row) != size or not all(NUMBER.fullmatch(number) for number in row):
            raise LineError(
                f"position {place} of coords is not {size} numbers, as its head says; give {FORMS}"
            )
    return np.array(rows, float)
