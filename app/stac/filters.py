"""Filters of searches: CQL2 as text or JSON (OGC 21-065), over the properties that the index has columns for.

The grammar is that of the library `cql2`. What it has read is looked at here, within the same bounds as other
conditions of a search, and becomes SQL whose values are passed separately (`app.stac.filter_sql`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import cql2

from app.stac.search import MAX_CONDITIONS, SearchError

MAX_CHARACTERS = 4_000
"""Of a filter in text; one of `MAX_CONDITIONS` comparisons has some 1,000."""

MAX_JSON_CHARACTERS = 500_000
"""Of a filter in JSON, which may hold a geometry of 10,000 points."""

MAX_DEPTH = 6
"""Parentheses within each other: two around S_INTERSECTS and a MULTIPOLYGON. A text within both bounds is
read in 0.1 s, whatever it says."""

MAX_JSON_DEPTH = 30
"""Lists and objects within each other, those of geometries too."""

Node: TypeAlias = Mapping[str, Any]

DEGREES = ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", "OGC:CRS84", "EPSG:4326")
"""Values of `filter-crs`: longitude first in all of them."""


class Type(Enum):
    """What kind of values a property has."""

    TEXT = "text"
    NUMBER = "float8"
    TIME = "timestamptz"
    PLACE = "geometry"


@dataclass(frozen=True, slots=True)
class Queryable:
    """A property that filters may name."""

    sql: str
    type: Type
    schema: Mapping[str, Any]
    """Its JSON Schema."""


_TIME = {"type": "string", "format": "date-time"}

QUERYABLES: Mapping[str, Queryable] = {
    "id": Queryable("id", Type.TEXT, {"title": "Id of the item", "type": "string"}),
    "collection": Queryable("collection", Type.TEXT, {"title": "Id of the collection", "type": "string"}),
    "geometry": Queryable(
        "geom", Type.PLACE, {"title": "Footprint", "$ref": "https://geojson.org/schema/Geometry.json"}
    ),
    "datetime": Queryable("starts", Type.TIME, {"title": "First moment", **_TIME}),
    "start_datetime": Queryable("starts", Type.TIME, {"title": "First moment", **_TIME}),
    "end_datetime": Queryable(
        "greatest(starts, ends - interval '1 second')", Type.TIME, {"title": "Last moment", **_TIME}
    ),
    "eo:cloud_cover": Queryable(
        "cloud_cover",
        Type.NUMBER,
        {"title": "Clouds in percent", "type": "number", "minimum": 0, "maximum": 100},
    ),
    "platform": Queryable("platform", Type.TEXT, {"title": "Platform", "type": "string"}),
}

OPERATORS = (
    "and",
    "or",
    "not",
    "=",
    "<>",
    "<",
    "<=",
    ">",
    ">=",
    "isNull",
    "like",
    "between",
    "in",
    "s_intersects",
)


def queryables_document(own: str, title: str) -> dict[str, Any]:
    """Return the JSON Schema of what filters may name.

    Args:
        own: Its address.
        title: What is filtered.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": own,
        "type": "object",
        "title": f"Properties for filters of {title}",
        "properties": {name: dict(one.schema) for name, one in QUERYABLES.items()},
        "additionalProperties": False,
    }


def read_filter(given: str | Mapping[str, Any] | None, language: str | None, crs: str | None) -> Node | None:
    """Return a filter as the objects of CQL2's JSON; None if none is given.

    Args:
        given: The filter.
        language: `cql2-text` or `cql2-json`; None leaves it to the kind of `given`.
        crs: Of its geometries: degrees, longitude first.

    Raises:
        SearchError: If it is not valid CQL2, or beyond a bound.
    """
    if crs is not None and crs not in DEGREES:
        raise SearchError(f"filter-crs {crs[:80]!r} is not available; there is: {DEGREES[0]}")
    if given is None:
        return None
    if language == "cql2-json" and isinstance(given, str):
        given = _object(given)
    if isinstance(given, str):
        _refuse_deep_text(given)
    elif language == "cql2-text":
        raise SearchError("filter is not a text; with filter-lang cql2-text it must be one")
    else:
        _refuse_deep(given, MAX_JSON_DEPTH)
    return _checked(_parsed(given))


def _parsed(given: str | Mapping[str, Any]) -> Any:
    try:
        return cql2.Expr(given if isinstance(given, str) else dict(given)).to_json()
    except Exception as error:  # cql2 raises that itself
        lines = str(error).splitlines()
        reason = lines[-1].strip(" =") if lines else "it cannot be read"
        raise SearchError(f"filter is not valid CQL2: {reason[:300]}") from error


def _checked(node: Any) -> Node:
    if not isinstance(node, dict):
        raise SearchError('filter must be a condition, such as "eo:cloud_cover" < 20')
    _refuse_deep(node, MAX_JSON_DEPTH)
    if (count := _comparisons(node)) > MAX_CONDITIONS:
        raise SearchError(f"a filter may have at most {MAX_CONDITIONS} comparisons, not {count}")
    return node


def _object(text: str) -> Mapping[str, Any]:
    if len(text) > MAX_JSON_CHARACTERS:
        raise SearchError(f"filter has {len(text):,} characters; at most {MAX_JSON_CHARACTERS:,} are allowed")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SearchError("filter is not valid JSON; give a JSON object, or filter-lang=cql2-text") from error
    if not isinstance(found, dict):
        raise SearchError("filter is not a JSON object")
    return found


def _refuse_deep_text(text: str) -> None:
    """Raise `SearchError` before a text is parsed whose parentheses lie too deep.

    A closing one counts only where it is surely not in a string.
    """
    if len(text) > MAX_CHARACTERS:
        raise SearchError(f"filter has {len(text):,} characters; at most {MAX_CHARACTERS:,} are allowed")
    depth, quote = 0, ""
    for character in text:
        if character in "'\"" and quote in {"", character}:
            quote = "" if quote else character
        elif character in "([":
            depth += 1
        elif character in ")]" and not quote:
            depth -= 1
        if depth > MAX_DEPTH:
            raise SearchError(f"filter has more than {MAX_DEPTH} parentheses within each other")


def _refuse_deep(node: Any, left: int) -> None:
    if left == 0:
        raise SearchError("filter is nested too deeply")
    if isinstance(node, dict | list):
        for each in node.values() if isinstance(node, dict) else node:
            _refuse_deep(each, left - 1)


def _comparisons(node: Any) -> int:
    if not isinstance(node, dict) or "op" not in node:
        return 0
    if node["op"] in {"and", "or", "not"}:
        return sum(map(_comparisons, _arguments(node)))
    arguments = _arguments(node)
    listed = arguments[1] if node["op"] == "in" and len(arguments) == 2 else []
    return max(1, len(listed) if isinstance(listed, list) else 1)


def _arguments(node: Node) -> list[Any]:
    arguments = node.get("args")
    return arguments if isinstance(arguments, list) else []
