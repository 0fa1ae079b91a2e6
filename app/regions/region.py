"""The region: a box that is refreshed in rotation, its windows of days, and the tiles it covers."""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from mosaics.bbox import Bbox

MAX_AREA_KM2 = 500_000
"""About 50 Sentinel-2 tiles with ten scenes a month each, which is as many as one ingestion lands."""

MERCATOR_LIMIT = math.degrees(math.atan(math.sinh(math.pi)))
"""Latitude at which WebMercatorQuad ends: 85.0511 degrees."""

EDGE = 1e-9
"""Tolerance, in tiles, for floating-point error where a box ends on the edge of a tile."""

RESERVED = frozenset({"index", "health"})
"""Names that /meta/{name}.json uses for documents of its own."""

HALF_A_YEAR = 183
"""Days. A longer window would mix the seasons that the comparison keeps apart."""

Days = Annotated[int, Field(strict=True, ge=1, le=HALF_A_YEAR)]
Zoom = Annotated[int, Field(strict=True, ge=0, le=24)]


@dataclass(frozen=True, slots=True)
class DayWindow:
    """Consecutive days, including the first and the last; UTC."""

    start: date
    end: date

    @classmethod
    def ending(cls, end: date, days: int) -> "DayWindow":
        """Return the window of a number of days that ends with `end`."""
        return cls(end - timedelta(days=days - 1), end)

    @property
    def text(self) -> str:
        """The form a `datetime`, `pre` or `post` parameter takes."""
        return f"{self.start}/{self.end}"


class Region(BaseModel):
    """A box that is refreshed in rotation."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
    """Letters, digits, hyphens and underscores; it is used in addresses."""
    bbox: Bbox
    """[west, south, east, north] in degrees; west above east crosses the antimeridian."""
    priority: int = Field(default=2, strict=True, ge=1, le=9)
    """1 is the most important; a region of priority 2 waits as if it were half as overdue as one of 1."""
    update_interval_days: int = Field(default=7, strict=True, ge=1, le=366)
    """Nights from one refresh to the next."""
    pre_window_days: Days = 30
    """Days of the window before, which ends a year before the one after; at most half a year (one season)."""
    post_window_days: Days = 30
    """Days of the window after, which ends on the day of the refresh; at most half a year (one season)."""
    fire_mask: str | None = Field(default=None, strict=True, pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    """A collection of fire zones; what lies outside is shown as such. None leaves it to the product."""
    zoom_min: Zoom = 5
    """Lowest zoom offered for the region."""
    zoom_max: Zoom = 12
    """Highest zoom offered; 12 matches the 20 m bands that burn severity is computed from."""
    source: str = Field(default="earth-search-sentinel-2-l2a", strict=True, min_length=1)
    """The archive to refresh it from; see `tilewatch sources`."""
    product: str = Field(default="dnbr", strict=True, min_length=1)
    """The product to show: one with the windows pre and post."""
    max_cloud_percent: float = Field(default=60.0, ge=0, le=100)
    """Cloudier scenes are not fetched."""
    mode: Literal["copy", "reference"] = "copy"
    """Whether pixels under the box are copied, or read in the archive."""

    @field_validator("name")
    @classmethod
    def _is_not_reserved(cls, name: str) -> str:
        if name.lower() in RESERVED:
            raise PydanticCustomError("region", f"/meta/{name}.json is reserved; choose another name")
        return name

    @field_validator("bbox")
    @classmethod
    def _is_on_the_map(cls, bbox: Bbox) -> Bbox:
        if not -MERCATOR_LIMIT <= bbox.south < bbox.north <= MERCATOR_LIMIT:
            raise PydanticCustomError(
                "region",
                f"{list(bbox.degrees)} is not a valid box; the map ends at {MERCATOR_LIMIT:.2f} degrees "
                "north and south; give a smaller one, such as [-122.6, 38.2, -121.9, 38.9]",
            )
        if bbox.area_km2 > MAX_AREA_KM2:
            raise PydanticCustomError(
                "region",
                f"it covers {bbox.area_km2:,.0f} km2; at most {MAX_AREA_KM2:,} are allowed; split it into "
                "several regions, which are then refreshed in turn",
            )
        return bbox

    @model_validator(mode="after")
    def _zooms_rise(self) -> "Region":
        if self.zoom_min > self.zoom_max:
            raise PydanticCustomError(
                "region",
                f"zoom_min {self.zoom_min} is above zoom_max {self.zoom_max}; swap them",
                {"key": "zoom_min"},
            )
        return self

    @property
    def tile_count(self) -> int:
        """Number of WebMercatorQuad tiles that overlap the box, at all its zooms."""
        return sum(tiles_at(self.bbox, zoom) for zoom in range(self.zoom_min, self.zoom_max + 1))

    def post_window(self, today: date) -> DayWindow:
        """Return the window after, for a refresh on a day."""
        return DayWindow.ending(today, self.post_window_days)

    def pre_window(self, post: DayWindow) -> DayWindow:
        """Return the window before: the same season, ending one year before `post` ends."""
        return DayWindow.ending(one_year_before(post.end), self.pre_window_days)

    def just_before(self, post: DayWindow) -> DayWindow:
        """Return the days right before `post`, for when the year before has no scene."""
        return DayWindow.ending(post.start - timedelta(days=1), self.pre_window_days)


def tiles_at(bbox: Bbox, zoom: int) -> int:
    """Return the number of WebMercatorQuad tiles at a zoom that overlap a box."""
    side = 1 << zoom
    left = math.floor((bbox.west + 180) / 360 * side + EDGE)
    right = math.ceil((bbox.east + 180) / 360 * side - EDGE)
    columns = min(side, side - left + right) if bbox.crosses_antimeridian else right - left
    top = math.floor(_row(bbox.north, side) + EDGE)
    bottom = math.ceil(_row(bbox.south, side) - EDGE)
    return columns * (min(bottom, side) - max(top, 0))


def one_year_before(day: date) -> date:
    """Return the same day of the year before; 28 February for 29."""
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)


def _row(latitude: float, side: int) -> float:
    """Return the rows of tiles north of a latitude (EPSG:3857: the projection of a sphere)."""
    return (1 - math.asinh(math.tan(math.radians(latitude))) / math.pi) / 2 * side
