"""Zones in the database, and their links to parcels, which follow both."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import shapely

from app.areas.area import AreaChanges, Description
from app.areas.area_store import change_area, create_area, delete_area, replace_area
from app.idempotency import KeyReusedError
from app.statistics.geometry import Polygonal
from app.zones.circle import Circle
from app.zones.zone import CalledBy, Severity, UnknownZoneError, ZoneDescription, ZoneKind, ZoneState
from app.zones.zone_store import ZoneSearch, create_zone, delete_zone, list_zones, read_zone, replace_zone

FIELD = Description("Field", kind="parcel")


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


def square(west: float, south: float = 51.0, side: float = 0.1) -> Polygonal:
    found = shapely.normalize(shapely.box(west, south, west + side, south + side))
    assert isinstance(found, shapely.Polygon)
    return found


async def test_a_zone_comes_back_as_it_was_made(connection: asyncpg.Connection) -> None:
    description = ZoneDescription(
        kind=ZoneKind.DISEASE,
        severity=Severity.HIGH,
        called="black pod",
        called_by=CalledBy.MODEL,
        caller="pods",
        model_version="1.2",
        state=ZoneState.CONFIRMED,
        owner_id="farm",
        source_analysis="abc",
        circle=Circle(5.05, 51.05, 500.0),
        properties='{"note": "by the river"}',
    )
    made = await create_zone(connection, description, square(5.0))
    assert (made.description, made.polygon, made.areas) == (description, square(5.0), ())
    assert await read_zone(connection, made.id) == made
    with pytest.raises(UnknownZoneError):
        await read_zone(connection, made.id, "another farm")
    with pytest.raises(UnknownZoneError):
        await delete_zone(connection, made.id, "another farm")
    await delete_zone(connection, made.id, "farm")
    with pytest.raises(UnknownZoneError):
        await read_zone(connection, made.id)


async def test_links_follow_zones_and_parcels(connection: asyncpg.Connection) -> None:
    async def linked() -> list[tuple[int, ...]]:
        return [zone.areas for zone in (await list_zones(connection, ZoneSearch(), after=0, limit=9)).zones]

    first = await create_area(connection, FIELD, square(5.0))
    await create_area(connection, Description("A town", kind="town"), square(5.0))
    zone = await create_zone(connection, ZoneDescription(), square(5.05))
    assert zone.areas == (first.id,)
    second = await create_area(connection, FIELD, square(5.12))
    assert await linked() == [(first.id, second.id)]
    of_second = await list_zones(connection, ZoneSearch(parcel=second.id), after=0, limit=9)
    assert [found.id for found in of_second.zones] == [zone.id]

    await replace_area(connection, second.id, FIELD, square(8.0))
    assert await linked() == [(first.id,)]
    await change_area(connection, first.id, AreaChanges(kind="town", sets_kind=True))
    assert await linked() == [()]
    await change_area(connection, first.id, AreaChanges(kind="parcel", sets_kind=True))
    assert await linked() == [(first.id,)]
    moved = await replace_zone(connection, zone.id, ZoneDescription(state=ZoneState.OVER), square(8.05))
    assert (moved.areas, moved.description.state) == ((second.id,), ZoneState.OVER)
    await delete_area(connection, second.id)
    assert await linked() == [()]


async def test_a_zone_and_a_parcel_made_at_once_know_each_other(
    connection: asyncpg.Connection, database_url: str
) -> None:
    other = await asyncpg.connect(database_url)
    async with connection.transaction():
        parcel = await create_area(connection, FIELD, square(5.0))
        making = asyncio.create_task(create_zone(other, ZoneDescription(), square(5.0)))
        done, _ = await asyncio.wait([making], timeout=0.3)
        assert not done
    assert (await making).areas == (parcel.id,)
    await other.close()


async def test_a_key_makes_one_zone_of_each_owner(connection: asyncpg.Connection) -> None:
    async def made(owner_id: str | None, note: str) -> int:
        description = ZoneDescription(owner_id=owner_id)
        return (await create_zone(connection, description, square(5.0), key="k", asked={"n": note})).id

    first = await made(None, "a")
    assert await made(None, "a") == first
    assert await made("farm", "b") != first
    with pytest.raises(KeyReusedError, match=f"zone {first}, sent with another body"):
        await made(None, "b")


async def test_a_page_ends_where_it_is_asked_to(connection: asyncpg.Connection) -> None:
    kinds = (ZoneKind.ANOMALY, ZoneKind.OTHER, ZoneKind.ANOMALY)
    ids = [(await create_zone(connection, ZoneDescription(kind=kind), square(5.0))).id for kind in kinds]
    page = await list_zones(connection, ZoneSearch(), after=ids[0], limit=1)
    assert ([zone.id for zone in page.zones], page.more) == ([ids[1]], True)
    anomalies = ZoneSearch(kind=ZoneKind.ANOMALY, bbox=square(5.0), intersects=shapely.Point(5.05, 51.05))
    page = await list_zones(connection, anomalies, after=0, limit=5)
    assert ([zone.id for zone in page.zones], page.more) == ([ids[0], ids[2]], False)
