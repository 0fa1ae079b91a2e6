"""A search: its criteria, its order, and where a page begins."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import shapely

from app.database import is_storable
from app.statistics import places
from app.statistics.geometry import GeometryError
from mosaics.bbox import Degrees, is_finite, split_at_antimeridian
from mosaics.period import parse_instant

MAX_PAGE = 500
"""Scenes per page, at about 10 kB of JSON each."""

MAX_CONDITIONS = 20

MAX_SORT_KEYS = 12
"""Twice as many as there are fields."""

MAX_NAMES = 1_000
"""Ids or collections to search by."""

MAX_NUMBER = 1e300

NOT_TEXT = "U+0000 or an unpaired surrogate, which no item can have"


class SearchError(ValueError):
    """A search that is not valid; the message says what would have worked."""


class UnknownSceneError(LookupError):
    """The collection has no scene with this id."""

    def __init__(self, collection: str, scene_id: str) -> None:
        super().__init__(f"collection {collection!r} has no item {scene_id[:80]!r}")


@dataclass(frozen=True, slots=True)
class SortField:
    """A value that scenes can be sorted by."""

    rising: str
    """Its SQL, never null."""
    falling: str
    """The same for descending order."""
    is_time: bool = False


CLOUDS = SortField("coalesce(cloud_cover, 101)", "coalesce(cloud_cover, -1)")
"""A scene of unknown cloud cover comes last in either direction."""

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
    """A field to sort by and its direction."""

    name: str
    falling: bool = False

    def __post_init__(self) -> None:
        if self.name not in FIELDS:
            raise SearchError(f"{self.name[:80]!r} is not a valid sort key; there are: {', '.join(FIELDS)}")

    @classmethod
    def parse(cls, text: str) -> "SortKey":
        """Read a key such as `-properties.datetime`, `+id` or `id`."""
        sign = text[:1] if text[:1] in {"+", "-", " "} else ""  # a plus in an address arrives as a space
        return cls(text.removeprefix(sign).removeprefix("properties."), sign == "-")

    @property
    def sql(self) -> str:
        """The expression to sort by."""
        field = FIELDS[self.name]
        return field.falling if self.falling else field.rising

    @property
    def text(self) -> str:
        """The form `parse` reads."""
        return f"{'-' if self.falling else '+'}{self.name}"


NEWEST_FIRST = (SortKey("datetime", falling=True),)


def total_order(keys: Sequence[SortKey]) -> tuple[SortKey, ...]:
    """Return a total order: the given keys, then collection and id in the direction of the last key."""
    if len(keys) > MAX_SORT_KEYS:
        raise SearchError(f"sortby may have at most {MAX_SORT_KEYS} keys, not {len(keys):,}")
    first = tuple(keys) or NEWEST_FIRST
    named = {key.name for key in first}
    falling = first[-1].falling
    return (*first, *(SortKey(name, falling) for name in ("collection", "id") if name not in named))


NUMBER = re.compile(r"[+-]?\d{1,17}(\.\d{1,17})?")
"""A number in plain decimal notation."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of an item's property with a value."""

    name: str
    operator: str
    value: Any

    OPERATORS = ("eq", "neq", "lt", "lte", "gt", "gte", "startsWith", "endsWith", "contains", "in")

    def __post_init__(self) -> None:
        if self.operator not in self.OPERATORS:
            raise SearchError(
                f"{self.operator[:40]!r} is not a valid operator; there are: {', '.join(self.OPERATORS)}"
            )
        if self.operator == "in" and not isinstance(self.value, list):
            raise SearchError(f"{self.name[:80]}: 'in' takes a list of values")
        if self.operator in {"startsWith", "endsWith", "contains"} and not isinstance(self.value, str):
            raise SearchError(f"{self.name[:80]}: {self.operator!r} takes a string")
        if not _is_plain(self.value):
            raise SearchError(
                f"{self.name[:80]}: a value must be a string, a number, true, false or a list of these"
            )
        values = self.value if isinstance(self.value, list) else (self.value,)
        if not all(is_storable(text) for text in (self.name, *values) if isinstance(text, str)):
            raise SearchError(f"a query contains {NOT_TEXT}")

    @property
    def readings(self) -> tuple[Any, ...]:
        """The value and, if it is a string that reads as a number, the number: some clients send strings."""
        if not isinstance(self.value, str) or not NUMBER.fullmatch(self.value):
            return (self.value,)
        return (self.value, float(self.value))


def read_conditions(query: Mapping[str, Any]) -> tuple[Condition, ...]:
    """Read the conditions of a STAC `query`: `{"eo:cloud_cover": {"lt": 20}}`."""
    if not all(isinstance(comparisons, dict) for comparisons in query.values()):
        raise SearchError('query must be an object such as {"eo:cloud_cover": {"lt": 20}}')
    conditions = tuple(
        Condition(name.removeprefix("properties."), operator, value)
        for name, comparisons in query.items()
        for operator, value in comparisons.items()
    )
    if len(conditions) > MAX_CONDITIONS:
        raise SearchError(f"a query may have at most {MAX_CONDITIONS} comparisons, not {len(conditions)}")
    return conditions


