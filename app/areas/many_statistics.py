"""The statistics of many areas in one period: kept entries where they tell of now, others computed."""

from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from json import dumps
from typing import Any

from app.areas.area import UnknownAreaError
from app.areas.area_store import AreaSearch, read_shape
from app.areas.kept_series import KeptEntry, read_series_of
from app.areas.many_series import PAGE, STANDING, AreaEntry, AreaStanding, Frame
from app.areas.timeseries import kept_entry, noted
from app.database import Connection, Database
from app.products.product import Product
from app.statistics.geometry import GeometryError
from app.statistics.service import Question, StatisticsService, Step, in_order
from app.statistics.summary import StatisticsRequestError
from mosaics.catalogue import Catalogue
from mosaics.period import Period

PAGE_AREAS = 100

MAX_AREAS = 100_000
"""Areas of one answer."""

UNKNOWN = """
    select asked.id from unnest($1::bigint[]) asked (id)
    left join areas a on a.id = asked.id and ($2::text is null or a.owner_id = $2)
    where a.id is null order by asked.id limit 1
"""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the rows of an answer have in common."""

    product: Product
    period: Period
    version: str


class ManyStatistics:
    """Gives the statistics of all areas that match a search.

    Args:
        database: Where areas and kept entries are.
        catalogue: What exists now.
        statistics: Computes entries that are not kept.
    """

    def __init__(self, database: Database, catalogue: Catalogue, statistics: StatisticsService) -> None:
        self._database = database
        self._catalogue = catalogue
        self._statistics = statistics

    async def count(self, search: AreaSearch) -> int:
        """Return the number of areas that match.

        Raises:
            UnknownAreaError: If the search names an area that does not exist.
            StatisticsRequestError: If there are too many.
        """
        async with self._database.searching() as connection:
            if search.ids is not None:
                unknown = await connection.fetchval(UNKNOWN, list(search.ids), search.owner)
                if unknown is not None:
                    raise UnknownAreaError(unknown)
            found: int = await connection.fetchval(STANDING, "", "", *search.values)
        if found > MAX_AREAS:
            raise StatisticsRequestError(
                f"an answer has at most {MAX_AREAS:,} areas, and {found:,} match; narrow the search"
            )
        return found

    async def pages(
        self, product: Product, period: Period, search: AreaSearch
    ) -> AsyncGenerator[list[AreaEntry]]:
        """Yield one entry an area, in order of id.

        Args:
            product: On the basis of its series (`app.rendering.basis.of_one_basis`).
            period: One in which a scene has landed.
            search: The criteria.

        Raises:
            app.database.DatabaseUnavailableError: If the database does not answer.
            mosaics.storage.StorageError, app.rendering.renderer.RenderingOverloadError: If a missing entry
                cannot be computed.
        """
        asked = _Asked(product, period, await self._statistics.version(product))
        after = 0
        while True:
            async with self._database.connection() as connection:
                values = (*search.values, asked.version, product.id)
                rows = await connection.fetch(PAGE, after, PAGE_AREAS, *values)
                areas = [AreaStanding(r["id"], r["name"], r["filled"]) for r in rows]
                kept = await self._kept(connection, asked, [area.id for area in areas if area.filled])
            if not areas:
                return
            after = areas[-1].id
            async with aclosing(in_order(self._entries(asked, areas, kept))) as entries:
                yield [entry async for entry in entries]

    async def _kept(
        self, connection: Connection, asked: _Asked, areas: Sequence[int]
    ) -> dict[int, KeptEntry]:
        """Return the kept entries of areas that tell of what has landed until now."""
        time = asked.period.interval()
        frame = await Frame.of(connection, self._catalogue, asked.product, time)
        if frame.changed:
            return {}
        kept = await read_series_of(connection, areas, asked.product.id, time.start, time.end)
        return {area: rows[0] for area, rows in kept.items()}

    async def _entries(
        self, asked: _Asked, areas: Sequence[AreaStanding], kept: dict[int, KeptEntry]
    ) -> AsyncIterator[Coroutine[Any, Any, AreaEntry]]:
        for area in areas:
            yield self._entry(asked, area, kept.get(area.id))

    async def _entry(self, asked: _Asked, area: AreaStanding, kept: KeptEntry | None) -> AreaEntry:
        if kept is not None:
            entry = kept_entry(kept, asked.product)
        else:
            entry = dumps({"kept": False} | await self._computed(asked, area.id))
        collection = self._catalogue.collections().get(asked.product.collection)
        return AreaEntry(area.id, area.name, noted(collection, asked.period.start, entry), current=True)

    async def _computed(self, asked: _Asked, area_id: int) -> dict[str, Any]:
        async with self._database.connection() as connection:
            polygon = await read_shape(connection, area_id)
        question = Question(polygon, Step(asked.period, asked.period.text, gap=False))
        try:
            async with aclosing(self._statistics.answers(asked.product, [question])) as answers:
                (entry,) = [answer.entry async for answer in answers]
        except (GeometryError, StatisticsRequestError) as error:
            nothing = await self._statistics.gap(asked.product, polygon, asked.period.text)
            return nothing | {"reason": str(error), "inputs": ""}
        return entry
