"""The box: a rectangle of longitudes and latitudes, which may cross the antimeridian."""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import shapely
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from mosaics.ellipsoid import zone_area_m2

Degrees: TypeAlias = tuple[float, float, float, float]
"""West, south, east, north."""

FORM = (
    "give west,south,east,north in degrees (-180 to 180, -90 to 90), south below north and west apart from "
    "east, such as 5.0,51.1,5.3,51.3"
)


class BboxError(ValueError):
    """Numbers or a text that are not a valid box; the message says what would be right."""

    def __init__(self, given: str) -> None:
        super().__init__(f"{given} is not a valid box; {FORM}")


def is_finite(number: float) -> bool:
    """Return whether a number is finite as a float, which an integer of 400 digits is not."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


@dataclass(frozen=True, slots=True)
class Bbox:
    """A box that has some area; in a pydantic model it is a list of four numbers.

    Raises:
        BboxError: If the numbers are not degrees, or the box has no width or height.
    """

    west: float
    """Degrees east, -180..180; greater than `east` where the box crosses the antimeridian."""
    south: float
    """Degrees north, -90..90."""
    east: float
    """Degrees east, -180..180."""
    north: float
    """Degrees north, -90..90; greater than `south`."""

    def __post_init__(self) -> None:
        in_degrees = -180 <= self.west <= 180 and -180 <= self.east <= 180
        has_width = self.west < self.east or 0 < self.west - self.east < 360
        if not (in_degrees and has_width and -90 <= self.south < self.north <= 90):
            raise BboxError(f"{self:g}")

    @classmethod
    def parse(cls, text: str) -> "Bbox":
        """Read `west,south,east,north`.

        Raises:
            BboxError: If it is not four numbers, or they are not a box.
        """
        try:
            west, south, east, north = map(float, text.split(","))
        except ValueError:
            raise BboxError(repr(text[:80])) from None
        return cls(west, south, east, north)

    def __format__(self, spec: str) -> str:
        """Return the form `parse` reads, each number in a format such as `.10g`."""
        return ",".join(format(degrees, spec) for degrees in self.degrees)

    @property
    def degrees(self) -> Degrees:
        """West, south, east, north."""
        return self.west, self.south, self.east, self.north

    @property
    def crosses_antimeridian(self) -> bool:
        """Whether it lies on both sides of 180 degrees."""
        return self.west > self.east

    @property
    def parts(self) -> tuple[Degrees, ...]:
        """The box, or the two boxes on either side of the antimeridian, the western hemisphere's last."""
        return split_at_antimeridian(self.degrees)

    @property
    def geometry(self) -> shapely.Geometry:
        """A Polygon in degrees; a MultiPolygon of two across the antimeridian."""
        boxes = [shapely.box(*part) for part in self.parts]
        return boxes[0] if len(boxes) == 1 else shapely.MultiPolygon(boxes)

    @property
    def area_km2(self) -> float:
        """Area on the ellipsoid WGS 84."""
        width = math.radians((self.east - self.west) % 360 or 360)
        south, north = zone_area_m2(np.radians([self.south, self.north]))
        return float(width * (north - south)) / 1e6

    def contains(self, lon: float, lat: float) -> bool:
        """Return whether a point lies in the box or on its edge."""
        return any(w <= lon <= e and s <= lat <= n for w, s, e, n in self.parts)

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read four numbers or a box, and write four numbers."""
        read = core_schema.no_info_after_validator_function(
            lambda degrees: cls(*degrees), handler.generate_schema(Degrees)
        )
        return core_schema.no_info_before_validator_function(
            lambda value: value.degrees if isinstance(value, cls) else value,
            read,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda box: box.degrees, return_schema=handler.generate_schema(Degrees)
            ),
        )


def split_at_antimeridian(degrees: Degrees) -> tuple[Degrees, ...]:
    """Return a rectangle, line or point as one or two whose west is not above their east."""
    west, south, east, north = degrees
    if west <= east:
        return (degrees,)
    return (west, south, 180.0, north), (-180.0, south, east, north)
