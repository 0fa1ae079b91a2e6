"""A CQL2 filter as SQL, with all values passed separately."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from typing import Any

import shapely

from app.database import is_storable
from app.stac.filters import OPERATORS, QUERYABLES, Queryable, Type
from app.stac.search import MAX_NUMBER, SearchError, box_shape, read_place
from mosaics.period import parse_instant

Value = Callable[[Any], str]
"""Adds a value to a statement and returns its placeholder."""

FLIPPED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def filter_sql(node: Any, value: Value) -> str:
    """Return the condition of a filter.

    Args:
        node: As `app.stac.filters.read_filter` returns it.
        value: See `Value`.

    Raises:
        SearchError: If it names what cannot be filtered by, or compares what cannot be compared.
    """
    if isinstance(node, bool):
        return "true" if node else "false"
    operator = node.get("op") if isinstance(node, dict) else None
    arguments = node.get("args") if isinstance(node, dict) else None
    if operator not in OPERATORS or not isinstance(arguments, list):
        raise SearchError(
            f"filter: {str(operator)[:40]!r} is not available; there are: {', '.join(OPERATORS)}"
        )
    if operator in {"and", "or"} and arguments:
        return "(" + f" {operator} ".join(filter_sql(each, value) for each in arguments) + ")"
    if operator == "not" and len(arguments) == 1:
        return f"(not {filter_sql(arguments[0], value)})"
    compared = {
        "isNull": _is_null,
        "like": _like,
        "between": _between,
        "in": _in,
        "s_intersects": _intersects,
    }
    try:
        return compared.get(operator, _comparison)(operator, arguments, value)
    except ValueError as error:
        if isinstance(error, SearchError):
            raise
        raise SearchError(f"filter: {operator!r} has other arguments than it takes") from error


def _comparison(operator: str, arguments: list[Any], value: Value) -> str:
    left, right = arguments
    if not _is_property(left):
        left, right, operator = right, left, FLIPPED[operator]
    found = _queryable(left)
    return f"({found.sql} {operator} {_literal(found, right, value)})"


def _is_null(_: str, arguments: list[Any], value: Value) -> str:
    (named,) = arguments
    del value
    return f"({_queryable(named).sql} is null)"


def _like(_: str, arguments: list[Any], value: Value) -> str:
    named, pattern = arguments
    found = _queryable(named)
    if found.type is not Type.TEXT:
        raise SearchError("filter: 'like' compares texts")
    return f"({found.sql} like {_literal(found, pattern, value)})"


def _between(_: str, arguments: list[Any], value: Value) -> str:
    named, low, high = arguments
    found = _queryable(named)
    return f"({found.sql} between {_literal(found, low, value)} and {_literal(found, high, value)})"


def _in(_: str, arguments: list[Any], value: Value) -> str:
    named, listed = arguments
    found = _queryable(named)
    if not isinstance(listed, list) or not listed:
        raise SearchError("filter: 'in' takes a list of values")
    return f"({found.sql} in ({', '.join(_literal(found, each, value) for each in listed)}))"


def _intersects(_: str, arguments: list[Any], value: Value) -> str:
    named, place = arguments
    if not _is_property(named):
        named, place = place, named
    if _queryable(named).type is not Type.PLACE or not isinstance(place, dict):
        raise SearchError("filter: 's_intersects' compares the property geometry with a geometry")
    shape = box_shape(place["bbox"]) if isinstance(place.get("bbox"), list) else read_place(place)
    return f"st_intersects(geom, st_geomfromwkb({value(shapely.to_wkb(shape))}, 4326))"


def _is_property(node: Any) -> bool:
    return isinstance(node, dict) and isinstance(node.get("property"), str)


def _queryable(node: Any) -> Queryable:
    if not _is_property(node):
        raise SearchError("filter: a comparison is between a property and a value")
    name = node["property"].removeprefix("properties.")
    if name not in QUERYABLES:
        raise SearchError(
            f"filter: {name[:80]!r} is not a property to filter by; there are: {', '.join(QUERYABLES)}"
        )
    return QUERYABLES[name]


def _literal(found: Queryable, given: Any, value: Value) -> str:
    read = {Type.TEXT: _text, Type.NUMBER: _number, Type.TIME: _time}.get(found.type)
    if read is None:
        raise SearchError("filter: geometries are compared by s_intersects")
    return f"{value(read(given))}::{found.type.value}"


def _text(given: Any) -> str:
    if not isinstance(given, str) or not is_storable(given):
        raise SearchError("filter: a property that is text is compared with a text")
    return given


def _number(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not abs(given) <= MAX_NUMBER:
        raise SearchError("filter: a property that is a number is compared with a number")
    return float(given)


def _time(given: Any) -> datetime:
    if isinstance(given, Mapping):
        given = given.get("timestamp", given.get("date"))
    try:
        if isinstance(given, str) and len(given) == len("2024-06-01"):
            return datetime.combine(datetime.strptime(given, "%Y-%m-%d"), time(), UTC)  # noqa: DTZ007 - a day
        return parse_instant(given)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise SearchError(
            "filter: a property that is a time is compared with TIMESTAMP('2024-06-01T00:00:00Z') or "
            "DATE('2024-06-01')"
        ) from error
