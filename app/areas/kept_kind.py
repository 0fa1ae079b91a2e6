"""A kind of kept series: what is counted for each of many subjects, period by period."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from app.areas.kept_series import NewEntry
from app.areas.series_tables import SeriesTables, Standing
from app.database import Connection
from app.products.product import Product
from app.statistics.memory import Memory
from app.statistics.resolved import Resolved
from mosaics.period import Period

S = TypeVar("S")
"""A subject as it is counted: the polygon of an area, a route."""


class KeptKind(ABC, Generic[S]):
    """What refreshing and reading need to know of a kind of series.

    Attributes:
        noun: What a subject is called: "area".
        tables: Where its series stand.
        memory: Remembers entries by their input hash.
    """

    noun: str
    tables: SeriesTables
    memory: Memory

    @abstractmethod
    async def subjects_of(self, connection: Connection, ids: Sequence[int]) -> dict[int, S]:
        """Return those of some subjects that still exist."""

    async def subject_of(self, connection: Connection, subject_id: int) -> S:
        """Return a subject.

        Raises:
            LookupError: If there is none of this id any more.
        """
        return (await self.subjects_of(connection, [subject_id]))[subject_id]

    @abstractmethod
    async def write(
        self, connection: Connection, subject_id: int, subject: S, product: str, entry: NewEntry
    ) -> int:
        """Keep an entry unless the subject has changed since; return the rows written."""

    @abstractmethod
    async def version(self, product: Product) -> str:
        """Return a hash that changes whenever all entries of a product must be computed again."""

    @abstractmethod
    async def resolve(self, product: Product, subject: S, period: str, *, gap: bool = False) -> Resolved:
        """Find the scenes of an entry, and its input hash.

        Raises:
            app.statistics.summary.StatisticsRequestError: If it cannot be computed.
        """

    @abstractmethod
    async def facts(self, resolved: Resolved, period: str) -> tuple[dict[str, Any], bool]:
        """Return an entry, and whether it may be remembered: everything could be read.

        Raises:
            app.statistics.geometry.GeometryError: If it cannot be computed.
        """

    @abstractmethod
    async def standing(self, connection: Connection, subject_id: int, product: str, version: str) -> Standing:
        """Return the state of a series.

        Raises:
            LookupError: If there is no such subject.
        """

    @abstractmethod
    def answers(
        self, product: Product, subject: S, periods: Sequence[Period]
    ) -> AsyncGenerator[dict[str, Any]]:
        """Yield the entries of some periods in order, remembered or computed; close it to stop what runs.

        Raises:
            app.statistics.summary.StatisticsRequestError, app.statistics.geometry.GeometryError,
            mosaics.storage.StorageError, app.rendering.renderer.RenderingOverloadError: If one cannot be
                computed.
        """

    def asked(
        self, subjects: Mapping[int, S], changed: Sequence[Period]
    ) -> list[tuple[Period, Mapping[int, S]]]:
        """Return the entries to look at after some periods have changed: each period, and whose entry."""
        return [(period, subjects) for period in changed]

    async def gap(self, product: Product, subject: S, period: str) -> dict[str, Any]:
        """Return the entry of a time without scenes, which has no numbers; ready for JSON."""
        entry, _ = await self.facts(await self.resolve(product, subject, period, gap=True), period)
        return entry
