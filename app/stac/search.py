"""A search: what is asked of the index of scenes, in which order, and where a page begins."""

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import shapely

from mosaics.bbox import Degrees, split_at_antimeridian

MAX_PAGE = 500
"""Scenes on one page, at some 10 kB of JSON each."""

MAX_CONDITIONS = 20

MAX_POINTS = 10_000
"""Of a geometry that is searched by: every scene near it is compared with all of them."""

MAX_NUMBER = 1e300


class SearchError(ValueError):
    """A search that cannot be done; the message says what would have worked."""


class UnknownSceneError(LookupError):
    """No scene of that id in the collection."""

    def __init__(self, collection: str, scene_id: str) -> None:
        super().__init__(f"collection {collection!r} has no item {scene_id[:80]!r}")


@dataclass(frozen=True, slots=True)
class SortField:
    """A value that scenes can be sorted by."""

    rising: str
    """SQL of it, never null."""
    falling: str
    """The same where large values come first."""
    is_time: bool = False


CLOUDS = SortField("coalesce(cloud_cover, 101)", "coalesce(cloud_cover, -1)")
"""A scene whose source does not tell comes last either way."""

FIELDS: Mapping[str, SortField] = {
    "id": SortField("id", "id"),
    "collection": SortField("collection", "collection"),
    "datetime": SortField("starts", "starts", is_time=True),
    "start_datetime": SortField("starts", "starts", is_time=True),
    "end_datetime": SortField("ends", "ends", is_time=True),
    "eo:cloud_cover": CLOUDS,
}


@dataclass(frozen=True, slots=True)
class SortKey:
    """A field to sort by, and in which direction."""

    name: str
    falling: bool = False

    def __post_init__(self) -> None:
        if self.name not in FIELDS:
            raise SearchError(f"items are not sorted by {self.name[:80]!r}; by {', '.join(FIELDS)} they are")

    @classmethod
    def parse(cls, text: str) -> "SortKey":
        """The key of `-properties.datetime`, `+id` or `id`."""
        sign = text[:1] if text[:1] in {"+", "-", " "} else ""  # a plus in an address reads as a blank
        return cls(text.removeprefix(sign).removeprefix("properties."), sign == "-")

    @property
    def sql(self) -> str:
        """The expression that is sorted by."""
        field = FIELDS[self.name]
        return field.falling if self.falling else field.rising

    @property
    def text(self) -> str:
        """The form `parse` reads."""
        return f"{'-' if self.falling else '+'}{self.name}"


NEWEST_FIRST = (SortKey("datetime", falling=True),)


def total_order(keys: Sequence[SortKey]) -> tuple[SortKey, ...]:
    """Keys that leave no two scenes equal: the given ones, then collection and id in the last direction."""
    first = tuple(keys) or NEWEST_FIRST
    named = {key.name for key in first}
    falling = first[-1].falling
    return (*first, *(SortKey(name, falling) for name in ("collection", "id") if name not in named))


NUMBER = re.compile(r"[+-]?\d{1,17}(\.\d{1,17})?")
"""A number as people write one."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of one property of an item with a value."""

    name: str
    operator: str
    value: Any

    OPERATORS = ("eq", "neq", "lt", "lte", "gt", "gte", "startsWith", "endsWith", "contains", "in")

    def __post_init__(self) -> None:
        if self.operator not in self.OPERATORS:
            raise SearchError(f"no operator {self.operator[:40]!r}; there are: {', '.join(self.OPERATORS)}")
        if self.operator == "in" and not isinstance(self.value, list):
            raise SearchError(f"{self.name[:80]}: 'in' takes a list of values")
        if self.operator in {"startsWith", "endsWith", "contains"} and not isinstance(self.value, str):
            raise SearchError(f"{self.name[:80]}: {self.operator!r} takes a text")
        if not _is_plain(self.value):
            raise SearchError(
                f"{self.name[:80]}: a value is a text, a number, true or false, or a list of such"
            )
        if "\0" in self.name or "\\u0000" in json.dumps(self.value):
            raise SearchError("a query has the character U+0000, which no item has")

    @property
    def readings(self) -> tuple[Any, ...]:
        """The value and, where a text reads as a number, that: what takes `name<20` sends texts."""
        if not isinstance(self.value, str) or not NUMBER.fullmatch(self.value):
            return (self.value,)
        return (self.value, float(self.value))


def read_conditions(query: Mapping[str, Any]) -> tuple[Condition, ...]:
    """The conditions of STAC's `query`: `{"eo:cloud_cover": {"lt": 20}}`."""
    if not all(isinstance(comparisons, dict) for comparisons in query.values()):
        raise SearchError('query is an object such as {"eo:cloud_cover": {"lt": 20}}')
    conditions = tuple(
        Condition(name.removeprefix("properties."), operator, value)
        for name, comparisons in query.items()
        for operator, value in comparisons.items()
    )
    if len(conditions) > MAX_CONDITIONS:
        raise SearchError(f"a query has {MAX_CONDITIONS} comparisons at most, not {len(conditions)}")
    return conditions


