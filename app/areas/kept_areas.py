"""The kept series of areas: statistics of their polygons."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from app.areas.area import UnknownAreaError, polygon_of
from app.areas.kept_kind import KeptKind
from app.areas.kept_series import NewEntry, write_entries
from app.areas.series_tables import AREA_TABLES, Standing
from app.database import Connection
from app.products.product import Product
from app.statistics.geometry import Polygonal
from app.statistics.resolved import Resolved, ResolvedStatistics
from app.statistics.service import Question, StatisticsService, Step
from mosaics.period import Period

SHAPES = "select id, st_asbinary(geom) as wkb from areas where id = any($1::bigint[]) order by id"


class AreaSeries(KeptKind[Polygonal]):
    """Statistics of areas.

    Args:
        statistics: Counts, and remembers the results.
    """

    noun = "area"
    tables = AREA_TABLES

    def __init__(self, statistics: StatisticsService) -> None:
        self.memory = statistics.memory
        self._statistics = statistics

    async def subjects_of(self, connection: Connection, ids: Sequence[int]) -> dict[int, Polygonal]:
        """See `KeptKind`."""
        return {r["id"]: polygon_of(r["wkb"]) for r in await connection.fetch(SHAPES, list(ids))}

    async def write(
        self, connection: Connection, subject_id: int, subject: Polygonal, product: str, entry: NewEntry
    ) -> int:
        """See `KeptKind`."""
        return await write_entries(connection, subject_id, subject, product, [entry])

    async def version(self, product: Product) -> str:
        """See `KeptKind`."""
        return await self._statistics.version(product)

    async def resolve(
        self, product: Product, subject: Polygonal, period: str, *, gap: bool = False
    ) -> ResolvedStatistics:
        """See `KeptKind`."""
        return await self._statistics.engine.resolve(product, subject, None if gap else period, gap=gap)

    async def facts(self, resolved: Resolved, period: str) -> tuple[dict[str, Any], bool]:
        """See `KeptKind`."""
        assert isinstance(resolved, ResolvedStatistics)  # noqa: S101 - `resolve` gives no other
        summary = await self._statistics.engine.summarise(resolved)
        return summary.entry(period), not summary.skipped

    async def answers(
        self, product: Product, subject: Polygonal, periods: Sequence[Period]
    ) -> AsyncGenerator[dict[str, Any]]:
        """See `KeptKind`."""
        questions = [Question(subject, Step(period, period.text, gap=False)) for period in periods]
        async with aclosing(self._statistics.answers(product, questions)) as answers:
            async for answer in answers:
                yield answer.entry

    async def standing(self, connection: Connection, subject_id: int, product: str, version: str) -> Standing:
        """See `KeptKind`."""
        found = await self.tables.standing_of(connection, subject_id, product, version)
        if found is None:
            raise UnknownAreaError(subject_id)
        return found
