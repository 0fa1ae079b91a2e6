"""The kept series of routes: their exposure, period by period, or of a trip in the one it begins in."""

import json
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import aclosing
from types import MappingProxyType
from typing import Any

from app.areas.kept_kind import KeptKind
from app.areas.kept_series import NewEntry
from app.areas.series_tables import SeriesTables, Standing
from app.database import Connection
from app.exposure.engine import ExposureEngine, ResolvedExposure
from app.exposure.journey import Journey
from app.exposure.line import Line
from app.exposure.route import Route, UnknownRouteError
from app.exposure.route_store import read_routes
from app.products.product import Product
from app.statistics.memory import Memory
from app.statistics.resolved import Resolved
from app.statistics.service import in_order, with_windows_in_order
from mosaics.period import Period

ROUTE_TABLES = SeriesTables(
    "routes",
    "route_id",
    "route_exposures",
    "filled_exposures",
    "route_updated_at",
    place="on_map",
    beside="s.departure is not null",
)

WRITE = """
    with route as (select id from routes where id = $1 and $2 = any(products) and updated_at = $3 for share)
    insert into route_exposures (route_id, product, period, starts, entry, inputs)
    select id, $2, $4, $5, $6::jsonb, $7 from route
    on conflict (route_id, product, period) do update
        set starts = excluded.starts, entry = excluded.entry, inputs = excluded.inputs, computed_at = now()
        where route_exposures.inputs <> excluded.inputs
"""
"""Writes only what still applies: it waits for, or sees, a route that has changed."""

ANYWHERE = Line.read({"type": "LineString", "coordinates": [[0, 0], [1, 1]]})


class RouteSeries(KeptKind[Route]):
    """Exposures of routes.

    Args:
        engine: Computes them.
        memory: Remembers them.
        given: Numbers of mask rules in place of those of routes and products, by name.
    """

    noun = "route"
    tables = ROUTE_TABLES

    def __init__(
        self, engine: ExposureEngine, memory: Memory, given: Mapping[str, float] = MappingProxyType({})
    ) -> None:
        self.engine = engine
        self.memory = memory
        self._given = given

    def under(self, given: Mapping[str, float]) -> "RouteSeries":
        """Return the same under numbers of a request."""
        return RouteSeries(self.engine, self.memory, given)

    async def subjects_of(self, connection: Connection, ids: Sequence[int]) -> dict[int, Route]:
        """See `KeptKind`."""
        return await read_routes(connection, ids)

    async def write(
        self, connection: Connection, subject_id: int, subject: Route, product: str, entry: NewEntry
    ) -> int:
        """See `KeptKind`."""
        facts = (entry.period, entry.starts, entry.entry, entry.inputs)
        done: str = await connection.execute(WRITE, subject_id, product, subject.updated_at, *facts)
        return int(done.rpartition(" ")[2])

    async def version(self, product: Product) -> str:
        """See `KeptKind`."""
        return (await self.engine.resolve(product, Journey(ANYWHERE), gap=True)).inputs

    async def resolve(
        self, product: Product, subject: Route, period: str, *, gap: bool = False
    ) -> ResolvedExposure:
        """See `KeptKind`."""
        when = None if gap else period
        ruled = subject.ruled(product).with_parameters(self._given)
        return await self.engine.resolve(ruled, subject.journey, when, gap=gap)

    async def facts(self, resolved: Resolved, period: str) -> tuple[dict[str, Any], bool]:
        """See `KeptKind`."""
        assert isinstance(resolved, ResolvedExposure)  # noqa: S101 - `resolve` gives no other
        exposure = await self.engine.expose(resolved)
        return exposure.entry(period), not exposure.skipped

    async def standing(self, connection: Connection, subject_id: int, product: str, version: str) -> Standing:
        """See `KeptKind`."""
        found = await self.tables.standing_of(connection, subject_id, product, version)
        if found is None:
            raise UnknownRouteError(subject_id)
        return found

    def asked(
        self, subjects: Mapping[int, Route], changed: Sequence[Period]
    ) -> list[tuple[Period, Mapping[int, Route]]]:
        """Return each period with the routes that have an entry for every scan, and trips that meet one.

        The entry of a trip is that of the period in which it begins, whichever it reaches into.
        """
        every = {id_: route for id_, route in subjects.items() if not route.is_trip}
        found = [(period, every) for period in changed] if every else []
        trips: dict[Period, dict[int, Route]] = {}
        for id_, route in subjects.items():
            if (begins := trip_period(route, changed)) is not None:
                trips.setdefault(begins, {})[id_] = route
        return [*found, *trips.items()]

    async def answers(
        self, product: Product, subject: Route, periods: Sequence[Period]
    ) -> AsyncGenerator[dict[str, Any]]:
        """See `KeptKind`."""
        resolved = [await self.resolve(product, subject, period.text) for period in periods]
        known = await self.memory.recall(list({each.inputs for each in resolved if each.scenes.best_first}))
        fresh: dict[str, str] = {}

        async def answer(each: ResolvedExposure, period: str) -> dict[str, Any]:
            if (entry := known.get(each.inputs)) is not None:
                return with_windows_in_order(json.loads(entry), product) | {"period": period}
            facts, is_whole = await self.facts(each, period)
            if is_whole and each.scenes.best_first:
                fresh[each.inputs] = json.dumps(facts)
            return facts

        async def asked() -> AsyncGenerator[Coroutine[Any, Any, dict[str, Any]]]:
            for each, period in zip(resolved, periods, strict=True):
                yield answer(each, period.text)

        async with aclosing(in_order(asked())) as entries:
            async for entry in entries:
                yield entry
        await self.memory.keep(fresh)


def trip_period(route: Route, among: Sequence[Period]) -> Period | None:
    """Return the period in which a trip begins; None for other routes, and where it meets none of some."""
    journey = route.journey
    if not route.is_trip or journey.departure is None or journey.end is None or not among:
        return None
    if not any(p.start <= journey.end and journey.departure < p.end for p in among):
        return None
    return Period.containing(journey.departure, among[0].cadence)
