"""The series of many areas: what is kept for all of them, read page by page."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from json import dumps
from time import monotonic
from typing import Any

from app.areas.area_store import CRITERIA, AreaSearch, read_shape
from app.areas.kept_series import KeptEntry, read_series_of
from app.areas.timeseries import (
    changed_periods,
    gaps_between,
    kept_entry,
    noted,
    periods_within,
    start_of,
    why_empty,
)
from app.database import SNAPSHOT_S, Connection, Database, SearchCostError, is_lost
from app.products.product import Product
from app.rendering.basis import of_one_basis
from app.statistics.service import MAX_ENTRIES, StatisticsService
from app.statistics.summary import StatisticsRequestError
from mosaics.catalogue import Catalogue
from mosaics.period import Interval, Period

PAGE_AREAS = 200
PAGE_ROWS = 1_000
"""Of the entries held at a time: some 2 MB, put together in a twentieth of a second."""

STANDING = f"""
    select count(*) as areas, count(*) filter (where f.area_id is null) as unfilled
    from areas left join filled_series f
        on f.area_id = id and f.product = $1 and f.version = $2 and f.area_updated_at = updated_at
    where {CRITERIA}
"""

PAGE = f"""
    select id, name, f.area_id is not null as filled
    from areas left join filled_series f
        on f.area_id = id and f.product = $12 and f.version = $11 and f.area_updated_at = updated_at
    where id > $1 and {CRITERIA}
    order by id limit $2
