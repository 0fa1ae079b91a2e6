"""Kept series and cached entries in the database."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from app.areas.area import AreaChanges, Description, UnknownAreaError
from app.areas.area_store import (
    change_area,
    create_area,
    delete_area,
    read_area,
    read_shape,
    replace_area,
)
from app.areas.kept_series import NewEntry, write_entries
from app.areas.series_tables import AREA_TABLES
from app.areas.timeseries import noted
from app.statistics.cache import cached_entries, forget_unused, keep_entries
from app.statistics.geometry import Polygonal, read_polygon
from mosaics.descriptions.collections import load_collections
from tests.app.areas.conftest import SQUARE, square_at

KEEPS = Description("Field", products=("ndvi", "no2"))


def polygon(lon: float = 5.0, lat: float = 51.0) -> Polygonal:
    return read_polygon({"type": "Polygon", "coordinates": square_at(lon, lat)})


def month(number: int, inputs: str = "a", mean: float | None = 0.5) -> NewEntry:
    start = datetime(2024, number, 1, tzinfo=UTC)
    return NewEntry(f"2024-{number:02}", start, json.dumps({"mean": mean, "status": "ok"}), inputs)


async def count(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("select count(*) from area_statistics"))


async def test_a_series_is_read_in_order_and_in_part(connection: asyncpg.Connection) -> None:
    area = await create_area(connection, KEEPS, polygon())
    assert await write_entries(connection, area.id, area.polygon, "ndvi", [month(3), month(1), month(2)]) == 3
    assert await write_entries(connection, area.id, area.polygon, "no2", [month(1)]) == 1
    assert await write_entries(connection, area.id, area.polygon, "no2", []) == 0
    whole = await AREA_TABLES.read(connection, area.id, "ndvi", None, None)
    assert [entry.period for entry in whole] == ["2024-01", "2024-02", "2024-03"]
    assert json.loads(whole[0].entry) == {"mean": 0.5, "status": "ok"}
    start, end = datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
    assert [e.period for e in await AREA_TABLES.read(connection, area.id, "ndvi", start, end)] == ["2024-02"]
    assert [e.period for e in await AREA_TABLES.read(connection, area.id, "ndvi", end, None)] == ["2024-03"]


async def test_equal_inputs_write_nothing_and_others_replace(connection: asyncpg.Connection) -> None:
    area = await create_area(connection, KEEPS, polygon())
    await write_entries(connection, area.id, area.polygon, "ndvi", [month(1), month(2)])
    entries = [month(1, mean=0.9), month(2, inputs="b", mean=0.9)]
    assert await write_entries(connection, area.id, area.polygon, "ndvi", entries) == 1
    series = await AREA_TABLES.read(connection, area.id, "ndvi", None, None)
    assert [json.loads(entry.entry)["mean"] for entry in series] == [0.5, 0.9]


async def test_what_was_kept_for_another_shape_goes_and_does_not_come_back(
    connection: asyncpg.Connection,
) -> None:
    area = await create_area(connection, KEEPS, polygon())
    await write_entries(connection, area.id, area.polygon, "ndvi", [month(1)])
    async with connection.transaction():
        await replace_area(connection, area.id, Description("Renamed", products=("ndvi",)), polygon())
    assert await count(connection) == 1
    async with connection.transaction():
        await replace_area(connection, area.id, KEEPS, polygon(6, 52))
    assert await count(connection) == 0
    assert await write_entries(connection, area.id, area.polygon, "ndvi", [month(1)]) == 0
    assert await write_entries(connection, area.id, polygon(6, 52), "ndvi", [month(1)]) == 1


async def test_a_product_no_longer_kept_is_forgotten(connection: asyncpg.Connection) -> None:
    area = await create_area(connection, KEEPS, polygon())
    for product in ("ndvi", "no2"):
        await write_entries(connection, area.id, area.polygon, product, [month(1)])
    async with connection.transaction():
        await change_area(connection, area.id, AreaChanges.read({"products": ["no2"]}))
    assert await connection.fetchval("select product from area_statistics") == "no2"
    assert await write_entries(connection, area.id, area.polygon, "ndvi", [month(1)]) == 0
    await delete_area(connection, area.id)
    assert await count(connection) == 0
    assert await write_entries(connection, area.id, area.polygon, "no2", [month(1)]) == 0


async def test_a_writer_waits_for_a_replacement_under_way(
    connection: asyncpg.Connection, database_url: str
) -> None:
    area = await create_area(connection, KEEPS, polygon())
    other = await asyncpg.connect(database_url, server_settings={"lock_timeout": "200"})
    async with connection.transaction():
        await replace_area(connection, area.id, KEEPS, polygon(6, 52))
        with pytest.raises(asyncpg.LockNotAvailableError):
            await write_entries(other, area.id, area.polygon, "ndvi", [month(1)])
    assert await write_entries(other, area.id, area.polygon, "ndvi", [month(1)]) == 0
    await other.close()


async def test_the_shape_of_an_area_is_read_as_it_was_registered(connection: asyncpg.Connection) -> None:
    area = await create_area(connection, KEEPS, polygon())
    assert await read_shape(connection, area.id) == read_polygon({"type": "Polygon", "coordinates": SQUARE})
    with pytest.raises(UnknownAreaError, match="no area 99"):
        await read_shape(connection, 99)


async def test_three_thousand_kept_periods_are_read_by_one_statement(connection: asyncpg.Connection) -> None:
    area = await create_area(connection, KEEPS, polygon())
    day, entry = datetime(2016, 1, 1, tzinfo=UTC), json.dumps({f"number {n}": n / 7 for n in range(25)})
    entries = [
        NewEntry(f"{day + timedelta(n):%Y-%m-%d}", day + timedelta(n), entry, "a") for n in range(3000)
    ]
    assert await write_entries(connection, area.id, area.polygon, "ndvi", entries) == 3000
    statements: list[object] = []
    with connection.query_logger(statements.append):
        series = await AREA_TABLES.read(connection, area.id, "ndvi", None, None)
        await asyncio.sleep(0)  # the logger is called then
    assert len(statements) == 1
    assert [kept.period for kept in series] == [each.period for each in entries]


async def test_entries_are_cached_under_their_inputs(connection: asyncpg.Connection) -> None:
    await keep_entries(connection, {"a": '{"mean": 1}'})
    await keep_entries(connection, {"c": '{"mean": 3}', "a": '{"mean": 9}'})
    assert await cached_entries(connection, ["a"]) == {"a": '{"mean": 1}'}
    assert await cached_entries(connection, ["b"]) == {}
    assert await cached_entries(connection, ["a", "b", "c"]) == {"a": '{"mean": 1}', "c": '{"mean": 3}'}


async def test_what_was_not_asked_for_is_forgotten(connection: asyncpg.Connection) -> None:
    await keep_entries(connection, {"used": "{}", "unused": "{}"})
    await connection.execute("update statistics_cache set used_at = now() - interval '40 days'")
    await cached_entries(connection, ["used"])
    assert await forget_unused(connection, timedelta(days=30)) == 1
    assert await cached_entries(connection, ["used", "unused"]) == {"used": "{}"}


def test_entries_past_the_end_of_an_archive_say_so() -> None:
    lights = load_collections()["black-marble-monthly"].collection
    october, november = (
        noted(lights, datetime(2026, month, 1, tzinfo=UTC), '{"mean": 1}') for month in (10, 11)
    )
    assert json.loads(october) == {"mean": 1}
    told = json.loads(november)
    assert told["mean"] == 1
    assert told["note"].startswith("Suomi NPP's products ended on 2026-11-01")
    assert noted(None, datetime(2026, 11, 1, tzinfo=UTC), "{}") == "{}"


async def test_the_latest_of_an_area_follows_whatever_becomes_of_its_entries(
    connection: asyncpg.Connection,
) -> None:
    area = await create_area(connection, KEEPS, polygon())

    async def latest() -> dict[str, tuple[str, float]]:
        found = json.loads((await read_area(connection, area.id)).latest)
        return {product: (each["period"], each["value"]) for product, each in found.items()}

    async def write(*entries: NewEntry, product: str = "ndvi") -> None:
        await write_entries(connection, area.id, area.polygon, product, entries)

    assert await latest() == {}
    await write(month(1, mean=0.1), month(3, mean=0.3), month(4, mean=None))  # clouds in April
    assert await latest() == {"ndvi": ("2024-03", 0.3)}
    await write(month(2, mean=0.2))
    assert await latest() == {"ndvi": ("2024-03", 0.3)}
    await write(month(3, inputs="b", mean=0.35), month(4, inputs="b", mean=0.45))
    assert await latest() == {"ndvi": ("2024-04", 0.45)}
    await write(month(4, inputs="c", mean=None))  # counted again, and not seen
    assert await latest() == {"ndvi": ("2024-03", 0.35)}
    await AREA_TABLES.forget_entries(connection, [area.id], "ndvi", "2024-01")
    await AREA_TABLES.forget_period(connection, ["ndvi"], "2024-03")
    assert await latest() == {"ndvi": ("2024-02", 0.2)}
    await write(month(1, mean=7.0), product="no2")
    assert await latest() == {"ndvi": ("2024-02", 0.2), "no2": ("2024-01", 7.0)}
    async with connection.transaction():
        await change_area(connection, area.id, AreaChanges(products=("no2",)))
    assert await latest() == {"no2": ("2024-01", 7.0)}
    async with connection.transaction():
        await replace_area(connection, area.id, KEEPS, polygon(6, 52))
    assert await latest() == {}
    await write(month(2, mean=0.2))
    await delete_area(connection, area.id)
    assert await connection.fetchval("select count(*) from area_latest") == 0


async def test_of_two_writers_at_once_the_newer_entry_is_the_latest(
    connection: asyncpg.Connection, database_url: str
) -> None:
    area = await create_area(connection, KEEPS, polygon())
    await write_entries(connection, area.id, area.polygon, "ndvi", [month(1)])
    other = await asyncpg.connect(database_url)
    transaction = connection.transaction()
    await transaction.start()
    await write_entries(connection, area.id, area.polygon, "ndvi", [month(3, mean=0.3)])
    older = asyncio.create_task(
        write_entries(other, area.id, area.polygon, "ndvi", [month(2, mean=0.2), month(1, inputs="b")])
    )
    await asyncio.sleep(0.2)  # it waits for the row of the first
    assert not older.done()
    await transaction.commit()
    await older
    await other.close()
    found = json.loads((await read_area(connection, area.id)).latest)
    assert found == {"ndvi": {"period": "2024-03", "value": 0.3, "valid_fraction": 0.0}}
