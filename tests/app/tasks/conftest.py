"""A store that scenes land in while areas are kept over it, and what refreshes their series."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.areas.area import Description
from app.areas.area_store import create_area
from app.areas.kept_areas import AreaSeries
from app.database import Database
from app.products.registry import Registry
from app.rendering.renderer import Renderer
from app.statistics.geometry import read_polygon
from app.statistics.memory import DatabaseMemory
from app.statistics.service import StatisticsService
from app.statistics.zonal import ZonalEngine
from app.tasks.series_refresh import Refreshed, SeriesRefresh
from mosaics.catalogue import Catalogue
from mosaics.document import SceneRecord
from mosaics.storage import Storage, open_storage
from tests.app.landed import PIXEL_M, land, lonlat
from tests.app.regions.conftest import registry, write_regions
from tests.rasters import MOL

__all__ = ["registry", "write_regions"]

PRODUCTS = Path(__file__).parents[3] / "app" / "products"


def square(column: float, row: float, size: float = 4) -> dict[str, Any]:
    """A square of pixels of the scene, by its upper left corner."""
    corners = [(column, row), (column + size, row), (column + size, row + size), (column, row + size)]
    ring = [lonlat(*corner) for corner in corners]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


async def still_leading() -> None:
    """What a task is told while no other process takes over."""


@dataclass
class Kept:
    """Areas over a store."""

    storage: Storage
    folder: Path
    catalogue: Catalogue
    renderer: Renderer
    database: Database
    connection: asyncpg.Connection
    statistics: StatisticsService
    series_refresh: SeriesRefresh

    async def land(
        self, scene: str, month: str = "2024-06", *, column: float = 0, row: float = 0
    ) -> SceneRecord:
        """Land the scene with its upper left corner at a pixel of where it usually lies."""
        upper_left = (MOL[0] + column * PIXEL_M, MOL[1] - row * PIXEL_M)
        record = await land(self.storage, self.folder, scene, month=month, upper_left=upper_left)
        await self.catalogue.refresh()
        return record

    async def register(
        self, squares: Sequence[dict[str, Any]], products: tuple[str, ...] = ("ndvi",)
    ) -> list[int]:
        """Register areas; gives their ids."""
        async with self.database.transaction() as connection:
            areas = [
                await create_area(connection, Description("Field", None, products), read_polygon(geometry))
                for geometry in squares
            ]
        return [area.id for area in areas]

    async def refresh(self) -> Refreshed:
        return await self.series_refresh.refresh(still_leading)

    async def rows(self) -> dict[tuple[int, str], tuple[str, Any]]:
        """Inputs and time of every entry, by area and period."""
        found = await self.connection.fetch(
            "select area_id, period, inputs, computed_at from area_statistics"
        )
        return {(r["area_id"], r["period"]): (r["inputs"], r["computed_at"]) for r in found}

    async def entries(self, area: int) -> dict[str, Any]:
        """Period and value of one part of the entries of an area."""
        found = await self.connection.fetch(
            "select period, entry::text from area_statistics where area_id = $1 order by starts", area
        )
        return {row["period"]: row["entry"] for row in found}


@pytest.fixture
async def kept(tmp_path: Path, database_url: str) -> AsyncIterator[Kept]:
    """An empty store and an empty database."""
    async with await open_storage((tmp_path / "store").as_uri()) as storage:
        catalogue = Catalogue(storage)
        renderer = Renderer(catalogue, threads=2)
        database = Database(database_url, max_connections=4)
        connection = await asyncpg.connect(database_url)
        statistics = StatisticsService(ZonalEngine(catalogue, renderer), DatabaseMemory(database))
        series_refresh = SeriesRefresh(
            database, catalogue, Registry.load([PRODUCTS]), [AreaSeries(statistics)]
        )
        yield Kept(storage, tmp_path, catalogue, renderer, database, connection, statistics, series_refresh)
        await connection.close()
        await database.close()
        renderer.close()
