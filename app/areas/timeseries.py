"""The time series of an area or a route: kept entries, and those not kept yet, computed on request."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from json import dumps, loads
from typing import Generic

from app.areas.kept_kind import KeptKind, S
from app.areas.kept_series import KeptEntry
from app.areas.series_tables import Standing
from app.areas.series_updates import mosaics_seen
from app.database import Connection, Database
from app.products.product import Product
from app.rendering.basis import of_one_basis
from app.rendering.selecting import compared_periods
from app.statistics.resolved import why_not_compared
from app.statistics.service import MAX_ENTRIES, with_windows_in_order
from app.statistics.summary import StatisticsRequestError
from mosaics.catalogue import Catalogue
from mosaics.collection import Collection
from mosaics.period import Cadence, Interval, Period

MAX_COMPUTED = 120
"""Entries computed for one answer: ten years of months, a second or two of work for a field."""


@dataclass(frozen=True, slots=True)
class TimeSeries:
    """A series of one area or route."""

    name: str
    """Of the area or route."""
    entries: tuple[str, ...]
    """JSON of each entry in order of time; `kept` comes first and says whether the entry was stored."""
    computed: int
    """Number of entries computed for this answer."""
    pending: int
    """Number of entries left out: not kept, and too many to compute."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the database knows about a series."""

    standing: Standing
    kept: Sequence[KeptEntry]
    unknown: Sequence[Period]
    """Periods with scenes somewhere but no entry; a scene may lie over it."""
    empty: Sequence[Period]
    """Periods with scenes somewhere, but none over it."""


class TimeSeriesReader(Generic[S]):
    """Reader of time series.

    Args:
        database: Where entries are kept.
        catalogue: What exists now.
        kind: Which series; computes entries that are not kept.
    """

    def __init__(self, database: Database, catalogue: Catalogue, kind: KeptKind[S]) -> None:
        self._database = database
        self._catalogue = catalogue
        self._kind = kind

    async def read(
        self, subject_id: int, product: Product, time: Interval, *, is_own: bool = False
    ) -> TimeSeries:
        """Return the entries of every period that overlaps an interval.

        If everything is kept, only rows are read. Of the missing entries the latest `MAX_COMPUTED` are
        computed. Periods without any scene that lie between others appear as empty entries.

        Args:
            subject_id: Of the area or route.
            product: What is asked.
            time: Which periods.
            is_own: Whether it is asked under numbers of the request's own, for which nothing is kept.

        Raises:
            LookupError: If there is no such area or route.
            app.database.DatabaseUnavailableError: If the database does not answer.
            StatisticsRequestError: If there are too many entries.
            app.statistics.geometry.GeometryError, mosaics.storage.StorageError,
            app.rendering.renderer.RenderingOverloadError: If a missing entry cannot be computed.
        """
        known = periods_within(self._catalogue, product, time)
        collection = self._catalogue.collections().get(product.collection)
        product = of_one_basis(self._catalogue, product)
        async with self._database.connection() as connection:
            rows = await self._rows(connection, subject_id, product, time, known, is_own=is_own)
        entries = {row.starts: kept_entry(row, product) for row in rows.kept}
        computing = rows.unknown[-MAX_COMPUTED:]
        empty = [*rows.empty, *gaps_between(known)]
        if len(entries) + len(computing) + len(empty) > MAX_ENTRIES:
            raise StatisticsRequestError(
                f"a series has at most {MAX_ENTRIES:,} entries; ask for a shorter time"
            )
        if computing or empty:
            async with self._database.connection() as connection:
                subject = await self._kind.subject_of(connection, subject_id)
            if empty:
                nothing = {"kept": True} | await self._kind.gap(product, subject, "")
                for p in empty:
                    entries[p.start] = dumps(nothing | why_empty(self._catalogue, product, p))
            async with aclosing(self._kind.answers(product, subject, computing)) as answers:
                async for entry in answers:
                    entries[Period.parse(entry["period"]).start] = dumps({"kept": False} | entry)
        return TimeSeries(
            name=rows.standing.name,
            entries=tuple(noted(collection, start, entries[start]) for start in sorted(entries)),
            computed=len(computing),
            pending=len(rows.unknown) - len(computing),
        )

    async def _rows(
        self,
        connection: Connection,
        subject_id: int,
        product: Product,
        time: Interval,
        known: Sequence[Period],
        *,
        is_own: bool,
    ) -> _Rows:
        version = await self._kind.version(product)
        standing = await self._kind.standing(connection, subject_id, product.id, version)
        cadence = known[0].cadence if known else None
        if is_own:
            return _Rows(standing, (), known, ())
        start = start_of(time.start, cadence)
        kept = await self._kind.tables.read(connection, subject_id, product.id, start, time.end)
        at_hand = {row.starts for row in kept}
        missing = [period for period in known if period.start not in at_hand]
        if not missing or not standing.filled:
            return _Rows(standing, kept, missing, ())
        changed = await changed_periods(connection, self._catalogue, product, missing)
        unknown = [period for period in missing if period in changed]
        return _Rows(standing, kept, unknown, [period for period in missing if period not in changed])