"""


@dataclass(frozen=True, slots=True)
class AreaEntry:
    """An entry of the series of one of many areas."""

    area: int
    name: str
    entry: str
    """A JSON object, as in the series of one area. One that is neither kept nor known to be empty has the
    status "pending" and no numbers."""
    current: bool
    """Whether it tells of what has landed until now."""

    def to_json(self) -> str:
        """Return the entry with its area."""
        about = dumps({"area": self.area, "name": self.name, "current": self.current}, ensure_ascii=False)
        return f"{about[:-1]}, {self.entry[1:]}"


@dataclass(frozen=True, slots=True)
class AreaStanding:
    """An area, and whether its series was counted as a whole."""

    id: int
    name: str
    filled: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """The periods of the series of a product."""

    product: Product
    known: tuple[Period, ...]
    """Those with scenes somewhere."""
    gaps: tuple[Period, ...]
    """Those between them."""
    changed: frozenset[Period]
    """Those that read what the kept statistics have not seen yet."""
    starts_within: Interval
    """When periods begin."""

    @classmethod
    async def of(
        cls, connection: Connection, catalogue: Catalogue, product: Product, time: Interval
    ) -> "Frame":
        """Return the periods that overlap an interval.

        Raises:
            StatisticsRequestError: If there are more than a series may have.
        """
        known = periods_within(catalogue, product, time)
        gaps = tuple(gaps_between(known))
        if len(known) + len(gaps) > MAX_ENTRIES:
            raise StatisticsRequestError(
                f"a series has at most {MAX_ENTRIES:,} entries; ask for a shorter time"
            )
        changed = await changed_periods(connection, catalogue, product, known)
        begin = start_of(time.start, known[0].cadence if known else None)
        return cls(product, known, gaps, changed, Interval(begin, time.end))

    @property
    def length(self) -> int:
        """Entries of each series."""
        return len(self.known) + len(self.gaps)

    def missing(self, kept: Sequence[KeptEntry]) -> list[Period]:
        """Return the periods that kept entries leave out, in order."""
        at_hand = {row.starts for row in kept}
        return sorted(p for p in (*self.known, *self.gaps) if p.start not in at_hand)

    def is_known_empty(self, area: AreaStanding, period: Period) -> bool:
        """Return whether a period without an entry has no scene over an area."""
        return period in self.gaps or (area.filled and period not in self.changed)


class ManySeries:
    """The kept series of a product over all areas that keep it and match a search, in one snapshot.

    Read `pages` or close it, since it holds a connection.
    """

    def __init__(
        self,
        stack: AsyncExitStack,
        connection: Connection,
        reader: "ManySeriesReader",
        frame: Frame,
        values: tuple[Any, ...],
        *,
        areas: int,
        unfilled: int,
    ) -> None:
        self._stack = stack
        self._connection = connection
        self._reader = reader
        self._values = values
        self.frame = frame
        self.areas = areas
        """Number of areas."""
        self.unfilled = unfilled
        """Number of areas whose series are not counted as a whole yet."""

    async def close(self) -> None:
        """Give the snapshot back."""
        await self._stack.aclose()

    async def pages(self) -> AsyncGenerator[list[AreaEntry]]:
        """Yield all entries by area and time, some thousand at a time; close the snapshot at the end.

        Raises:
            app.database.SearchCostError: If reading takes too long.
            app.database.DatabaseUnavailableError: If the database does not answer.
        """
        until = monotonic() + SNAPSHOT_S
        limit = max(1, min(PAGE_AREAS, PAGE_ROWS // max(1, self.frame.length)))
        after = 0
        async with self._stack:
            while True:
                if monotonic() > until or is_lost(self._connection):
                    raise SearchCostError("the answer is read too slowly")
                rows = await self._connection.fetch(PAGE, after, limit, *self._values)
                if not rows:
                    return
                areas = [AreaStanding(r["id"], r["name"], r["filled"]) for r in rows]
                after = areas[-1].id
                yield await self._reader.entries(self._connection, self.frame, areas)


class ManySeriesReader:
    """Reader of the series of many areas.

    Args:
        database: Where entries are kept.
        catalogue: What exists now.
        statistics: Tells of areas where no scene lies.
    """

    def __init__(self, database: Database, catalogue: Catalogue, statistics: StatisticsService) -> None:
        self._database = database
        self._catalogue = catalogue
        self._statistics = statistics

    async def open(self, product: Product, search: AreaSearch, time: Interval) -> ManySeries:
        """Open the series of all areas that keep a product and match a search.

        Raises:
            StatisticsRequestError: If the product has no statistics, or the series are too long.
            app.database.SearchCostError: If too many are read already.
            app.database.DatabaseUnavailableError: If the database does not answer.
        """
        product = of_one_basis(self._catalogue, product)
        version = await self._statistics.version(product)
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(self._database.snapshot())
            frame = await Frame.of(connection, self._catalogue, product, time)
            standing = await connection.fetchrow(STANDING, product.id, version, *search.values)
            values = (*search.values, version, product.id)
            counts = {name: standing[name] for name in ("areas", "unfilled")}
            return ManySeries(stack.pop_all(), connection, self, frame, values, **counts)

    async def entries(
        self, connection: Connection, frame: Frame, areas: Sequence[AreaStanding]
    ) -> list[AreaEntry]:
        """Return the entries of some areas, by area and time."""
        time, product = frame.starts_within, frame.product
        kept = await read_series_of(connection, [a.id for a in areas], product.id, time.start, time.end)
        found: list[AreaEntry] = []
        for area in areas:
            found += await self._entries(connection, frame, area, kept.get(area.id, []))
        return found

    async def _entries(
        self, connection: Connection, frame: Frame, area: AreaStanding, kept: Sequence[KeptEntry]
    ) -> list[AreaEntry]:
        collection = self._catalogue.collections().get(frame.product.collection)
        missing = frame.missing(kept)
        nothing: dict[str, Any] | None = None
        entries = {row.starts: (kept_entry(row, frame.product), area.filled) for row in kept}
        stale = {period.start for period in frame.changed}
        for period in missing:
            if not frame.is_known_empty(area, period):
                entries[period.start] = _pending(period), False
                continue
            if nothing is None:
                nothing = await self.nothing(frame.product, connection, area.id)
            entries[period.start] = dumps(nothing | why_empty(self._catalogue, frame.product, period)), True
        return [
            AreaEntry(area.id, area.name, noted(collection, start, entry), is_so and start not in stale)
            for start, (entry, is_so) in sorted(entries.items())
        ]

    async def nothing(self, product: Product, connection: Connection, area_id: int) -> dict[str, Any]:
        """Return the entry of an area for a time without scenes."""
        polygon = await read_shape(connection, area_id)
        return {"kept": True} | await self._statistics.gap(product, polygon, "")


def _pending(period: Period) -> str:
    return dumps({"kept": False, "period": period.text, "status": "pending"})
