"""The series of many areas are read in one snapshot, which is given back whatever its reader does."""

import asyncio
import json

import pytest

from app.areas.area_store import AreaSearch
from app.areas.many_series import ManySeriesReader
from app.database import SearchCostError
from app.products.registry import Registry
from mosaics.period import Interval
from tests.app.tasks.conftest import Kept, kept, square

__all__ = ["kept"]

ALWAYS = Interval(None, None)
PRODUCT = Registry.load().get("ndvi")
KEEP = """
    insert into area_statistics (area_id, product, period, starts, entry, inputs)
    select id, 'ndvi', '2024-05', '2024-05-01', $1::jsonb, 'x' from areas
"""


async def reader_of(kept: Kept, areas: int) -> tuple[ManySeriesReader, list[int]]:
    ids = await kept.register([square(4 * n, 100) for n in range(areas)])
    entry = {"period": "2024-05", "status": "ok", "mean": 0.5}
    await kept.connection.execute(KEEP, json.dumps(entry))
    return ManySeriesReader(kept.database, kept.catalogue, kept.statistics), ids


async def test_rows_are_those_of_one_moment(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.areas.many_series.PAGE_AREAS", 1)
    reader, ids = await reader_of(kept, 3)
    series = await reader.open(PRODUCT, AreaSearch(None, product="ndvi"), ALWAYS)
    pages = series.pages()
    first = await anext(pages)
    await kept.connection.execute("delete from areas")
    found = [first, *[page async for page in pages]]
    assert [[(e.area, json.loads(e.entry)["mean"], e.current) for e in page] for page in found] == [
        [(area, 0.5, False)] for area in ids
    ]
    assert series.areas == series.unfilled == 3
    assert kept.database.connections.idle == kept.database.connections.open


async def test_a_reader_that_takes_nothing_loses_the_snapshot(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.areas.many_series.PAGE_AREAS", 1)
    monkeypatch.setattr("app.database.READER_S", 0.2)
    reader, _ = await reader_of(kept, 2)
    pages = (await reader.open(PRODUCT, AreaSearch(None, product="ndvi"), ALWAYS)).pages()
    await anext(pages)
    await asyncio.sleep(0.6)
    with pytest.raises(SearchCostError, match="read too slowly"):
        await anext(pages)
    left = (await reader.open(PRODUCT, AreaSearch(None, product="ndvi"), ALWAYS)).pages()
    await anext(left)
    await asyncio.sleep(0.6)
    await left.aclose()
    assert (kept.database.outages, kept.database.is_down) == (0, False)
    again = await reader.open(PRODUCT, AreaSearch(None, product="ndvi"), ALWAYS)
    await again.close()
    # A pool of four connections has one snapshot at a time, which is free again.
    (page,) = [page async for page in (await reader.open(PRODUCT, AreaSearch(None, ids=[1]), ALWAYS)).pages()]
    assert [entry.area for entry in page] == [1]
