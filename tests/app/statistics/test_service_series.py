"""A series has every period in order, gaps too, and stays within its bounds."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from app.caching.process_cache import ProcessCache
from app.statistics.memory import ProcessMemory
from app.statistics.service import RECALLED_TOGETHER, Question, StatisticsService, plan_series
from app.statistics.summary import StatisticsRequestError, Status
from mosaics.period import Cadence, PeriodError
from tests.app.statistics.landed import Raster, World, plain_product, world
from tests.app.statistics.polygons import near_mol

FIELD = near_mol([20, 80, 80, 20], [20, 20, 80, 80])


def flat(value: int) -> dict[str, Raster]:
    return {"value": Raster(np.full((100, 100), value, "uint8"))}


async def entries(here: World, when: str | None, step: Cadence | None = None) -> list[dict[str, Any]]:
    steps = plan_series(here.catalogue, plain_product(), when, step)
    questions = [Question(FIELD, each) for each in steps]
    return [answer.entry async for answer in statistics(here).answers(plain_product(), questions)]


def statistics(here: World) -> StatisticsService:
    """Answers, and remembers in a place of its own."""
    return StatisticsService(here.engine, ProcessMemory(ProcessCache(1 << 20)))


def means(found: list[dict[str, Any]]) -> dict[str, float | None]:
    return {entry["period"]: entry["mean"] for entry in found}


async def test_every_period_is_there_in_order_and_gaps_are_empty(tmp_path):
    async with world(tmp_path) as here:
        for month, value in (("2024-02", 2), ("2024-05", 5), ("2024-03", 3)):
            await here.land(month, flat(value))
        found = await entries(here, "2024-01/2024-06")
        landed = {"2024-02": 2, "2024-03": 3, "2024-04": None, "2024-05": 5}
        assert means(await entries(here, "../..")) == landed
        assert means(await entries(here, None)) == {"2024-05": 5}
        assert means(await entries(here, "2024-03")) == {"2024-03": 3}
    assert list(means(found)) == [f"2024-0{month}" for month in range(1, 7)]
    assert list(means(found).values()) == [None, 2, 3, None, 5, None]
    gap = found[3]
    assert gap["status"] == "empty"
    assert gap["reason"] == "No scene covers the area at this time."
    assert gap["valid_fraction"] == 0
    assert gap["percentiles"] == {"p2": None, "p98": None}
    assert gap["scenes"] == []


async def test_an_entry_has_the_agreed_shape_and_is_json(tmp_path):
    async with world(tmp_path) as here:
        await here.land("2024-02", flat(2))
        entry = (await entries(here, "2024-02"))[0]
    assert {
        *("period", "status", "valid_fraction", "area_km2", "valid_area_km2", "mean", "median", "std", "min"),
        *("max", "sum", "count", "percentiles", "classes", "scenes", "inputs", "cell_size_m"),
    } <= entry.keys()
    assert json.loads(json.dumps(entry, allow_nan=False)) == entry
    assert entry["period"] == "2024-02"
    assert entry["status"] == Status.OK
    assert entry["scenes"] == ["scene-2024-02"]
    assert entry["sum"] == pytest.approx(2 * entry["count"])
    assert entry["area_km2"] == pytest.approx(0.36, rel=1e-3)
    assert entry["percentiles"] == {"p2": 2, "p98": 2}
    assert len(entry["inputs"]) == 64


async def test_days_are_regrouped_to_months_the_latest_day_first(tmp_path):
    async with world(tmp_path) as here:
        half = np.full((100, 100), 9, "uint8")
        half[:, 50:] = 0
        days = {"2024-01-30": flat(1), "2024-02-03": flat(3), "2024-02-20": {"value": Raster(half)}}
        for day, bands in days.items():
            await here.land(day, bands, cadence=Cadence.DAY)
        found = await entries(here, "2024-01/2024-03", Cadence.MONTH)
        cut = await entries(here, "2024-01-31/2024-02-10", Cadence.MONTH)
        years = await entries(here, "2024", Cadence.YEAR)
    # The field is 60 columns wide; 30 of them have the later day's 9, and 30 the earlier day's 3.
    assert means(found) == {"2024-01": 1, "2024-02": pytest.approx(6, rel=1e-4), "2024-03": None}
    assert means(cut) == {"2024-01": None, "2024-02": 3}
    assert means(years) == {"2024": pytest.approx(6, rel=1e-4)}


async def test_a_step_finer_than_the_periods_is_refused(tmp_path):
    async with world(tmp_path) as here:
        await here.land("2024-02", flat(2))
        with pytest.raises(StatisticsRequestError, match="there are: month, year"):
            plan_series(here.catalogue, plain_product(), "2024", Cadence.DAY)


async def test_a_series_that_is_too_long_is_refused_before_it_begins(tmp_path):
    async with world(tmp_path) as here:
        await here.land("2024-02-01", flat(2), cadence=Cadence.DAY)
        assert len(plan_series(here.catalogue, plain_product(), "2014-01-01/2023-12-29")) == 3650
        with pytest.raises(StatisticsRequestError, match="at most 3,650 entries"):
            plan_series(here.catalogue, plain_product(), "2014-01-01/2023-12-30")
        assert (
            len(plan_series(here.catalogue, plain_product(), "2014-01-01/2023-12-30", Cadence.MONTH)) == 120
        )


async def test_what_is_not_a_time_is_refused(tmp_path):
    async with world(tmp_path) as here:
        await here.land("2024-02", flat(2))
        with pytest.raises(PeriodError):
            plan_series(here.catalogue, plain_product(), "2024-06/2024-01")


async def test_a_long_series_is_given_as_it_is_computed(tmp_path):
    async with world(tmp_path) as here:
        await here.land("2024-02", flat(2))
        begun: list[Question] = []

        def questions() -> Iterator[Question]:
            for step in plan_series(here.catalogue, plain_product(), "2020/2024"):
                begun.append(Question(FIELD, step))
                yield begun[-1]

        running = statistics(here).answers(plain_product(), questions())
        first = await anext(running)
        assert first.entry["period"] == "2020-01"
        assert len(begun) == RECALLED_TOGETHER
        await running.aclose()
        await asyncio.sleep(0.01)
        assert len(begun) == RECALLED_TOGETHER
