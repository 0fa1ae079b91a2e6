"""The area and the time of interest of a job: a box, and an interval with both ends."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import shapely
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from app.statistics.geometry import Polygonal, read_polygon
from mosaics.bbox import Bbox, is_finite
from mosaics.period import Interval, Period


def read_aoi(value: object) -> Bbox:
    """Return the box of an area of interest: the box itself, or the smallest around a polygon.

    Args:
        value: `[west, south, east, north]` or the box itself, or a GeoJSON Polygon, MultiPolygon or Feature
            of one.

    Raises:
        ValueError: If it is something else, or not a valid box; the message says what would be right.
    """
    if isinstance(value, Bbox):
        return value
    if isinstance(value, Mapping):
        geometry = value.get("geometry") if value.get("type") == "Feature" else value
        return smallest_box(read_polygon(geometry if isinstance(geometry, Mapping) else {}))
    numbers = value if isinstance(value, list | tuple) else ()
    if len(numbers) != 4 or not all(type(each) in {int, float} and is_finite(each) for each in numbers):
        raise ValueError(
            "give [west, south, east, north] in degrees, or a GeoJSON Polygon, MultiPolygon or Feature"
        )
    return Bbox(*map(float, numbers))


def smallest_box(polygon: Polygonal) -> Bbox:
    """Return the smallest box around a polygon that is split at the antimeridian."""
    spans = sorted((part.bounds[0], part.bounds[2]) for part in shapely.get_parts(polygon).tolist())
    _, south, _, north = polygon.bounds
    west, east = spans[0][0], max(end for _, end in spans)
    widest, reached = west + 360 - east, spans[0][1]
    for start, end in spans[1:]:
        if start - reached > widest:
            widest, west, east = start - reached, start, reached
        reached = max(reached, end)
    return Bbox(west, south, east, north)


def read_toi(text: str) -> Interval:
    """Read the time of interest: a period, or an interval with both ends.

    Raises:
        mosaics.period.PeriodError: If the text is neither.
        ValueError: If an end is open.
    """
    interval = Interval.parse(text) if "/" in text else Period.parse(text).interval()
    if interval.start is None or interval.end is None:
        raise ValueError("a job needs a start and an end: 2024-06-01/2024-06-30")
    return interval


def _readable_toi(text: str) -> str:
    read_toi(text)
    return text


Aoi: TypeAlias = Annotated[
    Bbox,
    BeforeValidator(read_aoi),
    WithJsonSchema(
        {
            "description": "Area of interest: [west, south, east, north] in degrees (west above east crosses "
            "the antimeridian), or a GeoJSON Polygon, MultiPolygon or Feature, whose box is taken.",
            "anyOf": [
                {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
                {"type": "object", "required": ["type"]},
            ],
            "examples": [[5.0, 51.1, 5.3, 51.3]],
        }
    ),
]
Toi: TypeAlias = Annotated[
    str,
    StringConstraints(max_length=100),
    AfterValidator(_readable_toi),
    Field(
        description="Time of interest: a period (2024-06), or an interval of periods or instants; its last "
        "period is included.",
        examples=["2024-06-01/2024-06-30"],
    ),
]
