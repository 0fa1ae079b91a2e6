"""What an order may ask: values that refuse themselves, and the size that a service allows."""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self, TypeAlias

import shapely
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from app.jobs.job import Kind, OrderLimitError, OrderRequestError
from app.settings import Settings
from app.statistics.geometry import Polygonal, read_polygon
from mosaics.bbox import Bbox
from mosaics.period import Interval, Period

MAX_SCENES = 500
"""An order lands no more: three years of one place, and half a terabyte of whole Sentinel-2 scenes."""


def read_aoi(value: object) -> Bbox:
    """Return the box that an area of interest means: its own, or the smallest around a polygon.

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
    if len(numbers) != 4 or not all(type(each) in {int, float} and math.isfinite(each) for each in numbers):
        raise ValueError(
            "give [west, south, east, north] in degrees, or a GeoJSON Polygon, MultiPolygon or Feature"
        )
    return Bbox(*map(float, numbers))


def smallest_box(polygon: Polygonal) -> Bbox:
    """Return the box around a polygon split at the antimeridian, so that its widest gap stays outside."""
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
    """The time of interest: a period, or an interval with both its ends; `PeriodError`, `ValueError`."""
    interval = Interval.parse(text) if "/" in text else Period.parse(text).interval()
    if interval.start is None or interval.end is None:
        raise ValueError("an order has a beginning and an end: 2024-06-01/2024-06-30")
    return interval


def _readable_toi(text: str) -> str:
    read_toi(text)
    return text


def _each_once(bands: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(bands))


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
        description="Time of interest: a period (2024-06) or an interval of periods or instants, its last "
        "period included.",
        examples=["2024-06-01/2024-06-30"],
    ),
]
Band: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""Of a source or a collection: nothing a command line could take for an option."""
Cloud: TypeAlias = Annotated[
    float | None,
    Field(ge=0, le=100, allow_inf_nan=False, description="Per cent; cloudier scenes are not fetched."),
]
Scenes: TypeAlias = Annotated[
    int,
    Field(ge=1, le=MAX_SCENES, description="The most scenes to land; the log says how many are left out."),
]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    aoi: Aoi
    toi: Toi


class IngestRequest(_Request):
    """Scenes to be brought from an archive."""

    bands: Annotated[tuple[Band, ...], AfterValidator(_each_once)] = Field(
        default=(), max_length=100, description="Bands of the collection; all the source has where absent."
    )
    source: Name | None = Field(
        default=None, description="An archive (`tilewatch sources`); one of Sentinel-2 where absent."
    )
    max_cloud: Cloud = None
    limit: Scenes = MAX_SCENES
    mode: Literal["copy", "reference"] = Field(
        default="copy", description="Copy the files, or read them where they lie."
    )
    clip: bool = Field(default=False, description="Land only the pixels under the box.")

    @model_validator(mode="after")
    def _clips_what_is_copied(self) -> Self:
        if self.clip and self.mode == "reference":
            raise ValueError("a file that is read where it lies cannot be clipped; copy, or do not clip")
        return self


class CompositeRequest(_Request):
    """A composite to be made of the scenes of a time."""

    bands: Annotated[tuple[Band, ...], AfterValidator(_each_once)] = Field(min_length=1, max_length=100)
    collection: Name = Field(
        default="sentinel-2-l2a", description="The collection whose scenes it is made of."
    )
    method: Literal["median", "mean", "min", "max"] = "median"
    ingest: bool | Name | None = Field(
        default=None,
        description="Fetch the scenes first: true, or the name of a source of the collection. Where absent, "
        "they are fetched if the service has an archive for that (TILEWATCH_ORDER_SOURCE).",
    )
    max_cloud: Cloud = None
    limit: Scenes = MAX_SCENES


OrderRequest: TypeAlias = IngestRequest | CompositeRequest

MODELS: Mapping[Kind, type[IngestRequest] | type[CompositeRequest]] = {
    "ingest": IngestRequest,
    "composite": CompositeRequest,
}


def understand(kind: Kind, document: Mapping[str, Any]) -> OrderRequest:
    """The request of a document; `pydantic.ValidationError` where it is none."""
    return MODELS[kind].model_validate(document)


def asks_for(request: OrderRequest, complete: OrderRequest) -> bool:
    """Whether a request is one of its kind that was completed since: its source named, all else as it was."""
    chosen = "source" if isinstance(complete, IngestRequest) else "ingest"
    before, after = getattr(request, chosen), getattr(complete, chosen)
    is_left_open = before is None or (before is True and after is not False)
    return (is_left_open or before == after) and request.model_copy(update={chosen: after}) == complete


def refuse_excess(request: OrderRequest, settings: Settings) -> None:
    """Raise `OrderLimitError` for an order that is larger than the service allows."""
    area_km2 = request.aoi.area_km2
    if area_km2 > settings.order_area_km2:
        raise OrderLimitError(
            "order_area_km2",
            f"the box has {area_km2:,.0f} km2; {settings.order_area_km2:,.0f} may be ordered",
        )
    interval = read_toi(request.toi)
    if interval.start is None or interval.end is None:  # refused above
        raise OrderRequestError("an order has a beginning and an end")
    length = interval.end - interval.start
    if length > timedelta(days=settings.order_days):
        raise OrderLimitError(
            "order_days", f"{request.toi} is {length.days} days; {settings.order_days} may be ordered"
        )
    if len(request.bands) > settings.order_bands:
        raise OrderLimitError(
            "order_bands", f"these are {len(request.bands)} bands; {settings.order_bands} may be ordered"
        )