def periods_within(catalogue: Catalogue, product: Product, time: Interval) -> tuple[Period, ...]:
    """Return the periods of a product that overlap an interval, in order."""
    if product.collection not in catalogue.collections():
        return ()
    known = catalogue.periods(product.collection)
    first, last = 0, len(known)
    if time.start is not None:
        first = bisect_right(known, time.start, key=lambda period: period.end)
    if time.end is not None:
        last = bisect_left(known, time.end, key=lambda period: period.start)
    return known[first:last]


async def changed_periods(
    connection: Connection, catalogue: Catalogue, product: Product, periods: Sequence[Period]
) -> frozenset[Period]:
    """Return those of a product's periods that read a mosaic which the kept statistics have not seen."""
    if not periods:
        return frozenset()
    seen = await mosaics_seen(connection, product.collection)
    news = {
        p
        for p in catalogue.periods(product.collection)
        if seen.get(p.text) != catalogue.mosaic_key(product.collection, p)
    }
    return frozenset(p for p in periods if news & compared_periods(catalogue, product, p))


def start_of(moment: datetime | None, cadence: Cadence | None) -> datetime | None:
    """Return the start of the period that contains a moment."""
    if moment is None or cadence is None:
        return moment
    return Period.containing(moment, cadence).start


def noted(collection: Collection | None, start: datetime, entry: str) -> str:
    """Return an entry with what is to be said of its time.

    Args:
        collection: Whose period it is of; None where it is gone.
        start: First moment of the period.
        entry: A JSON object.
    """
    if collection is None or collection.ended is None:
        return entry
    note = collection.note_until(Period.containing(start, collection.cadence).end)
    return entry if note is None else f'{{"note": {dumps(note)}, {entry[1:]}'


def why_empty(catalogue: Catalogue, product: Product, period: Period) -> dict[str, str]:
    """Return the period of an entry without scenes, and why it cannot be compared if that is so."""
    refusal = why_not_compared(catalogue, product, period.text)
    return {"period": period.text} | ({} if refusal is None else {"reason": refusal})


def kept_entry(row: KeptEntry, product: Product) -> str:
    """Return a kept entry as a JSON object that says so."""
    entry = dumps(with_windows_in_order(loads(row.entry), product)) if product.roles else row.entry
    return f'{{"kept": true, "computed_at": "{row.computed_at.isoformat()}", {entry[1:]}'


def gaps_between(known: Iterable[Period]) -> Iterator[Period]:
    """Yield the periods without any scene between the first period and the last."""
    for period, later in pairwise(known):
        if period.end != later.start:
            between = period.following()
            while between.start < later.start:
                yield between
                between = between.following()
