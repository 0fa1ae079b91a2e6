"""Encoded polylines: the text in which routing services give ways (Google's algorithm, precision 5 or 6)."""

import numpy as np

from app.exposure.line import MAX_VERTICES, Line, LineError

PRECISIONS = (5, 6)
"""Digits behind the point: 5 of Google's and OSRM's, 6 of Valhalla's and Mapbox's."""

FIRST, LAST = 63, 126
"""Characters are numbers of six bits above this one."""

MORE = 0x20
"""The bit that says that further bits follow."""


def read_polyline(text: str, precision: int) -> Line:
    """Read an encoded polyline, whose numbers are latitudes before longitudes.

    Args:
        text: The polyline.
        precision: Digits behind the point of its degrees.

    Raises:
        LineError: If it is not one, or exceeds a limit.
    """
    if precision not in PRECISIONS:
        raise LineError(f"precision is 5 or 6, the digits behind the point, not {precision!r}")
    steps = _numbers(text)
    if len(steps) % 2:
        raise LineError("the polyline ends between a latitude and its longitude")
    if len(steps) > 2 * MAX_VERTICES:
        raise LineError(
            f"the polyline has {len(steps) // 2:,} positions; at most {MAX_VERTICES:,} are allowed"
        )
    latlons = np.cumsum(np.array(steps, float).reshape(-1, 2), axis=0) / 10**precision
    try:
        return Line.of([latlons[:, ::-1].copy()])
    except LineError as error:
        raise LineError(
            f"{error} (read with precision {precision}; the other one is {11 - precision})"
        ) from error


def _numbers(text: str) -> list[int]:
    numbers, number, bits = [], 0, 0
    for place, character in enumerate(text):
        code = ord(character)
        if not FIRST <= code <= LAST:
            raise LineError(f"character {place} of the polyline, {character!r}, does not occur in polylines")
        code -= FIRST
        number |= (code & (MORE - 1)) << bits
        bits += 5
        if bits > 40:
            raise LineError(f"the polyline has a number at character {place} that is not one of degrees")
        if not code & MORE:
            numbers.append(~(number >> 1) if number & 1 else number >> 1)
            number, bits = 0, 0
    if bits:
        raise LineError("the polyline ends within a number")
    return numbers