@dataclass(frozen=True, slots=True)
class Search:
    """Which scenes are meant; what is None is not asked."""

    collections: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    place: shapely.Geometry | None = None
    """In degrees; scenes that touch it are meant."""
    first: datetime | None = None
    """The first moment that counts, UTC; a scene that lasts beyond it is meant."""
    last: datetime | None = None
    """The last moment that counts."""
    conditions: tuple[Condition, ...] = ()
    order: tuple[SortKey, ...] = total_order(())
    """Leaves no two scenes equal."""

    def __post_init__(self) -> None:
        for text in (*(self.collections or ()), *(self.ids or ())):
            if "\0" in text:
                raise SearchError("an id has the character U+0000, which none has")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: after the scene that has these values of the order's keys."""

    order: tuple[SortKey, ...]
    values: tuple[Any, ...]

    @property
    def token(self) -> str:
        """The form a link carries."""
        values = [value.isoformat() if isinstance(value, datetime) else value for value in self.values]
        text = json.dumps([_text(self.order), *values], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, token: str, order: tuple[SortKey, ...]) -> "Cursor":
        """Read a token of a search in that order."""
        try:
            packed = token.encode() + b"=" * (-len(token) % 4)
            text, *values = json.loads(base64.urlsafe_b64decode(packed))
            read = tuple(_value(key, value) for key, value in zip(order, values, strict=True))
        except (ValueError, TypeError, RecursionError) as error:
            raise SearchError("the token is none of a 'next' link of this search") from error
        if text != _text(order):
            raise SearchError("the token belongs to a search in another order; follow 'next' as it is")
        return cls(order, read)


def box_shape(numbers: Sequence[float]) -> shapely.Geometry:
    """The shape of a STAC bbox of four numbers, or of six whose heights are left aside.

    West above east crosses the antimeridian, and gives a box on either side. A box may be a line or a point.
    """
    if len(numbers) not in {4, 6} or not all(map(math.isfinite, numbers)):
        raise SearchError("bbox is west,south,east,north in degrees, or the same with the lowest and highest")
    west, south, east, north = numbers if len(numbers) == 4 else (*numbers[:2], *numbers[3:5])
    if len(numbers) == 6 and numbers[2] > numbers[5]:
        raise SearchError(f"bbox: its lowest height, {numbers[2]:g}, is above its highest, {numbers[5]:g}")
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and -90 <= north <= 90):
        raise SearchError("bbox: longitudes are -180 to 180 and latitudes -90 to 90; west,south,east,north")
    if south > north:
        raise SearchError(f"bbox: south, {south:g}, is above north, {north:g}; write west,south,east,north")
    return shapely.union_all([_corners(part) for part in split_at_antimeridian((west, south, east, north))])


def read_place(geometry: Mapping[str, Any]) -> shapely.Geometry:
    """The shape of a GeoJSON geometry of any kind, in degrees."""
    try:
        shape = shapely.force_2d(shapely.from_geojson(json.dumps(geometry)))
    except (ValueError, TypeError, RecursionError, shapely.GEOSException) as error:
        raise SearchError("intersects is a GeoJSON geometry; this one cannot be read") from error
    coordinates = shapely.get_coordinates(shape)
    if not len(coordinates) or not (np.abs(coordinates) <= [180, 90]).all():
        raise SearchError("intersects is a GeoJSON geometry in degrees, longitude first")
    if len(coordinates) > MAX_POINTS:
        raise SearchError(f"intersects has {len(coordinates):,} points; {MAX_POINTS:,} are the limit")
    if not shapely.is_valid(shape):
        raise SearchError(f"intersects is no valid geometry: {shapely.is_valid_reason(shape)}")
    return shape


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(not isinstance(each, list) and _is_plain(each) for each in value)
    if isinstance(value, int | float):
        return abs(value) <= MAX_NUMBER
    return isinstance(value, str)


def _corners(degrees: Degrees) -> shapely.Geometry:
    west, south, east, north = degrees
    return shapely.envelope(shapely.MultiPoint([(west, south), (east, north)]))


def _text(order: Sequence[SortKey]) -> str:
    return ",".join(key.text for key in order)


def _value(key: SortKey, value: Any) -> Any:
    if FIELDS[key.name].is_time:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError
        return moment
    if FIELDS[key.name] is CLOUDS:
        return float(value)
    if not isinstance(value, str) or "\0" in value:
        raise TypeError
    return value