@dataclass(frozen=True, slots=True)
class Search:
    """Criteria of a search; a criterion that is None is not applied."""

    collections: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    place: shapely.Geometry | None = None
    """In degrees; matches scenes that touch it."""
    first: datetime | None = None
    """The first moment, UTC; matches scenes that last beyond it."""
    last: datetime | None = None
    """The last moment, UTC."""
    conditions: tuple[Condition, ...] = ()
    filter: Mapping[str, Any] | None = None
    """A CQL2 filter as `app.stac.filters.read_filter` returns it."""
    order: tuple[SortKey, ...] = total_order(())
    """A total order."""

    def __post_init__(self) -> None:
        for names in (self.collections or (), self.ids or ()):
            if len(names) > MAX_NAMES:
                raise SearchError(f"a search may name at most {MAX_NAMES:,} ids or collections")
            if not all(map(is_storable, names)):
                raise SearchError(f"an id contains {NOT_TEXT}")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: after the scene with these values of the order's keys."""

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
        """Read a token of a search in this order."""
        try:
            packed = token.encode() + b"=" * (-len(token) % 4)
            text, *values = json.loads(base64.urlsafe_b64decode(packed))
            read = tuple(_value(key, value) for key, value in zip(order, values, strict=True))
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise SearchError(
                "the token is not valid; follow the 'next' link of this search unchanged"
            ) from error
        if text != _text(order):
            raise SearchError(
                "the token belongs to a search in another order; follow the 'next' link unchanged"
            )
        return cls(order, read)


def box_shape(numbers: Sequence[float]) -> shapely.Geometry:
    """Return the shape of a STAC bbox of four numbers, or of six, whose heights are ignored.

    A west above east crosses the antimeridian and gives a box on either side. A box may be a line or a point.
    """
    if len(numbers) not in {4, 6} or not all(map(is_finite, numbers)):
        raise SearchError(
            "bbox is not valid; give west,south,east,north in degrees, or six numbers with lowest and "
            "highest height"
        )
    west, south, east, north = numbers if len(numbers) == 4 else (*numbers[:2], *numbers[3:5])
    if len(numbers) == 6 and numbers[2] > numbers[5]:
        raise SearchError(f"bbox: its lowest height, {numbers[2]:g}, is above its highest, {numbers[5]:g}")
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and -90 <= north <= 90):
        raise SearchError("bbox: longitudes must be within -180 to 180, latitudes within -90 to 90")
    if south > north:
        raise SearchError(f"bbox: south, {south:g}, is above north, {north:g}; write west,south,east,north")
    return shapely.union_all([_corners(part) for part in split_at_antimeridian((west, south, east, north))])


def read_place(geometry: Mapping[str, Any]) -> shapely.Geometry:
    """Return the shape of a GeoJSON geometry of any kind, in degrees."""
    try:
        return places.read_place(geometry)
    except GeometryError as error:
        raise SearchError(f"intersects {error}") from error


def read_moments(text: str | None) -> tuple[datetime | None, datetime | None]:
    """Return the first and last moment of a STAC `datetime`, both included; None where it is open.

    Raises:
        PeriodError: If it is not an RFC 3339 instant, or two of them with a slash, one of which may be `..`.
        SearchError: If both sides are open, or the first is after the last.
    """
    if text is None:
        return None, None
    first, slash, last = text.partition("/")
    if not slash:
        moment = parse_instant(text)
        return moment, moment
    start, end = (None if side in {"", ".."} else parse_instant(side) for side in (first, last))
    if start is None and end is None:
        raise SearchError("datetime is open on both sides; give at least one instant, or leave it out")
    if start is not None and end is not None and start > end:
        raise SearchError(f"datetime ends at {last}, before its start {first}")
    return start, end


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(not isinstance(each, list) and _is_plain(each) for each in value)
    if isinstance(value, int | float):
        return abs(value) <= MAX_NUMBER
    return isinstance(value, str)


def _corners(degrees: Degrees) -> shapely.Geometry:
    """Return a box; one without width or height is the line or the point it is, which PostGIS wants."""
    west, south, east, north = degrees
    if west < east and south < north:
        return shapely.box(west, south, east, north)
    if (west, south) == (east, north):
        return shapely.Point(west, south)
    return shapely.LineString([(west, south), (east, north)])


def _text(order: Sequence[SortKey]) -> str:
    return ",".join(key.text for key in order)


def _value(key: SortKey, value: Any) -> Any:
    if FIELDS[key.name].is_time:
        return parse_instant(value)
    if FIELDS[key.name] is CLOUDS:
        return float(value)
    if not isinstance(value, str) or not is_storable(value):
        raise TypeError
    return value
