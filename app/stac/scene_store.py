"""Scenes in the database: the SQL that finds them and says what each collection holds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.database import Connection, is_storable
from app.stac.search import Cursor, Search, UnknownSceneError
from app.stac.search_sql import Statement, order_by

COUNTED = 100_000
"""Matches are counted up to this number; 100,000 take about 50 ms, and clients rarely page further."""

FIELDS = "collection, id, item_key, period, starts, ends, item"

READ = f"select {FIELDS} from scenes where collection = $1 and id = $2"

HOLDINGS = "select collection, scenes, bbox, starts, ends, summaries from followed_logs"


@dataclass(frozen=True, slots=True)
class IndexedScene:
    """A scene in the index."""

    collection: str
    id: str
    item_key: str
    period: str
    """Text of the period whose mosaic shows the scene."""
    starts: datetime
    ends: datetime
    """The first moment after it; equal to `starts` for a scene of one instant."""
    item: Mapping[str, Any]
    """The STAC Item as it landed."""

    def asset_key(self, name: str) -> str | None:
        """Return the storage key of an asset's file; None if it is stored elsewhere or does not exist."""
        href = self.item["assets"].get(name, {}).get("href", "")
        beside = href.removeprefix("./")
        is_beside = beside and "/" not in beside and not beside.startswith(".")
        return f"{self.item_key.rpartition('/')[0]}/{beside}" if is_beside else None

    @property
    def last(self) -> datetime:
        """The last moment it shows, to the second: STAC's `end_datetime` is inclusive."""
        return max(self.starts, self.ends - timedelta(seconds=1))

    @property
    def version(self) -> str:
        """The folder of its files, which is named after their content and so changes with it."""
        return self.item_key.split("/")[-2]


@dataclass(frozen=True, slots=True)
class ScenePage:
    """One page of the scenes found."""

    scenes: tuple[IndexedScene, ...]
    following: Cursor | None
    """Where the next page begins; None for the last page."""
    matched: int | None
    """Number of scenes on all pages; None if above `COUNTED`."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What the index holds of a collection."""

    scenes: int
    bbox: tuple[float, ...] | None
    """West, south, east, north in degrees; west above east crosses the antimeridian; None without scenes."""
    starts: datetime | None
    last: datetime | None
    """The last moment; see `IndexedScene.last`."""
    summaries: Mapping[str, Any]


async def find_scenes(
    connection: Connection, search: Search, *, after: Cursor | None, limit: int
) -> ScenePage:
    """Return a page of scenes in the search's order.

    Args:
        connection: To the database.
        search: The criteria and the order.
        after: Where the page begins; None for the first. Scenes added or removed between pages shift none.
        limit: Number of scenes at most.
    """
    everywhere = Statement(search)
    count = f"select count(*) from (select 1 from scenes where {everywhere.where} limit {COUNTED + 1}) found"
    matched = await connection.fetchval(count, *everywhere.values)
    page = Statement(search)
    if after is not None:
        page.begin_after(after)
    keys = ", ".join(f"{key.sql} as key_{number}" for number, key in enumerate(search.order))
    rows = await connection.fetch(
        f"select {FIELDS}, {keys} from scenes where {page.where} "
        f"order by {order_by(search.order)} limit {page.value(limit + 1)}",
        *page.values,
    )
    following = None
    if len(rows) > limit:
        last = rows[limit - 1]
        following = Cursor(search.order, tuple(last[f"key_{n}"] for n in range(len(search.order))))
    scenes = tuple(_scene(row) for row in rows[:limit])
    return ScenePage(scenes, following, matched if matched <= COUNTED else None)


async def read_scene(connection: Connection, collection: str, scene_id: str) -> IndexedScene:
    """Return a scene.

    Raises:
        UnknownSceneError: If the collection has no scene with this id.
    """
    row = None if not is_storable(scene_id) else await connection.fetchrow(READ, collection, scene_id)
    if row is None:
        raise UnknownSceneError(collection, scene_id)
    return _scene(row)


async def holdings(connection: Connection) -> dict[str, Holding]:
    """Return what the index holds of each collection, by collection id."""
    return {
        row["collection"]: Holding(
            row["scenes"],
            None if row["bbox"] is None else tuple(row["bbox"]),
            row["starts"],
            row["ends"],
            json.loads(row["summaries"]),
        )
        for row in await connection.fetch(HOLDINGS)
    }


def _scene(row: Any) -> IndexedScene:
    return IndexedScene(
        row["collection"],
        row["id"],
        row["item_key"],
        row["period"],
        row["starts"],
        row["ends"],
        json.loads(row["item"]),
    )
