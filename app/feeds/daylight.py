"""Daylight: whether the sun, or the dark, can be had over a box in a time."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

from mosaics.bbox import Bbox
from mosaics.period import Interval

DAY = timedelta(days=1)

SUN_UP = 10.0
"""Degrees above the horizon: quality rules of air and land products keep a zenith distance of up to 80."""

SUN_DOWN = -12.0
"""Degrees: Black Marble counts nights with the sun 102 degrees and more from the zenith."""

MOST_DAYS = 40
"""Days of a long time that are looked at."""


@lru_cache(maxsize=8192)
def has_light(light: Literal["day", "night"] | None, time: Interval, box: Bbox) -> bool:
    """Return whether there is the light that data take, somewhere in a box at some moment.

    Steps of time are asked about again and again, every few seconds the same; some thousand are remembered.

    Args:
        light: What it takes; None for nothing.
        time: With both ends, UTC.
        box: Degrees.
    """
    if light is None or time.start is None or time.end is None:
        return True
    if light == "night":
        return any(_lowest(moment, box) <= SUN_DOWN for moment in _days(time.start, time.end))
    if time.end - time.start > DAY:
        return any(_highest(moment, box) >= SUN_UP for moment in _days(time.start, time.end))
    moments = [time.start + (time.end - time.start) * part / 8 for part in range(9)]
    return any(elevation(moment, lon, lat) >= SUN_UP for moment in moments for lon, lat in _places(box))


def elevation(moment: datetime, lon: float, lat: float) -> float:
    """Return how high the sun stands, in degrees, below the horizon negative.

    Spencer's declination and equation of time (1971), as NOAA's general solar position calculations give
    them; without refraction.
    """
    year_angle = _year_angle(moment)
    minutes = moment.hour * 60 + moment.minute + moment.second / 60
    hour_angle = math.radians((minutes + _equation_of_time(year_angle)) / 4 - 180 + lon)
    sun, place = declination(moment), math.radians(lat)
    sine = math.sin(place) * math.sin(sun) + math.cos(place) * math.cos(sun) * math.cos(hour_angle)
    return math.degrees(math.asin(max(-1.0, min(1.0, sine))))


def declination(moment: datetime) -> float:
    """Return the declination of the sun, in radians."""
    angle = _year_angle(moment)
    return (
        0.006918
        - 0.399912 * math.cos(angle)
        + 0.070257 * math.sin(angle)
        - 0.006758 * math.cos(2 * angle)
        + 0.000907 * math.sin(2 * angle)
        - 0.002697 * math.cos(3 * angle)
        + 0.00148 * math.sin(3 * angle)
    )


def _year_angle(moment: datetime) -> float:
    return 2 * math.pi / 365 * (moment.timetuple().tm_yday - 1 + (moment.hour - 12) / 24)


def _equation_of_time(angle: float) -> float:
    """Return by how many minutes the sun is ahead of the clock."""
    return 229.18 * (
        0.000075
        + 0.001868 * math.cos(angle)
        - 0.032077 * math.sin(angle)
        - 0.014615 * math.cos(2 * angle)
        - 0.040849 * math.sin(2 * angle)
    )


def _lowest(day: datetime, box: Bbox) -> float:
    """Return how deep the sun stands at midnight, where in a box it is deepest."""
    sun = math.degrees(declination(day))
    return min(abs(lat + sun) - 90 for lat in _latitudes(box, -sun))


def _highest(day: datetime, box: Bbox) -> float:
    """Return how high the sun stands at noon, where in a box it is highest."""
    sun = math.degrees(declination(day))
    return max(90 - abs(lat - sun) for lat in _latitudes(box, sun))


def _latitudes(box: Bbox, best: float) -> tuple[float, ...]:
    """Return the edges of a box, and the latitude in it that is closest to the best one."""
    return box.south, box.north, max(box.south, min(box.north, best))


def _places(box: Bbox) -> Iterator[tuple[float, float]]:
    for west, south, east, north in box.parts:
        for lon in (west, (west + east) / 2, east):
            for lat in (south, (south + north) / 2, north):
                yield lon, lat


def _days(start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield noons of a time, no more than `MOST_DAYS`, the first and the last among them."""
    count = max(1, min(MOST_DAYS, math.ceil((end - start) / DAY)))
    for number in range(count):
        yield start + (end - start) * (number + 0.5) / count
