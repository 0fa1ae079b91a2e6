"""An application with a database of its own, and a client on the server's own machine."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.settings import Settings
from tests.app.conftest import serving, settings, two_months

__all__ = ["settings", "two_months"]

LOCAL = "http://127.0.0.1"
SQUARE = [[[5.0, 51.0], [5.1, 51.0], [5.1, 51.1], [5.0, 51.1], [5.0, 51.0]]]
"""A tenth of a degree east of 5 and north of 51."""

GEOPACKAGE = """
create table gpkg_spatial_ref_sys (
    srs_name text, srs_id integer, organization text, organization_coordsys_id integer, definition text
);
create table gpkg_geometry_columns (
    table_name text, column_name text, geometry_type_name text, srs_id integer, z integer, m integer
);
"""
"""The tables of a GeoPackage that say what its layers are (OGC 12-128, 1.1.2 and 2.1.5)."""


def feature(coordinates: Any = SQUARE, kind: str = "Polygon", **properties: Any) -> dict[str, Any]:
    """A Feature to send."""
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": {"name": "Square"} | properties,
    }


def square_at(lon: float, lat: float, side: float = 0.1) -> list[list[list[float]]]:
    """The rings of a square by its south-west corner."""
    east, north = lon + side, lat + side
    return [[[lon, lat], [east, lat], [east, north], [lon, north], [lon, lat]]]


@pytest.fixture
def local_settings(settings: Settings, two_months: str, database_url: str) -> Settings:
    """Settings with the two months and a database."""
    return settings.model_copy(update={"storage": two_months, "database_url": database_url, "jobs": False})


@pytest.fixture
async def client(local_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client on the server's own machine, who may write without a key."""
    async with serving(local_settings) as client:
        client.base_url = httpx.URL(LOCAL)
        yield client


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the application's."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for files to import."""
    return tmp_path
