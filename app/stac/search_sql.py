"""A search as SQL: conditions on the table of scenes, with all values passed separately."""

import json
from collections.abc import Sequence
from typing import Any

import shapely

from app.stac.filter_sql import filter_sql
from app.stac.search import Condition, Cursor, Search, SortKey

COMPARISONS = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}

TEXT_TESTS = {
    "startsWith": "starts_with({text}, {value})",
    "endsWith": "right({text}, length({value})) = {value}",
    "contains": "strpos({text}, {value}) > 0",
}

COLUMNS = {
    "id": "to_jsonb(id)",
    "collection": "to_jsonb(collection)",
    "eo:cloud_cover": "to_jsonb(cloud_cover)",
    "platform": "to_jsonb(platform)",
}
"""Properties with columns of their own, which spare a look into the large items."""


class Statement:
    """Conditions, added one by one, and their values."""

    def __init__(self, search: Search) -> None:
        self.values: list[Any] = []
        self.conditions: list[str] = []
        self._add_search(search)

    @property
    def where(self) -> str:
        """All conditions combined."""
        return " and ".join(self.conditions) or "true"

    def begin_after(self, cursor: Cursor) -> None:
        """Leave out what precedes a page."""
        pairs = list(zip(cursor.order, (self.value(value) for value in cursor.values), strict=True))
        if len({key.falling for key, _ in pairs}) == 1:  # a single comparison, which an index supports
            columns = ", ".join(key.sql for key, _ in pairs)
            values = ", ".join(value for _, value in pairs)
            self.conditions.append(f"({columns}) {_beyond(pairs[0][0])} ({values})")
            return
        after = "false"
        for key, value in reversed(pairs):
            after = f"({key.sql} {_beyond(key)} {value} or ({key.sql} = {value} and {after}))"
        self.conditions.append(after)

    def value(self, value: Any) -> str:
        """Add a value and return its placeholder."""
        self.values.append(value)
        return f"${len(self.values)}"

    def _add_search(self, search: Search) -> None:
        if search.collections is not None:
            self.conditions.append(f"collection = any({self.value(list(search.collections))}::text[])")
        if search.ids is not None:
            self.conditions.append(f"id = any({self.value(list(search.ids))}::text[])")
        if search.place is not None:
            wkb = self.value(shapely.to_wkb(search.place))
            self.conditions.append(f"st_intersects(geom, st_geomfromwkb({wkb}, 4326))")
        if search.last is not None:
            self.conditions.append(f"starts <= {self.value(search.last)}")
        if search.first is not None:
            # A scene of one instant ends where it starts; any other lasts up to its end, not including it.
            moment = self.value(search.first)
            self.conditions.append(f"(ends > {moment} or starts >= {moment})")
        self.conditions.extend(self._compared(condition) for condition in search.conditions)
        if search.filter is not None:
            self.conditions.append(filter_sql(search.filter, self.value))

    def _compared(self, condition: Condition) -> str:
        found = COLUMNS.get(condition.name)
        if found is None:
            found = f"(item -> 'properties' -> {self.value(condition.name)}::text)"
        if condition.operator in TEXT_TESTS:
            value = f"{self.value(condition.value)}::text"
            test = TEXT_TESTS[condition.operator].format(text=f"({found} #>> '{{}}')", value=value)
            return f"(jsonb_typeof({found}) = 'string' and {test})"
        if condition.operator == "in":
            return f"{self.value(json.dumps(condition.value))}::jsonb @> {found}"
        operator = COMPARISONS[condition.operator]
        values = (f"{self.value(json.dumps(value))}::jsonb" for value in condition.readings)
        same = (
            f"jsonb_typeof({found}) = jsonb_typeof({value}) and {found} {operator} {value}"
            for value in values
        )
        return f"({' or '.join(same)})"


def order_by(order: Sequence[SortKey]) -> str:
    """Return the `order by` expressions of an order."""
    return ", ".join(f"{key.sql} {'desc' if key.falling else 'asc'}" for key in order)


def _beyond(key: SortKey) -> str:
    return "<" if key.falling else ">"
