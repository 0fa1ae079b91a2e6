"""Exposures of routes follow what lands, by the task that keeps series of areas."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from app.database import Database
from app.exposure.engine import ExposureEngine
from app.exposure.kept_routes import RouteSeries
from app.exposure.line import Line
from app.exposure.route import RouteDescription, Timing
from app.exposure.route_store import create_route
from app.products.registry import Registry
from app.rendering.renderer import Renderer
from app.statistics.memory import DatabaseMemory
from app.tasks.leader_election import LeadershipLostError
from app.tasks.series_refresh import Refreshed, SeriesRefresh
from mosaics.catalogue import Catalogue
from mosaics.log import commit_scenes
from mosaics.storage import Storage, open_storage
from tests.app.exposure.scans import CELL, LEFT, TOP, land_scan
from tests.app.tasks.conftest import still_leading


@dataclass
class Kept:
    """A store, a database, and the task that keeps exposures in it."""

    storage: Storage
    folder: Path
    catalogue: Catalogue
    database: Database
    task: SeriesRefresh

    async def land(self, hour: int, *row: float) -> None:
        await land_scan(self.storage, self.folder, hour, [row])
        await self.catalogue.refresh()

    async def register(self, first: float, last: float, timing: Timing = Timing()) -> int:  # noqa: B008 - frozen
        columns = (first, (first + last) / 2, last)
        places = [[LEFT + CELL * column, TOP - CELL / 2] for column in columns]
        line = Line.read({"type": "LineString", "coordinates": places})
        async with self.database.transaction() as connection:
            facts = RouteDescription("Way", products=("hcho",), timing=timing)
            return (await create_route(connection, facts, line)).id

    async def refresh(self) -> Refreshed:
        return await self.task.refresh(still_leading)

    async def means(self, route: int) -> dict[str, float | None]:
        """Mean of every entry in units of 1e15, by period."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(
                "select period, entry::text from route_exposures where route_id = $1 order by starts", route
            )
        found = {row["period"]: json.loads(row["entry"])["mean"] for row in rows}
        return {period: None if mean is None else round(mean / 1e15, 6) for period, mean in found.items()}


@pytest.fixture
async def kept(tmp_path: Path, database_url: str) -> AsyncIterator[Kept]:
    async with await open_storage((tmp_path / "store").as_uri()) as storage:
        catalogue = Catalogue(storage)
        renderer = Renderer(catalogue, threads=1)
        database = Database(database_url, max_connections=4)
        kind = RouteSeries(ExposureEngine(catalogue, renderer), DatabaseMemory(database))
        registry = Registry.load([Path(str(files("app.products")))])
        task = SeriesRefresh(database, catalogue, registry, [kind])
        yield Kept(storage, tmp_path, catalogue, database, task)
        await database.close()
        renderer.close()


async def test_every_scan_adds_an_entry_and_repeats_nothing(kept: Kept) -> None:
    west, east = await kept.register(0, 2), await kept.register(3, 4)
    await kept.land(17, 1, 2, 3, 4)
    first = await kept.refresh()
    assert (first.series, first.computed) == (2, 2)
    await kept.land(18, 5, 6)  # over the western one alone
    second = await kept.refresh()
    assert (second.periods, second.checked, second.computed) == (1, 1, 1)
    idle = await kept.refresh()
    assert (idle.checked, idle.computed) == (0, 0)
    assert await kept.means(west) == {"2024-07-03T17": 1.5, "2024-07-03T18": 5.5}
    assert await kept.means(east) == {"2024-07-03T17": 4.0}


async def test_a_trip_is_counted_again_by_every_scan_it_meets(kept: Kept) -> None:
    departure = datetime(2024, 7, 3, 17, 30, tzinfo=UTC)
    trip = await kept.register(0, 2, Timing(departure, durations_s=(1200, 2400)))
    every = await kept.register(0, 2)
    await kept.land(17, 1, 2)
    await kept.refresh()
    assert await kept.means(trip) == {"2024-07-03T17": 1.0}  # at 18:10 there is no scan yet
    await kept.land(18, 5, 6)
    done = await kept.refresh()
    assert done.computed == 2
    assert await kept.means(trip) == {"2024-07-03T17": 3.5}
    assert await kept.means(every) == {"2024-07-03T17": 1.5, "2024-07-03T18": 5.5}
    await kept.land(19, 9, 9)  # the trip has ended
    assert (await kept.refresh()).computed == 1
    await commit_scenes(kept.storage, "tempo-hcho", remove=["SYNTHETIC-S18"])
    await kept.catalogue.refresh()
    await kept.refresh()
    assert await kept.means(trip) == {"2024-07-03T17": 1.0}
    assert list(await kept.means(every)) == ["2024-07-03T17", "2024-07-03T19"]


async def test_a_leader_that_is_lost_leaves_nothing_out_and_nothing_twice(kept: Kept) -> None:
    routes = [await kept.register(n / 10, 2 + n / 10) for n in range(5)]
    await kept.land(17, 1, 2, 3)
    turns = iter(range(100))

    async def lost_at_the_second() -> None:
        if next(turns) == 1:
            raise LeadershipLostError

    with pytest.raises(LeadershipLostError):
        await kept.task.refresh(lost_at_the_second)
    await kept.refresh()
    again: Any = await kept.refresh()
    assert (again.computed, again.series) == (0, 0)
    assert [len(await kept.means(route)) for route in routes] == [1] * 5
